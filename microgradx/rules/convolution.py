"""Rows: convolution (as in deep learning: cross-correlation) over any number of spatial axes.

One trilinear form, three readings. With u, x, w fixed in shape, <u, conv(x, w)> is linear in each, and its
gradients are the three rows: conv (in u), conv_transpose (in x), conv_weight (in w). So each row's rules are
the other two. (Dumoulin & Visin, A guide to convolution arithmetic for deep learning, 2016.)
Layout: x is (batch, channels, *size), w is (out, channels // groups, *kernel).

Each row is a matrix product with the patches that the kernel visits. Inside, the batch is the last axis in memory, so
that patches are copied as long runs; and they are copied for the axes after the first spatial one only. Along the
first, the patches of neighbouring places share their rows, so there they are windows that overlap in memory:

    rows copied   r0 r1 r2 r3 …    each r holds (channels, kernel width) × (places along the row, batch)
    patches       r0 r1 r2         of the first row of places, for a kernel of height 3
                     r1 r2 r3      of the second
"""

import math
from _thread import _local as thread_local  # threading.local; the whole module would be loaded for it alone
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from microgradx.rules.op import op

Sizes = tuple[int, ...]


class Window(NamedTuple):
    """How the kernel slides: one entry per spatial axis, except groups."""

    stride: Sizes
    padding: tuple[tuple[int, int], ...]
    dilation: Sizes
    groups: int = 1

    def __repr__(self) -> str:
        plain = Window((1,) * len(self.stride), ((0, 0),) * len(self.stride), (1,) * len(self.stride))
        given = {k: v for k, v, usual in zip(self._fields, self, plain, strict=True) if v != usual}
        return f"window({', '.join(f'{k}={v!r}' for k, v in given.items())})"

    def only(self, axes: slice) -> "Window":
        """The window along some of the spatial axes."""
        return Window(self.stride[axes], self.padding[axes], self.dilation[axes], self.groups)


