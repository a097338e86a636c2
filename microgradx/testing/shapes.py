"""Has the gradient the wrong shape? Was the wrong part of g taken?"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from microgradx.testing.evidence import Evidence, same


def no_unbroadcast(evidence: list[Evidence]) -> str | None:
    """Right when summed over the axes along which the input was stretched."""
    told = _misshapen(evidence)
    if told and all(_can_shrink(a, e) and same(e.fitted(a), e.truth) for e, a in told):
        name = evidence[0].name
        return (
            f"a missing un-broadcast: {name} was stretched, so sum its gradient over the stretched axes, "
            f"for example with sum_to(…, {name}.shape)"
        )
    return None


def no_spread(evidence: list[Evidence]) -> str | None:
    """Right when spread to the elements that were combined."""
    told = _misshapen(evidence)
    for axis in (None, 0, -1) if told else ():
        if all(e.right(_spread(a, axis, e)) for e, a in told):
            return (
                "a missing broadcast: every entry that was combined into an output gets that output's gradient, so "
                f"spread it out again, for example with broadcast_to(…, {evidence[0].name}.shape)"
            )
    return None


def no_reshape(evidence: list[Evidence]) -> str | None:
    """Right when given the shape of the input."""
    told = _misshapen(evidence)
    if told and all(a.size == np.size(e.x) and e.right(a.reshape(np.shape(e.x))) for e, a in told):
        name = evidence[0].name
        return f"a missing reshape: the gradient must have the shape of {name}: reshape(…, {name}.shape)"
    return None


def no_padding(evidence: list[Evidence]) -> str | None:
    """The gradient of a part, as large as that part: the rest of the input is missing."""
    told = _misshapen(evidence)
    if told and all(
        a.size < e.truth.size and same(np.sort(e.truth[e.truth != 0]), np.sort(a[a != 0])) for e, a in told
    ):
        return (
            f"a missing scatter: the gradient must have the shape of {evidence[0].name}, with 0 for the entries that "
            "were not taken"
        )
    return None


def wrong_part(evidence: list[Evidence]) -> str | None:
    """It takes some of g, but another part of it is right."""
    for axis in (0, -1):
        slices = [(_place(e.truth, e.g, axis), _place(e.pull(), e.g, axis)) for e in evidence]
        if all(right is not None and taken is not None for right, taken in slices):
            return f"it takes the wrong part of g: {evidence[0].name} went to other entries along axis {axis}"
    return None


def _misshapen(evidence: list[Evidence]) -> list[tuple[Evidence, Any]]:
    """The pull-backs, when some have not the input's shape; none when the rule cannot be computed."""
    told = [(e, a) for e in evidence if (a := e.pull()) is not None]
    return told if len(told) == len(evidence) and any(a.shape != np.shape(e.x) for e, a in told) else []


def _can_shrink(a: Any, e: Evidence) -> bool:
    try:
        return bool(np.broadcast_shapes(a.shape, np.shape(e.x)) == a.shape)
    except ValueError:
        return False


def _spread(a: Any, axis: int | None, e: Evidence) -> Any:
    try:
        return np.broadcast_to(a if axis is None else np.expand_dims(a, axis), np.shape(e.x))
    except ValueError:
        return None


def _place(part: Any, whole: Any, axis: int) -> int | None:
    """Where along the axis `part` stands in the larger `whole`."""
    if part is None or np.ndim(part) != np.ndim(whole) or not np.ndim(part):
        return None
    return next((k for k, cut in _cuts(part, whole, axis) if same(cut, part)), None)


def _cuts(part: Any, whole: Any, axis: int) -> Iterator[tuple[int, Any]]:
    length = part.shape[axis]
    for k in range(whole.shape[axis] - length + 1 if whole.shape[axis] > length else 0):
        yield k, np.take(whole, range(k, k + length), axis)
