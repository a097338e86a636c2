"""Composites that run along an axis: cumulative products and extremes, sorting."""

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradx.functional.arguments import along
from microgradx.functional.indexing import gather
from microgradx.functional.inputs import axis_of, cast, in_dtype, real, tensor
from microgradx.functional.reductions import ValuesIndices, factors
from microgradx.graph import OpError
from microgradx.rules import scans as rows
from microgradx.rules.arithmetic import logical_not, mul
from microgradx.rules.elementary import logaddexp
from microgradx.rules.shaping import concatenate, index


def _scan(name: str, x: Any, axis: int, combine: Callable[[Any, Any], Any]) -> Any:
    """Every prefix of `axis` combined, by doubling: after k rounds each place knows 2^k. (Hillis & Steele 1986.)"""
    x = tensor(x)
    axis = axis_of(name, x, axis)
    reach = 1
    while reach < x.shape[axis]:
        head, tail, shifted = slice(0, reach), slice(reach, None), slice(0, -reach)
        first, rest, earlier = (index(x, key=along(axis, part)) for part in (head, tail, shifted))
        x = concatenate(first, combine(rest, earlier), axis=axis)
        reach *= 2
    return x


def cumsum(x: Any, axis: int, *, dtype: Any = None) -> Any:
    """Running sums along `axis`; with `dtype`, of the elements made that first."""
    return in_dtype(rows.cumsum(cast(x, dtype), axis), dtype)


def cumprod(x: Any, axis: int, *, dtype: Any = None) -> Any:
    """Running products along `axis`; right at zeros too."""
    return in_dtype(_scan("cumprod", factors(cast(x, dtype)), axis, mul), dtype)


def logcumsumexp(x: Any, axis: int) -> Any:
    """log of the running sums of e^x, stable."""
    return _scan("logcumsumexp", real("logcumsumexp", x), axis, logaddexp)


def cummax(x: Any, axis: int) -> Any:
    """(values, indices) of the largest element so far; of equal ones the latest."""
    x = tensor(x)
    at = rows.cumargmax(x, axis)
    return ValuesIndices(gather(x, axis, at), at)


def cummin(x: Any, axis: int) -> Any:
    """(values, indices) of the smallest element so far; of equal ones the latest."""
    x = tensor(x)
    at = rows.cumargmax(_turned(x), axis)
    return ValuesIndices(gather(x, axis, at), at)


def _turned(x: Any) -> Any:
    """The same elements in the opposite order; -x would overflow among whole numbers."""
    if x.dtype.kind == "b":
        return logical_not(x)
    return -x if x.dtype.kind == "f" else (np.iinfo(x.dtype).max if x.dtype.kind == "u" else -1) - x


def argsort(x: Any, axis: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    """The indices that put `x` in order along `axis`; equal elements always keep their order (`stable` or not)."""
    return rows.argsort(x, axis, descending)


def sort(x: Any, axis: int = -1, descending: bool = False, *, stable: bool = False) -> Any:
    """(values, indices) in order along `axis`; equal elements always keep their order, nan counts as largest."""
    x = tensor(x)
    at = rows.argsort(x, axis, descending)
    return ValuesIndices(gather(x, axis, at), at)


def topk(x: Any, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """(values, indices) of the `k` largest (or smallest) elements along `axis`, always in order.

    Raises:
        OpError: k is negative or exceeds the size of the axis.
    """
    x = tensor(x)
    axis = axis_of("topk", x, axis)
    if not 0 <= k <= x.shape[axis]:
        raise OpError(f"topk: k is {k}, but axis {axis} has {x.shape[axis]} elements.")
    at = index(rows.argsort(x, axis, largest), key=along(axis, slice(0, k)))
    return ValuesIndices(gather(x, axis, at), at)
