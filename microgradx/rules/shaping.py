"""Rows: moving elements about without changing them. Every row is linear; families undo each other."""

import math
from typing import Any

import numpy as np

from microgradx.rules.domains import labels
from microgradx.rules.op import op

Shape = tuple[int, ...]
Key = Any
_add_up = np.add.reduce


def _same_shape(x: Any, shape: Shape) -> bool:
    return x.shape == shape  # type: ignore[no-any-return]  # a comparison of tuples


def unbroadcast(x: Any, shape: Shape) -> Any:
    """Sum `x` over the axes along which an input of `shape` was stretched by broadcasting."""
    lead = x.ndim - len(shape)
    if lead == 1 and shape and x.shape[1:] == shape:  # as for a bias that every row of a batch shares
        return _add_up(x, 0)
    if x.shape == shape:
        return x
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1))
    return _add_up(x, axes, keepdims=True).reshape(shape)


def _scatter(x: Any, key: Key, shape: Shape) -> Any:
    out = np.zeros(shape, dtype=x.dtype)
    if each_once(key):
        out[key] = x
    else:
        np.add.at(out, key, x)  # an element picked twice collects twice
    return out


def each_once(key: Key) -> bool:
    """True when no place can be picked twice: numbers and slices, and a single mask among them."""
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [p for p in parts if not (p is None or p is Ellipsis or isinstance(p, (int, np.integer, slice)))]
    return not arrays or (len(arrays) == 1 and np.asarray(arrays[0]).dtype.kind == "b")


def _to_tensor(x: float, dtype: Any = None) -> Any:
    return np.asarray(x, dtype=dtype or np.float64)


