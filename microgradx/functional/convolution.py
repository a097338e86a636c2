"""Composites of the convolution rows: fixed numbers of axes, padding by name, a bias that is added."""

from typing import Any

from microgradx.functional.inputs import tensor
from microgradx.functional.layout import counts, over_maps, padding_for_same
from microgradx.graph import OpError
from microgradx.rules import convolution as rows
from microgradx.rules.shaping import flip, index, pad, reshape


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """Cross-correlation along one axis: x (batch, channels, length), weight (out, channels // groups, kernel).

    All arguments as for `conv2d`.
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups, channels_last)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """Cross-correlation of images, as in deep learning.

    Args:
        x: (batch, channels, height, width), or without the batch axis.
        weight: (out, channels // groups, kernel height, kernel width).
        bias: (out,), added to every place of its map; or None.
        stride, dilation: one number, or one per axis.
        padding: one number, one per axis, "valid" (none) or "same" (output as large as the input, stride 1).
        groups: how many groups the channels fall into, each with its own kernels.
        channels_last: x and the result are (batch, height, width, channels), as in Keras; weight stays as above.

    Returns:
        (batch, out, H', W') with H' = (H + 2·padding − dilation·(kernel − 1) − 1) // stride + 1.
        (Dumoulin & Visin, A guide to convolution arithmetic, 2016, relationship 15.)

    Raises:
        OpError: shapes, groups or numbers that do not fit.
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups, channels_last)


def conv3d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """Cross-correlation of volumes: x (batch, channels, depth, height, width); arguments as for `conv2d`."""
    return _conv(3, x, weight, bias, stride, padding, dilation, groups, channels_last)


def _conv(
    n: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int, channels_last: bool
) -> Any:
    name = f"conv{n}d"
    w = _kernel(name, n, w)
    strides, dilations = counts(name, "stride", stride, n), counts(name, "dilation", dilation, n)
    (groups,) = counts(name, "groups", groups, 1)
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, w.shape[2:], strict=True)]
    if not isinstance(padding, str):
        padding = counts(name, "padding", padding, n, least=0)
    elif padding == "same":
        if set(strides) != {1}:
            raise OpError(f"{name}: padding='same' needs stride 1 (the output is as large as the input).")
        padding = tuple(padding_for_same(r, r, 1) for r in reach)
    elif padding == "valid":
        padding = 0
    else:
        raise OpError(f"{name}: padding is a number, one number per axis, 'valid' or 'same', not {padding!r}.")
    how = rows.window(n, strides, padding, dilations, groups)
    return over_maps(name, n, x, channels_last, lambda x: _plus(name, n, rows.conv(x, w, how=how), b))


def conv_transpose1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """`conv_transpose2d` along one axis: x (batch, channels, length), weight (channels, out // groups, kernel)."""
    return _transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation, channels_last)


def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """What sends a gradient back through `conv2d`, as an op of its own: each input element stamps the kernel.

    Args:
        x: (batch, channels, height, width), or without the batch axis.
        weight: (channels, out // groups, kernel height, kernel width).
        bias, stride, dilation, groups, channels_last: as for `conv2d`.
        padding: how much of the result's border is cut off.
        output_padding: how much longer the result is at the end; less than the stride or the dilation.

    Returns:
        (batch, out, H', W') with H' = (H − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1.
    """
    return _transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation, channels_last)


