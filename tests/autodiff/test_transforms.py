"""`grad`, `value_and_grad`, `vjp`, `jvp` and `hvp`: what they take, what they give, what they refuse."""

import math
from collections import OrderedDict, defaultdict
from typing import Any, NamedTuple

import numpy as np
import pytest

import microgradx as mx
from microgradx import GradientError, OpError, Tensor, Value, nn


class Layer(NamedTuple):
    """Parameters of a layer."""

    w: Any
    b: Any


def slope(f: Any, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences, element by element."""
    result = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[k] = h
        result[k] = (f(x + step) - f(x - step)) / (2 * h)
    return result


def test_grad_of_a_network_agrees_with_differences() -> None:
    rng = np.random.default_rng(0)
    x, w, b, v = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 1))

    def loss(w: Any, b: Any, v: Any) -> Any:
        return mx.square(mx.matmul(mx.tanh(mx.matmul(x, w) + b), v)).mean()

    found = mx.grad(loss, (0, 1, 2))(w, b, v)
    for k, p in enumerate((w, b, v)):
        at = lambda q, k=k: loss(*[q if i == k else other for i, other in enumerate((w, b, v))]).item()
        np.testing.assert_allclose(found[k].data, slope(at, p), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("tree", [
    {"w": 2.0, "b": 3.0}, [2.0, 3.0], (2.0, 3.0), Layer(2.0, 3.0), {"l": Layer(2.0, [3.0]), "none": None, "no": ()},
    OrderedDict(b=2.0, a=3.0), defaultdict(list, w=2.0, b=3.0), {"w": np.array([2.0, 1.0]), "b": Tensor(3.0)},
], ids=repr)  # fmt: skip
def test_arguments_are_trees_and_the_gradient_is_built_alike(tree: Any) -> None:
    def f(tree: Any) -> Any:
        total = Value(0.0, requires_grad=False)
        for k, leaf in enumerate(_leaves(tree)):
            total = total + (k + 2) * (leaf * leaf).sum() if isinstance(leaf, Tensor) else total + (k + 2) * leaf * leaf
        return total

    found = mx.grad(f)(tree)
    assert type(found) is type(tree)
    for k, (x, g) in enumerate(zip(_leaves(tree), _leaves(found), strict=True)):
        assert isinstance(g, (Value, Tensor))
        np.testing.assert_allclose(g.data, 2 * (k + 2) * np.asarray(x))
    assert repr(found).count("(") >= repr(tree).count("(")


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (list, tuple)):
        return [] if tree is None else [tree]
    return [leaf for part in tree for leaf in _leaves(part)]


@pytest.mark.parametrize(("argnums", "expected"), [(0, 3.0), (1, 2.0), (-1, 2.0), ((0, 1), (3.0, 2.0)), ((1,), (2.0,))])
def test_argnums(argnums: Any, expected: Any) -> None:
    found = mx.grad(lambda a, b: a * b, argnums)(2.0, 3.0)
    assert (tuple(map(float, found)) if isinstance(found, tuple) else float(found)) == expected


def test_other_arguments_pass_untouched() -> None:
    seen: list[Any] = []

    def f(x: Any, mode: str, *, scale: int) -> Any:
        seen.append((mode, scale))
        return x * scale

    assert float(mx.grad(f)(2.0, "train", scale=3)) == 3.0
    assert seen == [("train", 3)]


@pytest.mark.parametrize(("x", "kind"), [
    (2.0, Value), (2, Value), (Value(2.0), Value), (np.float64(2.0), Value),
    (np.array(2.0), Tensor), (Tensor(2.0), Tensor), (np.float32(2.0), Tensor),
])  # fmt: skip
def test_numbers_give_values_and_arrays_give_tensors(x: Any, kind: type) -> None:
    for found in (mx.grad(lambda x: x * x)(x), mx.jvp(lambda x: x * x, x, 1.0)[1], mx.hvp(lambda x: x**3 / 3, x, 1.0)):
        assert type(found) is kind
        assert found.shape == ()
        assert float(found) == 4.0


def test_float32_stays_float32() -> None:
    x = np.array([0.5, -1.0], dtype=np.float32)
    f = lambda x: (mx.tanh(x * 2.0) + 1.0).sum()
    assert mx.grad(f)(x).dtype == np.float32
    assert mx.jvp(f, x, np.ones(2))[1].dtype == np.float32
    assert mx.hvp(f, x, np.ones(2)).dtype == np.float32
    assert mx.hessian(f)(x).dtype == np.float32
    assert mx.vjp(lambda x: mx.exp(x), x)[1](np.ones(2))[0].dtype == np.float32


def test_an_argument_that_does_not_matter_has_the_gradient_zero() -> None:
    a, b = mx.grad(lambda a, b: a * 2.0, (0, 1))(1.0, Tensor([3.0, 4.0]))
    assert float(a) == 2.0
    assert b.data.tolist() == [0.0, 0.0]
    y, moved = mx.jvp(lambda x: Tensor([5.0]), (1.0,), (1.0,))
    assert (y.data.tolist(), moved.data.tolist()) == ([5.0], [0.0])
    assert float(mx.grad(lambda x: Value(3.0))(1.0)) == 0.0
    assert mx.hessian(lambda x: x.sum())(np.ones(2)).data.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_results_at_the_top_are_constants_and_hold_no_graph() -> None:
    value, gradient = mx.value_and_grad(lambda x: mx.exp(x) * x)(1.0)
    assert (value.requires_grad, gradient.requires_grad) == (False, False)
    assert value.is_leaf
    assert gradient.is_leaf


def test_the_result_is_linked_to_tensors_that_collect_gradients() -> None:
    w, x = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    value, gradient = mx.value_and_grad(lambda x: (w * x * x).sum())(x)
    value.backward()
    assert w.grad.tolist() == [9.0, 16.0]
    assert x.grad.tolist() == [6.0, 16.0]
    w.zero_grad(), x.zero_grad()
    gradient.sum().backward()
    assert w.grad.tolist() == [6.0, 8.0]
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_gradient_is_an_array_of_its_own() -> None:
    u = np.ones(3)
    _, pullback = mx.vjp(lambda x: x, np.zeros(3))
    (g,) = pullback(u)
    g.data[0] = 5.0
    assert u.tolist() == [1.0, 1.0, 1.0]
    assert pullback(u)[0].data.tolist() == [1.0, 1.0, 1.0]


def test_vjp_takes_a_cotangent_built_like_the_result_and_may_be_called_again() -> None:
    f = lambda a, b: {"sum": a + b, "products": [a * b, mx.exp(a)]}
    y, pullback = mx.vjp(f, 0.5, 2.0)
    assert float(y["products"][0]) == 1.0
    a, b = pullback({"sum": 1.0, "products": [10.0, 0.0]})
    assert (float(a), float(b)) == (21.0, 6.0)
    a, b = pullback({"sum": 0.0, "products": [0.0, 1.0]})
    assert (float(a), float(b)) == (math.exp(0.5), 0.0)


def test_a_pull_back_is_differentiable_in_its_cotangent() -> None:
    x = np.array([0.3, -0.2])
    pull = lambda u: mx.vjp(mx.tanh, x)[1](u)[0]
    np.testing.assert_allclose(mx.jacobian(pull)(np.zeros(2)).data, np.diag(1 - np.tanh(x) ** 2))


def test_a_pull_back_called_inside_no_grad_gives_constants() -> None:
    w = Value(2.0)
    _, pullback = mx.vjp(lambda x: w * x, 3.0)
    with mx.no_grad():
        (g,) = pullback(1.0)
    assert (float(g), g.requires_grad) == (2.0, False)
    assert pullback(1.0)[0].requires_grad


def test_jvp_in_trees_and_tuples() -> None:
    f = lambda p, x: (p["w"] * x + p["b"], p["w"])
    y, moved = mx.jvp(f, ({"w": 2.0, "b": 1.0}, 3.0), ({"b": 10.0, "w": 1.0}, 0.5))
    assert tuple(map(float, y)) == (7.0, 2.0)
    assert tuple(map(float, moved)) == (14.0, 1.0)


def test_a_tangent_may_be_a_node_that_is_differentiated_itself() -> None:
    v = Tensor([1.0, 2.0])
    moved = mx.jvp(lambda x: x * x, np.array([3.0, 4.0]), v)[1]
    moved.sum().backward()
    assert v.grad.tolist() == [6.0, 8.0]


def test_jvp_keeps_a_value_among_tensors_apart() -> None:
    f = lambda s, x: (s * x).sum() + s
    y, (ds, dx) = mx.jvp(f, (2.0, np.array([1.0, 2.0])), (1.0, np.zeros(2)))[1], mx.grad(f, (0, 1))(2.0, np.ones(2))
    assert float(y) == 4.0
    assert (type(ds), float(ds)) == (Value, 3.0)
    assert dx.data.tolist() == [2.0, 2.0]


def test_hvp_of_several_arguments() -> None:
    f = lambda a, b: a * a * b + b * b * b
    first, second = mx.hvp(f, (2.0, 3.0), (1.0, 10.0))
    assert (float(first), float(second)) == (2 * 3.0 + 2 * 2.0 * 10, 2 * 2.0 + 6 * 3.0 * 10)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: mx.grad(lambda x: x * x)(Tensor([1.0, 2.0])), ("shape (2,)", "jacobian")),
    (lambda: mx.grad(lambda x: (x, x))(1.0), ("a tuple", "single number")),
    (lambda: mx.grad(lambda x: float(x))(1.0), ("float", "node itself")),
    (lambda: mx.grad(lambda x: x.data)(Tensor([1.0])), ("ndarray", ".data")),
    (lambda: mx.grad(lambda x: x > 0)(Tensor(1.0)), ("bool",)),
    (lambda: mx.grad(lambda x: x)(np.array([1, 2])), ("argument 0", "int64")),
    (lambda: mx.grad(lambda x: x)(Tensor(np.array([1, 2]))), ("argument 0", "int64")),
    (lambda: mx.grad(lambda x: x)(True), ("argument 0", "bool")),
    (lambda: mx.grad(lambda x: x)("2"), ("argument 0", "str")),
    (lambda: mx.grad(lambda x: x, 1)(2.0), ("argnums=1", "the 1 that")),
    (lambda: mx.grad(lambda x: x)(), ("argnums=0", "the 0 that")),
    (lambda: mx.grad(lambda x, y: x * y, (0, -2))(2.0, 3.0), ("argnums=(0, -2)", "different")),
    (lambda: mx.vjp(lambda i: i, 1.0, np.array([0])), ("argument 1", "argnums")),
    (lambda: mx.vjp(lambda x: x > 0, Tensor([1.0])), ("bool",)),
])  # fmt: skip
def test_gradient_errors(call: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(GradientError) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(("call", "words"), [
    (lambda: mx.jvp(lambda x: x, (np.ones(2),), (np.ones(3),)), ("tangent", "(3,)", "(2,)")),
    (lambda: mx.jvp(lambda x: x, (1.0,), (np.ones(3),)), ("tangent", "(3,)", "single number")),
    (lambda: mx.jvp(lambda x, y: x, (1.0, 2.0), (1.0,)), ("tuple of 2", "tuple of 1")),
    (lambda: mx.jvp(lambda p: p["a"], {"a": 1.0}, {"b": 1.0}), ("'a'", "'b'")),
    (lambda: mx.jvp(lambda x: x, (1.0,), ("up",)), ("'up'",)),
    (lambda: mx.vjp(lambda x: (x, x), 1.0)[1](1.0), ("cotangent", "tuple of 2", "float")),
    (lambda: mx.vjp(lambda x: x, np.ones(2))[1](np.ones((2, 1))), ("cotangent", "(2, 1)")),
])  # fmt: skip
def test_tangents_and_cotangents_that_do_not_fit(call: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(OpError) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []


def test_an_error_inside_the_function_leaves_nothing_switched_on() -> None:
    with pytest.raises(ZeroDivisionError), mx.no_grad():
        mx.grad(lambda x: x / (1 // 0))(1.0)
    assert (Value(1.0) * 2).requires_grad
    with mx.no_grad():
        assert not (Value(1.0) * 2).requires_grad


def test_a_chain_of_a_hundred_thousand_nodes() -> None:
    def f(x: Any) -> Any:
        for _ in range(100_000):
            x = x + 1.0
        return x

    assert float(mx.grad(f)(1.0)) == 1.0
    assert float(mx.jvp(f, 1.0, 1.0)[1]) == 1.0


def test_one_op_is_defined_for_users_by_the_row_that_defines_ours() -> None:
    assert mx.custom_op is mx.op


def test_the_derivative_of_a_parameter_is_a_plain_tensor() -> None:
    p, b = nn.Parameter([1.0, 2.0]), nn.Buffer([1.0, 2.0])
    f = lambda x: mx.softmax(x, 0) * x
    for x in (p, b):
        for found in (
            mx.grad(lambda x: f(x).sum())(x),
            mx.jvp(f, x, np.ones(2))[1],
            mx.vjp(lambda x: x, x)[1](np.ones(2))[0],
        ):
            assert type(found) is Tensor
        for mode in ("forward", "reverse"):
            assert mx.jacobian(lambda x: x, mode=mode)(x).data.tolist() == [[1.0, 0.0], [0.0, 1.0]]
