"""Layers with parameters: linear, convolutions, embedding; and what holds layers together. Shapes are PyTorch's."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from microgradx import functional as F
from microgradx.functional.arguments import constant
from microgradx.graph import Node, OpError, Tensor, default_dtype
from microgradx.nn import init
from microgradx.nn.module import Module, Parameter
from microgradx.random import default_generator, drawn

Size = int | tuple[int, ...]


def fresh(*shape: int, bound: float = 0.0) -> Parameter:
    """A new parameter of the default dtype: even over −bound … bound."""
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
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        self.weight = fresh(out_features, in_features, bound=bound)
        self.bias = fresh(out_features, bound=bound) if bias else None

    def forward(self, x: Any) -> Any:
        """x (…, in_features) to (…, out_features)."""
        return F.linear(x, self.weight, self.bias)


class _Convolution(Module):
    axes: ClassVar[int]
    transposed: ClassVar[bool] = False

    def _make(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size, padding: Size | str,
        dilation: Size, groups: int, bias: bool,
    ) -> None:  # fmt: skip
        kernel = (kernel_size,) * self.axes if isinstance(kernel_size, int) else tuple(kernel_size)
        if groups < 1 or in_channels % groups or out_channels % groups or len(kernel) != self.axes:
            raise OpError(
                f"{type(self).__name__}: {in_channels} and {out_channels} channels must fall into {groups} groups, and "
                f"kernel_size have {self.axes} axes, not {len(kernel)}."
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        bound = 1 / math.sqrt(second // groups * math.prod(kernel))
        self.weight = fresh(first, second // groups, *kernel, bound=bound)
        self.bias = fresh(out_channels, bound=bound) if bias else None


class _Forward(_Convolution):
    function: ClassVar[Callable[..., Any]]

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size = 1, padding: Size | str = 0,
        dilation: Size = 1, groups: int = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        self._make(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)

    def forward(self, x: Any) -> Any:
        """x (batch, in_channels, places …) to (batch, out_channels, places' …)."""
        function = type(self).function
        return function(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


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
        output_padding: Size = 0, groups: int = 1, bias: bool = True, dilation: Size = 1,
    ) -> None:  # fmt: skip
        self._make(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.output_padding = output_padding

    def forward(self, x: Any) -> Any:
        """x (batch, in_channels, height, width) to (batch, out_channels, height', width')."""
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class Embedding(Module):
    """A table with one row of numbers per id: weight (num_embeddings, embedding_dim), at first normal.

    The row `padding_idx` starts as zeros and never learns.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise OpError(f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows.")
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = init.normal_(fresh(num_embeddings, embedding_dim))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, x: Any) -> Any:
        """Ids (…) to rows (…, embedding_dim)."""
        return F.embedding(x, self.weight, self.padding_idx)


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
