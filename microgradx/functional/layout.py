"""What convolution and pooling share: the layout of maps, and arguments given once or per axis."""

from collections.abc import Callable
from typing import Any

from microgradx.functional.arguments import numbers
from microgradx.functional.inputs import tensor
from microgradx.functional.shaping import movedim
from microgradx.graph import OpError
from microgradx.rules.shaping import squeeze, unsqueeze


def over_maps(name: str, n: int, x: Any, channels_last: bool, run: Callable[[Any], Any]) -> Any:
    """`run` on maps laid out as (batch, channels, *size), whatever layout they come in and go out by.

    Without a batch axis there is one map; `channels_last` means (batch, *size, channels), as in Keras.
    """
    x = tensor(x)
    if x.ndim not in (n + 1, n + 2):
        layout = f"{', size' * n}, channels" if channels_last else f", channels{', size' * n}"
        raise OpError(f"{name}: the input must be (batch{layout}), with or without the batch axis, not {x.shape}.")
    single = x.ndim == n + 1
    x = movedim(x, -1, -n - 1) if channels_last else x

    def back(y: Any) -> Any:
        y = squeeze(y, axis=0) if single else y
        return movedim(y, -n - 1, -1) if channels_last else y

    y = run(unsqueeze(x, axis=0) if single else x)
    return tuple(map(back, y)) if isinstance(y, tuple) else back(y)


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
