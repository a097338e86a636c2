"""Composites that join tensors, take them apart, and put a border round them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from microgradx.functional.arguments import along, integers
from microgradx.functional.inputs import axis_of, tensor
from microgradx.graph import Node, OpError
from microgradx.rules import shaping as rows

_BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # PyTorch's word: NumPy's


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join tensors along an existing axis."""
    _several("concatenate", tensors)
    return rows.concatenate(*tensors, axis=axis)


def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Join tensors of one shape along a new axis; Values become a vector."""
    _several("stack", tensors)
    return rows.stack(*tensors, axis=axis)


def hstack(tensors: Sequence[Any]) -> Any:
    """Join side by side: along the second axis, vectors along their only one."""
    _several("hstack", tensors)
    parts = [_at_least(1, t) for t in tensors]
    return rows.concatenate(*parts, axis=0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Any:
    """Join one below the other; vectors become rows."""
    _several("vstack", tensors)
    return rows.concatenate(*(_at_least(2, t) for t in tensors), axis=0)


def _several(name: str, tensors: Any) -> None:
    if isinstance(tensors, (Node, np.ndarray)) or not len(tensors):
        raise OpError(f"{name} takes a non-empty list of tensors, for example {name}([a, b]).")


def _at_least(n: int, x: Any) -> Any:
    x = tensor(x)
    return rows.reshape(x, shape=(1,) * (n - x.ndim) + x.shape) if x.ndim < n else x


def split(x: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Pieces of a given size (the last may be smaller), or of the listed sizes."""
    x = tensor(x)
    total = _length("split", x, dim)
    if isinstance(split_size_or_sections, (list, tuple)):
        sizes = [int(n) for n in split_size_or_sections]
        if sum(sizes) != total or any(n < 0 for n in sizes):
            raise OpError(f"split: the sizes {sizes} do not add up to the {total} of axis {dim}.")
        return _cut(x, np.cumsum([0, *sizes]), dim)
    size = split_size_or_sections
    if not isinstance(size, (int, np.integer)) or size < (1 if total else 0):
        raise OpError(f"split: the size of a piece must be a whole number of at least 1, not {size!r}.")
    return _cut(x, [*range(0, total, size or 1), total] if total else [0, 0], dim)


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """About `chunks` equal pieces: each of ceil(n / chunks), so there may be fewer (as in PyTorch)."""
    x = tensor(x)
    if not isinstance(chunks, (int, np.integer)) or chunks < 1:
        raise OpError(f"chunk: the number of chunks must be at least 1, not {chunks!r}.")
    n = _length("chunk", x, dim)
    return split(x, -(-n // chunks) if n else [0] * chunks, dim)


def tensor_split(x: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Exactly so many pieces, sizes differing by 1 at most; or cuts before the listed positions."""
    x = tensor(x)
    total = _length("tensor_split", x, dim)
    if isinstance(indices_or_sections, (int, np.integer)):
        n = indices_or_sections
        if n < 1:
            raise OpError(f"tensor_split: the number of pieces must be at least 1, not {n}.")
        return _cut(x, np.cumsum([0, *(total // n + (k < total % n) for k in range(n))]), dim)
    cuts = integers("tensor_split", indices_or_sections).tolist()
    at = axis_of("tensor_split", x, dim)
    return tuple(rows.index(x, key=along(at, slice(a, b))) for a, b in pairwise([0, *cuts, total]))


def unbind(x: Any, dim: int = 0) -> tuple[Any, ...]:
    """The slices along one axis, that axis removed."""
    x = tensor(x)
    total, at = _length("unbind", x, dim), axis_of("unbind", x, dim)
    return tuple(rows.index(x, key=along(at, k)) for k in range(total))


def _length(name: str, x: Any, dim: int) -> int:
    if not x.ndim:
        raise OpError(f"{name}: a single number (shape ()) has no axis to take apart.")
    return int(x.shape[axis_of(name, x, dim)])


def _cut(x: Any, cuts: Any, dim: int) -> tuple[Any, ...]:
    at = axis_of("split", x, dim)
    return tuple(rows.index(x, key=along(at, slice(int(a), int(b)))) for a, b in pairwise(cuts))


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """A border round a tensor.

    Args:
        x: any shape; unlike PyTorch, every mode takes any axes.
        pad: (before, after) of the last axis, then of the second-to-last, and so on; negative numbers cut off.
        mode: "constant" (`value`, by default 0), "reflect" (mirrored, the edge not repeated), "replicate"
            (the edge repeated) or "circular" (the other end).
    """
    x = tensor(x)
    if not isinstance(pad, (tuple, list)) or len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise OpError(f"pad: {pad!r} must list (before, after) for the last axes of shape {x.shape}, last axis first.")
    sides = [(0, 0)] * (x.ndim - len(pad) // 2) + [(int(a), int(b)) for a, b in zip(pad[-2::-2], pad[-1::-2])]
    if any(min(a, 0) + min(b, 0) + n < 0 for (a, b), n in zip(sides, x.shape)):
        raise OpError(f"pad: {tuple(pad)} cuts off more than there is in shape {x.shape}.")
    if mode == "constant":
        x = _cropped(x, sides)
        grown = tuple((max(a, 0), max(b, 0)) for a, b in sides)
        return rows.pad(x, pads=grown, value=value or 0.0)
    if mode not in _BORDERS or value:
        raise OpError(f"pad: mode is 'constant' (the only one with a value), {', '.join(map(repr, _BORDERS))}.")
    for axis, ((a, b), n) in enumerate(zip(sides, x.shape, strict=True)):
        if max(a, b) > {"reflect": max(n - 1, 0), "circular": n}.get(mode, max(a, b)) or (not n and max(a, b)):
            raise OpError(f"pad: a {mode} border of {max(a, b)} is too wide for the {n} elements of axis {axis}.")
        if a or b:
            border = np.pad(np.arange(n), (max(a, 0), max(b, 0)), mode=_BORDERS[mode])  # type: ignore[call-overload]  # one of the modes in the table
            x = rows.index(x, key=along(axis, border[-min(a, 0) : len(border) + min(b, 0)]))
    return x


def _cropped(x: Any, sides: list[tuple[int, int]]) -> Any:
    if all(min(pair) >= 0 for pair in sides):
        return x
    return rows.index(x, key=tuple(slice(-min(a, 0), n + min(b, 0)) for (a, b), n in zip(sides, x.shape, strict=True)))
