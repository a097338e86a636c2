"""Composites along axes: extremes with their indices, spreads and products."""

import math
from typing import Any, NamedTuple

import numpy as np

from microgradx.functional.arguments import along, axes_of
from microgradx.functional.indexing import gather
from microgradx.functional.inputs import cast, in_dtype, node, real, tensor
from microgradx.graph import Node
from microgradx.rules import reductions as rows
from microgradx.rules.arithmetic import maximum, minimum
from microgradx.rules.scans import argmedian
from microgradx.rules.shaping import concatenate, index, reshape, squeeze


class ValuesIndices(NamedTuple):
    """What `max(dim)` and its kin return, as in PyTorch."""

    values: Any
    indices: Any


def _chosen(x: Any, at: Any, axis: int, keepdims: bool) -> ValuesIndices:
    values = gather(x, axis, at)
    return ValuesIndices(values, at) if keepdims else ValuesIndices(squeeze(values, axis), squeeze(at, axis))


def max(x: Any, axis: Any = None, keepdims: bool = False, *, other: Any = None) -> Any:
    """The largest element; with an axis, (values, indices), the gradient going to the returned index.

    `max(a, b)` of two tensors is `maximum`, as in PyTorch.
    """
    other = axis if isinstance(axis, (Node, np.ndarray)) else other
    if other is not None:
        return maximum(x, other)
    return rows.amax(x) if axis is None else _chosen(tensor(x), rows.argmax(x, axis, True), axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False, *, other: Any = None) -> Any:
    """The smallest element; with an axis, (values, indices), the gradient going to the returned index."""
    other = axis if isinstance(axis, (Node, np.ndarray)) else other
    if other is not None:
        return minimum(x, other)
    return rows.amin(x) if axis is None else _chosen(tensor(x), rows.argmin(x, axis, True), axis, keepdims)


def median(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The middle element, of an even number the lower middle one; with an axis, (values, indices)."""
    x = tensor(x)
    if axis is None:
        flat = reshape(x)
        return squeeze(gather(flat, 0, argmedian(flat)))
    return _chosen(x, argmedian(x, axis), axis, keepdims)


def sum(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The sum over `axis` (all axes by default); with `dtype`, of the elements made that first."""
    x = cast(x, dtype)
    y = rows.sum(x) if axis is None and keepdims is False else rows.sum(x, axis, keepdims)  # losses: the short way
    return in_dtype(y, dtype)


def mean(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The average over `axis` (all axes by default); integers are refused, unless `dtype` makes floats of them."""
    x = real("mean", cast(x, dtype))
    return rows.mean(x) if axis is None and keepdims is False else rows.mean(x, axis, keepdims)


def var(
    x: Any, axis: Any = None, unbiased: bool = True, keepdims: bool = False, *, correction: float | None = None
) -> Any:
    """The variance: squared distances from the mean, summed and divided by n − correction.

    `correction` is 1, or 0 with `unbiased=False`; `var(x, False)` works as in PyTorch.
    """
    axis, correction = _freedom(axis, unbiased, correction)
    return rows.var(real("var", x), axis, correction, keepdims)


def std(
    x: Any, axis: Any = None, unbiased: bool = True, keepdims: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation, root of `var`: the length of x − mean over √(n − correction). Its slope at 0 is 0."""
    x = real("std", x)
    axis, correction = _freedom(axis, unbiased, correction)
    if axis is not None:
        axis = axes_of("std", x, axis)
    scale = math.sqrt(rows.per_freedom(x.shape, axis, correction))
    with np.errstate(invalid="ignore"):  # of a single number: nan
        return rows.norm2(x - rows.mean(x, axis, keepdims=True), axis, keepdims) * scale


def _freedom(axis: Any, unbiased: Any, correction: float | None) -> tuple[Any, float]:
    if isinstance(axis, bool):
        axis, unbiased = None, axis
    return axis, int(bool(unbiased)) if correction is None else correction


def prod(x: Any, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The product over `axis` (all axes by default), multiplied in pairs, then pairs of pairs.

    So a 0 among the factors needs no care: its gradient is the product of the others.
    """
    x = factors(cast(x, dtype))
    axes = tuple(range(x.ndim)) if axis is None else axes_of("prod", x, axis)
    for each in axes:
        x = _product(x, each)
    return in_dtype(x if keepdims or not axes else squeeze(x, axes), dtype)


def softmax(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """e^x shared out so that the shares along `axis` sum to 1."""
    return rows.softmax(real("softmax", x if dtype is None else cast(x, dtype)), axis)


def log_softmax(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """The logarithm of `softmax`, in one stable step."""
    return rows.log_softmax(real("log_softmax", x if dtype is None else cast(x, dtype)), axis)


def factors(x: Any) -> Any:
    """`x` as a Tensor to multiply up; products of booleans and small integers are int64, as their sums are."""
    x = tensor(x)
    return x.astype("int64") if x.dtype.kind in "bi" else x


def _product(x: Any, axis: int) -> Any:
    if x.shape[axis] == 0:
        return node(np.ones([1 if a == axis else n for a, n in enumerate(x.shape)], dtype=x.dtype))
    while (n := x.shape[axis]) > 1:
        left, right, odd = (along(axis, slice(*ends)) for ends in ((0, n // 2), (n // 2, n // 2 * 2), (n - 1, n)))
        pairs = index(x, key=left) * index(x, key=right)
        x = concatenate(pairs, index(x, key=odd), axis=axis) if n % 2 else pairs
    return x
