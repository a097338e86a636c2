"""`checkpoint`: the same numbers and gradients from a graph that forgets what happened inside."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import Tensor, Value
from microgradx.graph import topological

RNG = np.random.default_rng(0)


def layer(x: Any, w: Any) -> Any:
    return mx.tanh(mx.matmul(x, w)) * mx.sigmoid(x)


def both(f: Any, *nodes: Any) -> tuple[list[Any], list[Any]]:
    """Gradients of the sum of f, without and with the checkpoint."""
    found = []
    for g in (f, mx.checkpoint(f)):
        for node in nodes:
            node.zero_grad()
        y = g(*nodes)
        (y.sum() if isinstance(y, Tensor) else y).backward()
        found.append([y.data, *(node.grad for node in nodes)])
    return found[0], found[1]


def test_results_and_gradients_are_the_same() -> None:
    x, w = Tensor(RNG.normal(size=(4, 3))), Tensor(RNG.normal(size=(3, 3)))
    for plain, lighter in zip(*both(layer, x, w), strict=True):
        np.testing.assert_array_equal(lighter, plain)


def test_values_too() -> None:
    f = lambda a, b: mx.exp(a * b) + a
    plain, lighter = both(f, Value(0.5), Value(2.0))
    assert lighter == plain
    assert isinstance(mx.checkpoint(f)(Value(1.0), Value(1.0)), Value)


def test_values_and_tensors_together() -> None:
    s, x = Value(2.0), Tensor([1.0, 3.0])
    plain, lighter = both(lambda s, x: s * x * mx.exp(s), s, x)
    assert lighter[1] == plain[1]
    np.testing.assert_array_equal(lighter[2], plain[2])


def test_closed_over_tensors_get_their_gradients() -> None:
    w, b = Tensor(RNG.normal(size=(3, 2))), Tensor(RNG.normal(size=2))
    doubled = w * 2.0  # computed outside: its own graph stays as it is
    f = lambda x: mx.tanh(mx.matmul(x, doubled) + b * b)
    x = Tensor(RNG.normal(size=(4, 3)), requires_grad=False)
    expected = mx.grad(lambda w, b: mx.tanh(mx.matmul(x, w * 2.0) + b * b).sum(), (0, 1))(w, b)
    mx.checkpoint(f)(x).sum().backward()
    np.testing.assert_allclose(w.grad, expected[0].data, rtol=1e-13)
    np.testing.assert_allclose(b.grad, expected[1].data, rtol=1e-13)
    assert x.grad is None


def test_what_happened_inside_is_one_node() -> None:
    x = Tensor([1.0, 2.0])
    y = mx.checkpoint(lambda x: mx.exp(mx.sin(x) * 2.0).sum())(x)
    assert [node.op.name for node in topological(y) if node.op] == ["checkpoint"]


def test_a_deep_network_needs_less_memory() -> None:
    x = Tensor(RNG.normal(size=(200, 200)))  # 320 kB

    def block(x: Any) -> Any:
        for _ in range(10):
            x = mx.tanh(x) * 1.01
        return x

    def peak(block: Any) -> int:
        x.zero_grad()
        tracemalloc.start()
        y = x
        for _ in range(10):
            y = block(y)
        y.sum().backward(keep="leaves")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(mx.checkpoint(block)) < 0.35 * peak(block)


def test_the_function_runs_once_and_a_random_mask_stays_the_one_drawn() -> None:
    runs = []
    rng = np.random.default_rng(5)

    def f(x: Any) -> Any:
        runs.append(1)
        return x * x * (rng.random(4) > 0.5)

    x = Tensor(np.ones(4))
    y = mx.checkpoint(f)(x)
    y.sum().backward()
    assert runs == [1]
    np.testing.assert_array_equal(x.grad, 2 * y.data)


def test_trees_and_options_pass_through() -> None:
    f = lambda p, *, power: {"y": p["w"] ** power, "same": p["w"], "n": 3, "none": None}
    w = Value(2.0)
    found = mx.checkpoint(f)({"w": w}, power=3)
    assert found["same"] is w
    assert (found["n"], found["none"]) == (3, None)
    found["y"].backward()
    assert w.grad == 12.0


def test_checkpoints_nest() -> None:
    inner = mx.checkpoint(lambda x: mx.sin(x) * x)
    outer = mx.checkpoint(lambda x: mx.exp(inner(x)) + inner(x * 2.0))
    plain = lambda x: mx.exp(mx.sin(x) * x) + mx.sin(x * 2.0) * (x * 2.0)
    for order in range(4):
        f, g = outer, plain
        for _ in range(order):
            f, g = mx.grad(f), mx.grad(g)
        assert float(f(0.3)) == pytest.approx(float(g(0.3)), rel=1e-12)


def test_every_transformation_passes() -> None:
    x, v = RNG.normal(size=3), RNG.normal(size=3)
    plain = lambda x: mx.logsumexp(mx.sin(x) * 3.0)
    lighter = mx.checkpoint(plain)
    np.testing.assert_allclose(mx.jvp(lighter, x, v)[1].data, mx.jvp(plain, x, v)[1].data, rtol=1e-13)
    np.testing.assert_allclose(mx.hvp(lighter, x, v).data, mx.hvp(plain, x, v).data, rtol=1e-12)
    np.testing.assert_allclose(mx.hessian(lighter)(x).data, mx.hessian(plain)(x).data, rtol=1e-12)
    np.testing.assert_allclose(mx.vmap(lighter)(np.stack([x, v])).data, mx.vmap(plain)(np.stack([x, v])).data)


def test_a_second_backward_and_the_watcher_agree_with_the_first() -> None:
    x = Tensor([0.5, -1.0])
    y = mx.checkpoint(lambda x: mx.exp(x * x))(x).sum()
    y.backward()
    first = x.grad.copy()
    y.backward()
    np.testing.assert_array_equal(x.grad, 2 * first)
    x.zero_grad()
    y.backward(watcher=lambda edge: None)
    np.testing.assert_array_equal(x.grad, first)


def test_without_recording_nothing_is_kept() -> None:
    x = Tensor([1.0])
    with mx.no_grad():
        y = mx.checkpoint(lambda x: x * 2.0)(x)
    assert not y.requires_grad
    assert not mx.checkpoint(lambda x: x * 2.0)(x.detach()).requires_grad
    assert float(mx.checkpoint(lambda x: x * 2.0)(3.0)) == 6.0
