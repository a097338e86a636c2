"""Composites of the convolution row: fixed numbers of axes, padding by name, a bias that is added."""

from typing import Any

import numpy as np

from microgradx.graph import OpError
from microgradx.rules import convolution as rows
from microgradx.rules.shaping import reshape, squeeze, unsqueeze


def conv2d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """Cross-correlation of images, as in deep learning.

    Args:
        x: (batch, channels, height, width), or without the batch axis.
        w: (out, channels // groups, kernel height, kernel width).
        b: (out,), added to every place of its map; or None.
        stride, dilation: one number, or one per axis.
        padding: one number, one per axis, "valid" (none) or "same" (output as large as the input).
        groups: how many groups the channels fall into, each with its own kernels.

    Returns:
        (batch, out, H', W') with H' = (H + 2·padding − dilation·(kernel − 1) − 1) // stride + 1.
        (Dumoulin & Visin, A guide to convolution arithmetic, 2016, relationship 15.)
    """
    return _conv(2, x, w, b, stride, padding, dilation, groups)


def _conv(n: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    name = f"conv{n}d"
    shape, kernel = np.shape(x), np.shape(w)
    if len(kernel) != n + 2 or len(shape) not in (n + 1, n + 2):
        raise OpError(
            f"{name}: x is {shape}, w is {kernel}; x must be (batch, channels{', size' * n}) and "
            f"w (out, channels // groups{', size' * n})."
        )
    if isinstance(padding, str):
        padding = _named_padding(name, padding, kernel[2:], stride, dilation)
    how = rows.window(n, stride, padding, dilation, groups)
    if any(s < 1 for s in (*how.stride, *how.dilation, groups)) or any(p < 0 for pair in how.padding for p in pair):
        raise OpError(f"{name}: stride, dilation and groups must be at least 1 and padding at least 0; got {how}.")
    single = len(shape) == n + 1
    y = rows.conv(unsqueeze(x, 0) if single else x, w, how=how)
    if b is not None:
        y = y + reshape(b, shape=(-1,) + (1,) * n)
    return squeeze(y, 0) if single else y


def _named_padding(name: str, padding: str, kernel: tuple[int, ...], stride: Any, dilation: Any) -> Any:
    if padding == "valid":
        return 0
    if padding != "same":
        raise OpError(f"{name}: padding is a number, one number per axis, 'valid' or 'same', not {padding!r}.")
    each = rows.window(len(kernel), stride, 0, dilation)
    if set(each.stride) != {1}:
        raise OpError(f"{name}: padding='same' needs stride 1 (the output is as large as the input).")
    total = [d * (k - 1) for d, k in zip(each.dilation, kernel, strict=True)]
    return tuple((t // 2, t - t // 2) for t in total)  # an odd rest goes behind, as in PyTorch