def window(n: int, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Window:
    """A Window for n spatial axes; a single number stands for every axis."""

    def each(value: Any) -> tuple[Any, ...]:
        return (value,) * n if isinstance(value, (int, np.integer)) else tuple(value)

    pads = tuple((p, p) if isinstance(p, (int, np.integer)) else tuple(p) for p in each(padding))
    return Window(each(stride), pads, each(dilation), groups)


def places(size: Sizes, kernel: Sizes, how: Window) -> Sizes:
    """How many places the kernel visits along each axis of an input of this size."""
    padded = tuple(s + sum(p) for s, p in zip(size, how.padding, strict=True))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(how.dilation, kernel, strict=True))
    if any(r > p for r, p in zip(reach, padded, strict=True)):
        raise ValueError(f"the kernel reaches over {reach}, more than the padded input's {padded}")
    return tuple((p - r) // s + 1 for p, r, s in zip(padded, reach, how.stride, strict=True))


def slabs(kernel: Sizes, out: Sizes, how: Window) -> Iterator[tuple[Any, Any]]:
    """Each entry of the kernel, with the slice of the padded input that it meets in all its places."""
    for at in product(*map(range, kernel)):
        yield (
            at,
            tuple(
                slice(i * d, i * d + s * (n - 1) + 1, s)
                for i, d, s, n in zip(at, how.dilation, how.stride, out, strict=True)
            ),
        )


def core(size: Sizes, how: Window) -> Any:
    """Where the input lies inside its padding."""
    return tuple(slice(before, before + n) for (before, _), n in zip(how.padding, size, strict=True))


def padded(x: Any, how: Window, fill: Any = 0) -> Any:
    """x (batch, channels, *size) with its padding around it."""
    if not any(map(any, how.padding)):
        return x
    shape = (*x.shape[:2], *(s + sum(p) for s, p in zip(x.shape[2:], how.padding, strict=True)))
    around = np.full_like(x, fill, shape=shape)
    around[(..., *core(x.shape[2:], how))] = x
    return around


def alike(x: Any, other: Any) -> Any:
    """x with its axes in memory in the order that other's have: to work on both is far faster then."""
    found = np.empty_like(other, x.dtype)
    np.copyto(found, x)
    return found


def sliding(x: Any, axes: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """A view of x: each of these axes counts the places now, and for each a last axis the kernel's entries."""
    if not axes:
        return x
    reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    places = dict(zip(axes, stride, strict=True))
    steps = (*(places.get(axis, 1) for axis in range(x.ndim)), *dilation)
    return view[tuple(slice(None, None, step) for step in steps)]


class _Scratch(thread_local):
    """Memory for patches that live only inside one run: fresh pages would cost as much as the arithmetic."""

    flat: Any = None

    def copy(self, x: Any) -> Any:
        """x in one piece; it is overwritten by the next one that is asked for."""
        size = math.prod(x.shape) * x.dtype.itemsize
        if x.dtype.hasobject or size > _KEPT or not isinstance(x, np.ndarray):  # a compiler's stand-in is none
            return x.copy()
        if self.flat is None or len(self.flat) < size:
            self.flat = np.empty(size, np.uint8)
        found = self.flat[:size].view(x.dtype).reshape(x.shape)
        np.copyto(found, x)
        return found


_KEPT = 2**26  # bytes that a thread may keep for its next convolution
_scratch = _Scratch()


def _pieces(out: Sizes, batch: int) -> int:
    """In how many pieces the places are taken: row by row, or all at once where rows are too short for that."""
    return out[0] if math.prod(out[1:]) * batch >= _SHORT else 1


_SHORT = 64  # columns of a matrix product that has few of them


def _batch_last(x: Any, by_rows: bool) -> Any:
    """x (batch, channels, *size), but in memory (channels, *size, batch); `by_rows`: the rows before the channels."""
    first, rest = [1, 2], range(3, x.ndim)
    if by_rows:
        first.reverse()
    inside = x.transpose(*first, *rest, 0)
    inside = inside if inside.flags.c_contiguous else inside.copy()
    return inside.transpose(-1, *(each - 1 for each in first), *(each - 1 for each in rest))


def _patches(x: Any, kernel: Sizes, out: Sizes, how: Window) -> Any:
    """The patches of x as columns: (groups, pieces, kernel rows · channels // groups · rest of the kernel, places)."""
    n, batch, groups, pieces = len(kernel), x.shape[0], how.groups, _pieces(out, x.shape[0])
    copied = slice(0 if pieces == 1 else 1, n)  # the axes along which patches are copied
    x = padded(_batch_last(x, pieces > 1), how)
    x = sliding(x, tuple(range(2, n + 2))[copied], kernel[copied], how.stride[copied], how.dilation[copied])
    x = x.reshape(batch, groups, x.shape[1] // groups, *x.shape[2:])
    (first, *axes), entries = range(3, n + 3), range(n + 3, x.ndim)  # rows, the other axes, the kernel's entries
    if pieces == 1:
        columns = _scratch.copy(x.transpose(1, entries[0], 2, *entries[1:], first, *axes, 0))
        return columns.reshape(groups, 1, math.prod(columns.shape[1 : n + 2]), -1)
    rows = _scratch.copy(x.transpose(1, first, 2, *entries, *axes, 0))
    rows = rows.reshape(groups, len(rows[0]), math.prod(rows.shape[2 : n + 2]), -1)
    rows = sliding(rows, (1,), kernel[:1], how.stride[:1], how.dilation[:1])  # (groups, out rows, …, kernel rows)
    return rows.transpose(0, 1, 4, 2, 3).reshape(groups, pieces, kernel[0] * rows.shape[2], -1)


def _kernels(w: Any, how: Window) -> Any:
    """w (out, channels // groups, *kernel) as (groups, 1, out // groups, kernel rows, the rest)."""
    return np.moveaxis(w, 2, 1).reshape(how.groups, 1, len(w) // how.groups, w.shape[2], -1)


def _maps(u: Any, how: Window) -> Any:
    """u (batch, channels, *out) as (groups, pieces, channels // groups, places)."""
    (batch, channels, first, *rest), groups, pieces = u.shape, how.groups, _pieces(u.shape[2:], len(u))
    u = u.reshape(batch, groups, channels // groups, pieces, first // pieces, *rest)
    return u.transpose(1, 3, 2, *range(4, u.ndim), 0).reshape(groups, pieces, channels // groups, -1)


def _conv(x: Any, w: Any, how: Window) -> Any:
    if x.ndim != w.ndim or x.shape[1] != w.shape[1] * how.groups or w.shape[0] % how.groups:
        raise ValueError(
            f"x must be (batch, channels, …) and w (out, channels // groups, …) with groups={how.groups}, "
            "channels and out multiples of groups"
        )
    out = places(x.shape[2:], w.shape[2:], how)
    kernels, patches = _kernels(w, how), _patches(x, w.shape[2:], out, how)
    y = kernels.reshape(*kernels.shape[:3], -1) @ patches  # what `_maps` makes of the result
    y = y.reshape(*y.shape[:3], out[0] // y.shape[1], *out[1:], len(x))
    return y.transpose(-1, 0, 2, 1, *range(3, y.ndim - 1)).reshape(len(x), len(w), *out)


def _conv_transpose(u: Any, w: Any, size: Sizes, how: Window) -> Any:
    channels, kernel, out, batch = w.shape[1], w.shape[2:], u.shape[2:], len(u)
    if places(size, kernel, how) != out:
        raise ValueError(f"the kernel visits {places(size, kernel, how)} places of {size}, but u has {out}")
    whole = tuple(s + sum(p) for s, p in zip(size, how.padding, strict=True))
    kernels, maps = _kernels(w, how), _maps(u, how)
    dtype, row = np.result_type(u.dtype, w.dtype), (kernels.shape[-1], math.prod(out[1:]) * batch)
    rows = np.zeros_like(u, dtype, "C", shape=(how.groups, whole[0], *row))
    for (i,), (place,) in slabs(kernel[:1], out[:1], how.only(slice(0, 1))):
        part = kernels[:, :, :, i].mT @ maps
        part = part.reshape(*part.shape[:3], out[0] // part.shape[1], -1).swapaxes(2, 3)
        rows[:, place] += part.reshape(how.groups, out[0], *row)
    rows = rows.reshape(how.groups, whole[0], channels, *kernel[1:], *out[1:], batch)
    x = np.zeros_like(u, dtype, "C", shape=(how.groups, whole[0], channels, *whole[1:], batch))
    for at, place in slabs(kernel[1:], out[1:], how.only(slice(1, None))):
        x[(..., *place, slice(None))] += rows[(slice(None), slice(None), slice(None), *at)]
    x = x.transpose(-1, 0, 2, 1, *range(3, x.ndim - 1)).reshape(batch, how.groups * channels, *whole)
    return x[(..., *core(size, how))]


def _conv_weight(u: Any, x: Any, kernel: Sizes, how: Window) -> Any:
    channels = x.shape[1] // how.groups
    w = np.add.reduce(_patches(x, kernel, u.shape[2:], how) @ _maps(u, how).mT, axis=1)
    return np.moveaxis(w.mT.reshape(u.shape[1], kernel[0], channels, *kernel[1:]), 1, 2)


_PLAIN, _STRIDED = window(2), window(2, stride=(2, 1), padding=((1, 0), (1, 1)), dilation=(1, 2))
_LINE, _GROUPED = window(1, stride=2, padding=1), window(2, padding=1, groups=2)

conv = op(
    "conv(x, w, how=None)", _conv, shapes="(2,2,4,5),(3,2,2,2)", linear="x w",
    cases=(
        dict(how=_PLAIN), dict(how=_STRIDED), dict(how=_LINE, shapes="(2,2,6),(3,2,3)"),
        dict(how=_GROUPED, shapes="(1,4,3,3),(2,2,2,2)"), dict(how=window(3), shapes="(1,1,2,3,3),(2,1,2,2,2)"),
    ),
    x=lambda g, x, w, how: conv_transpose(g, w, x.shape[2:], how),
    w=lambda g, x, w, how: conv_weight(g, x, w.shape[2:], how),
    words=dict(
        x="each output sends its gradient back through the kernel to the patch it looked at",
        w="each weight's gradient is the upstream map slid over the input",
    ),
)  # fmt: skip
conv_transpose = op(
    "conv_transpose(u, w, size=(), how=None)", _conv_transpose, shapes="(2,3,3,4),(3,2,2,2)", linear="u w",
    cases=(
        dict(size=(4, 5), how=_PLAIN), dict(size=(4, 5), how=_STRIDED, shapes="(2,3,2,5),(3,2,2,2)"),
        dict(size=(6,), how=_LINE, shapes="(2,3,3),(3,2,3)"),
        dict(size=(3, 3), how=_GROUPED, shapes="(1,2,4,4),(2,2,2,2)"),
    ),
    u=lambda g, w, how: conv(g, w, how),
    w=lambda g, u, w, how: conv_weight(u, g, w.shape[2:], how),
    words=dict(u="each patch of the gradient is weighed by the kernel", w="the gradient's patches against the input"),
)  # fmt: skip
conv_weight = op(
    "conv_weight(u, x, kernel=(), how=None)", _conv_weight, shapes="(2,3,3,4),(2,2,4,5)", linear="u x",
    cases=(
        dict(kernel=(2, 2), how=_PLAIN), dict(kernel=(2, 2), how=_STRIDED, shapes="(2,3,2,5),(2,2,4,5)"),
        dict(kernel=(3,), how=_LINE, shapes="(2,3,3),(2,2,6)"),
        dict(kernel=(2, 2), how=_GROUPED, shapes="(1,2,4,4),(1,4,3,3)"),
    ),
    u=lambda g, x, how: conv(x, g, how),
    x=lambda g, u, x, how: conv_transpose(u, g, x.shape[2:], how),
    words=dict(u="the input slid against the gradient kernel", x="the upstream map sends the kernel gradient back"),
)  # fmt: skip
