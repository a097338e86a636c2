"""`vmap`: one example's function on a batch, equal to the loop, and differentiable."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import OpError, Tensor, Value

RNG = np.random.default_rng(0)


def test_a_function_of_rows_is_the_matrix_product() -> None:
    x, w = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3))
    np.testing.assert_allclose(mx.vmap(lambda x: mx.matmul(w, x))(x).data, x @ w.T)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_in_and_out_axes(axis: int) -> None:
    x = RNG.normal(size=(2, 3, 4))
    assert mx.vmap(lambda x: x * 2, axis, axis)(x).data.tolist() == (x * 2).tolist()
    moved = mx.vmap(lambda x: x, axis, 0)(x)
    assert moved.data.tolist() == np.moveaxis(x, axis, 0).tolist()


def test_one_argument_whole_and_options_as_they_are() -> None:
    a, b = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    f = lambda a, b, *, shift: mx.dot(a, b) + shift
    np.testing.assert_allclose(mx.vmap(f, (0, None))(a, b, shift=2.0).data, a @ b + 2)


def test_axes_and_results_may_be_trees() -> None:
    p = {"w": RNG.normal(size=(5, 3)), "b": RNG.normal(size=(2, 5))}
    f = lambda p, x: (mx.dot(p["w"], x), {"b": p["b"] * 2})
    dots, rest = mx.vmap(f, ({"w": 0, "b": 1}, None), (0, {"b": 1}))(p, np.ones(3))
    np.testing.assert_allclose(dots.data, p["w"].sum(1))
    np.testing.assert_allclose(rest["b"].data, p["b"] * 2)


def test_nested_vmap_is_the_outer_loop() -> None:
    a, b = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
    table = mx.vmap(lambda x: mx.vmap(lambda y: mx.dot(x, y))(b))(a)
    np.testing.assert_allclose(table.data, a @ b.T)


def test_per_example_gradients() -> None:
    w, x, t = RNG.normal(size=3), RNG.normal(size=(5, 3)), RNG.normal(size=5)
    loss = lambda w, x, t: mx.square(mx.dot(w, x) - t)
    each = mx.vmap(mx.grad(loss), (None, 0, 0))(w, x, t)
    np.testing.assert_allclose(each.data, 2 * (x @ w - t)[:, None] * x)


def test_gradients_flow_into_the_batch_and_into_closed_over_tensors() -> None:
    x, w = Tensor(RNG.normal(size=(4, 2))), Tensor([1.0, 2.0])
    mx.vmap(lambda x: mx.dot(w * x, x))(x).sum().backward()
    np.testing.assert_allclose(w.grad, (x.data**2).sum(0))
    np.testing.assert_allclose(x.grad, 2 * w.data * x.data)


def test_jvp_and_hessian_of_a_vmap() -> None:
    f = lambda x: mx.vmap(lambda x: mx.exp(x).sum())(x)
    x, v = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
    np.testing.assert_allclose(mx.jvp(f, x, v)[1].data, (np.exp(x) * v).sum(1))
    each = mx.vmap(mx.hessian(lambda x: mx.exp(x).sum()))(x)
    np.testing.assert_allclose(each.data, np.exp(x)[:, :, None] * np.eye(2))


def test_the_function_may_branch_on_values_and_give_values() -> None:
    found = mx.vmap(lambda x: Value(x.item()) if x > 0 else Value(0.0))(np.array([1.0, -1.0, 2.0]))
    assert found.data.tolist() == [1.0, 0.0, 2.0]


def test_integers_stay_integers() -> None:
    found = mx.vmap(lambda i: i)(np.array([3, 1]))
    assert found.dtype.kind == "i"


@pytest.mark.parametrize(("call", "words"), [
    (lambda: mx.vmap(lambda a, b: a)(np.ones(2), np.ones(3)), "[2, 3]"),
    (lambda: mx.vmap(lambda a: a, None)(np.ones(2)), "none"),
    (lambda: mx.vmap(lambda a: a)(2.0), "no axis 0"),
    (lambda: mx.vmap(lambda a: a, 2)(np.ones((2, 2))), "no axis 2"),
    (lambda: mx.vmap(lambda a: a, "x")(np.ones(2)), "no axis 'x'"),
    (lambda: mx.vmap(lambda a: a, (0, 0))(np.ones(2)), "tuple of 2"),
    (lambda: mx.vmap(lambda a: a)(np.ones((0, 2))), "[0]"),
    (lambda: mx.vmap(lambda a: a, 0, None)(np.ones(2)), "out_axes"),
    (lambda: mx.vmap(lambda a: (a, a) if a > 0 else a)(np.array([1.0, -1.0])), "tuple of 2"),
])  # fmt: skip
def test_errors(call: Any, words: str) -> None:
    with pytest.raises(OpError) as caught:
        call()
    assert words in str(caught.value)
