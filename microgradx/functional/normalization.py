"""Composites that normalise: subtract a mean, divide by a spread, scale and shift; and dropout.

All but `rms_norm` compute x_hat = (x − mu) / √(var + eps), over different axes. Three paths lead from x to x_hat:
straight, through mu, and through var; the trace shows them by these names.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from microgradx.functional.arguments import constant, numbers
from microgradx.functional.inputs import real, tensor
from microgradx.functional.layout import channels_first
from microgradx.graph import OpError, Tensor, scope
from microgradx.graph.notes import changes
from microgradx.random import Generator, default_generator, drawn
from microgradx.rules.arithmetic import square
from microgradx.rules.elementary import sqrt
from microgradx.rules.reductions import mean, var
from microgradx.rules.shaping import astype, reshape


def batch_norm(
    x: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """Each channel brought to mean 0 and variance 1 over the batch (and all places), then scaled and shifted.

    Args:
        x: (batch, channels) or (batch, channels, *size).
        running_mean, running_var: constant tensors (channels,), or None. While training they get new data:
            (1 − momentum) · old + momentum · the batch's own (its variance with n − 1); else they are what
            x is normalised by.
        weight, bias: (channels,), or None.
        channels_last: x and the result are (batch, *size, channels), as in Keras.

    Raises:
        OpError: shapes that do not fit; a single element per channel to train on; no statistics to use.

    (Ioffe & Szegedy 2015, Batch normalization.)
    """
    x = real("batch_norm", x)
    if x.ndim < 2:
        raise OpError(f"batch_norm: x must be (batch, channels, …), not {x.shape}.")
    if channels_last:
        given = running_mean, running_var, weight, bias, training, momentum, eps
        return channels_first(x, True, lambda x: batch_norm(x, *given))
    over = (0, *range(2, x.ndim))
    if training and prod(x.shape[a] for a in over) < 2:
        raise OpError(f"batch_norm: shape {x.shape} leaves one element per channel, which has no variance to train on.")
    return _by_channel("batch_norm", x, over, training, running_mean, running_var, weight, bias, momentum, eps)


def instance_norm(
    x: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5, *, channels_last: bool = False,
) -> Any:  # fmt: skip
    """Like `batch_norm`, every sample on its own: x (batch, channels, *size), or (batch, *size, channels).

    (Ulyanov, Vedaldi & Lempitsky 2016, Instance normalization.)
    """
    x = real("instance_norm", x)
    if x.ndim < 3:
        raise OpError(f"instance_norm: x must be (batch, channels, size, …), not {x.shape}.")
    if channels_last:
        given = running_mean, running_var, weight, bias, use_input_stats, momentum, eps
        return channels_first(x, True, lambda x: instance_norm(x, *given))
    over = tuple(range(2, x.ndim))
    if use_input_stats and prod(x.shape[2:]) < 2:
        raise OpError(f"instance_norm: shape {x.shape} leaves one element per map, which has no variance.")
    return _by_channel(
        "instance_norm", x, over, use_input_stats, running_mean, running_var, weight, bias, momentum, eps
    )


def _by_channel(
    name: str, x: Any, over: tuple[int, ...], own: bool, running_mean: Any, running_var: Any, weight: Any, bias: Any,
    momentum: float, eps: float,
) -> Any:  # fmt: skip
    channels = x.shape[1]
    each = (channels,) + (1,) * (x.ndim - 2)
    parts = [running_mean, running_var, weight, bias]
    for word, part in zip(("running_mean", "running_var", "weight", "bias"), parts, strict=True):
        if part is not None and np.shape(part) != (channels,):
            raise OpError(
                f"{name}: {word} must have one entry for each of the {channels} channels, not {np.shape(part)}."
            )
    with scope(name):
        if eps < 0 or (own and eps == 0):
            raise OpError(f"{name}: eps must be positive, not {eps}: it keeps a variance of 0 from dividing.")
        if own:
            mu, spread = mean(x, over, keepdims=True).named("mu"), var(x, over, 0, keepdims=True).named("var")
            n = prod(x.shape[a] for a in over)
            _track(name, running_mean, mu, 1.0, momentum)
            _track(name, running_var, spread, n / max(n - 1, 1), momentum)
        elif running_mean is None or running_var is None:
            raise OpError(f"{name}: without the input's own statistics it needs running_mean and running_var.")
        else:
            mu, spread = (reshape(tensor(r), shape=each) for r in (running_mean, running_var))
        return _scaled(_standard(x, mu, spread, eps), weight, bias, each)


def _track(name: str, running: Any, new: Any, factor: float, momentum: float) -> None:
    """New data for a running statistic; earlier graphs keep the array they were computed with."""
    if running is None:
        return
    if not isinstance(running, Tensor) or running.requires_grad:
        raise OpError(f"{name}: running statistics are tensors made with requires_grad=False, so that they can change.")
    noted = changes()
    if noted is not None:  # a program will do the same, with nodes for arrays
        new = new * factor
        seen = reshape(mean(new, 0) if new.shape[0] > 1 else new, shape=running.shape)
        before = next((after for node, after in reversed(noted.new) if node is running), running)
        found = (1 - momentum) * before + momentum * seen
        noted.new.append((running, found if found.dtype == running.dtype else astype(found, running.dtype)))
        return
    array = new.data * factor
    seen = (array.mean(axis=0) if new.shape[0] > 1 else array).reshape(running.shape)
    running.data = ((1 - momentum) * running.data + momentum * seen).astype(running.dtype)


def _standard(x: Any, mu: Any, spread: Any, eps: float) -> Any:
    return ((x - mu) / sqrt(spread + eps)).named("x_hat")


def _scaled(x: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    weight, bias = (b if b is None or np.shape(b) == shape else reshape(b, shape=shape) for b in (weight, bias))
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def layer_norm(x: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each sample brought to mean 0 and variance 1 over its last axes, `normalized_shape`. (Ba, Kiros & Hinton 2016.)

    weight, bias: of that shape, or None.
    """
    x = real("layer_norm", x)
    shape, over = _last_axes("layer_norm", x, normalized_shape, weight, bias)
    with scope("layer_norm"):
        mu, spread = mean(x, over, keepdims=True).named("mu"), var(x, over, 0, keepdims=True).named("var")
        return _scaled(_standard(x, mu, spread, eps), weight, bias, shape)


