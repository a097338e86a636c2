"""Convolution (as in deep learning: cross-correlation) and max pooling of small signals and images."""

from typing import Any

import numpy as np

from microgradx import Tensor
from microgradx.examples.registry import Example, Program
from microgradx.functional import conv1d, conv2d, max_pool2d

IMAGE = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)


def signal(x: Any, w: Any) -> Any:
    """The sum of what the kernel makes, sliding along the signal."""
    y = conv1d(x, w)
    L = y.sum()
    return L


def build_conv1d() -> Program:
    """A signal of nine numbers under a kernel of four."""
    arguments = dict(x=[[[2.0, 8.0, 3.0, 7.0, 1.0, 2.0, 0.0, 4.0, 5.0]]], w=[[[2.0, 1.0, 5.0, 3.0]]])
    note = (
        "each output is a product of the kernel with four neighbours: 48 57 24 25 16 39. Mathematics turns the kernel "
        "round first: --at 'w=[[[3, 5, 1, 2]]]' gives the true convolution 63 48 49 28 21 20."
    )
    return Program(signal, arguments, ("w",), (note,), own_numbers=True)


def one_kernel(image: Any, kernel: Any, padding: str) -> Any:
    """The sum of the map that the kernel makes, sliding over the image."""
    y = conv2d(image, kernel, padding=padding)
    L = y.sum()
    return L


def build_conv2d() -> Program:
    """The image 1 … 9 under a 2×2 kernel of ones; `padding` is "valid" or "same"."""
    note = (
        "each output is the sum of a 2×2 patch: 12 16 24 28. With --at padding=same a border of zeros is added behind "
        "and below: 12 16 9 / 24 28 15 / 15 17 9."
    )
    return Program(
        one_kernel,
        dict(image=IMAGE, kernel=np.ones((1, 1, 2, 2)), padding="valid"),
        ("kernel",),
        (note,),
        own_numbers=True,
    )


def three_kernels(image: Any, kernels: Any) -> Any:
    """One map per kernel, all added up."""
    y = conv2d(image, kernels)
    L = y.sum()
    return L


def build_three_filters() -> Program:
    """Kernels of 1, of 10 and of −1; the image is a constant here."""
    kernels = np.ones((3, 1, 2, 2)) * np.reshape([1.0, 10.0, -1.0], (3, 1, 1, 1))
    note = (
        "the three maps are 1, 10 and −1 times 12 16 24 28; all kernels see the same image, so their gradients agree."
    )
    image = Tensor(IMAGE, requires_grad=False)
    return Program(three_kernels, dict(image=image, kernels=kernels), ("kernels",), (note,), own_numbers=True)


def pooled(image: Any) -> Any:
    """The largest elements of 2×2 windows side by side, summed."""
    y = max_pool2d(image, 2)
    L = y.sum()
    return L


def build_max_pool() -> Program:
    """Four windows that do not overlap."""
    image = [[[[1.0, 3.0, 2.0, 4.0], [5.0, 6.0, 1.0, 2.0], [7.0, 2.0, 9.0, 1.0], [0.0, 8.0, 3.0, 5.0]]]]
    note = "only the winners 6, 4, 8 and 9 of the four windows matter, so only they receive a gradient."
    return Program(pooled, dict(image=image), ("image",), (note,), own_numbers=True)


def pooled_same(image: Any) -> Any:
    """The largest elements of 2×2 windows that move by one, as many as the image has places, summed."""
    y = max_pool2d(image, 2, stride=1, padding="same")
    L = y.sum()
    return L


def build_pool_same() -> Program:
    """Windows that move by one, over a border that never wins."""
    note = "padding 'same' lets the windows reach beyond the border, where nothing wins: 4 3 / 2 1 stays as it is."
    return Program(pooled_same, dict(image=[[[[4.0, 3.0], [2.0, 1.0]]]]), ("image",), (note,), own_numbers=True)


CONV1D = Example("conv1d", "a kernel of four slides along nine numbers", build_conv1d, "tensor")
CONV2D = Example("conv2d", "a 2×2 kernel of ones over the image 1 … 9", build_conv2d, "tensor")
THREE_FILTERS = Example("three-filters", "three kernels over one image: 1, 10 and −1", build_three_filters, "tensor")
MAX_POOL = Example("max-pool", "max pooling: the gradient goes to the winners", build_max_pool, "tensor")
POOL_SAME = Example("pool-same", "max pooling with padding 'same'", build_pool_same, "tensor")
