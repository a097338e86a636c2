"""Activations made of the rows sigmoid, softplus, relu, elu, tanh, erf … : what bends a network's straight lines."""

import math
from typing import Any

from microgradx.functional.arguments import along
from microgradx.functional.inputs import axis_of, curved, node, real
from microgradx.functional.reductions import softmax
from microgradx.graph import OpError
from microgradx.rules import elementary as rows
from microgradx.rules.arithmetic import abs, clip, greater, greater_equal, less_equal, where
from microgradx.rules.elementary import erf, expm1, sigmoid, tanh
from microgradx.rules.shaping import index, reshape


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` above 0, α(e^x − 1) below. (Clevert, Unterthiner & Hochreiter 2015.)"""
    return rows.elu(curved("elu", x), alpha)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """`x` above 0, a small share of it below. (Maas, Hannun & Ng 2013.)"""
    return rows.leaky_relu(curved("leaky_relu", x), negative_slope)


def silu(x: Any) -> Any:
    """x · σ(x), also called swish. (Elfwing, Uchibe & Doya 2017.)"""
    x = curved("silu", x)
    return x * sigmoid(x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x · Φ(x), Φ the normal distribution; "tanh" approximates Φ. (Hendrycks & Gimpel 2016.)"""
    x = curved("gelu", x)
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if approximate != "none":
        raise OpError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}.")
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Any:
    """log(1 + e^(βx)) / β, a smooth relu.

    Stable for every x. PyTorch gives x itself above βx > 20 (within 2.1e-9); pass `threshold=20` for that.
    """
    x = curved("softplus", x)
    y = rows.softplus(x) if beta == 1 else rows.softplus(beta * x) / beta
    return y if threshold is None else where(greater(beta * x, threshold), x, y)


def mish(x: Any) -> Any:
    """x · tanh(softplus(x)). (Misra 2019.)"""
    x = curved("mish", x)
    return x * tanh(rows.softplus(x))


def logsigmoid(x: Any) -> Any:
    """log σ(x) = −softplus(−x), stable for every x."""
    return -rows.softplus(-curved("logsigmoid", x))


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    x = node(x)
    return x / (1 + abs(x))


def selu(x: Any) -> Any:
    """Scaled elu whose two constants keep mean 0 and variance 1. (Klambauer et al. 2017.)"""
    return 1.0507009873554804934193349852946 * rows.elu(curved("selu", x), alpha=1.6732632423543772848170429916717)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, α(e^(x/α) − 1) below: an elu with slope 1 at 0 for every α ≠ 0. (Barron 2017.)"""
    if alpha == 0:
        raise OpError("celu: alpha must not be 0.")
    x = curved("celu", x)
    return where(greater(x, 0.0), x, alpha * expm1(clip(x, high=0.0) / alpha))


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """`x` cut off at two levels; on a level the slope is 0."""
    if min_val > max_val:
        raise OpError(f"hardtanh: min_val must not exceed max_val, but {min_val} > {max_val}.")
    x = node(x)
    low, high = _level(x, min_val), _level(x, max_val)
    return where(less_equal(x, low), low, where(greater_equal(x, high), high, x))


def _level(x: Any, number: float) -> Any:
    """A whole number as one beside whole numbers, which then stay whole."""
    return number if x.dtype.kind == "f" or number != number // 1 else int(number)


def relu6(x: Any) -> Any:
    """relu that stops at 6."""
    return hardtanh(x, 0.0, 6.0)


def hardsigmoid(x: Any) -> Any:
    """A sigmoid of three straight pieces: 0 below −3, 1 above 3."""
    return relu6(curved("hardsigmoid", x) + 3) / 6


def hardswish(x: Any) -> Any:
    """x · hardsigmoid(x). (Howard et al. 2019, MobileNetV3.)"""
    x = curved("hardswish", x)
    return x * hardsigmoid(x)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """`x`, but 0 where |x| ≤ λ."""
    x = curved("hardshrink", x)
    return where(less_equal(abs(x), lambd), 0.0, x)


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """`x` moved towards 0 by λ, stopping there."""
    if lambd < 0:
        raise OpError(f"softshrink: lambd must be 0 or more, not {lambd}.")
    x = curved("softshrink", x)
    return x - clip(x, low=-lambd, high=lambd)


def tanhshrink(x: Any) -> Any:
    """x − tanh(x)."""
    x = node(x)
    return x - tanh(x)


def threshold(x: Any, threshold: float, value: float) -> Any:
    """`x` where it exceeds the threshold, `value` elsewhere."""
    x = node(x)
    return where(less_equal(x, threshold), _level(x, value), x)


def prelu(x: Any, weight: Any) -> Any:
    """leaky_relu whose slope below 0 is learned: one for all, or one per channel (axis 1). (He et al. 2015.)

    Args:
        x: any shape, for channels (n, channels, …).
        weight: a single number, or shape (channels,).
    """
    x, weight = curved("prelu", x), node(weight)
    if weight.size != 1 or weight.ndim > 1:
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.shape != (channels,):
            raise OpError(
                f"prelu: weight has shape {weight.shape}; give one number, or one per channel: ({channels},)."
            )
        weight = reshape(weight, shape=(-1, *[1] * (x.ndim - 2)))
    return where(greater(x, 0.0), x, weight * x)


def glu(x: Any, axis: int = -1) -> Any:
    """The gated linear unit: the first half of `axis` times σ of the second. (Dauphin et al. 2016.)"""
    x = real("glu", x)
    axis = axis_of("glu", x, axis)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise OpError(f"glu halves axis {axis}, but its size is odd: {x.shape}.")
    return index(x, key=along(axis, slice(0, half))) * sigmoid(index(x, key=along(axis, slice(half, None))))


def softmin(x: Any, axis: int = -1, dtype: Any = None) -> Any:
    """softmax(−x): the smallest gets the largest share."""
    return softmax(-node(x), axis, dtype)
