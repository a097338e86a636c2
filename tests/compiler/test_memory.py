"""Programs keep their memory: what it holds is never read where it should be new, however the axes lie in it."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradx as mx
from microgradx import nn, optim


def agrees(function: Any, *shapes: tuple[int, ...]) -> None:
    """Value and gradients, compiled and not, for inputs that change from call to call."""
    rng = np.random.default_rng(0)
    compiled = mx.compile(function, fullgraph=True)
    for _ in range(3):
        arrays = [rng.normal(size=shape) for shape in shapes]
        leaves = [mx.Tensor(a) for a in arrays]
        wanted = function(*leaves)
        wanted.backward()
        found, gradients = compiled.value_and_grad(*leaves)
        assert np.isclose(found, wanted.data)
        for each, x in zip(gradients, leaves, strict=True):
            np.testing.assert_allclose(each, x.grad, rtol=1e-9, atol=1e-12)


FEW = st.integers(1, 2)


@given(FEW, st.integers(0, 1), FEW, FEW, st.sampled_from([2, 40]), st.booleans())
def test_windows_of_every_kind(
    stride: int, padding: int, dilation: int, groups: int, batch: int, overlap: bool
) -> None:
    def loss(x: Any, w: Any, v: Any) -> Any:
        y = mx.relu(mx.conv2d(x, w, None, stride, padding, dilation, groups))
        y = mx.max_pool2d(y, 2, 1 if overlap else 2)
        z = mx.conv2d(y, v)
        return mx.sum(z * z) + mx.sum(mx.reshape(y, (batch, -1)) ** 2)

    agrees(loss, (batch, 2, 9, 10), (2, 2 // groups, 3, 2), (2, 2, 1, 1))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_piece_of_a_larger_result_in_another_shape(axis: int) -> None:
    def loss(x: Any, y: Any) -> Any:
        h = mx.exp(x)
        both = mx.cat([h, mx.exp(y)], axis)
        return mx.sum(both * both) + mx.sum(mx.reshape(h, (9,)) * np.arange(9.0))

    agrees(loss, (3, 3), (3, 3))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pieces_with_the_batch_last(axis: int) -> None:
    def loss(x: Any, w: Any) -> Any:
        y = mx.conv2d(x, w)
        a, b = mx.sin(y), mx.cos(y)
        both = mx.stack([a, b], axis) * mx.stack([b, a], axis) * 2
        return mx.sum(both**3) + mx.sum(mx.reshape(a, (-1,)) ** 2) + mx.sum(a)

    agrees(loss, (30, 2, 5, 5), (3, 2, 2, 3))


def test_a_step_of_a_small_lenet_makes_no_maps_anew() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.Flatten())
    step = mx.compile_step(net, mx.mse_loss, optim.SGD(net.parameters(), 0.1), fullgraph=True)
    x, t = np.ones((256, 1, 14, 14)), np.ones((256, 8 * 4 * 4))
    step(x, t)
    tracemalloc.start()
    step(x, t)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < x.nbytes / 2
