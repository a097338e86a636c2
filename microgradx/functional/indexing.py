"""Composites that read from and write to places of a tensor; writing gives a new tensor, nothing is changed."""

from typing import Any

import numpy as np

from microgradx.functional.arguments import along, axes_of, bare, booleans, constant, integers
from microgradx.functional.inputs import axis_of, cast, tensor
from microgradx.graph import OpError, Tensor
from microgradx.rules import shaping as rows
from microgradx.rules.arithmetic import where
from microgradx.rules.losses import one_hot as one_hot_row
from microgradx.rules.reductions import sum


def getitem(x: Any, key: Any) -> Any:
    """`x[key]` with NumPy's basic and advanced indexing; index tensors carry no gradient."""
    return rows.index(x, key=_key(key))


def index_put(x: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy of `x` with `values` at the places x[indices]; with `accumulate`, added to what is there.

    Of several values for one place the last counts, and only that one has a gradient.
    `indices` is any key: `index_put(x, 0, row)`, `index_put(x, (i, j), 5.0)`, `index_put(x, mask, 0.0)`.
    """
    x, key = tensor(x), _key(indices)
    places = rows.index(constant(np.arange(x.size).reshape(x.shape)), key=key).data
    values = rows.broadcast_to(_like(x, values), shape=places.shape)
    if accumulate:
        return x + rows.scatter(values, key=key, shape=x.shape)
    writer = np.full(x.size, -1)
    writer[places.ravel()] = np.arange(places.size)
    written = rows.index(rows.reshape(values), key=np.maximum(writer, 0)) if places.size else x
    return where(constant((writer >= 0).reshape(x.shape)), rows.reshape(written, shape=x.shape), x)


def _key(key: Any) -> Any:
    return tuple(_part(p) for p in key) if isinstance(key, tuple) else _part(key)


def _part(part: Any) -> Any:
    part = bare(part)
    if isinstance(part, list):
        part = np.array(part, dtype=None if part else int)
    if isinstance(part, (float, np.floating)) or (isinstance(part, np.ndarray) and part.dtype.kind == "f"):
        raise OpError("a tensor is indexed by integers, slices, booleans, None or ..., not by floats.")
    return part


def _like(x: Any, values: Any) -> Any:
    """Values as a tensor; plain numbers take the dtype of x."""
    return constant(np.asarray(values, x.dtype)) if isinstance(values, (bool, int, float)) else tensor(values)


def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    """`length` slices of axis `dim`, from `start` on."""
    x = tensor(x)
    at = axis_of("narrow", x, dim)
    n = x.shape[at] if x.ndim else 0
    first = start + n if start < 0 else start
    if not 0 <= first <= n or length < 0 or first + length > n:
        raise OpError(f"narrow: {length} from {start} on do not lie within the {n} slices of axis {dim}.")
    return rows.index(x, key=along(at, slice(first, first + length)))


def select(x: Any, dim: int, index: int) -> Any:
    """The slice number `index` of axis `dim`, that axis removed."""
    x = tensor(x)
    if not x.ndim:
        raise OpError("select: a single number (shape ()) has no axis to select from.")
    return rows.index(x, key=along(axis_of("select", x, dim), int(index)))


def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The elements whose positions on `dim1` and `dim2` differ by `offset`, as a new last axis."""
    x = tensor(x)
    a, b = _two_axes("diagonal", x, dim1, dim2)
    x = rows.transpose(x, axes=(*(n for n in range(x.ndim) if n not in (a, b)), a, b))
    i, j = _on_diagonal(x.shape[-2], x.shape[-1], offset)
    return rows.index(x, key=(..., i, j))


def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices with the last axis of `x` on their diagonal, zeros elsewhere; the matrix axes are dim1, dim2."""
    x = tensor(x)
    if not x.ndim:
        raise OpError("diag_embed needs at least one axis; a single number has none.")
    size = x.shape[-1] + abs(offset)
    i, j = _on_diagonal(size, size, offset)
    y = rows.scatter(x, key=(..., i, j), shape=(*x.shape[:-1], size, size))
    a, b = _two_axes("diag_embed", y, dim1, dim2)
    front: list[int] = list(range(x.ndim - 1))
    for axis, own in sorted(((a, x.ndim - 1), (b, x.ndim))):
        front.insert(axis, own)
    return rows.transpose(y, axes=tuple(front))


def diag(x: Any, diagonal: int = 0) -> Any:
    """A vector as a diagonal matrix; of a matrix, its diagonal."""
    x = tensor(x)
    if x.ndim not in (1, 2):
        raise OpError(f"diag takes a vector or a matrix, not shape {x.shape}; diag_embed and diagonal take more axes.")
    return diag_embed(x, diagonal) if x.ndim == 1 else _diagonal(x, diagonal)


def trace(x: Any) -> Any:
    """The sum of a matrix's diagonal."""
    if np.ndim(tensor(x).data) != 2:
        raise OpError("trace takes a matrix; for batches, sum the diagonal(…) of each.")
    return sum(cast(diagonal(x), None))


def _two_axes(name: str, x: Any, dim1: int, dim2: int) -> tuple[int, int]:
    if x.ndim < 2:
        raise OpError(f"{name} needs at least two axes, not shape {x.shape}.")
    a, b = axes_of(name, x, (dim1, dim2))
    return a, b


def _on_diagonal(n: int, m: int, offset: int) -> tuple[Any, Any]:
    i = np.arange(max(0, min(n, m - offset) - max(0, -offset))) + max(0, -offset)
    return i, i + offset


_diagonal = diagonal


def _placed(name: str, x: Any, dim: int, index: Any) -> tuple[int, Any]:
    """The axis and the indices along it, which fit the other axes of `x`."""
    at, ids = axis_of(name, x, dim), integers(name, index)
    if ids.ndim != x.ndim or any(n > m for a, (n, m) in enumerate(zip(ids.shape, x.shape)) if a != at):
        raise OpError(f"{name}: index is {ids.shape}; it must fit {x.shape} on all axes but {dim}.")
    _within(name, ids, x.shape[at] if x.ndim else 1, dim)
    return at, ids


def _grid(name: str, x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """The key x[i, …, index, …, k] whose other positions are the element's own."""
    at, ids = _placed(name, x, dim, index)
    if not x.ndim:
        return ()
    key = list(np.ogrid[tuple(slice(n) for n in ids.shape)])
    key[at] = ids
    return tuple(key)


def _within(name: str, ids: Any, n: int, dim: Any) -> None:
    if ids.size and not (ids.min() >= 0 and ids.max() < n):
        raise OpError(f"{name}: indices must lie in 0 … {n - 1} (axis {dim}), got {ids.min()} … {ids.max()}.")


def gather(x: Any, dim: int, index: Any) -> Any:
    """For every place of `index`, the element of `x` there, with the position on `dim` replaced by the index."""
    x, tensors = tensor(x), isinstance(index, Tensor)
    at, ids = _placed("gather", x, dim, index.data if tensors else index)  # the row checks them anew in each call
    fits = not x.ndim or ids.shape == (*x.shape[:at], ids.shape[at], *x.shape[at + 1 :])
    if not fits or not x.ndim:
        x = rows.index(x, key=tuple(slice(None) if a == at else slice(n) for a, n in enumerate(ids.shape)))
    return rows.take_along(x, index if tensors else constant(ids), at) if x.ndim else x


def scatter(x: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of `x` with `src` written to the places that `gather` would read."""
    x = tensor(x)
    return index_put(x, _grid("scatter", x, dim, index), _source("scatter", x, index, src))


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    """`x` plus `src` added at the places that `gather` would read; a place named twice collects twice."""
    x = tensor(x)
    return index_put(x, _grid("scatter_add", x, dim, index), _source("scatter_add", x, index, src), accumulate=True)


def _source(name: str, x: Any, index: Any, src: Any) -> Any:
    src, ids = _like(x, src), integers(name, index)
    if not src.ndim:
        return src
    if src.ndim != ids.ndim or any(n > m for n, m in zip(ids.shape, src.shape)):
        raise OpError(f"{name}: index {ids.shape} reaches beyond src {src.shape}.")
    return rows.index(src, key=tuple(slice(n) for n in ids.shape))


def index_select(x: Any, dim: int, index: Any) -> Any:
    """The slices of axis `dim` listed by the vector `index`."""
    x, ids = tensor(x), np.atleast_1d(integers("index_select", index))
    at = axis_of("index_select", x, dim)
    if ids.ndim > 1:
        raise OpError(f"index_select: index must be a vector, not shape {ids.shape}.")
    _within("index_select", ids, x.shape[at] if x.ndim else 1, dim)
    return rows.index(x, key=along(at, ids)) if x.ndim else x


def index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """`x` with `alpha` times the slices of `source` added to the slices of axis `dim` listed by `index`."""
    x, ids = tensor(x), np.atleast_1d(integers("index_add", index))
    source = tensor(source)
    at = axis_of("index_add", x, dim)
    if ids.ndim > 1 or source.shape != (*x.shape[:at], len(ids), *x.shape[at + 1 :]):
        raise OpError(f"index_add: source {source.shape} must be {x.shape} with {ids.size} slices on axis {dim}.")
    _within("index_add", ids, x.shape[at], dim)
    return index_put(x, along(at, ids), source if alpha == 1 else alpha * source, accumulate=True)


def take(x: Any, index: Any) -> Any:
    """Elements by their number in the flattened tensor; negative numbers count from the end."""
    return rows.index(rows.reshape(tensor(x)), key=integers("take", index))


def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> Any:
    """`gather` whose other axes broadcast; without `dim`, of the flattened tensor."""
    x, tensors = tensor(x), isinstance(indices, Tensor)
    if dim is None:
        return take(x, integers("take_along_dim", indices).reshape(-1))
    ids, at = indices if tensors else constant(integers("take_along_dim", indices)), axis_of("take_along_dim", x, dim)
    if ids.ndim != x.ndim:
        raise OpError(f"take_along_dim: indices {ids.shape} and the tensor {x.shape} need as many axes.")
    try:
        shape = np.broadcast_shapes(*((*s[:at], 1, *s[at + 1 :]) for s in (x.shape, ids.shape)))
    except ValueError:
        raise OpError(f"take_along_dim: {ids.shape} and {x.shape} do not broadcast apart from axis {dim}.") from None
    x = rows.broadcast_to(x, shape=(*shape[:at], x.shape[at], *shape[at + 1 :]))
    return gather(x, at, rows.broadcast_to(ids, shape=(*shape[:at], ids.shape[at], *shape[at + 1 :])))


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """`value` (one number) where the mask is true, `x` elsewhere."""
    x = tensor(x)
    chosen = mask if isinstance(mask, Tensor) and mask.dtype == bool else constant(booleans("masked_fill", mask))
    if np.shape(getattr(value, "data", value)) != ():
        raise OpError("masked_fill fills in one number; where(mask, values, x) takes a tensor.")
    return where(chosen, _like(x, value), x)


def masked_select(x: Any, mask: Any) -> Any:
    """The elements where the mask is true, as a vector; both broadcast against each other."""
    x, chosen = tensor(x), booleans("masked_select", mask)
    try:
        shape = np.broadcast_shapes(x.shape, chosen.shape)
    except ValueError:
        raise OpError(f"masked_select: the mask {chosen.shape} and the tensor {x.shape} do not broadcast.") from None
    return rows.index(rows.broadcast_to(x, shape=shape), key=np.broadcast_to(chosen, shape))


def one_hot(t: Any, num_classes: int = -1) -> Any:
    """Integer labels as vectors with a single 1, one entry per class; -1 takes as many classes as there are."""
    if num_classes != -1 and isinstance(t, Tensor):
        return one_hot_row(t, classes=num_classes, dtype="int64")
    labels = integers("one_hot", t)
    if num_classes == -1 and not labels.size:
        raise OpError("one_hot: with no labels, say how many classes there are: num_classes=….")
    classes = int(labels.max()) + 1 if num_classes == -1 else num_classes
    return one_hot_row(constant(labels), classes=classes, dtype="int64")


def sliding(x: Any, dimension: int, size: int, step: int) -> Any:
    """All windows of `size` neighbours along an axis, `step` apart, as a new last axis (PyTorch's Tensor.unfold)."""
    x = tensor(x)
    at = axis_of("unfold", x, dimension)
    n = x.shape[at] if x.ndim else 1
    if not 0 <= size <= n or step < 1:
        raise OpError(f"unfold: windows of {size}, {step} apart, do not fit the {n} elements of axis {dimension}.")
    starts = np.arange(0, n - size + 1, step)
    y = rows.index(x, key=along(at, starts[:, None] + np.arange(size)))
    order = [a for a in range(x.ndim + 1) if a != at + 1]
    return rows.transpose(y, axes=(*order, at + 1))