def rms_norm(x: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Any:
    """Each sample divided by its root mean square over its last axes. (Zhang & Sennrich 2019.)

    eps: the distance between 1 and the next number of x's dtype, when left out.
    """
    x = real("rms_norm", x)
    shape, over = _last_axes("rms_norm", x, normalized_shape, weight, None)
    with scope("rms_norm"):
        square_mean = mean(square(x), over, keepdims=True)
        return _scaled(
            x / sqrt(square_mean + (np.finfo(x.dtype).eps.item() if eps is None else eps)), weight, None, shape
        )


def _last_axes(name: str, x: Any, shape: Any, weight: Any, bias: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    listed = (shape,) if isinstance(shape, int) else tuple(shape)
    if not listed or x.shape[-len(listed) :] != listed:
        raise OpError(f"{name}: normalized_shape {listed} must be the last axes of shape {x.shape}.")
    for part in (weight, bias):
        if part is not None and np.shape(part) != listed:
            raise OpError(f"{name}: weight and bias must have shape {listed}, not {np.shape(part)}.")
    return listed, tuple(range(-len(listed), 0))


def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *, channels_last: bool = False
) -> Any:  # fmt: skip
    """Each sample's channels in groups, each group brought to mean 0 and variance 1. (Wu & He 2018.)

    x: (batch, channels, *size), or (batch, *size, channels) with `channels_last`; channels a multiple of `num_groups`.
    weight, bias: (channels,), or None.
    """
    x = real("group_norm", x)
    if channels_last and x.ndim > 1:
        return channels_first(x, True, lambda x: group_norm(x, num_groups, weight, bias, eps))
    (groups,) = numbers("group_norm", "num_groups", num_groups, 1)
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise OpError(f"group_norm: the channels (axis 1) of shape {x.shape} do not fall into {groups} groups.")
    if any(part is not None and np.shape(part) != x.shape[1:2] for part in (weight, bias)):
        raise OpError(f"group_norm: weight and bias need one entry for each of the {x.shape[1]} channels.")
    with scope("group_norm"):
        parts = reshape(x, shape=(x.shape[0], groups, prod(x.shape[1:]) // groups))
        mu, spread = mean(parts, 2, keepdims=True).named("mu"), var(parts, 2, 0, keepdims=True).named("var")
        x_hat = reshape(_standard(parts, mu, spread, eps), shape=x.shape)
        return _scaled(x_hat, weight, bias, (x.shape[1],) + (1,) * (x.ndim - 2))


def dropout(x: Any, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Any:
    """Each element set to 0 with probability p, the others divided by 1 − p, so that the mean stays.

    The mask is drawn from `generator` (by default the one that `manual_seed` seeds); without `training`, x itself.
    The gradient passes where x did. (Srivastava et al. 2014.)
    """
    x = real("dropout", x)
    if not 0 <= p <= 1:
        raise OpError(f"dropout: p is a probability between 0 and 1, not {p}.")
    if not training or p == 0:
        return x
    shape, dtype = x.shape, x.dtype

    def draw() -> Any:
        kept = (generator or default_generator).uniform(0, 1, shape) >= p
        return (kept / (1 - p if p < 1 else 1)).astype(dtype)

    return x * constant(drawn(draw)).named("mask")
