"""A rule read as a formula: run it on named stand-ins, and the recorded graph *is* the expression.

The expression is a Python `ast` whose names are slots: the op's inputs, `y` and `g` (and `xs0`, `xs1` … for
a variadic input). `notation` prints it, with names or with numbers in the slots. Where two arrays are multiplied
element by element, Python's % stands for ⊙, a sign that it does not have.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from microgradx.graph import Node, Tensor, Value, recording
from microgradx.rules.op import Op

_templates: dict[tuple[Any, ...] | None, ast.expr] = {}


def slots(op: Op, count: int) -> list[str]:
    """The slot names of the op's inputs, in order."""
    return [f"{op.inputs[0]}{i}" for i in range(count)] if op.variadic else list(op.inputs)


def forward_formula(node: Any) -> ast.expr:
    """How `node` was computed from its inputs: `a + b`, `sigmoid(x)`."""
    key = _key(node, None)
    if key in _templates:
        return _templates[key]
    found = written(node, [ast.Name(name) for name in slots(node.op, len(node.inputs))])
    if key is not None:
        _templates[key] = found
    return found


def rule_formula(node: Any, position: int) -> ast.expr:
    """The derivative that reaches input `position`: the local partial, or the pull-back of `g`."""
    key = _key(node, position)
    if key in _templates:
        return _templates[key]
    found = expression(rule_graph(node, position, [each.data for each in node.inputs], node.data, node.data), _leaf)
    if key is not None:
        _templates[key] = found
    return found


def rule_graph(node: Any, position: int, inputs: list[Any], output: Any, upstream: Any) -> Any:
    """The rule of input `position`, run on named stand-ins with these numbers: the graph that it records."""
    op: Op = node.op
    rule = op.rule_for(position)
    assert rule is not None, f"{op.name} has no rule for input {position}"
    names = slots(op, len(node.inputs))
    stand_ins = [_stand_in(*each) for each in zip(node.inputs, inputs, names, strict=True)]
    y, g = _stand_in(node, output, "y"), _stand_in(node, upstream, "g") if rule.whole else None
    with recording(), np.errstate(all="ignore"):
        return rule(op.known(stand_ins, y, g, node.static, position))


def expression(result: Any, leaf: Callable[[Any], ast.expr]) -> ast.expr:
    """The recorded graph of `result` as an expression; `leaf` says how its leaves are written."""
    if not isinstance(result, Node):
        return constant(result)
    if result.op is None:
        return leaf(result)
    return written(result, [expression(each, leaf) for each in result.inputs])


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
    return _filled(expr, parts)  # type: ignore[no-any-return]  # an expression, as given


def _minus(name: str) -> ast.expr:
    return ast.UnaryOp(ast.USub(), ast.Name(name))


def _key(node: Any, position: int | None) -> tuple[Any, ...] | None:
    """What a scalar formula depends on: it reads the same for every value, so it is kept. None: it is not."""
    if not isinstance(node, Value):
        return None
    if not node.static:
        return node.op, position, len(node.inputs)
    if not all(isinstance(v, (int, float, str, type(None))) for v in node.static.values()):
        return None
    return node.op, position, len(node.inputs), tuple((k, type(v), v) for k, v in sorted(node.static.items()))


def _stand_in(node: Any, data: Any, name: str) -> Any:
    return Tensor(data, requires_grad=None, name=name) if isinstance(node, Tensor) else Value(data, name=name)


def _leaf(node: Any) -> ast.expr:
    if node.name is not None:
        return ast.Name(node.name)
    if node.size == 1:
        return constant(node.item())
    return ast.Name("ones" if np.all(node.data == 1) else f"array{node.shape}".replace(" ", ""))


def written(node: Any, args: list[ast.expr]) -> ast.expr:
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
    tree = _bounded(_filled(op.notation, values))
    if isinstance(tree, ast.Call) and keywords:
        used = {n.id for n in ast.walk(op.notation) if isinstance(n, ast.Name)}
        tree.keywords += [k for k in keywords if k.arg not in used]
    elif isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult) and all(each.shape for each in node.inputs):
        tree.op = ast.Mod()
    return tree  # type: ignore[no-any-return]  # an expression, as given


def _bounded(tree: Any) -> Any:
    """low <= x <= high with only those bounds that there are."""
    if isinstance(tree, ast.IfExp) and isinstance(tree.test, ast.Compare) and len(tree.test.ops) == 2:
        (below, above), (x, high) = tree.test.ops, tree.test.comparators
        low = tree.test.left
        if _absent(low):
            tree.test = ast.Compare(x, [above], [high])
        elif _absent(high):
            tree.test = ast.Compare(low, [below], [x])
    return tree


def _absent(part: ast.expr) -> bool:
    return isinstance(part, ast.Name) and part.id == "None"


def _argument(value: Any) -> ast.expr:
    """A static parameter in a call; an index is written as NumPy's s_[...]."""
    text = constant(value)
    return ast.Name(f"s_[{text.id}]") if isinstance(text, ast.Name) and _is_index(value) else text


def _is_index(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(v, (slice, np.ndarray)) or v is Ellipsis or v is None for v in parts)


def _filled(part: Any, values: Mapping[str, ast.expr]) -> Any:
    """A part of an expression built anew with its names replaced; what is put in is shared, as nothing changes it."""
    if isinstance(part, ast.Name):
        return values.get(part.id, part)
    if isinstance(part, list):
        return [_filled(each, values) for each in part]
    if not isinstance(part, ast.AST) or not part._fields:
        return part
    return type(part)(**{name: _filled(value, values) for name, value in ast.iter_fields(part)})


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
