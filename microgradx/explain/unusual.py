"""The first number of a trace that is nan or infinite: which op made it, and where that op is defined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

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
            return [f"{row.name} is {kind} from the start. {spread} Put a finite number there."]
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
    op = row.node.op
    where = ", ".join(domain_text(op, name) for name in op.inputs if op.where[name].text != REAL.text)
    if where:
        return f"Its rule {op.form} holds for {where}: choose numbers for which its inputs are there."
    return f"{op.name} takes all real numbers, but here the result is too large for a float: try smaller numbers."
