"""`backward`: accumulation, ownership, watchers, released graphs, mixed scalar and tensor graphs."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import Edge, GradientError, OpError, Tensor, Value


def test_a_second_backward_adds_to_leaves_and_never_double_counts_inside() -> None:
    x = Value(3.0)
    h = x * x
    y = h * h + h
    y.backward()
    once = (x.grad, h.grad, y.grad)
    y.backward()
    assert (x.grad, h.grad, y.grad) == (2 * once[0], once[1], once[2])


def test_two_losses_that_share_a_part_add_up_in_leaves_only() -> None:
    x = Tensor([1.0, 2.0])
    h = x * x
    (h * 3.0).sum().backward()
    (h * 5.0).sum().backward()
    assert x.grad.tolist() == [16.0, 32.0]
    assert h.grad.tolist() == [5.0, 5.0]


@pytest.mark.parametrize("leaf", [Value(2.0), Tensor(2.0), Tensor([2.0])])
def test_backward_on_a_leaf(leaf: Any) -> None:
    leaf.backward()
    leaf.backward()
    assert np.sum(leaf.grad) == 2.0


def test_a_node_used_twice_by_one_op_gets_both_contributions() -> None:
    x = Tensor([1.0, 2.0])
    (x * x + mx.matmul(x, x)).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data + 4 * x.data)


@pytest.mark.parametrize("watcher", [None, lambda edge: None])
@pytest.mark.parametrize("f", [
    lambda x: x + x, lambda x: x, lambda x: x[::-1], lambda x: x.reshape(2, 1), lambda x: x.T, lambda x: x * 1.0,
    lambda x: x - x, lambda x: mx.concatenate([x, x]), lambda x: x.sum(), lambda x: x.astype("float64"),
])  # fmt: skip
def test_a_leafs_gradient_shares_memory_with_nothing(f: Any, watcher: Any) -> None:
    x = Tensor([1.0, 2.0])
    y = f(x)
    seed = np.ones(y.shape)
    for _ in range(2):
        y.backward(seed, watcher=watcher)
        assert type(x.grad) is np.ndarray
        assert x.grad.flags.writeable
        assert x.grad.base is None
        others = [seed, x.data, y.data] + ([] if y is x else [y.grad])
        assert not any(np.shares_memory(x.grad, other) for other in others)


@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_two_leaves_never_share_a_gradient(keep: str) -> None:
    a, b = Tensor([1.0]), Tensor([2.0])
    (a + b).sum().backward(keep=keep)
    a.grad[0] = 7.0
    assert b.grad.tolist() == [1.0]


@pytest.mark.parametrize("watcher", [None, lambda edge: None])
def test_the_gradient_of_a_0d_tensor_is_a_0d_array(watcher: Any) -> None:
    x = Tensor(3.0)
    for times in (1, 2):
        (x * x).backward(watcher=watcher)
        assert type(x.grad) is np.ndarray
        assert (x.grad.shape, float(x.grad)) == ((), 6.0 * times)


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_flow_between_values_and_tensors(create_graph: bool) -> None:
    s, x = Value(2.0), Tensor([1.0, 3.0])
    h = (s * x).sum() * s  # s → tensor, twice
    h.backward(create_graph=create_graph)
    s_grad, x_grad = (node.grad.data if create_graph else node.grad for node in (s, x))
    assert s_grad == 2 * 2.0 * 4.0
    assert np.asarray(x_grad).tolist() == [4.0, 4.0]
    if create_graph:
        assert isinstance(s.grad, Value)
        (second,) = mx.autograd.grad(s.grad, s)
        assert float(second) == 8.0


def test_float32_gradients_of_a_float64_loss() -> None:
    x = Tensor(np.array([1.0, 2.0], dtype=np.float32))
    (x.astype("float64") ** 2).sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2.0, 4.0]


def test_create_graph_makes_gradients_nodes_of_the_forward_nodes_scope() -> None:
    with mx.scope("layer"):
        x = Tensor([0.5])
        y = mx.tanh(x)
    y.sum().backward(create_graph=True)
    assert isinstance(x.grad, Tensor)
    assert x.grad.scope == "layer"
    np.testing.assert_allclose(x.grad.data, 1 - np.tanh(0.5) ** 2)


def test_a_gradient_that_is_a_node_stays_in_the_graph() -> None:
    x, u = Tensor([0.5, 1.0]), Tensor([2.0, 3.0])
    mx.exp(x).backward(u, create_graph=True)
    (du,) = mx.autograd.grad(x.grad.sum(), u)
    np.testing.assert_allclose(du.data, np.exp(x.data))
    x.zero_grad()
    mx.exp(x).backward(u)
    assert type(x.grad) is np.ndarray


def test_the_watcher_sees_every_edge_in_order_with_running_totals() -> None:
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    c = (a * b).named("c")
    y = (c + a).named("y")
    seen: list[Edge] = []
    y.backward(watcher=seen.append)
    assert [(e.node.name, e.input.name) for e in seen] == [("y", "c"), ("y", "a"), ("c", "a"), ("c", "b")]
    assert [(e.upstream, e.local, e.contribution, e.before, e.total) for e in seen] == [
        (1.0, 1.0, 1.0, None, 1.0),
        (1.0, 1.0, 1.0, None, 1.0),
        (1.0, 3.0, 3.0, 1.0, 4.0),
        (1.0, 2.0, 2.0, None, 2.0),
    ]
    assert (a.grad, b.grad) == (4.0, 2.0)


def test_all_three_ways_back_agree() -> None:
    rng = np.random.default_rng(0)
    w, x = Tensor(rng.normal(size=(3, 3))), Tensor(rng.normal(size=(2, 3)))
    found = []
    for options in ({}, {"watcher": lambda edge: None}, {"create_graph": True}, {"keep": "leaves"}):
        w.zero_grad()
        (mx.softmax(mx.tanh(x @ w) * w[0], -1) * x).sum().backward(**options)
        found.append(np.asarray(w.grad.data))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-13)


@pytest.mark.parametrize("watcher", [None, lambda edge: None])
def test_a_graph_kept_at_its_leaves_only_is_released(watcher: Any) -> None:
    x = Value(2.0)
    h = x * x
    y = h * 3
    y.backward(keep="leaves", watcher=watcher)
    assert x.grad == 12.0
    for used in (y, h, h + 1.0, y * x):
        with pytest.raises(GradientError, match="released"):
            used.backward()
    assert x.grad == 12.0


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda x: (x * 2).backward(), GradientError, "shape (2,)"),
    (lambda x: (x * 2).backward(np.ones(3)), OpError, "(3,)"),
    (lambda x: (x * 2).backward("up"), OpError, "numbers"),
    (lambda x: x.sum().detach().backward(), GradientError, "does not depend on anything"),
    (lambda x: Tensor(np.array([1, 2])).sum().backward(), GradientError, "dtype int64, which carries no gradient"),
    (lambda x: (Value(1.0) * 2).backward([1.0, 2.0]), OpError, "single number"),
    (lambda x: x.sum().backward(keep="some"), OpError, "'some'"),
    (lambda x: x.sum().backward(keep="leaves", create_graph=True), OpError, 'keep="all"'),
])  # fmt: skip
def test_errors(call: Any, kind: type, words: str) -> None:
    with pytest.raises(kind) as caught:
        call(Tensor([1.0, 2.0]))
    assert words in str(caught.value)


def test_a_rule_may_leave_out_what_a_row_has_a_default_for():
    row = mx.op(
        "steps(x)", lambda x: np.diff(x), shapes="(4)",
        x=lambda g: mx.BOOK["concatenate"](-g[:1], g[:-1] - g[1:], g[-1:]),
    )  # fmt: skip
    try:
        x = mx.Tensor([1.0, 2.0, 4.0, 3.0])
        row(x).backward(np.ones(3))
        assert x.grad.tolist() == [-1, 0, 0, 1]
    finally:
        mx.rules.forget("steps")
