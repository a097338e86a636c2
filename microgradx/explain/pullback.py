"""A rule that is a whole pull-back, with numbers: what it calls is computed, the signs between stay.

`unsqueeze(g) ⊙ (softmax(x) − one_hot(t))` becomes `[[0.5]] ⊙ ([[0.7, 0.3]] − [[1, 0]])`.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.explain.arrays import fits
from microgradx.graph import Node, Value
from microgradx.rules.formula import constant, rule_graph, written

if TYPE_CHECKING:
    from microgradx.explain.trace import Step

_SIGNS: dict[type[ast.AST], Callable[..., Any]] = {  # % stands for ⊙, see rules/notation.py
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Mod: np.multiply, ast.Div: np.divide,
    ast.Pow: np.power, ast.MatMult: np.matmul, ast.USub: np.negative,
}  # fmt: skip
_SIGNED = (ast.BinOp, ast.UnaryOp)


@dataclass(frozen=True)
class Pullback:
    """An expression of signs only, and the numbers of its names: slots of the op, g, y, and calls by number."""

    expr: ast.expr
    parts: dict[str, Any]

    def value(self, parts: dict[str, Any]) -> Any:
        """The expression at other numbers."""
        return _value(self.expr, parts)


def pullback(node: Any, position: int, upstream: Any, data: Any = None) -> Pullback | None:
    """How the rule of input `position` comes to what it hands back; None where it is one call, or one name.

    With `data`, the (inputs, output) given stand in for the node's own.
    """
    inputs, output = data or ([each.data for each in node.inputs], node.data)
    parts: dict[str, Any] = {}
    expr = _split(rule_graph(node, position, inputs, output, upstream), parts)
    return None if isinstance(expr, ast.Name) else Pullback(expr, parts)


def shown_pullback(step: "Step", node: Any, position: int) -> Pullback | None:
    """The pull-back of a step, where its numbers fit on a line and it is no matrix product, which has its own."""
    product = isinstance(step.formula, ast.BinOp) and isinstance(step.formula.op, ast.MatMult)
    if step.local is not None or product or not fits(step.contribution):
        return None
    found = pullback(node, position, step.upstream)
    return found if found and all(map(fits, found.parts.values())) else None


def _split(result: Any, parts: dict[str, Any]) -> ast.expr:
    if not isinstance(result, Node):
        return constant(result)
    if result.op is not None and isinstance(written(result, [ast.Name("")] * len(result.inputs)), _SIGNED):
        return written(result, [_split(each, parts) for each in result.inputs])
    if result.op is None and result.name is None and result.size == 1:
        return constant(result.item())
    name = result.name or f"call{len(parts)}"
    parts[name] = result.data
    return ast.Name(name)


def _value(expr: ast.expr, parts: dict[str, Any]) -> Any:
    match expr:
        case ast.Constant(value=number):
            return number
        case ast.Name(id=name):
            return parts[name]
        case ast.BinOp(left=left, op=sign, right=right):
            return _SIGNS[type(sign)](_value(left, parts), _value(right, parts))
        case ast.UnaryOp(op=sign, operand=part):
            return _SIGNS[type(sign)](_value(part, parts))
    raise TypeError(f"no sign: {ast.dump(expr)}")


def shows_local(step: "Step", node: Any) -> bool:
    """True when the local derivative of a step stands there as a number, or a few."""
    if step.local is None or isinstance(node, Value):
        return step.local is not None
    return np.ndim(step.local) > 0 and fits(step.local) and fits(step.upstream)
