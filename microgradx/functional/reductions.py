"""Composites along axes: extremes with their indices."""

from typing import Any, NamedTuple

import numpy as np

from microgradx.functional.words import both_words
from microgradx.graph import Tensor
from microgradx.rules import reductions as rows
from microgradx.rules.shaping import index


class ValuesIndices(NamedTuple):
    """What `max(dim)` and its kin return, as in PyTorch."""

    values: Any
    indices: Any


@both_words
def max(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The largest element; with an axis, (values, indices), the gradient going to the returned index."""
    return rows.amax(x) if axis is None else _along(x, axis, keepdims, np.argmax)


@both_words
def min(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The smallest element; with an axis, (values, indices), the gradient going to the returned index."""
    return rows.amin(x) if axis is None else _along(x, axis, keepdims, np.argmin)


def _along(x: Any, axis: int, keepdims: bool, best: Any) -> ValuesIndices:
    x = x if isinstance(x, Tensor) else Tensor(x, requires_grad=False)
    at = best(x.data, axis=axis, keepdims=True)
    key = [np.arange(n).reshape([-1 if a == k else 1 for a in range(x.ndim)]) for k, n in enumerate(x.shape)]
    key[axis] = at
    values = index(x, key=tuple(key))
    if not keepdims:
        values, at = values.squeeze(axis), np.squeeze(at, axis)
    return ValuesIndices(values, Tensor(at, requires_grad=False))


@both_words
def std(x: Any, axis: Any = None, correction: int = 1, keepdims: bool = False) -> Any:
    """The standard deviation: the root of `var`."""
    return rows.var(x, axis, correction, keepdims).sqrt()
