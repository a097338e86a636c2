"""`autograd.grad`, with PyTorch's meaning."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import GradientError, OpError, Tensor, Value
from microgradx.autograd import grad


def test_gradients_are_returned_and_no_grad_is_touched() -> None:
    w, x = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    y = (w * x * x).sum()
    dw, dx = grad(y, (w, x))
    assert (dw.data.tolist(), dx.data.tolist()) == ([9.0, 16.0], [6.0, 16.0])
    assert (w.grad, x.grad, y.grad) == (None, None, None)
    assert not dw.requires_grad


def test_an_inner_node_and_what_lies_before_it() -> None:
    x = Value(2.0)
    h = x * x
    y = h * h
    assert [float(g) for g in grad(y, [h, x])] == [8.0, 32.0]
    assert [float(g) for g in grad(y, [y])] == [1.0]


def test_several_outputs_add_up() -> None:
    x = Tensor([1.0, 2.0])
    (dx,) = grad([x.sum(), x * x], x, grad_outputs=[None, np.array([1.0, 10.0])])
    assert dx.data.tolist() == [3.0, 41.0]


def test_create_graph_gives_higher_derivatives() -> None:
    x = Tensor([1.0, 2.0])
    (g,) = grad((x**3).sum(), x, create_graph=True)
    (h,) = grad(g, x, grad_outputs=np.ones(2), create_graph=True)
    (third,) = grad(h.sum(), x)
    assert (h.data.tolist(), third.data.tolist()) == ([6.0, 12.0], [6.0, 6.0])


def test_grad_outputs_may_be_nodes_that_are_differentiated() -> None:
    """The double-backward trick: a Jacobian-vector product from two vector-Jacobian products."""
    x, u, v = Tensor([0.5, 1.0]), Tensor([0.0, 0.0]), np.array([3.0, -1.0])
    (pulled,) = grad(mx.exp(x), x, grad_outputs=u, create_graph=True)
    (pushed,) = grad(pulled, u, grad_outputs=v)
    np.testing.assert_allclose(pushed.data, np.exp(x.data) * v)


def test_the_graph_is_released_unless_kept() -> None:
    x = Value(2.0)
    y = mx.exp(x * x)
    grad(y, x, retain_graph=True), grad(y, x, create_graph=True)
    grad(y, x)
    with pytest.raises(GradientError, match="released"):
        grad(y, x)
    z = mx.exp(x * x)
    z.backward()
    assert x.grad == pytest.approx(4 * np.exp(4))


def test_only_the_part_between_is_released() -> None:
    x = Value(2.0)
    h = x * x
    grad(mx.exp(h), h)
    h.backward()
    assert x.grad == 4.0


def test_unused_inputs() -> None:
    x, z = Value(2.0), Value(1.0)
    with pytest.raises(GradientError, match="do not depend on input 1"):
        grad(x * x, (x, z))
    assert [g if g is None else float(g) for g in grad(x * x, (x, z), allow_unused=True)] == [4.0, None]


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda x: grad(x * 2, x), GradientError, "shape (2,)"),
    (lambda x: grad(x.sum(), x.detach()), GradientError, "input 0 collects no gradient"),
    (lambda x: grad(x.sum(), np.ones(2)), GradientError, "inputs must be nodes"),
    (lambda x: grad(3.0, x), GradientError, "outputs must be nodes"),
    (lambda x: grad(x * 2, x, np.ones(3)), OpError, "(3,)"),
    (lambda x: grad([x.sum()], x, [1.0, 1.0]), OpError, "1 outputs, but 2 grad_outputs"),
    (lambda x: grad(x.sum(), x, retain_graph=False, create_graph=True), OpError, "retain_graph"),
])  # fmt: skip
def test_errors(call: Any, kind: type, words: str) -> None:
    with pytest.raises(kind) as caught:
        call(Tensor([1.0, 2.0]))
    assert words in str(caught.value)