def _transpose(
    n: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, extra: Any, groups: int, dilation: Any, last: bool
) -> Any:
    name = f"conv_transpose{n}d"
    w = _kernel(name, n, w)
    strides, dilations = counts(name, "stride", stride, n), counts(name, "dilation", dilation, n)
    cuts, extras = counts(name, "padding", padding, n, least=0), counts(name, "output_padding", extra, n, least=0)
    (groups,) = counts(name, "groups", groups, 1)
    if any(e >= max(s, d) for e, s, d in zip(extras, strides, dilations, strict=True)):
        raise OpError(f"{name}: output_padding {extra} must be smaller than the stride or the dilation.")
    borders = tuple((c, max(c - e, 0)) for c, e in zip(cuts, extras, strict=True))
    how = rows.window(n, strides, borders, dilations, groups)

    def run(x: Any) -> Any:
        stamped = [
            (m - 1) * s + d * (k - 1) + 1
            for m, s, d, k in zip(x.shape[2:], strides, dilations, w.shape[2:], strict=True)
        ]
        size = tuple(m - sum(border) for m, border in zip(stamped, borders, strict=True))
        if x.shape[1] != w.shape[0] or w.shape[0] % groups or min(size) < 1:
            raise OpError(
                f"{name}: x {x.shape} and weight {w.shape} do not fit: the channels must agree, in {groups} groups, "
                f"and the result, of size {size}, must not be empty."
            )
        y = rows.conv_transpose(x, w, size=size, how=how)
        beyond = tuple((0, max(e - c, 0)) for c, e in zip(cuts, extras, strict=True))
        return _plus(name, n, pad(y, pads=((0, 0), (0, 0), *beyond)) if any(map(any, beyond)) else y, b)

    return over_maps(name, n, x, last, run)


def _kernel(name: str, n: int, w: Any) -> Any:
    w = tensor(w)
    if w.ndim != n + 2 or 0 in w.shape:
        raise OpError(f"{name}: the weight must be (out, channels // groups{', kernel' * n}), not {w.shape}.")
    return w


def _plus(name: str, n: int, y: Any, b: Any) -> Any:
    if b is None:
        return y
    b = tensor(b)
    if b.shape != y.shape[1:2]:
        raise OpError(
            f"{name}: the bias must have one entry for each of the {y.shape[1]} output channels, not {b.shape}."
        )
    return y + reshape(b, shape=(-1,) + (1,) * n)


def correlate(x: Any, w: Any, mode: str = "full") -> Any:
    """Cross-correlation of two vectors or two images, with SciPy's borders: w slides over x, unflipped.

    Args:
        x, w: both of shape (n,) or both (n, m); no batch, no channels.
        mode: "full" wherever they overlap, "same" the middle of that, as large as x, or "valid" where one lies
            wholly inside the other. For even kernels "same" is shifted by one against conv's padding="same".

    (The results are those of scipy.signal.correlate in one and two dimensions. SciPy's correlate2d keeps another middle
    of an even kernel for "same", the one of padding="same"; for odd kernels and the other modes all agree.)
    """
    return convolve(x, flip(tensor(w)), mode)


def convolve(x: Any, w: Any, mode: str = "full") -> Any:
    """True convolution of two vectors or two images: w is turned round before it slides; modes as for `correlate`.

    >>> convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5]).data.tolist()
    [0.0, 1.0, 2.5, 4.0, 1.5]
    """
    x, w = tensor(x), tensor(w)
    n = x.ndim
    if n not in (1, 2) or w.ndim != n or 0 in x.shape + w.shape:
        raise OpError(f"convolve and correlate take two vectors or two images, not {x.shape} and {w.shape}.")
    if mode not in ("full", "same", "valid"):
        raise OpError(f"convolve and correlate: mode is 'full', 'same' or 'valid', not {mode!r}.")
    if mode == "valid" and all(k >= m for k, m in zip(w.shape, x.shape, strict=True)):
        x, w = w, x
    if mode == "valid" and any(k > m for k, m in zip(w.shape, x.shape, strict=True)):
        raise OpError(
            f"convolve and correlate: for mode='valid' one input must contain the other: {x.shape}, {w.shape}."
        )
    behind = [0 if mode == "valid" else k - 1 if mode == "full" else (k - 1) // 2 for k in w.shape]
    before = [
        0 if mode == "valid" else k - 1 - (b if mode == "same" else 0) for k, b in zip(w.shape, behind, strict=True)
    ]
    how = rows.window(n, padding=tuple(zip(before, behind, strict=True)))
    one = reshape(x, shape=(1, 1, *x.shape)), reshape(flip(w), shape=(1, 1, *w.shape))
    return index(rows.conv(*one, how=how), key=(0, 0))
