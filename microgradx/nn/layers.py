"""Layers with parameters: linear, convolutions, embedding; and what holds layers together. Shapes are PyTorch's."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from microgradx import functional as F
from microgradx.functional.arguments import constant
from microgradx.functional.layout import counts, padding_for_same
from microgradx.graph import Node, OpError, Tensor, default_dtype
from microgradx.nn import init
from microgradx.nn.module import Module, Parameter
from microgradx.random import default_generator, drawn

Size = int | tuple[int, ...]


def fresh(*shape: int, bound: float = 0.0) -> Parameter:
    """A new parameter of the default dtype: even over −bound … bound."""
    if min(shape, default=0) < 0:
        raise OpError(f"no weight has the shape {shape}: sizes are whole numbers from 0.")
    parameter = Parameter(np.zeros(shape, default_dtype()))
    if bound:
        init.uniform_(parameter, -bound, bound)
    return parameter


class Sequential(Module):
    """Layers one after the other, called "0", "1", …; or by the names of a dict.

    >>> from microgradx import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> model
    Sequential(
      (0): Linear(in_features=2, out_features=3)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=1)
    )
    """

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else dict(enumerate(layers))
        for name, layer in named.items():
            if not isinstance(layer, Module):
                raise OpError(f"Sequential takes layers such as nn.ReLU(), not {layer!r}.")
            setattr(self, str(name), layer)

    def forward(self, x: Any) -> Any:
        """x through all layers."""
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (part for part in vars(self).values() if isinstance(part, Module))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: Any) -> Any:
        """A layer, or with a slice the Sequential of several."""
        chosen = list(self)[index]
        return Sequential(*chosen) if isinstance(index, slice) else chosen


class Identity(Module):
    """Gives back its input."""

    def forward(self, x: Any) -> Any:
        return x


class Linear(Module):
    """x Wᵀ + b: a layer of neurons. weight (out_features, in_features), bias (out_features,).

    Both start even over ±1/√in_features.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features) if in_features > 0 else 0.0
        self.weight = fresh(out_features, in_features, bound=bound)
        self.bias = fresh(out_features, bound=bound) if bias else None

    def forward(self, x: Any) -> Any:
        """x (…, in_features) to (…, out_features)."""
        return F.linear(x, self.weight, self.bias)


