"""Composites that move elements about: the calls people know, in terms of the rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradx.functional.words import both_words
from microgradx.graph import Node, OpError, Tensor
from microgradx.rules import shaping as rows


def _tensor(x: Any) -> Any:
    return rows.tensor(x) if not isinstance(x, Tensor) and isinstance(x, Node) else x


@both_words
def concatenate(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join tensors along an existing axis."""
    _several("concatenate", tensors)
    return rows.concatenate(*tensors, axis=axis)


@both_words
def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join tensors of one shape along a new axis; Values become a vector."""
    _several("stack", tensors)
    return rows.stack(*tensors, axis=axis)


def _several(name: str, tensors: Any) -> None:
    if isinstance(tensors, (Node, np.ndarray)) or not len(tensors):
        raise OpError(f"{name} takes a non-empty list of tensors, for example {name}([a, b]).")


def _shape(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    listed = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], (int, np.integer)) else sizes
    return tuple(int(n) for n in listed)


def reshape(x: Any, *shape: Any) -> Any:
    """The same elements in another shape: `reshape(x, 2, 3)` or `reshape(x, (2, 3))`; -1 is worked out."""
    return rows.reshape(x, shape=_shape(shape))


def broadcast_to(x: Any, *shape: Any) -> Any:
    """`x` stretched to `shape` by NumPy's broadcasting rules."""
    return rows.broadcast_to(_tensor(x), shape=_shape(shape))


def permute(x: Any, *axes: Any) -> Any:
    """The axes in a new order: `permute(x, 0, 2, 1)`."""
    return rows.transpose(x, axes=_shape(axes))


def transpose(x: Any, *axes: Any) -> Any:
    """All axes reversed, two axes swapped (as PyTorch's transpose), or all in a new order (as NumPy's)."""
    if not axes or axes[0] is None:
        return rows.transpose(x)
    order = _shape(axes)
    n = len(np.shape(x))
    if len(order) == 2 and n != 2:
        swapped = list(range(n))
        a, b = order
        swapped[a], swapped[b] = swapped[b], swapped[a]
        order = tuple(swapped)
    return rows.transpose(x, axes=order)


def getitem(x: Any, key: Any) -> Any:
    """`x[key]` with NumPy's basic and advanced indexing; index tensors carry no gradient."""
    parts = key if isinstance(key, tuple) else (key,)
    plain = tuple(_index(p) for p in parts)
    return rows.index(x, key=plain if isinstance(key, tuple) else plain[0])


def _index(part: Any) -> Any:
    part = part.data if isinstance(part, Node) else part
    if isinstance(part, list):
        part = np.array(part, dtype=None if part else int)
    if isinstance(part, (float, np.floating)) or (isinstance(part, np.ndarray) and part.dtype.kind == "f"):
        raise OpError("a tensor is indexed by integers, slices, booleans, None or ..., not by floats.")
    return part


def pad(x: Any, pads: Any, value: float = 0.0) -> Any:
    """A constant border: `pads` is one number for all sides, or (before, after) per axis, as in np.pad."""
    n = len(np.shape(x))
    if isinstance(pads, int):
        pads = ((pads, pads),) * n
    elif len(pads) == 2 and all(isinstance(p, int) for p in pads):
        pads = (tuple(pads),) * n
    return rows.pad(x, pads=tuple(tuple(p) for p in pads), value=value)
