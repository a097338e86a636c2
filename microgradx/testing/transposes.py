"""Is a transpose missing from a rule for matrices, or one too many?"""

import ast
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


def _transposed(e: Evidence) -> set[str]:
    """What the rule transposes: names, and "" for its whole result."""
    op = e.call.op
    call = draw_call(op, Chance(0), scalar=False, largest=1)  # with sizes 1, even a wrong product can be formed
    try:
        with recording(), np.errstate(all="ignore"):
            formula: Any = rule_formula(call.on(*call.leaves()), e.position)
    except Exception:
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
