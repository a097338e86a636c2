"""Convolution (as in deep learning: cross-correlation) of one small image, with one kernel and with three."""

from typing import Any

import numpy as np

from microgradx import Tensor
from microgradx.examples.registry import Example, Program
from microgradx.functional import conv2d

IMAGE = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)


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
    return Program(one_kernel, dict(image=IMAGE, kernel=np.ones((1, 1, 2, 2)), padding="valid"), ("kernel",), (note,))


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
    return Program(three_kernels, dict(image=image, kernels=kernels), ("kernels",), (note,))


CONV2D = Example("conv2d", "a 2×2 kernel of ones over the image 1 … 9", build_conv2d, "tensor")
THREE_FILTERS = Example("three-filters", "three kernels over one image: 1, 10 and −1", build_three_filters, "tensor")
