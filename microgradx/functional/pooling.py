"""Composites of the window rows: max and average pooling, with fixed windows or to a fixed size."""

import math
from typing import Any

import numpy as np

from microgradx.functional.arguments import bare, constant
from microgradx.functional.inputs import real, tensor
from microgradx.functional.layout import counts, over_maps, padding_for_same
from microgradx.functional.reductions import max as largest
from microgradx.graph import OpError
from microgradx.rules import pooling as rows
from microgradx.rules.convolution import Window, places, window
from microgradx.rules.linear_algebra import matmul
from microgradx.rules.reductions import sum
from microgradx.rules.shaping import index, mT, reshape, transpose


def max_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """`max_pool2d` along one axis: x (batch, channels, length)."""
    return _max(1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, channels_last)


def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window; the gradient goes to it, of equals to the first.

    Args:
        x: (batch, channels, height, width), or without the batch axis.
        kernel_size: the window's size, one number or one per axis.
        stride: how far the window moves; its own size when left out.
        padding: a border of −∞: one number, one per axis, at most half the window; or "same", for
            ceil(size / stride) windows, the border's odd rest behind (as in Keras).
        dilation: the distance between the elements of a window.
        ceil_mode: also take the window that starts inside but reaches beyond the end.
        return_indices: give (values, indices), the winners' numbers in their flattened map.
        channels_last: x and the result are (batch, height, width, channels), as in Keras.

    Raises:
        OpError: windows that do not fit.
    """
    return _max(2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, channels_last)


def avg_pool1d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool | None = None, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """`avg_pool2d` along one axis: x (batch, channels, length)."""
    return _average(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None, channels_last)


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool | None = None, divisor_override: int | None = None, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """The average of each window; every element of it gets an equal share of the gradient.

    Args:
        count_include_pad: whether the zeros of the border count as elements. When left out they do, as in
            PyTorch; not so with padding="same", as in Keras.
        divisor_override: divide by this number instead of the number of elements.

    The other arguments are those of `max_pool2d`; the border holds zeros.
    """
    return _average(
        2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, channels_last
    )  # fmt: skip


def _max(
    n: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, indices: bool, last: bool
) -> Any:
    name = f"max_pool{n}d"

    def run(x: Any) -> Any:
        sizes, how = _window(name, n, x, kernel, stride, padding, dilation, ceil)
        y = rows.max_pool(x, kernel=sizes, how=how)
        return (y, _numbers(bare(rows.winner(x, kernel=sizes, how=how)), x.shape[2:], sizes, how)) if indices else y

    return over_maps(name, n, x, last, run)


def _numbers(winner: Any, size: tuple[int, ...], kernel: tuple[int, ...], how: Window) -> Any:
    """Places inside the windows as numbers of elements in the flattened map."""
    offsets = np.unravel_index(winner, kernel)
    starts = np.ogrid[tuple(slice(m) for m in winner.shape[2:])]
    at = [
        start * s - before + offset * d
        for start, s, (before, _), offset, d in zip(starts, how.stride, how.padding, offsets, how.dilation, strict=True)
    ]
    return constant(np.ravel_multi_index(tuple(at), size))


def _average(
    n: int, x: Any, kernel: Any, stride: Any, padding: Any, ceil: bool, include: bool | None, divisor: Any, last: bool
) -> Any:
    name = f"avg_pool{n}d"
    include = padding != "same" if include is None else include
    if divisor is not None and not divisor:
        raise OpError(f"{name}: divisor_override must not be 0.")

    def run(x: Any) -> Any:
        sizes, how = _window(name, n, x, kernel, stride, padding, 1, ceil)
        total = sum(rows.windows(x, kernel=sizes, how=how), axis=tuple(range(-n, 0)))
        return total / (divisor or _members(x.shape[2:], sizes, how, include, padding, x.dtype))

    return over_maps(name, n, x, last, run)


def _members(size: Any, kernel: Any, how: Window, include: bool, padding: Any, dtype: Any) -> Any:
    """How many elements each window averages: a number when all agree, else one per window."""
    count: Any = np.ones((), dtype)
    for m, k, s, (before, behind), p in zip(
        size,
        kernel,
        how.stride,
        how.padding,
        how.padding if padding == "same" else _pairs(padding, len(size)),
        strict=True,
    ):
        low, high = (-before, m + p[1]) if include else (0, m)
        starts = np.arange(0, m + before + behind - k + 1, s) - before
        count = np.multiply.outer(count, (np.minimum(starts + k, high) - np.maximum(starts, low)).astype(dtype))
    return float(count.flat[0]) if np.all(count == count.flat[0]) else constant(count)


def _pairs(padding: Any, n: int) -> list[tuple[int, int]]:
    return [(p, p) for p in ((padding,) * n if isinstance(padding, int) else padding)]


def _window(
    name: str, n: int, x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> tuple[tuple[int, ...], Window]:
    """The window's sizes and how it slides, its border long enough for the last window of `ceil_mode`."""
    sizes, apart = counts(name, "kernel_size", kernel, n), counts(name, "dilation", dilation, n)
    steps = sizes if stride is None or stride == () else counts(name, "stride", stride, n)
    reach = [d * (k - 1) + 1 for k, d in zip(sizes, apart, strict=True)]
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise OpError(f"{name}: padding is a number, one number per axis, 'valid' or 'same', not {padding!r}.")
        sides = [padding_for_same(*each) if padding == "same" else (0, 0) for each in zip(x.shape[2:], reach, steps)]
        return sizes, window(n, steps, tuple(sides), apart)
    sides = []
    for m, r, s, p in zip(x.shape[2:], reach, steps, counts(name, "padding", padding, n, least=0), strict=True):
        if 2 * p > r:
            raise OpError(f"{name}: padding {padding} is more than half of the window's reach {tuple(reach)}.")
        rest = m + 2 * p - r
        last = -(-rest // s) if ceil else rest // s  # the last window's number
        if last * s >= m + p:
            last -= 1  # it would see nothing but border
        if rest < 0 and last < 0:
            raise OpError(
                f"{name}: windows that reach {tuple(reach)} do not fit into {x.shape[2:]} with padding {padding}."
            )
        sides.append((p, max(p, last * s + r - m - p)))
    how = window(n, steps, tuple(sides), apart)
    places(x.shape[2:], sizes, how)
    return sizes, how


def adaptive_avg_pool1d(x: Any, output_size: Any, *, channels_last: bool = False) -> Any:
    """`adaptive_avg_pool2d` along one axis."""
    return over_maps("adaptive_avg_pool1d", 1, x, channels_last, lambda x: _adaptive_average(1, x, output_size))


def adaptive_avg_pool2d(x: Any, output_size: Any, *, channels_last: bool = False) -> Any:
    """Averages over as many nearly equal parts as `output_size` says; part k covers floor(k·n/m) … ceil((k+1)·n/m).

    Each axis is multiplied by a matrix of shares, so the gradient is multiplied by its transpose.
    `output_size` is one number, or one per axis, None keeping an axis.
    """
    return over_maps("adaptive_avg_pool2d", 2, x, channels_last, lambda x: _adaptive_average(2, x, output_size))


def adaptive_max_pool1d(x: Any, output_size: Any, return_indices: bool = False, *, channels_last: bool = False) -> Any:
    """`adaptive_max_pool2d` along one axis."""
    return over_maps(
        "adaptive_max_pool1d", 1, x, channels_last, lambda x: _adaptive_max(1, x, output_size, return_indices)
    )


def adaptive_max_pool2d(x: Any, output_size: Any, return_indices: bool = False, *, channels_last: bool = False) -> Any:
    """The largest element of each part, the parts being those of `adaptive_avg_pool2d`."""
    return over_maps(
        "adaptive_max_pool2d", 2, x, channels_last, lambda x: _adaptive_max(2, x, output_size, return_indices)
    )


def _parts(name: str, n: int, x: Any, output_size: Any) -> list[tuple[Any, Any]]:
    """Per axis, where its parts begin and end."""
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    wanted = [m if w is None else w for w, m in zip(wanted, x.shape[2:])] if len(wanted) == n else wanted
    parts = counts(name, "output_size", tuple(wanted), n)
    return [(np.arange(p) * m // p, -(-(np.arange(p) + 1) * m // p)) for p, m in zip(parts, x.shape[2:], strict=True)]


def _adaptive_average(n: int, x: Any, output_size: Any) -> Any:
    x = real(f"adaptive_avg_pool{n}d", x)
    shares = []
    for (start, end), m in zip(_parts(f"adaptive_avg_pool{n}d", n, x, output_size), x.shape[2:], strict=True):
        inside = (np.arange(m) >= start[:, None]) & (np.arange(m) < end[:, None])
        shares.append(constant((inside / (end - start)[:, None]).astype(x.dtype)))
    x = matmul(x, mT(shares[-1]))
    return matmul(shares[0], x) if n == 2 else x


def _adaptive_max(n: int, x: Any, output_size: Any, return_indices: bool) -> Any:
    key: list[Any] = []
    for axis, (start, end) in enumerate(_parts(f"adaptive_max_pool{n}d", n, x, output_size)):
        most = int(np.max(end - start))
        members = np.minimum(start[:, None] + np.arange(most), end[:, None] - 1)  # a short part repeats its last
        key.append(members.reshape(members.shape + (1, 1) * (n - 1 - axis)))
    seen = index(x, key=(..., *key))
    order = (0, 1, *range(2, 2 + 2 * n, 2), *range(3, 3 + 2 * n, 2))
    apart = transpose(seen, axes=order)
    y, winner = largest(reshape(apart, shape=(*apart.shape[: 2 + n], math.prod(apart.shape[2 + n :]))), -1)
    if not return_indices:
        return y
    flat = np.arange(int(np.prod(x.shape[2:]))).reshape(x.shape[2:])[tuple(key)]
    flat = flat.transpose([a - 2 for a in order[2:]]).reshape(*apart.shape[2 : 2 + n], -1)
    flat = np.broadcast_to(flat, (*x.shape[:2], *flat.shape))
    return y, constant(np.take_along_axis(flat, bare(tensor(winner))[..., None], -1)[..., 0])
