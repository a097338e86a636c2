"""Is a wrong rule the derivative of another op in the book, or copied from its row?"""

from typing import Any

import numpy as np

from microgradx.rules import BOOK, Op
from microgradx.testing.calls import OpCall
from microgradx.testing.evidence import Evidence, matches


def other_op(evidence: list[Evidence]) -> str | None:
    """The pull-back that a row of the book would give for the same inputs."""
    op, position = evidence[0].call.op, evidence[0].position
    if all(matches(e.pull(), e.g) for e in evidence):
        return None  # handing g on is what many ops do
    for other in BOOK.values():
        if other is op or other.variadic or op.variadic or len(other.inputs) != len(op.inputs):
            continue
        rule = other.rule_for(position)
        if rule is None or rule.constant is not None or not other.home.startswith("microgradx."):
            continue  # rows of the user's own may be as wrong
        if other.elementwise != op.elementwise:
            continue
        if all(matches(e.pull(), _pull_of(other, e)) for e in evidence):
            return f"it is the derivative of another op, {other.form.split(' = ')[0]}"
    return None


def _pull_of(other: Op, e: Evidence) -> Any:
    """The pull-back that `other` would have given for the same inputs."""
    static = {name: e.call.static.get(name, usual) for name, usual in other.static.items()}
    try:
        with np.errstate(all="ignore"):
            y = np.asarray(other.run(*e.call.inputs, **static), dtype=float)
    except Exception:
        return None
    if y.shape != np.shape(e.y) or not np.isfinite(y).all():
        return None
    names = dict(zip(other.inputs, e.call.inputs, strict=True))
    return Evidence(OpCall(other, tuple(names.values()), static), e.position, y, e.g, e.jacobian).pull()


def copied(evidence: list[Evidence]) -> str | None:
    """The rule of another row as it stands there, whose y (or x) is not the one it now reads."""
    op, position = evidence[0].call.op, evidence[0].position
    for other in BOOK.values():
        rule = None if other.variadic or other is op else other.rules.get((*other.inputs, "")[position])
        alike = op.elementwise and other.elementwise and len(other.inputs) == len(op.inputs)
        if rule is None or not alike or rule.constant is not None or not other.home.startswith("microgradx."):
            continue
        own, form = other.inputs[position], other.form.split(" = ")[0]
        for changed, told in (
            ({}, "whose y is another"),
            ({"y": own}, f"with {own} for y"),
            ({own: "y"}, f"with y for {own}"),
        ):
            if not set(changed) <= set(rule.reads) or not (changed or "y" in rule.reads):
                continue
            copied = [e.local(other, **{n: _named(e, to) for n, to in changed.items()}) for e in evidence]
            if all(matches(e.local(), c) for c, e in zip(copied, evidence, strict=True)) and not all(
                matches(c, e.x) or matches(c, e.y) or np.ptp(c) == 0 for c, e in zip(copied, evidence, strict=True)
            ):  # not worth a name: x or y itself, a constant
                return f"it is the rule of another op, {form}, {told}"
    return None


def _named(e: Evidence, name: str) -> Any:
    return e.y if name == "y" else e.x
