"""Rows that do the work of several visible ops, while nobody watches: proved equal to those."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradx as mx
from microgradx.graph import recording, topological


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


def test_a_gradient_that_arrives_in_pieces_is_the_sum_of_all_of_them() -> None:
    def loss(x: Any) -> Any:
        y = x * 2.0
        pieces = y[0] * y[1, :] + y[-1] ** 2 + y[(0, ..., 1)] + y[np.array([1, 1])].sum(0)
        return (pieces * y.sum(0)).sum() + y[1].exp().sum()

    x, w = (mx.Tensor(np.linspace(-1.0, 1.0, 12).reshape(4, 3)) for _ in range(2))
    watched: list[Any] = []
    loss(x).backward()
    loss(w).backward(watcher=watched.append)  # edge by edge, with the rule as it is written
    np.testing.assert_allclose(x.grad, w.grad, rtol=1e-14)
    np.testing.assert_array_equal(mx.grad(loss)(x).data, x.grad)

    y = mx.Tensor([1.0, 2.0]) * 1.0
    total = y + y[0] + y[1] * y[1]
    total.sum().backward()
    np.testing.assert_array_equal(y.grad, [3.0, 9.0])
    np.testing.assert_array_equal(total.grad, [1.0, 1.0])  # where it passed on the same array, nothing was added to it


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_one_product_for_all_uses_of_a_matrix_is_the_sum_of_their_products(order: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(4, 3)), rng.normal(size=(2, 3))

    def loss(W: Any) -> Any:
        V = W * 2.0  # no leaf: what arrives waits until all is there
        parts = [(mx.linear(x, V) ** 2).sum(), mx.linear(z, V).sin().sum(), (V**3).sum()]
        return parts[order[0]] + parts[order[1]] + parts[order[2]]

    one, two = (mx.Tensor(np.linspace(-1.0, 1.0, 15).reshape(5, 3)) for _ in range(2))
    watched: list[Any] = []
    loss(one).backward()
    loss(two).backward(watcher=watched.append)  # edge by edge, with the rule as it is written
    np.testing.assert_allclose(one.grad, two.grad, rtol=1e-13)


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("layer", [mx.nn.RNN, mx.nn.LSTM, mx.nn.GRU])
def test_one_product_for_all_steps_is_a_product_at_each(layer: Any, both_ways: bool) -> None:
    mx.manual_seed(0)
    net = layer(3, 4, num_layers=2, bidirectional=both_ways)
    x = mx.Tensor(np.random.default_rng(0).normal(size=(5, 2, 3)))
    found = []
    for nobody_watches in (True, False):
        with nullcontext() if nobody_watches else recording():
            y, _ = net(x)
            assert nobody_watches is ("affine" in {node.op.name for node in topological(y) if node.op is not None})
            loss = (y * np.arange(y.size).reshape(y.shape)).sum()
        loss.backward()
        found.append([y.data, x.grad, *(p.grad for p in net.parameters())])
        x.zero_grad()
        net.zero_grad()
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@given(st.data())
def test_a_fused_lstm_is_its_cell_at_each_step(data: Any) -> None:
    time, batch, inputs, n = (data.draw(st.integers(1, 4)) for _ in range(4))
    biases, dtype = data.draw(st.booleans()), data.draw(st.sampled_from(["float32", "float64"]))
    net = mx.nn.LSTM(inputs, n, bias=biases)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, h, c = (
        mx.Tensor(rng.normal(0, 2, shape).astype(dtype)) for shape in ((time, batch, inputs), *[(1, batch, n)] * 2)
    )
    for p in net.parameters():
        p.data = rng.normal(0, 2, p.shape).astype(dtype)
    ways = []
    for net.fused in (True, False):
        y, last = net(x, (h, c))
        assert net.fused is ("lstm_memory" in {node.op.name for node in topological(y) if node.op is not None})
        results = (y, *last)
        for leaf in (x, h, c, *net.parameters()):
            leaf.zero_grad()
        sum((each * np.cos(np.arange(each.size)).reshape(each.shape)).sum() for each in results).backward()
        ways.append([*(each.data for each in results), *(each.grad for each in (x, h, c, *net.parameters()))])
    for fused, cell in zip(*ways, strict=True):
        assert fused.dtype == dtype
        np.testing.assert_allclose(fused, cell, **TOLERANCE[dtype])


TOLERANCE: dict[str, Any] = {"float32": dict(rtol=1e-4, atol=1e-4), "float64": dict(rtol=1e-11, atol=1e-12)}
