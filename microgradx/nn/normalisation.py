"""Layers that bring their inputs to mean 0 and variance 1, over different axes; the formulas are in `functional`."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from microgradx import functional as F
from microgradx.graph import OpError, default_dtype
from microgradx.graph.notes import changes
from microgradx.nn.module import Buffer, Module, Parameter

Shape = int | Sequence[int]


def _ones(*shape: int) -> Any:
    return np.ones(shape, default_dtype())


def _zeros(*shape: int) -> Any:
    return np.zeros(shape, default_dtype())


class _ByChannel(Module):
    """What batch norm and instance norm share: scale, shift, and statistics that are kept for later."""

    ndims: ClassVar[tuple[int, ...]]

    def _make(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track: bool, bias: bool
    ) -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track
        self.weight = Parameter(_ones(num_features)) if affine else None
        self.bias = Parameter(_zeros(num_features)) if affine and bias else None
        self.running_mean = Buffer(_zeros(num_features)) if track else None
        self.running_var = Buffer(_ones(num_features)) if track else None
        self.num_batches_tracked = Buffer(np.array(0)) if track else None

    def _check(self, x: Any) -> None:
        if np.ndim(x) not in self.ndims or np.shape(x)[1] != self.num_features:
            sizes = " or ".join(f"{n} axes" for n in self.ndims)
            raise OpError(
                f"{type(self).__name__} takes {sizes}, axis 1 with {self.num_features} channels; not {np.shape(x)}."
            )


class _BatchNorm(_ByChannel):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, *, bias: bool = True,
    ) -> None:  # fmt: skip
        self._make(num_features, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Any) -> Any:
        self._check(x)
        own = self.training or not self.track_running_stats
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, own, self._share(), self.eps
        )

    def _share(self) -> float:
        """Of a new batch in the running statistics; 1 / batches when momentum is None: then they are plain means."""
        if self.training and self.num_batches_tracked is not None:
            noted = changes()
            if noted is not None and self.momentum is not None:
                noted.counts.append(self.num_batches_tracked)
                return self.momentum
            self.num_batches_tracked.data = self.num_batches_tracked.data + 1
            if self.momentum is None:
                return 1 / float(self.num_batches_tracked.data)
        return self.momentum or 0.0


class BatchNorm1d(_BatchNorm):
    """Each channel over the batch: x (batch, num_features) or (batch, num_features, length). (Ioffe & Szegedy 2015.)

    While training it uses the batch's own mean and variance and keeps running ones, which it uses after `eval()`.
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel over the batch and all places: x (batch, num_features, height, width); see BatchNorm1d."""

    ndims = (4,)


class InstanceNorm2d(_ByChannel):
    """Each map of each sample on its own: x (batch, num_features, height, width). (Ulyanov et al. 2016.)"""

    ndims = (4,)

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, *, bias: bool = True,
    ) -> None:  # fmt: skip
        self._make(num_features, eps, momentum, affine, track_running_stats, bias)

    def forward(self, x: Any) -> Any:
        self._check(x)
        own = self.training or not self.track_running_stats
        return F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, own, self.momentum or 0.0, self.eps
        )


class LayerNorm(Module):
    """Each sample over its last axes, which have the shape `normalized_shape`. (Ba, Kiros & Hinton 2016.)"""

    def __init__(
        self, normalized_shape: Shape, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True
    ) -> None:
        self.normalized_shape, self.eps, self.elementwise_affine = _sizes(normalized_shape), eps, elementwise_affine
        self.weight = Parameter(_ones(*self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(_zeros(*self.normalized_shape)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Each sample divided by the root mean square of its last axes. (Zhang & Sennrich 2019.)"""

    def __init__(self, normalized_shape: Shape, eps: float | None = None, elementwise_affine: bool = True) -> None:
        self.normalized_shape, self.eps, self.elementwise_affine = _sizes(normalized_shape), eps, elementwise_affine
        self.weight = Parameter(_ones(*self.normalized_shape)) if elementwise_affine else None

    def forward(self, x: Any) -> Any:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Module):
    """Each sample's channels in groups: x (batch, num_channels, …). (Wu & He 2018.)"""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, bias: bool = True
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise OpError(f"GroupNorm: {num_channels} channels do not fall into {num_groups} groups.")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight = Parameter(_ones(num_channels)) if affine else None
        self.bias = Parameter(_zeros(num_channels)) if affine and bias else None

    def forward(self, x: Any) -> Any:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def _sizes(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)
