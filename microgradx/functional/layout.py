"""What convolution, pooling and normalisation share: the layout of maps, and arguments given once or per axis."""

from collections.abc import Callable
from typing import Any

from microgradx.functional.arguments import numbers
from microgradx.functional.inputs import tensor
from microgradx.functional.shaping import movedim
from microgradx.graph import OpError
from microgradx.rules.shaping import squeeze, unsqueeze


def channels_first(x: Any, channels_last: bool, run: Callable[[Any], Any]) -> Any:
    """`run` on maps laid out as (batch, channels, *size); `channels_last` means they come and go as in Keras."""
    if not channels_last:
        return run(x)
    y = run(movedim(x, -1, 1))
    return tuple(movedim(each, 1, -1) for each in y) if isinstance(y, tuple) else movedim(y, 1, -1)


def over_maps(name: str, n: int, x: Any, channels_last: bool, run: Callable[[Any], Any]) -> Any:
    """`run` on maps laid out as (batch, channels, *size), whatever layout they come in and go out by.

    Without a batch axis there is one map; `channels_last` means (batch, *size, channels), as in Keras.
    """
    x = tensor(x)
    if x.ndim not in (n + 1, n + 2):
        layout = f"{', size' * n}, channels" if channels_last else f", channels{', size' * n}"
        raise OpError(f"{name}: the input must be (batch{layout}), with or without the batch axis, not {x.shape}.")
    if x.ndim == n + 2:
        return channels_first(x, channels_last, run)
    y = channels_first(unsqueeze(x, axis=0), channels_last, run)
    return tuple(squeeze(each, axis=0) for each in y) if isinstance(y, tuple) else squeeze(y, axis=0)


def counts(name: str, what: str, value: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """n whole numbers of at least `least`; a single one stands for every axis."""
    listed = numbers(name, what, value, n)
    if min(listed) < least:
        raise OpError(f"{name}: {what} must be at least {least}, not {value!r}.")
    return listed


def padding_for_same(size: int, reach: int, stride: int) -> tuple[int, int]:
    """The border that makes ceil(size / stride) places; an odd rest goes behind (as in Keras and PyTorch)."""
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2
