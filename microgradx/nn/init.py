"""How weights start: each function fills a tensor and returns it. Names and defaults are PyTorch's.

Random numbers come from `generator`, or from the one that `manual_seed` seeds.
"""

import math
from typing import Any

import numpy as np

from microgradx.graph import OpError, Tensor
from microgradx.random import Generator, default_generator


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Any:
    """Numbers spread evenly over a … b."""
    return _fill(tensor, (generator or default_generator).uniform(a, b, tensor.shape))


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Any:
    """Normally distributed numbers."""
    return _fill(tensor, (generator or default_generator).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Generator | None = None,
) -> Any:  # fmt: skip
    """Normally distributed numbers between a and b: what falls outside is drawn again.

    Raises:
        OpError: a is not below b, or std not positive.
    """
    if not (a < b and std > 0):
        raise OpError(f"trunc_normal_: a must be below b and std positive; got a {a}, b {b}, std {std}.")
    draw, peak = generator or default_generator, min(max(mean, a), b)
    numbers, missing = np.empty(tensor.shape), np.ones(tensor.shape, bool)
    while missing.any():
        if b - a > 2 * std and peak == mean:
            new = draw.normal(mean, std, tensor.shape)
            fits = (a <= new) & (new <= b)
        else:  # normal numbers would be rare here: even ones, kept as often as the density says
            new = draw.uniform(a, b, tensor.shape)
            fits = draw.uniform(0, 1, tensor.shape) < np.exp(((peak - mean) ** 2 - (new - mean) ** 2) / (2 * std**2))
        numbers = np.where(missing & fits, new, numbers)
        missing &= ~fits
    return _fill(tensor, numbers)


def constant_(tensor: Any, val: float) -> Any:
    """The same number everywhere."""
    return _fill(tensor, np.full(tensor.shape, val))


def zeros_(tensor: Any) -> Any:
    """Zeros: right for biases; weights of zero never learn apart."""
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Any) -> Any:
    """The identity matrix, cut or filled up with zeros: (rows, columns)."""
    if tensor.ndim != 2:
        raise OpError(f"eye_ needs two axes, not shape {tensor.shape}.")
    return _fill(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """A convolution's kernels that pass their channels on unchanged: 1 in the middle, in each of `groups`."""
    if tensor.ndim not in (3, 4, 5) or groups < 1 or tensor.shape[0] % groups:
        raise OpError(
            f"dirac_ needs the weight of a convolution, whose first axis falls into {groups} groups, not shape "
            f"{tensor.shape}."
        )
    kernels, each = np.zeros(tensor.shape), tensor.shape[0] // groups
    for k in range(min(each, tensor.shape[1])):
        kernels[(slice(k, None, each), k, *(n // 2 for n in tensor.shape[2:]))] = 1
    return _fill(tensor, kernels)


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Any:
    """Normally distributed numbers, but for a share of zeros in each column: (rows, columns). (Martens 2010.)"""
    if tensor.ndim != 2:
        raise OpError(f"sparse_ needs two axes, not shape {tensor.shape}.")
    draw = generator or default_generator
    order = np.argsort(draw.uniform(0, 1, tensor.shape), axis=0)
    zero = order < math.ceil(sparsity * tensor.shape[0])
    return _fill(tensor, np.where(zero, 0.0, draw.normal(0.0, std, tensor.shape)))


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Even over ±gain·√(6 / (fan_in + fan_out)): keeps the spread of signals both ways. (Glorot & Bengio 2010.)"""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Normal with standard deviation gain·√(2 / (fan_in + fan_out)). (Glorot & Bengio 2010.)"""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Any:  # fmt: skip
    """Even over ±gain·√(3 / fan), for relu and its kin; `a` is leaky_relu's slope. (He et al. 2015.)"""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Any:  # fmt: skip
    """Normal with standard deviation gain / √fan. (He et al. 2015.)"""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Rows (or columns, when there are fewer) at right angles to each other, of length `gain`. (Saxe et al. 2014.)"""
    if tensor.ndim < 2:
        raise OpError(f"orthogonal_ needs two axes or more, not shape {tensor.shape}.")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    start = (generator or default_generator).normal(0.0, 1.0, (max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(start)
    q *= np.sign(np.diag(r))  # makes every orthogonal matrix equally likely
    return _fill(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights must be larger for a nonlinearity to keep the spread of its inputs."""
    slope = 0.01 if param is None else param
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + slope**2)), "selu": 3 / 4}
    plain = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "sigmoid")
    if nonlinearity not in gains and nonlinearity not in plain:
        raise OpError(f"no gain is known for {nonlinearity!r}; there are {', '.join((*gains, *plain))}.")
    return gains.get(nonlinearity, 1.0)


def fans(tensor: Any) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs an output has, and how many outputs an input has, by a weight's shape."""
    if tensor.ndim < 2:
        raise OpError(f"a weight with a fan-in and fan-out has two axes or more, not shape {tensor.shape}.")
    places = math.prod(tensor.shape[2:])
    return tensor.shape[1] * places, tensor.shape[0] * places


def _kaiming_std(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise OpError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}.")
    fan_in, fan_out = fans(tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def _fill(tensor: Any, numbers: Any) -> Any:
    if not isinstance(tensor, Tensor) or not tensor.is_leaf:
        raise OpError(f"only tensors that no op made can be filled, such as parameters; this is {tensor!r}.")
    tensor.data = numbers.astype(tensor.dtype)
    return tensor
