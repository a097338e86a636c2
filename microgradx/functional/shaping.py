"""Composites that give tensors another shape or order: the calls people know, in terms of the rows."""

from math import prod
from typing import Any

import numpy as np

from microgradx.functional.arguments import along, axes_of, constant, numbers
from microgradx.functional.inputs import axis_of, tensor
from microgradx.graph import OpError
from microgradx.rules import shaping as rows
from microgradx.rules.arithmetic import where


def _sizes(name: str, sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Whole numbers given one by one or as one tuple."""
    listed = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in listed):
        raise OpError(f"{name} takes whole numbers, one by one or as one tuple, not {listed!r}.")
    return tuple(int(n) for n in listed)


def reshape(x: Any, *shape: Any) -> Any:
    """The same elements in another shape: `reshape(x, 2, 3)` or `reshape(x, (2, 3))`; -1 is worked out."""
    return rows.reshape(x, shape=_sizes("reshape", shape))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes `start_dim` … `end_dim` joined into one."""
    x = tensor(x)
    start, end = axis_of("flatten", x, start_dim), axis_of("flatten", x, end_dim)
    if start > end:
        raise OpError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}.")
    return rows.reshape(x, shape=(*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def ravel(x: Any) -> Any:
    """All elements along one axis, row by row."""
    return reshape(x, -1)


def unflatten(x: Any, dim: int, sizes: tuple[int, ...]) -> Any:
    """The axis `dim` split into several of the given sizes; one may be -1."""
    x = tensor(x)
    at = axis_of("unflatten", x, dim)
    known = prod(n for n in sizes if n != -1)
    if list(sizes).count(-1) > 1 or (x.shape[at] % known if -1 in sizes and known else known != x.shape[at]):
        raise OpError(f"unflatten: the sizes {tuple(sizes)} do not multiply to the {x.shape[at]} of axis {dim}.")
    inside = tuple(x.shape[at] // known if n == -1 else n for n in sizes)
    return rows.reshape(x, shape=(*x.shape[:at], *inside, *x.shape[at + 1 :]))


def broadcast_to(x: Any, *shape: Any) -> Any:
    """`x` stretched to `shape` by NumPy's broadcasting rules."""
    return rows.broadcast_to(tensor(x), shape=_sizes("broadcast_to", shape))


def expand(x: Any, *sizes: Any) -> Any:
    """Like `broadcast_to`; -1 keeps an axis as it is."""
    x, wanted = tensor(x), _sizes("expand", sizes)
    new = len(wanted) - x.ndim
    if new < 0 or -1 in wanted[:new]:
        raise OpError(f"expand: sizes {wanted} do not fit shape {x.shape}; new axes come first and need a size.")
    return rows.broadcast_to(x, shape=tuple(x.shape[k - new] if n == -1 else n for k, n in enumerate(wanted)))


def repeat(x: Any, *repeats: Any) -> Any:
    """The whole tensor side by side, `repeats` times along each axis (as PyTorch's repeat, NumPy's tile)."""
    x, times = tensor(x), _sizes("repeat", repeats)
    if len(times) < x.ndim or any(n < 0 for n in times):
        raise OpError(f"repeat: {times} must give a count of 0 or more for each axis of shape {x.shape}.")
    shape = (1,) * (len(times) - x.ndim) + x.shape
    apart = rows.reshape(x, shape=tuple(n for size in shape for n in (1, size)))
    copies = rows.broadcast_to(apart, shape=tuple(n for pair in zip(times, shape) for n in pair))
    return rows.reshape(copies, shape=tuple(n * size for n, size in zip(times, shape)))


def tile(x: Any, *dims: Any) -> Any:
    """`repeat`, where missing counts at the front are 1."""
    x, times = tensor(x), _sizes("tile", dims)
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def permute(x: Any, *dims: Any) -> Any:
    """The axes in a new order: `permute(x, 0, 2, 1)`."""
    return rows.transpose(x, axes=_sizes("permute", dims))


def transpose(x: Any, *axes: Any, dim0: int | None = None, dim1: int | None = None) -> Any:
    """`transpose(x, 0, 1)` swaps two axes (as in PyTorch); a tuple gives a new order, nothing reverses (NumPy)."""
    axes = (*axes, *(a for a in (dim0, dim1) if a is not None))
    if not axes or axes[0] is None:
        return rows.transpose(x)
    if len(axes) == 1:
        return rows.transpose(x, axes=tuple(axes[0]))
    x = tensor(x)
    if len(axes) != 2:
        raise OpError(f"transpose: two axes are swapped, got {axes}; permute takes a whole new order.")
    a, b = (axis_of("transpose", x, n) for n in axes)
    order = list(range(x.ndim))
    if order:
        order[a], order[b] = order[b], order[a]
    return rows.transpose(x, axes=tuple(order))


def movedim(x: Any, source: Any, destination: Any) -> Any:
    """The axes `source` moved to `destination`, the others keeping their order."""
    x = tensor(x)
    start, end = axes_of("movedim", x, source), axes_of("movedim", x, destination)
    if len(start) != len(end):
        raise OpError(f"movedim: {source} and {destination} name different numbers of axes.")
    order = [a for a in range(x.ndim) if a not in start]
    for to, axis in sorted(zip(end, start, strict=True)):
        order.insert(to, axis)
    return rows.transpose(x, axes=tuple(order)) if x.ndim else x


def squeeze(x: Any, dim: Any = None) -> Any:
    """Without the axes of size 1; of those named by `dim`, the others stay (as in PyTorch)."""
    x = tensor(x)
    chosen = range(x.ndim) if dim is None else axes_of("squeeze", x, dim)
    return rows.squeeze(x, axis=tuple(a for a in chosen if x.ndim and x.shape[a] == 1))


def unsqueeze(x: Any, dim: int) -> Any:
    """With a new axis of size 1 at `dim`."""
    return rows.unsqueeze(x, dim)


def flip(x: Any, *dims: Any) -> Any:
    """The order turned round along some axes: `flip(x, 0, 1)` or `flip(x, (0, 1))`."""
    x = tensor(x)
    if not dims:
        raise OpError("flip: say along which axes, for example flip(x, 0) or flip(x, (0, 1)).")
    axes = axes_of("flip", x, _sizes("flip", dims))
    return rows.flip(x, axis=axes if x.ndim else ())


def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    """Elements moved on by `shifts` places; those that leave at the end come back in front.

    Without `dims` the tensor is rolled as one long row.
    """
    x = tensor(x)
    if dims is None:
        return rows.reshape(roll(rows.reshape(x), shifts, 0), shape=x.shape)
    axes = dims if isinstance(dims, (tuple, list)) else (dims,)
    for axis, shift in zip(axes, numbers("roll", "shifts", shifts, len(axes)), strict=True):
        at = axis_of("roll", x, axis)
        cut = -shift % max(x.shape[at], 1)
        if cut:
            parts = rows.index(x, key=along(at, slice(cut, None))), rows.index(x, key=along(at, slice(cut)))
            x = rows.concatenate(*parts, axis=at)
    return x


def rot90(x: Any, k: int = 1, dims: tuple[int, int] = (0, 1)) -> Any:
    """Turned by k quarter turns, from the first of `dims` towards the second."""
    x = tensor(x)
    a, b = pair = axes_of("rot90", x, dims) if len(dims) == 2 else (0, 0)
    if a == b:
        raise OpError(f"rot90: dims must be two different axes, not {dims}.")
    if k % 4 == 2:
        return rows.flip(x, axis=pair)
    if k % 2 == 0:
        return x
    return transpose(rows.flip(x, axis=b), a, b) if k % 4 == 1 else rows.flip(transpose(x, a, b), axis=b)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Coordinate grids of vectors: the k-th result varies along axis k; "xy" swaps the first two axes.

    >>> a, b = meshgrid([1.0, 2.0], [3.0, 4.0, 5.0])
    >>> a.shape, b.data.tolist()
    ((2, 3), [[3.0, 4.0, 5.0], [3.0, 4.0, 5.0]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing not in ("ij", "xy"):
        raise OpError(f"meshgrid: indexing is 'ij' or 'xy', not {indexing!r}.")
    lines = [tensor(t) for t in tensors]
    if not lines or any(line.ndim > 1 for line in lines):
        raise OpError("meshgrid takes one or more vectors or single numbers.")
    n = len(lines)
    shape = tuple(line.size for line in lines)
    grids = [
        rows.broadcast_to(rows.reshape(line, shape=tuple(-1 if a == k else 1 for a in range(n))), shape=shape)
        for k, line in enumerate(lines)
    ]
    return tuple(transpose(grid, 0, 1) if indexing == "xy" and n > 1 else grid for grid in grids)


def kron(a: Any, b: Any) -> Any:
    """Kronecker's product: every element of `a` replaced by that element times the whole of `b`."""
    a, b = tensor(a), tensor(b)
    n = max(a.ndim, b.ndim)
    left, right = ((1,) * (n - t.ndim) + t.shape for t in (a, b))
    product = rows.reshape(a, shape=tuple(s for m in left for s in (m, 1))) * rows.reshape(
        b, shape=tuple(s for m in right for s in (1, m))
    )
    return rows.reshape(product, shape=tuple(m * k for m, k in zip(left, right, strict=True)))


def tril(x: Any, diagonal: int = 0) -> Any:
    """The lower triangle of each matrix, up to and including the given diagonal; zeros elsewhere."""
    x = _matrices("tril", x)
    return where(constant(np.tri(x.shape[-2], x.shape[-1], diagonal, dtype=bool)), x, _nothing(x))


def triu(x: Any, diagonal: int = 0) -> Any:
    """The upper triangle of each matrix, from the given diagonal on; zeros elsewhere."""
    x = _matrices("triu", x)
    return where(constant(~np.tri(x.shape[-2], x.shape[-1], diagonal - 1, dtype=bool)), x, _nothing(x))


def _nothing(x: Any) -> Any:
    return False if x.dtype.kind == "b" else 0


def _matrices(name: str, x: Any) -> Any:
    x = tensor(x)
    if x.ndim < 2:
        raise OpError(f"{name} takes matrices (2 axes or more), not shape {x.shape}.")
    return x
