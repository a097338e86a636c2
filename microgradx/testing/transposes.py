"""Is a transpose missing from a rule for matrices, or one too many? Are the factors of a product in the wrong order?"""

import ast
from itertools import product
from typing import Any

import numpy as np

from microgradx.graph import recording
from microgradx.rules.formula import rule_formula
from microgradx.testing.calls import Chance, draw_call
from microgradx.testing.evidence import Evidence


def transpose_guess(evidence: list[Evidence]) -> str | None:
    """The matrix that must enter (or leave) the rule transposed for the gradient to be right."""
    op, position = evidence[0].call.op, evidence[0].position
    rule = op.rule_for(position)
    for name in rule.reads if rule else ():
        values = [e.known()[name] for e in evidence]
        if not all(isinstance(v, np.ndarray) and v.ndim >= 2 for v in values):
            continue
        if all(e.right(e.pull(**{name: v.mT})) for e, v in zip(evidence, values, strict=True)):
            if {name, ""} & _transposed(evidence[0]):
                return f"an extra transpose: {name}.mT should be plain {name}"
            return f"a missing transpose: {name} should enter as {name}.mT"
    found = [e.pull() for e in evidence]
    if all(a is not None and np.ndim(a) >= 2 and e.right(a.mT) for a, e in zip(found, evidence, strict=True)):
        if "" in _transposed(evidence[0]):
            return "an extra transpose: the result is transposed, but it should not be"
        return "a missing transpose: the result should be transposed (its .mT has the shape of the input)"
    return None


def product_guess(evidence: list[Evidence]) -> str | None:
    """The same two matrices in another order, or transposed otherwise, when that gives the right gradient."""
    formula = _formula(evidence[0])
    if not (isinstance(formula, ast.BinOp) and isinstance(formula.op, ast.MatMult)):
        return None
    sides = [_turned(side) or side for side in (formula.left, formula.right)]
    if not all(isinstance(side, ast.Name) and side.id in evidence[0].known() for side in sides):
        return None
    one, other = (side.id for side in sides if isinstance(side, ast.Name))
    for left, right in ((one, other), (other, one)):
        for a, b in product((False, True), repeat=2):
            if all(e.right(_multiplied(e, left, right, a, b)) for e in evidence):
                text = f"{left}{'.mT' * a} @ {right}{'.mT' * b}"
                what = "the transposes are mixed up" if left == one else "the factors are in the wrong order"
                return f"{what}: it should read {text}"
    return None


def _multiplied(e: Evidence, left: str, right: str, a: bool, b: bool) -> Any:
    known = e.known()
    one, other = known[left], known[right]
    try:
        return (one.mT if a else one) @ (other.mT if b else other)
    except (ValueError, AttributeError):
        return None


def _formula(e: Evidence) -> Any:
    """The rule as a formula; None when it cannot be read."""
    call = draw_call(e.call.op, Chance(0), scalar=False, largest=1)  # with sizes 1, even a wrong product can be formed
    try:
        with recording(), np.errstate(all="ignore"):
            return rule_formula(call.on(*call.leaves()), e.position)
    except Exception:
        return None


def _transposed(e: Evidence) -> set[str]:
    """What the rule transposes: names, and "" for its whole result."""
    formula = _formula(e)
    if formula is None:
        return set()
    inner = {_turned(node) for node in ast.walk(formula)}
    names = {node.id for node in inner if isinstance(node, ast.Name)}
    return names | ({""} if _turned(formula) is not None else set())


def _turned(node: ast.AST) -> ast.AST | None:
    """What `node` transposes, when it is a transpose."""
    if isinstance(node, ast.Attribute) and node.attr in ("mT", "T"):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("mT", "transpose"):
        return node.args[0]
    return None
