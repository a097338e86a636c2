"""Rules that are right in part: on one branch of the function, or for one factor of a product."""

import math
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from microgradx.testing.evidence import Evidence, same

_FEWEST = 4  # examples on each branch
_BRANCHES = 3  # more are scattered entries, no branches


def product_rule(evidence: list[Evidence]) -> str | None:
    """Of a product x · h(x) only h(x): the other factor was held fast."""
    if not evidence[0].call.op.elementwise:
        return None
    local = [(e.local(), e) for e in evidence]
    if not all(a is not None and same(a * e.x, np.broadcast_to(e.y, np.shape(e.y))) for a, e in local):
        return None
    name = evidence[0].name
    return (
        f"a dropped dependence: y is {name} times this, and this changes with {name} too (the product rule: add {name} "
        "times its derivative)"
    )


def right_in_part(evidence: list[Evidence]) -> str | None:
    """Right on one branch, wrong on another: between which numbers."""
    if not evidence[0].call.op.elementwise:
        return None
    local = [(a, e) for e in evidence if (a := e.local()) is not None]
    if len(local) < len(evidence):
        return None
    spread = [np.ravel(np.broadcast_to(e.x, np.shape(e.y))) for _, e in local]
    close = [np.ravel(np.abs(a - e.partial) <= 1e-6 * (1e-3 + np.abs(e.partial))) for a, e in local]
    seen = sorted(set(zip(map(float, np.concatenate(spread)), map(bool, np.concatenate(close)), strict=True)))
    branches = [(right, [x for x, _ in run]) for right, run in groupby(seen, key=lambda each: each[1])]
    if not 1 < len(branches) <= _BRANCHES or min(len(xs) for _, xs in branches) < _FEWEST:
        return None
    ends = [_between(left[-1], right[0]) for (_, left), (_, right) in pairwise(branches)]
    where = {right: _intervals(evidence[0].name, branches, ends, right) for right in (True, False)}
    return f"a wrong branch: it is right for {where[True]} and wrong for {where[False]}"


def _between(left: float, right: float) -> float:
    """The plainest number between two."""
    for digits in range(4):
        number = math.ceil(left * 10**digits) / 10**digits
        if number <= right:
            return 0.0 if left <= 0 <= right else number
    return left


def _intervals(name: str, branches: list[Any], ends: list[float], wanted: bool) -> str:
    told = []
    for k, (right, _) in enumerate(branches):
        low, high = (ends[k - 1] if k else None), (ends[k] if k < len(ends) else None)
        if right == wanted:
            lower, upper = "" if low is None else f"{low:g} < ", "" if high is None else f" < {high:g}"
            told.append(f"{name} > {low:g}" if high is None else f"{lower}{name}{upper}")
    return " or ".join(told)
