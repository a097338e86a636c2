"""A rule read as a formula: run it on named stand-ins, and the recorded graph *is* the expression.

The expression is a Python `ast` whose names are slots: the op's inputs, `y` and `g` (and `xs0`, `xs1` … for
a variadic input). `notation` prints it, with names or with numbers in the slots. Where two arrays are multiplied
element by element, Python's % stands for ⊙, a sign that it does not have.
"""

import ast
import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from microgradx.graph import Node, Tensor, Value, recording
from microgradx.rules.op import Op

_templates: dict[tuple[Any, ...], ast.expr] = {}


def slots(op: Op, count: int) -> list[str]:
    """The slot names of the op's inputs, in order."""
    return [f"{op.inputs[0]}{i}" for i in range(count)] if op.variadic else list(op.inputs)


def forward_formula(node: Any) -> ast.expr:
    """How `node` was computed from its inputs: `a + b`, `sigmoid(x)`."""
    names = slots(node.op, len(node.inputs))
    return _written(node, [ast.Name(name) for name in names])


def rule_formula(node: Any, position: int) -> ast.expr:
    """The derivative that reaches input `position`: the local partial, or the pull-back of `g`."""
    op: Op = node.op
    key = (op, position, tuple(sorted((node.static or {}).items())), len(node.inputs)) if _plain(node) else None
    if key is not None and key in _templates:
        return _templates[key]
    rule = op.rule_for(position)
    assert rule is not None, f"{op.name} has no rule for input {position}"
    names = slots(op, len(node.inputs))
    stand_ins = [_stand_in(each, name) for each, name in zip(node.inputs, names, strict=True)]
    output = _stand_in(node, "y")
    upstream = _stand_in(node, "g") if rule.whole else None
    with recording(), np.errstate(all="ignore"):
        result = rule(op.known(stand_ins, output, upstream, node.static, position))
    found = expression(result, _leaf)
    if key is not None:
        _templates[key] = found
    return found


def expression(result: Any, leaf: Callable[[Any], ast.expr]) -> ast.expr:
    """The recorded graph of `result` as an expression; `leaf` says how its leaves are written."""
    if not isinstance(result, Node):
        return constant(result)
    if result.op is None:
        return leaf(result)
    return _written(result, [expression(each, leaf) for each in result.inputs])


def constant(value: Any) -> ast.expr:
    """A number as an expression; whole numbers without a point, and minus as an operator."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return ast.Name(_static_text(value))
    number = float(value)
    if number != number or number in (np.inf, -np.inf):
        return ast.Name("nan" if number != number else "inf") if number > 0 or number != number else _minus("inf")
    size = abs(number)
    text: Any = int(size) if size == int(size) and size < 1e15 else size
    return ast.Constant(text) if number >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(text))


def substitute(expr: ast.expr, parts: Mapping[str, ast.expr]) -> ast.expr:
    """The expression with its slots replaced by other expressions."""
    return _Filled(parts).visit(copy.deepcopy(expr))  # type: ignore[no-any-return]


def _minus(name: str) -> ast.expr:
    return ast.UnaryOp(ast.USub(), ast.Name(name))


def _plain(node: Any) -> bool:
    """Scalar rules read the same for every value, so their formulas are kept."""
    static = (node.static or {}).values()
    return isinstance(node, Value) and all(isinstance(v, (int, float, str, type(None))) for v in static)


def _stand_in(node: Any, name: str) -> Any:
    return (
        type(node)(node.data, requires_grad=None, name=name)
        if isinstance(node, Tensor)
        else Value(node.data, name=name)
    )


def _leaf(node: Any) -> ast.expr:
    if node.name is not None:
        return ast.Name(node.name)
    if node.size == 1:
        return constant(node.item())
    return ast.Name("ones" if np.all(node.data == 1) else f"array{node.shape}".replace(" ", ""))


def _written(node: Any, args: list[ast.expr]) -> ast.expr:
    """The op of `node` applied to expressions, in the notation of its row."""
    op: Op = node.op
    static = {name: str(v) if isinstance(v, np.dtype) else v for name, v in (node.static or {}).items()}
    given = {
        name: value for name, value in static.items() if name not in op.static or not _same(value, op.static[name])
    }
    keywords = [ast.keyword(name, _argument(value)) for name, value in given.items()]
    if op.notation is None or op.variadic:
        return ast.Call(ast.Name(op.name), args, keywords)
    values = dict(zip(op.inputs, args, strict=True))
    values |= {name: constant(value) for name, value in static.items()}
    used = {n.id for n in ast.walk(op.notation) if isinstance(n, ast.Name)}
    tree = _Filled(values).visit(copy.deepcopy(op.notation))
    if isinstance(tree, ast.Call):
        tree.keywords += [k for k in keywords if k.arg not in used]
    elif isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult) and all(each.shape for each in node.inputs):
        tree.op = ast.Mod()
    return tree  # type: ignore[no-any-return]


def _argument(value: Any) -> ast.expr:
    """A static parameter in a call; an index is written as NumPy's s_[...]."""
    text = constant(value)
    return ast.Name(f"s_[{text.id}]") if isinstance(text, ast.Name) and _is_index(value) else text


def _is_index(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(v, (slice, np.ndarray)) or v is Ellipsis or v is None for v in parts)


class _Filled(ast.NodeTransformer):
    """A notation with the op's inputs replaced by what they are here."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and not isinstance(a, np.ndarray) and bool(a == b)


def _static_text(value: Any) -> str:
    if isinstance(value, slice):
        ends = ["" if v is None else str(v) for v in (value.start, value.stop, value.step)]
        return ":".join(ends if value.step is not None else ends[:2])
    if isinstance(value, tuple) and _is_index(value):
        return ", ".join(_static_text(v) for v in value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.ndarray):
        return str(value.tolist()) if value.size <= 6 else f"array{value.shape}".replace(" ", "")
    return repr(value)
