"""Rows: convolution (as in deep learning: cross-correlation) over any number of spatial axes.

One trilinear form, three readings. With u, x, w fixed in shape, <u, conv(x, w)> is linear in each, and its
gradients are the three rows: conv (in u), conv_transpose (in x), conv_weight (in w). So each row's rules are
the other two. (Dumoulin & Visin, A guide to convolution arithmetic for deep learning, 2016.)
Layout: x is (batch, channels, *size), w is (out, channels // groups, *kernel).

Each row is one matrix product with the patches that the kernel visits, laid out as columns. Inside, the batch is
the last axis in memory: then every patch entry is copied as long runs, which is what makes it fast.
"""

import math
import threading
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


class _Scratch(threading.local):
    """Memory for columns that live only inside one run: fresh pages would cost as much as the arithmetic."""

    flat: Any = None

    def array(self, shape: Sizes, dtype: Any) -> Any:
        """An array with arbitrary content; it is overwritten by the next one that is asked for."""
        count = math.prod(shape)
        if dtype.hasobject or count * dtype.itemsize > _KEPT:
            return np.empty(shape, dtype)
        if self.flat is None or self.flat.nbytes < count * dtype.itemsize:
            self.flat = np.empty(count * dtype.itemsize, np.uint8)
        return self.flat[: count * dtype.itemsize].view(dtype).reshape(shape)


_KEPT = 2**26  # bytes that a thread may keep for its next convolution
_scratch = _Scratch()


def _columns(x: Any, kernel: Sizes, out: Sizes, how: Window) -> Any:
    """The patches of x as columns, in scratch memory: (groups, channels // groups · kernel, out · batch)."""
    x = np.moveaxis(x, 0, -1)
    if any(map(any, how.padding)):
        padded = np.zeros((len(x), *(s + sum(p) for s, p in zip(x.shape[1:], how.padding)), x.shape[-1]), x.dtype)
        padded[(slice(None), *core(x.shape[1:-1], how))] = x
    else:
        padded = np.ascontiguousarray(x)
    cols = _scratch.array((len(x), *kernel, *out, x.shape[-1]), x.dtype)
    for at, place in slabs(kernel, out, how):
        cols[(slice(None), *at)] = padded[(slice(None), *place)]
    return cols.reshape(how.groups, len(x) // how.groups * math.prod(kernel), -1)


def _rows(u: Any, how: Window) -> Any:
    """A map u (batch, channels, *out) as (groups, channels // groups, out · batch)."""
    return np.moveaxis(u, 0, -1).reshape(how.groups, u.shape[1] // how.groups, -1)


def _cut(maps: Any, out: Sizes) -> Any:
    """(groups, pieces, channels, places): long thin products run twice as fast in pieces that stay in the cache."""
    pieces = out[0] if maps.shape[-1] > 8192 else 1
    return maps.reshape(*maps.shape[:2], pieces, -1).swapaxes(1, 2)


def _conv(x: Any, w: Any, how: Window) -> Any:
    if x.ndim != w.ndim or x.shape[1] != w.shape[1] * how.groups or w.shape[0] % how.groups:
        raise ValueError(
            f"x must be (batch, channels, …) and w (out, channels // groups, …) with groups={how.groups}, "
            "channels and out multiples of groups"
        )
    out = places(x.shape[2:], w.shape[2:], how)
    kernels, cols = w.reshape(how.groups, 1, len(w) // how.groups, -1), _columns(x, w.shape[2:], out, how)
    y = np.empty((how.groups, len(w) // how.groups, cols.shape[-1]), np.result_type(x, w))
    np.matmul(kernels, _cut(cols, out), out=_cut(y, out))
    return np.moveaxis(y.reshape(len(w), *out, len(x)), -1, 0)


def _conv_transpose(u: Any, w: Any, size: Sizes, how: Window) -> Any:
    kernels = w.reshape(how.groups, 1, len(w) // how.groups, -1)
    channels, kernel, out = w.shape[1] * how.groups, w.shape[2:], u.shape[2:]
    if places(size, kernel, how) != out:
        raise ValueError(f"the kernel visits {places(size, kernel, how)} places of {size}, but u has {out}")
    maps, dtype = _rows(u, how), np.result_type(u, w)
    flat = _scratch.array((how.groups, kernels.shape[-1], maps.shape[-1]), dtype)
    np.matmul(kernels.mT, _cut(maps, out), out=_cut(flat, out))
    cols = flat.reshape(channels, *kernel, *out, len(u))
    x = np.zeros((channels, *(s + sum(p) for s, p in zip(size, how.padding, strict=True)), len(u)), dtype)
    for at, place in slabs(kernel, out, how):
        x[(slice(None), *place)] += cols[(slice(None), *at)]
    return np.moveaxis(x[(slice(None), *core(size, how))], -1, 0)


def _conv_weight(u: Any, x: Any, kernel: Sizes, how: Window) -> Any:
    out = u.shape[2:]
    w = np.add.reduce(_cut(_columns(x, kernel, out, how), out) @ _cut(_rows(u, how), out).mT, axis=1)
    return w.mT.reshape(u.shape[1], x.shape[1] // how.groups, *kernel)


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
