"""Rows that do the work of several visible ops, while nobody watches: proved equal to those."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx.graph import recording


def _layer(dtype: str, shape: tuple[int, ...]) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return tuple(mx.Tensor(rng.normal(size=size).astype(dtype)) for size in (shape, (5, 3), (5,)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3)])
def test_a_layer_in_one_row_is_the_product_and_the_bias(dtype: str, shape: tuple[int, ...]) -> None:
    one, two = _layer(dtype, shape), _layer(dtype, shape)
    y = mx.linear(*one)
    with recording():  # as under trace, picture and compiler: every op shows
        z = mx.linear(*two)
    assert [y.op.name, z.op.name] == ["affine", "add"]
    np.testing.assert_array_equal(y.data, z.data)
    upstream = np.random.default_rng(1).normal(size=y.shape).astype(dtype)
    y.backward(upstream)
    z.backward(upstream)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.grad, b.grad)
    _, tangent = mx.jvp(lambda x: mx.linear(x, *one[1:]), one[0], one[0])
    assert tangent.op.name == "linear"  # a transformation differentiates the visible ops, as few as they are