class _Convolution(Module):
    axes: ClassVar[int]
    transposed: ClassVar[bool] = False
    borders: ClassVar[tuple[str, ...]] = ("zeros",)

    def _make(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size, padding: Size | str,
        dilation: Size, groups: int, bias: bool, padding_mode: str,
    ) -> None:  # fmt: skip
        if padding_mode not in self.borders:
            known = ", ".join(map(repr, self.borders))
            raise OpError(f"{type(self).__name__}: padding_mode is {known}, not {padding_mode!r}.")
        kernel = (kernel_size,) * self.axes if isinstance(kernel_size, int) else tuple(kernel_size)
        if groups < 1 or in_channels % groups or out_channels % groups or len(kernel) != self.axes:
            raise OpError(
                f"{type(self).__name__}: {in_channels} and {out_channels} channels must fall into {groups} groups, and "
                f"kernel_size have {self.axes} axes, not {len(kernel)}."
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        bound = 1 / math.sqrt(second // groups * math.prod(kernel))
        self.weight = fresh(first, second // groups, *kernel, bound=bound)
        self.bias = fresh(out_channels, bound=bound) if bias else None


class _Forward(_Convolution):
    function: ClassVar[Callable[..., Any]]
    borders = ("zeros", "reflect", "replicate", "circular")

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size | str = 0,
        dilation: Size = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        self._make(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)

    def forward(self, x: Any) -> Any:
        """x (batch, in_channels, places …) to (batch, out_channels, places' …)."""
        function, padding = type(self).function, self.padding
        if self.padding_mode != "zeros" and (padding == "same" or not isinstance(padding, str)):
            x, padding = F.pad(x, self._border(), self.padding_mode), 0
        return function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _border(self) -> list[int]:
        """The padding as (before, after) of the last axis, then of the one before it, …"""
        name = type(self).__name__
        if self.padding == "same":
            if {*counts(name, "stride", self.stride, self.axes)} != {1}:
                raise OpError(f"{name}: padding='same' needs stride 1 (the output is as large as the input).")
            dilations, kernel = (
                counts(name, each, getattr(self, each), self.axes) for each in ("dilation", "kernel_size")
            )
            reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
            sides = [padding_for_same(r, r, 1) for r in reach]
        else:
            sides = [(n, n) for n in counts(name, "padding", self.padding, self.axes, least=0)]
        return [n for side in reversed(sides) for n in side]


class Conv1d(_Forward):
    """`functional.conv1d`; weight (out_channels, in_channels // groups, kernel), bias (out_channels,)."""

    axes, function = 1, F.conv1d


class Conv2d(_Forward):
    """`functional.conv2d`; weight (out_channels, in_channels // groups, height, width), bias (out_channels,)."""

    axes, function = 2, F.conv2d


class ConvTranspose2d(_Convolution):
    """`functional.conv_transpose2d`; weight (in_channels, out_channels // groups, height, width)."""

    axes, transposed = 2, True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size = 0,
        output_padding: Size = 0, groups: int = 1, bias: bool = True, dilation: Size = 1, padding_mode: str = "zeros",
    ) -> None:  # fmt: skip
        self._make(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)
        self.output_padding = output_padding

    def forward(self, x: Any, output_size: Sequence[int] | None = None) -> Any:
        """x (batch, in_channels, height, width) to (batch, out_channels, height', width').

        `output_size`, which ends in (height', width'), takes the place of output_padding.
        """
        extra = self.output_padding if output_size is None else self._missing(np.shape(x), tuple(output_size)[-2:])
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _missing(self, shape: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
        """What the result without output_padding lacks to be of this size."""
        strides, paddings, dilations, kernel = (
            counts("ConvTranspose2d", name, getattr(self, name), 2, least=int(name != "padding"))
            for name in ("stride", "padding", "dilation", "kernel_size")
        )
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(shape[-2:], strides, paddings, dilations, kernel, strict=True)
        ]
        most = [n + s - 1 for n, s in zip(least, strides, strict=True)]
        if len(size) != 2 or not all(a <= n <= b for a, n, b in zip(least, size, most, strict=True)):
            raise OpError(f"ConvTranspose2d: output_size is from {least} to {most} for x {shape}, not {size}.")
        return tuple(n - a for n, a in zip(size, least, strict=True))


class Embedding(Module):
    """A table with one row of numbers per id: weight (num_embeddings, embedding_dim), at first normal.

    Args:
        padding_idx: this row starts as zeros and never learns.
        max_norm: rows that are longer are cut to this length, for good, when they are looked up.
        norm_type: the p of the norm that measures them.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0,
    ) -> None:  # fmt: skip
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise OpError(f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows.")
        if max_norm is not None and not max_norm > 0:
            raise OpError(f"Embedding: max_norm is a length above 0, not {max_norm}.")
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type = max_norm, norm_type
        self.weight = init.normal_(fresh(num_embeddings, embedding_dim))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, x: Any) -> Any:
        """Ids (…) to rows (…, embedding_dim)."""
        if self.max_norm is not None:
            ids = np.unique(np.asarray(x))
            self._cut(ids[(ids >= 0) & (ids < self.num_embeddings)], self.max_norm)
        return F.embedding(x, self.weight, self.padding_idx)

    def _cut(self, ids: Any, most: float) -> None:
        rows = self.weight.data[ids]
        norms = np.linalg.norm(rows, self.norm_type, axis=1, keepdims=True)
        new = self.weight.data.copy()
        new[ids] = np.where(norms > most, rows * (most / (norms + 1e-7)), rows)
        self.weight.data = new


class Dropout(Module):
    """While training, each element is 0 with probability p; others grow by 1 / (1 − p). (Srivastava et al. 2014.)"""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise OpError(f"Dropout: p is a probability between 0 and 1, not {p}.")
        self.p = p

    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, self.training)


class PReLU(Module):
    """leaky_relu whose slope is learned: weight (num_parameters,), 1 or one per channel. (He et al. 2015.)"""

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(np.full(num_parameters, init, default_dtype()))

    def forward(self, x: Any) -> Any:
        """x (batch, channels, …), of the same shape."""
        return F.prelu(x, self.weight)


class Softmax2d(Module):
    """Softmax over the channels of x (batch, channels, height, width)."""

    def forward(self, x: Any) -> Any:
        return F.softmax(x, -3)


class RReLU(Module):
    """leaky_relu whose slope is drawn, even over lower … upper, for each element; in use it is their mean.

    (Xu, Wang, Chen & Li 2015.)
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3) -> None:
        if not lower <= upper:
            raise OpError(f"RReLU: lower is at most upper, but {lower} is above {upper}.")
        self.lower, self.upper = lower, upper

    def forward(self, x: Any) -> Any:
        if not self.training:
            return F.leaky_relu(x, (self.lower + self.upper) / 2)
        x = x if isinstance(x, Node) else Tensor(x, False)
        shape, dtype = x.shape, x.dtype
        slopes = constant(drawn(lambda: default_generator.uniform(self.lower, self.upper, shape).astype(dtype)))
        return F.where(x > 0, x, x * slopes.named("slopes"))
