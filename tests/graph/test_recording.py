"""What is recorded, what backward leaves in `.grad`, and the errors of asking for a gradient where there is none."""

import threading
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import GradientError, Node, OpError, Tensor, Value
from microgradx.graph import recording, topological


def test_no_grad_makes_plain_constants_and_ends_even_after_an_error() -> None:
    w = Value(2.0)
    with mx.no_grad():
        inside = w * 3
    assert not inside.requires_grad
    assert inside.is_leaf
    with pytest.raises(OpError), mx.no_grad():
        Tensor("no numbers")
    assert (w * 3).requires_grad


def test_no_grad_holds_in_its_own_thread_only() -> None:
    seen = []
    with mx.no_grad():
        thread = threading.Thread(target=lambda: seen.append((Value(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


@pytest.mark.parametrize("node", [Value(2.0, name="w"), Tensor([2.0], name="w")])
def test_detach_cuts_the_graph(node: Value | Tensor) -> None:
    twice = node * 2
    cut = twice.named("twice").detach()
    assert type(cut) is type(node)
    assert (cut.requires_grad, cut.is_leaf, cut.name) == (False, True, "twice")
    (cut * node).backward(gradient=np.ones(node.shape))
    assert node.grad == 4.0
    assert twice.grad is None
    node.zero_grad()
    assert node.grad is None


def test_constants_are_not_recorded_unless_everything_is() -> None:
    a, b = Value(1.0, requires_grad=False), Value(2.0, requires_grad=False)
    assert (a + b).is_leaf
    with recording():
        assert not (a + b).is_leaf
        assert not (Tensor(np.array([1, 2])) + 1).is_leaf
    assert (a + b).is_leaf


def test_scopes_nest_and_end() -> None:
    w = Value(1.0)
    with mx.scope("net"):
        with mx.scope("layer1"):
            inner = w * 2
        outer = w * 2
    assert (inner.scope, outer.scope, w.scope, (w * 2).scope) == ("net.layer1", "net", "", "")


def test_lines_of_the_learners_file_are_noted_only_while_tracing() -> None:
    with recording(sources=True) as made:
        y = Value(1.0).exp()
    assert made[-1] is y
    assert y.source is not None
    assert y.source[0] == __file__
    assert Value(1.0).exp().source is None


def test_topological_order_puts_inputs_first_and_each_node_once() -> None:
    a, b = Value(1.0), Value(2.0)
    c = a * b
    d = c + a
    e = d * c
    order = topological(e)
    place = {node: k for k, node in enumerate(order)}
    assert set(place) == {a, b, c, d, e}
    assert len(order) == 5
    assert all(place[each] < place[node] for node in order for each in node.inputs)
    assert set(topological(e, follow=lambda n: n is not a and n is not b)) == {c, d, e}
    assert topological(c, d)[-1] is d
    assert len(topological(c, d)) == 4


def test_every_node_gets_its_gradient_and_leaves_collect_over_calls() -> None:
    a, b = Value(3.0), Value(2.0)
    c = a * b
    y = c + a
    y.backward()
    assert (y.grad, c.grad, a.grad, b.grad) == (1.0, 1.0, 3.0, 3.0)
    y.backward()
    assert (y.grad, c.grad, a.grad, b.grad) == (1.0, 1.0, 6.0, 6.0)
    a.zero_grad()
    (a * b).backward()
    assert (a.grad, b.grad) == (2.0, 9.0)


def test_the_same_node_twice_counts_twice() -> None:
    a = Value(3.0)
    (a * a).backward()
    assert a.grad == 6.0
    t = Tensor([3.0])
    (t * t + t).sum().backward()
    assert t.grad[0] == 7.0


def test_a_leaf_can_be_differentiated_by_itself() -> None:
    a = Value(3.0)
    a.backward()
    assert a.grad == 1.0


def test_constants_and_unused_branches_have_no_gradient() -> None:
    a, constant = Value(3.0), Value(2.0, requires_grad=False)
    unused = a.exp()
    (a * constant).backward()
    assert constant.grad is None
    assert unused.grad is None


def test_upstream_gradient_of_any_shape_can_be_given() -> None:
    t = Tensor([1.0, 2.0, 3.0])
    (t * t).backward(gradient=[1.0, 0.0, 2.0])
    np.testing.assert_array_equal(t.grad, [2.0, 0.0, 12.0])
    v = Value(2.0)
    (v * v).backward(gradient=0.5)
    assert v.grad == 2.0


def _sharing(a: Tensor, b: Tensor) -> list[Tensor]:
    joined = mx.concatenate([a, b])
    return [
        a + b, a - b, -a, a * 1.0, a.reshape(3, 1), a.T, a[1:], a[::-1], joined, mx.stack([a, b]), a.flip(0), a.sum(),
        a.broadcast_to(2, 3), a.unsqueeze(0), mx.pad(a, (1, 1)), a.sum(axis=0, keepdims=True), mx.where(a > 0, a, b),
        a + a,
    ]  # fmt: skip


@pytest.mark.parametrize("case", range(18))
@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_a_leafs_gradient_shares_memory_with_no_other_array(case: int, keep: str) -> None:
    a, b = Tensor([1.0, 2.0, 3.0]), Tensor([4.0, 5.0, 6.0])
    y = _sharing(a, b)[case]
    gradient = np.ones(y.shape)
    y.backward(gradient, keep=keep)
    others = [gradient, a.data, b.data, y.data, y.grad]
    for leaf, other in ((a, b), (b, a)):
        if leaf.grad is None:
            continue
        for array in [*others, other.grad]:
            assert array is None or not np.shares_memory(leaf.grad, array)
        before = leaf.grad.copy()
        leaf.grad += 1.0  # writable, and it is the leaf's own
        np.testing.assert_array_equal(leaf.grad, before + 1.0)


def test_a_leafs_own_gradient_is_not_the_seed() -> None:
    t, seed = Tensor([1.0, 2.0]), np.ones(2)
    t.backward(seed)
    assert not np.shares_memory(t.grad, seed)


def test_keep_leaves_frees_what_backward_passed() -> None:
    w = Tensor([[1.0, 2.0]])
    hidden = (w * 2).tanh()
    loss = hidden.sum()
    loss.backward(keep="leaves")
    assert w.grad is not None
    assert hidden.grad is None
    assert hidden.inputs == loss.inputs == ()
    for again in (loss, hidden.sum()):
        with pytest.raises(GradientError, match=r"released.*again"):
            again.backward()


def test_keep_is_one_of_two_words() -> None:
    with pytest.raises(OpError, match=r"all.*leaves.*none"):
        (Value(1.0) * 2).backward(keep="none")


@pytest.mark.parametrize(
    ("make", "say"),
    [
        (lambda: Tensor([1.0, 2.0]) * 2, r"\(2,\).*single number.*\.sum\(\).*gradient"),
        (lambda: Value(1.0, requires_grad=False) * 2, r"constants.*no_grad"),
        (lambda: Tensor(np.array([1, 2])).sum(), "does not depend on anything"),
        (lambda: Tensor([1.0]).detach(), "does not depend on anything"),
    ],
)
def test_backward_says_why_there_is_no_gradient(make, say: str) -> None:
    with pytest.raises(GradientError, match=say):
        make().backward()


def test_a_given_gradient_must_have_the_outputs_shape() -> None:
    with pytest.raises(OpError, match=r"\(3,\).*\(2,\)"):
        (Tensor([1.0, 2.0]) * 2).backward(np.ones(3))


def test_depth_is_no_limit_to_differentiate_or_to_free() -> None:
    for leaf in (Value(1.0), Tensor(1.0)):
        y = leaf
        for _ in range(100_000):
            y = y * 1.0
        y.backward()
        assert leaf.grad == 1.0
        del y


def test_ieee_numbers_flow_through_instead_of_raising() -> None:
    x = Value(0.0)
    y = 1 / x
    assert y.data == np.inf
    y.backward()
    assert x.grad == -np.inf
    assert np.isnan((Value(-1.0) ** 0.5).data)
    assert Value(1000.0).exp().data == np.inf
    assert np.isnan((Value(np.inf) - np.inf).data)


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("kind", [Value, Tensor])
def test_a_node_has_all_its_fields_whichever_way_it_was_made(kind: Any, requires_grad: bool) -> None:
    x = kind(0.5, requires_grad=requires_grad)
    for node in (x, x.detach(), -x, x.exp(), x + x, 2 - x, x * 2, x**3, x.sum(), x > 0.1, mx.where(x > 0, x, 1.0)):
        if isinstance(node, Node):
            assert all(hasattr(node, field) for field in Node.__slots__), node
