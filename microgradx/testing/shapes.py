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


def no_unsqueeze(evidence: list[Evidence]) -> str | None:
    """Right when g first gets back the axis that was summed away, so that it meets the entries it came from."""
    for axis in (-1, 0, 1):
        if all(np.ndim(e.g) and abs(axis) <= np.ndim(e.g) and e.right(_widened(e, axis)) for e in evidence):
            return f"a missing broadcast: g lacks the axis that was summed away: it should be unsqueeze(g, {axis})"
    return None


def summed_too_far(evidence: list[Evidence]) -> str | None:
    """The right gradient, summed over axes along which the input was not stretched."""
    told = [(e, a) for e in evidence if (a := e.pull()) is not None and np.size(a) <= np.size(e.x)]
    if len(told) == len(evidence) and all(_is_sum(a, e.truth) for e, a in told):
        name = evidence[0].name
        return (
            f"an un-broadcast too far: it also sums over axes that {name} has itself; sum over the stretched axes "
            f"only, for example with sum_to(…, {name}.shape)"
        )
    return None


def wrong_order(evidence: list[Evidence]) -> str | None:
    """The right numbers, each at another entry's place."""
    told = [(e.truth, a) for e in evidence if (a := e.pull()) is not None and a.shape == np.shape(e.x)]
    if len(told) == len(evidence) and all(same(np.sort(n, axis=None), np.sort(a, axis=None)) for n, a in told):
        return "the right numbers in the wrong order: each gradient must go back to where its entry came from"
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


def _widened(e: Evidence, axis: int) -> Any:
    try:
        return e.pull(g=np.expand_dims(e.g, axis))
    except ValueError:
        return None


def _is_sum(a: Any, truth: Any) -> bool:
    """True where `a` is `truth` summed over some axes."""
    if a.ndim > truth.ndim:
        return False
    full = (1,) * (truth.ndim - a.ndim) + a.shape
    axes = tuple(k for k, (n, m) in enumerate(zip(full, truth.shape, strict=True)) if n == 1 != m)
    return same(truth.sum(axis=axes, keepdims=True), np.reshape(a, full))


def _place(part: Any, whole: Any, axis: int) -> int | None:
    """Where along the axis `part` stands in the larger `whole`."""
    if part is None or np.ndim(part) != np.ndim(whole) or not np.ndim(part):
        return None
    return next((k for k, cut in _cuts(part, whole, axis) if same(cut, part)), None)


def _cuts(part: Any, whole: Any, axis: int) -> Iterator[tuple[int, Any]]:
    length = part.shape[axis]
    for k in range(whole.shape[axis] - length + 1 if whole.shape[axis] > length else 0):
        yield k, np.take(whole, range(k, k + length), axis)