def _inverse(axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if axes is None:
        return None
    return tuple(int(a) for a in np.argsort([a % len(axes) for a in axes]))


def _piece(xs: list[Any], i: int, axis: int) -> Key:
    """The slice of the concatenation that input i became."""
    start = int(np.sum([x.shape[axis] for x in xs[:i]], dtype=int))
    axis = axis % xs[0].ndim
    return (*(slice(None),) * axis, slice(start, start + xs[i].shape[axis]))


def _take(axis: int, i: int, ndim: int) -> Key:
    return (*(slice(None),) * (axis % ndim), i)


def _padding(pads: tuple[tuple[int, int], ...], shape: Shape) -> Key:
    return tuple(slice(before, before + n) for (before, _), n in zip(pads, shape, strict=True))


def _pad(x: Any, pads: tuple[tuple[int, int], ...], value: float = 0.0) -> Any:
    return np.pad(x, pads, constant_values=value)


tensor = op(
    "tensor(x, dtype=None)", _to_tensor, shapes="value", linear="x",
    x=lambda g: number(g),
    words=dict(x="the same number, as a tensor"),
)  # fmt: skip
number = op(
    "number(x)", lambda x: float(x), shapes="()", linear="x",
    x=lambda g, x: tensor(g, x.dtype),
    words=dict(x="the same number, as a scalar"),
)  # fmt: skip
astype = op(
    "astype(x, dtype='float64')", lambda x, dtype: x.astype(dtype), shapes="(n)", linear="x",
    noop=lambda x, dtype: x.dtype == np.dtype(dtype),
    x=lambda g, x: astype(g, x.dtype),
)  # fmt: skip
sum_to = op(
    "sum_to(x, shape=())", unbroadcast, shapes="(3,2,4)", linear="x", noop=_same_shape,
    cases=(dict(shape=(2, 4)), dict(shape=(1, 4)), dict(shape=())),
    x=lambda g, x: broadcast_to(g, x.shape),
    words=dict(x="the sum's gradient goes to every element that was added"),
)  # fmt: skip
broadcast_to = op(
    "broadcast_to(x, shape=())", np.broadcast_to, shapes="(2,1)", linear="x", noop=_same_shape,
    cases=(dict(shape=(3, 2, 4)), dict(shape=(2, 3))),
    x=lambda g, x: sum_to(g, x.shape),
    words=dict(x="one element was used in many places, so their gradients add up"),
)  # fmt: skip
reshape = op(
    "reshape(x, shape=(-1,))", lambda x, shape: np.reshape(x, shape), shapes="(2,3,4)", linear="x",
    cases=(dict(shape=(6, 4)), dict(shape=(-1,)), dict(shape=(2, 1, 12))),
    x=lambda g, x: reshape(g, x.shape),
    words=dict(x="the same elements in their old places"),
)  # fmt: skip
transpose = op(
    "transpose(x, axes=None)", np.transpose, shapes="(n,m,k)", linear="x",
    cases=(dict(axes=None), dict(axes=(1, 2, 0)), dict(axes=(0, -1, 1))),
    x=lambda g, axes: transpose(g, _inverse(axes)),
    words=dict(x="the axes go back to where they were"),
)  # fmt: skip
mT = op(
    "mT(A) = A.mT", lambda A: np.swapaxes(A, -1, -2), shapes="(...,n,m)->(...,m,n)", linear="A",
    A=lambda g: mT(g),
    words=dict(A="rows and columns change back"),
)  # fmt: skip
unsqueeze = op(
    "unsqueeze(x, axis=0)", lambda x, axis: np.expand_dims(x, axis), shapes="(n,m)", linear="x",
    cases=(dict(axis=0), dict(axis=-1)),
    x=lambda g, x: reshape(g, x.shape),
    words=dict(x="the same elements without the added axis"),
)  # fmt: skip
squeeze = op(
    "squeeze(x, axis=None)", np.squeeze, shapes="(1,n,1)", linear="x",
    cases=(dict(axis=None), dict(axis=0), dict(axis=(0, 2))),
    x=lambda g, x: reshape(g, x.shape),
    words=dict(x="the same elements with the dropped axes back"),
)  # fmt: skip
flip = op(
    "flip(x, axis=None)", np.flip, shapes="(n,m)", linear="x", cases=(dict(axis=None), dict(axis=1)),
    x=lambda g, axis: flip(g, axis),
    words=dict(x="turned round again"),
)  # fmt: skip

_MASK = np.array([True, False, True, True])
_KEYS: tuple[Key, ...] = (
    1, -1, slice(1, None), (slice(None), 2), (Ellipsis, 0), None, (1, slice(None, None, 2)),
    np.array([0, 2, 0, 3]), (np.array([0, 0, 3]), np.array([1, 1, 4])), _MASK, (slice(None), np.array([1, 1])),
    (_MASK, 1), (slice(None, None, -1),),
)  # fmt: skip
index = op(
    "index(x, key=()) = x[key]", lambda x, key: x[key], shapes="(4,5)", linear="x", cases=[dict(key=k) for k in _KEYS],
    x=lambda g, x, key: scatter(g, key, x.shape),
    words=dict(x="the gradient returns to the places it was read from; all others get 0"),
)  # fmt: skip
scatter = op(
    "scatter(x, key=(), shape=())", _scatter, shapes="(3)", linear="x",
    cases=(dict(key=np.array([0, 2, 0]), shape=(4,)), dict(key=slice(1, 4), shape=(5,))),
    x=lambda g, key: index(g, key),
    words=dict(x="each element reads the gradient of the place it was added to"),
)  # fmt: skip


def _within(k: Any, n: int) -> None:
    if k.size and not (k.min() >= 0 and k.max() < n):
        raise ValueError(f"indices must lie in 0 … {n - 1}, got {k.min()} … {k.max()}")


def _lookup(W: Any, k: Any) -> Any:
    _within(k, len(W))
    return W[k]


def _collect(u: Any, k: Any, size: int) -> Any:
    rest = u.shape[k.ndim :]
    width = math.prod(rest)
    out = np.zeros((size, *rest), dtype=u.dtype)
    row = k.reshape(-1, 1).astype(np.intp)  # as wide as places: int8 would wrap round
    places = row * width + np.arange(width)  # of single numbers, which NumPy adds sooner than rows
    np.add.at(out.reshape(-1), places.reshape(-1), u.reshape(-1))
    return out


def _take_along(x: Any, k: Any, axis: int) -> Any:
    _within(k, x.shape[axis])
    return np.take_along_axis(x, k, axis)


def _put_along(u: Any, k: Any, axis: int, size: int) -> Any:
    axis = axis % u.ndim
    out = np.zeros((*u.shape[:axis], size, *u.shape[axis + 1 :]), dtype=u.dtype)
    places = [*np.ogrid[tuple(slice(n) for n in k.shape)]]
    places[axis] = k
    np.add.at(out, tuple(places), u)
    return out


# Like index and scatter, but what is read is an input: it differs from batch to batch.
lookup = op(
    "lookup(W, k) = W[k]", _lookup, shapes="(4,3),(5,2)", nondiff="k", linear="W", where=dict(k=labels("4")),
    W=lambda g, W, k: collect(g, k, W.shape[0]),
    words=dict(W="a row collects the gradient of every place that used it"),
)  # fmt: skip
collect = op(
    "collect(u, k, size=0)", _collect, shapes="(5,2,3),(5,2)", nondiff="k", linear="u", where=dict(k=labels("4")),
    cases=(dict(size=4),),
    u=lambda g, k: lookup(g, k),
    words=dict(u="each place reads the gradient of the row that it was added to"),
)  # fmt: skip
take_along = op(
    "take_along(x, k, axis=-1)", _take_along, shapes="(3,4),(3,2)", nondiff="k", linear="x", where=dict(k=labels("4")),
    cases=(dict(axis=-1), dict(axis=0, shapes="(4,2),(3,2)")),
    x=lambda g, x, k, axis: put_along(g, k, axis, x.shape[axis]),
    words=dict(x="the gradient returns to the places it was read from; all others get 0"),
)  # fmt: skip
put_along = op(
    "put_along(u, k, axis=-1, size=4)", _put_along, shapes="(3,2),(3,2)", nondiff="k", linear="u",
    where=dict(k=labels("4")), cases=(dict(axis=-1), dict(axis=0)),
    u=lambda g, k, axis: take_along(g, k, axis),
    words=dict(u="each element reads the gradient of the place it was added to"),
)  # fmt: skip
concatenate = op(
    "concatenate(*xs, axis=0)", lambda *xs, axis: np.concatenate(xs, axis=axis), shapes="(2,3),(2,3),(2,3)",
    linear="*xs", cases=(dict(axis=0), dict(axis=1), dict(axis=-1, shapes="(2,1),(2,3)")),
    xs=lambda g, xs, i, axis: index(g, _piece(xs, i, axis)),
    words=dict(xs="each input takes back its own piece"),
)  # fmt: skip
stack = op(
    "stack(*xs, axis=0)", lambda *xs, axis: np.stack(xs, axis=axis), shapes="(n,m),(n,m),(n,m)",
    linear="*xs", cases=(dict(axis=0), dict(axis=1), dict(axis=-1)),
    xs=lambda g, i, axis: index(g, _take(axis, i, g.ndim)),
    words=dict(xs="each input takes back its own layer"),
)  # fmt: skip
pad = op(
    "pad(x, pads=(), value=0.0)", _pad, shapes="(2,3)",
    cases=(dict(pads=((1, 0), (2, 1))), dict(pads=((0, 1), (1, 1)), value=2.0)),
    x=lambda g, x, pads: index(g, _padding(pads, x.shape)),
    words=dict(x="the padding is constant, so only the middle has a gradient"),
)  # fmt: skip
