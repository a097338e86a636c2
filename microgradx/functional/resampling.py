"""Composites that change how many pixels a map has: interpolation, pixel shuffle, windows as columns and back."""

import math
from typing import Any

import numpy as np

from microgradx.functional.arguments import along, constant
from microgradx.functional.inputs import real, tensor
from microgradx.functional.layout import channels_first, counts, over_maps
from microgradx.functional.shaping import movedim
from microgradx.graph import OpError
from microgradx.rules import pooling as rows
from microgradx.rules.convolution import places, window
from microgradx.rules.linear_algebra import matmul
from microgradx.rules.shaping import index, mT, reshape, squeeze, transpose

_LINEAR = {"linear": 1, "bilinear": 2}  # how many spatial axes each takes


def interpolate(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None, *,
    channels_last: bool = False,
) -> Any:  # fmt: skip
    """Maps (batch, channels, *size) made larger or smaller.

    Args:
        size, scale_factor: the new size, or how many times the old one; one number or one per axis, one of the two.
        mode: "nearest" copies the element at floor(place · old / new); "linear" (one axis) and "bilinear" (two)
            mix the two nearest on each axis, which is a product with a matrix of two shares a row.
        align_corners: for the linear modes, whether the corner elements stay at the corners.
        channels_last: x and the result are (batch, *size, channels), as in Keras.
    """
    return channels_first(tensor(x), channels_last, lambda x: _resized(x, size, scale_factor, mode, align_corners))


def _resized(x: Any, size: Any, scale_factor: Any, mode: str, align_corners: bool | None) -> Any:
    n = x.ndim - 2
    if mode not in ("nearest", *_LINEAR) or n < 1 or _LINEAR.get(mode, n) != n:
        raise OpError(
            f"interpolate: mode {mode!r} does not fit shape {x.shape}; use 'nearest', 'linear' or 'bilinear'."
        )
    if (size is None) == (scale_factor is None):
        raise OpError("interpolate needs either size or scale_factor, and not both.")
    if mode == "nearest" and align_corners is not None:
        raise OpError("interpolate: align_corners belongs to the linear modes.")
    if mode != "nearest":
        x = real("interpolate", x)  # shares of whole numbers are none
    old = x.shape[2:]
    if size is not None:
        new = counts("interpolate", "size", size, n)
        steps = [a / b for a, b in zip(old, new, strict=True)]
    else:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
        new = tuple(math.floor(a * f) for a, f in zip(old, factors, strict=True))
        steps = [1 / f for f in factors]
        counts("interpolate", "the new size", new, n)
    for k, (a, b, step) in enumerate(zip(old, new, steps, strict=True)):
        axis = 2 + k
        if mode == "nearest":
            at = np.minimum((np.arange(b) * step).astype(int), a - 1)
            x = index(x, key=along(axis, at))
            continue
        shares = constant(_shares(a, b, step, bool(align_corners)).astype(x.dtype))
        x = matmul(x, mT(shares)) if axis == x.ndim - 1 else matmul(shares, x)
    return x


def _shares(old: int, new: int, step: float, corners: bool) -> Any:
    """The matrix (new, old) whose rows hold the shares of the two elements that a new one lies between."""
    if corners:
        at = np.linspace(0, old - 1, new) if new > 1 else np.zeros(1)
    else:
        at = np.clip((np.arange(new) + 0.5) * step - 0.5, 0, old - 1)  # pixels are areas: centres, not edges, meet
    low = np.minimum(at.astype(int), old - 1)
    row = np.arange(new)
    shares = np.zeros((new, old))
    np.add.at(shares, (row, low), 1 - (at - low))
    np.add.at(shares, (row, np.minimum(low + 1, old - 1)), at - low)
    return shares


def pixel_shuffle(x: Any, upscale_factor: int, *, channels_last: bool = False) -> Any:
    """(…, channels · r², height, width) → (…, channels, height · r, width · r): channels become pixels.

    With `channels_last`, (…, height, width, channels · r²); there too the r² pixels of one channel stand together (in
    TensorFlow's depth_to_space all channels of one pixel do).
    (Shi et al. 2016, Real-time single image super-resolution.)
    """
    x = tensor(x)
    if channels_last and x.ndim > 2:
        return movedim(pixel_shuffle(movedim(x, -1, -3), upscale_factor), -3, -1)
    (r,) = counts("pixel_shuffle", "upscale_factor", upscale_factor, 1)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise OpError(f"pixel_shuffle: the {x.shape[-3:-2]} channels must be a multiple of {r}² in shape {x.shape}.")
    *batch, channels, height, width = x.shape
    apart = reshape(x, shape=(*batch, channels // (r * r), r, r, height, width))
    n = len(batch)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return reshape(transpose(apart, axes=order), shape=(*batch, channels // (r * r), height * r, width * r))


def unfold(
    x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1, *, channels_last: bool = False
) -> Any:  # fmt: skip
    """Every window of an image as a column: (batch, channels, H, W) → (batch, channels · kernel, windows).

    With `channels_last`, as a row: (batch, H, W, channels) → (batch, windows, channels · kernel).
    """
    kernel, how = _sliding("unfold", kernel_size, dilation, padding, stride)

    def run(x: Any) -> Any:
        seen = transpose(rows.windows(x, kernel=kernel, how=how), axes=(0, 1, 4, 5, 2, 3))
        return reshape(seen, shape=(*x.shape[:1], x.shape[1] * math.prod(kernel), math.prod(seen.shape[4:])))

    return over_maps("unfold", 2, x, channels_last, run)


def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1, *,
    channels_last: bool = False,
) -> Any:  # fmt: skip
    """Columns put back as windows of an image of `output_size`, added where they overlap: what undoes `unfold`.

    x: (batch, channels · kernel, windows); with `channels_last`, (batch, windows, channels · kernel).
    """
    x = tensor(x)
    if channels_last and x.ndim > 1:
        return movedim(fold(mT(x), output_size, kernel_size, dilation, padding, stride), -3, -1)
    size = counts("fold", "output_size", output_size, 2)
    kernel, how = _sliding("fold", kernel_size, dilation, padding, stride)
    try:
        out = places(size, kernel, how)
    except ValueError as problem:
        raise OpError(f"fold: {problem}.") from None
    if x.ndim not in (2, 3) or x.shape[-2] % math.prod(kernel) or x.shape[-1] != math.prod(out):
        raise OpError(
            f"fold: the input must be (batch, channels · {math.prod(kernel)}, {math.prod(out)} windows), not {x.shape}."
        )
    columns = reshape(x, shape=(-1, x.shape[-2] // math.prod(kernel), *kernel, *out))
    y = rows.overlap_add(transpose(columns, axes=(0, 1, 4, 5, 2, 3)), size=size, how=how)
    return y if x.ndim == 3 else squeeze(y, axis=0)


def _sliding(name: str, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[tuple[int, ...], Any]:
    apart, border = counts(name, "dilation", dilation, 2), counts(name, "padding", padding, 2, least=0)
    return counts(name, "kernel_size", kernel, 2), window(2, counts(name, "stride", stride, 2), border, apart)
