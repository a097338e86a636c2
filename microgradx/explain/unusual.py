"""The first number of a trace that is nan or infinite: which op made it, and where that op is defined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.explain.expressions import ExpressionError, expression
from microgradx.graph import Tensor
from microgradx.rules.domains import REAL
from microgradx.rules.numbers import shown

if TYPE_CHECKING:
    from microgradx.explain.trace import Row, Trace
    from microgradx.rules.op import Op


def not_finite(trace: Trace) -> list[str]:
    """One note when the result or a gradient is not finite, else none: −∞ in a mask, say, does no harm."""
    if all(np.isfinite(each).all() for each in (trace.loss, *trace.gradients.values()) if each is not None):
        return []
    spread = "Whatever is computed from it may be nan or ∞ too."
    for row in trace.rows.values():
        if (kind := _kind(row.node.data)) and row.op is None:
            who = row.name if row.node.name else "a number of the program"
            return [f"{who} is {kind} from the start. {spread} Put a finite number there."]
        if kind:
            return [f"{row.name} is the first result that is {kind}; {row.op} made it. {_cure(row)} {spread}"]
    for step in trace.steps:
        if kind := _kind(step.contribution):
            row, name = trace.rows[step.node], trace.rows[step.input].name
            return [f"the gradient of {name} becomes {kind} in step {step.number}, by {row.op}. {_cure(row)} {spread}"]
    return []


def domain_text(op: Op, name: str) -> str:
    """Where an input may be, by its own name: `b ≠ 0`."""
    return re.sub(r"\bx\b", name, op.where[name].text)


def _kind(data: Any) -> str:
    odd = np.ravel(data)[~np.isfinite(np.ravel(data))]
    return shown(float(odd[0])) if odd.size else ""


def _cure(row: Row) -> str:
    """What is the matter with its inputs: those that are outside the domain, or else that numbers are too large."""
    op = row.node.op
    data = dict(zip(op.inputs, (each.data for each in row.node.inputs), strict=False))
    known = {name: _inside(domain_text(op, name), name, data[name]) for name in data}
    where = [domain_text(op, name) for name, inside in known.items() if inside is False]
    where = where or [domain_text(op, name) for name, inside in known.items() if inside is None]
    if where:
        return f"Its rule {op.form} holds for {', '.join(where)}: choose numbers for which its inputs are there."
    return f"{op.name} takes such inputs, but a number gets too large for {row.node.dtype} here: try smaller ones."


def _inside(domain: str, name: str, data: Any) -> bool | None:
    """Whether all numbers are where the rule holds; None where the words for it are no formula."""
    if domain == REAL.text:
        return True
    for sign, typed in (("≠", "!="), ("≤", "<="), ("≥", ">=")):
        domain = domain.replace(sign, typed)
    try:
        return bool(np.all(expression(domain, [name])(Tensor(data)).data))
    except ExpressionError:
        return None
