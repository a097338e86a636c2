"""Rows: convolution (as in deep learning: cross-correlation) over any number of spatial axes.

One trilinear form, three readings. With u, x, w fixed in shape, <u, conv(x, w)> is linear in each, and its
gradients are the three rows: conv (in u), conv_transpose (in x), conv_weight (in w). So each row's rules are
the other two. (Dumoulin & Visin, A guide to convolution arithmetic for deep learning, 2016.)
Layout: x is (batch, channels, *size), w is (out, channels // groups, *kernel).
"""

from itertools import product
from typing import Any, NamedTuple

import numpy as np

from microgradx.rules.op import op


class Window(NamedTuple):
    """How the kernel slides: one entry per spatial axis, except groups."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def __repr__(self) -> str:
        pad = tuple(a if a == b else (a, b) for a, b in self.padding)
        rest = f", dilation {self.dilation}" if set(self.dilation) != {1} else ""
        rest += f", groups {self.groups}" if self.groups != 1 else ""
        return f"(stride {self.stride}, padding {pad}{rest})"


def window(n: int, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Window:
    """A Window for n spatial axes; a single number stands for every axis."""

    def each(value: Any) -> tuple[Any, ...]:
        return (value,) * n if isinstance(value, int) else tuple(value)

    pads = tuple((p, p) if isinstance(p, int) else tuple(p) for p in each(padding))
    return Window(each(stride), pads, each(dilation), groups)


def windows(x: Any, kernel: tuple[int, ...], how: Window) -> Any:
    """Every patch the kernel visits: (batch, channels, *out, *kernel), a view of the padded input."""
    n = len(kernel)
    if any(p for pair in how.padding for p in pair):
        x = np.pad(x, ((0, 0), (0, 0), *how.padding))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(how.dilation, kernel, strict=True))
    if any(r > size for r, size in zip(reach, x.shape[2:], strict=True)):
        raise ValueError(f"the kernel reaches over {reach}, more than the padded input's {x.shape[2:]}")
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, 2 + n)))
    steps = tuple(slice(None, None, s) for s in (*how.stride, *how.dilation))
    return view[(slice(None), slice(None), *steps)]


def _by_group(run: Any, how: Window, *parts: tuple[Any, int], join: int) -> Any:
    """Run each group of channels alone; `parts` are (array, the axis its groups lie along)."""
    if how.groups == 1:
        return run(*(array for array, _ in parts))
    pieces = zip(*(np.split(array, how.groups, axis=axis) for array, axis in parts), strict=True)
    return np.concatenate([run(*piece) for piece in pieces], axis=join)


def _conv(x: Any, w: Any, how: Window) -> Any:
    n = w.ndim - 2
    if x.ndim != w.ndim or x.shape[1] != w.shape[1] * how.groups or w.shape[0] % how.groups:
        raise ValueError(
            f"x must be (batch, channels, …) and w (out, channels // groups, …) with groups={how.groups}, "
            "channels and out multiples of groups"
        )
    patch = (1, *range(2 + n, 2 + 2 * n))
    kernel = tuple(range(1, 2 + n))

    def run(x: Any, w: Any) -> Any:
        return np.moveaxis(np.tensordot(w, windows(x, w.shape[2:], how), (kernel, patch)), 1, 0)

    return _by_group(run, how, (x, 1), (w, 0), join=1)


def _conv_transpose(u: Any, w: Any, size: tuple[int, ...], how: Window) -> Any:
    def run(u: Any, w: Any) -> Any:
        cols: Any = np.tensordot(w, u, ((0,), (1,)))  # (channels, *kernel, batch, *out)
        padded = tuple(s + sum(p) for s, p in zip(size, how.padding, strict=True))
        out = np.zeros((w.shape[1], u.shape[0], *padded), dtype=cols.dtype)
        for at in product(*(range(k) for k in w.shape[2:])):
            place = tuple(
                slice(i * d, i * d + s * (n - 1) + 1, s)
                for i, d, s, n in zip(at, how.dilation, how.stride, u.shape[2:], strict=True)
            )
            out[(slice(None), slice(None), *place)] += cols[(slice(None), *at)]
        core = tuple(slice(a, a + s) for (a, _), s in zip(how.padding, size, strict=True))
        return np.moveaxis(out[(slice(None), slice(None), *core)], 0, 1)

    return _by_group(run, how, (u, 1), (w, 0), join=1)


def _conv_weight(u: Any, x: Any, kernel: tuple[int, ...], how: Window) -> Any:
    places = (0, *range(2, u.ndim))

    def run(u: Any, x: Any) -> Any:
        return np.tensordot(u, _fitting(windows(x, kernel, how), u), (places, places))

    return _by_group(run, how, (u, 1), (x, 1), join=0)


def _fitting(view: Any, u: Any) -> Any:
    """The windows that u has entries for (a transposed convolution may leave a rest at the end)."""
    return view[(slice(None), slice(None), *(slice(n) for n in u.shape[2:]))]


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
    ),
    u=lambda g, x, how: conv(x, g, how),
    x=lambda g, u, x, how: conv_transpose(u, g, x.shape[2:], how),
    words=dict(u="the input slid against the gradient kernel", x="the upstream map sends the kernel gradient back"),
)  # fmt: skip
