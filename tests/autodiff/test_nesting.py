"""Every way to differentiate, inside every other; and no derivative ever mistakes an outer variable for its own."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import Tensor, Value

Function = Callable[[Any], Any]


def by_grad(f: Function) -> Function:
    return mx.grad(f)


def by_vjp(f: Function) -> Function:
    return lambda x: mx.vjp(f, x)[1](Value(1.0, requires_grad=False))[0]


def by_jvp(f: Function) -> Function:
    return lambda x: mx.jvp(f, (x,), (1.0,))[1]


def by_rows(f: Function) -> Function:
    return mx.jacobian(f, mode="reverse")


def by_columns(f: Function) -> Function:
    return mx.jacobian(f, mode="forward")


def by_tape(f: Function) -> Function:
    def slope(x: Any) -> Any:
        with mx.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, x)

    return slope


def by_autograd(f: Function) -> Function:
    def slope(x: Any) -> Any:
        x = x if x.requires_grad else x.detach().requires_grad_()
        return mx.autograd.grad(f(x), x, create_graph=True)[0]

    return slope


def by_backward(f: Function) -> Function:
    def slope(x: Any) -> Any:
        here = mx.add(x, 0.0) if x.requires_grad else x.detach().requires_grad_()
        f(here).backward(create_graph=True)
        return here.grad

    return slope


def by_checkpoint(f: Function) -> Function:
    return mx.grad(mx.checkpoint(f))


def by_vmap(f: Function) -> Function:
    return lambda x: mx.vmap(mx.grad(f))(mx.stack([x]))[0]


FRESH = [by_grad, by_vjp, by_jvp, by_rows, by_columns, by_checkpoint, by_vmap]  # they make a variable of their own
WAYS = [*FRESH, by_tape, by_autograd, by_backward]
# Not in here: backward() outside backward(), which by design adds to the same .grad; and autograd.grad or backward()
# of a tape's gradient, which is a constant unless something that encloses it is recording (as in TensorFlow).
PAIRS = [(outer, inner) for outer in [*FRESH, by_tape] for inner in WAYS]
PAIRS += [(by_autograd, inner) for inner in WAYS if inner is not by_tape]


def _names(ways: Any) -> str:
    return "-".join(way.__name__[3:] for way in ways)


def wave(x: Any) -> Any:
    return x * mx.sin(x)


@pytest.mark.parametrize("ways", PAIRS, ids=_names)
def test_second_derivatives(ways: tuple[Any, Any]) -> None:
    outer, inner = ways
    got = outer(inner(wave))(Value(0.7, requires_grad=False))
    assert float(got) == pytest.approx(2 * math.cos(0.7) - 0.7 * math.sin(0.7), rel=1e-12)


@pytest.mark.parametrize("outer", [*FRESH, by_tape], ids=lambda way: way.__name__[3:])
def test_third_derivatives(outer: Any) -> None:
    for middle, inner in product([*FRESH, by_tape], repeat=2):
        got = outer(middle(inner(wave)))(Value(0.7, requires_grad=False))
        assert float(got) == pytest.approx(-3 * math.sin(0.7) - 0.7 * math.cos(0.7), rel=1e-12), (middle, inner)


@pytest.mark.parametrize("ways", PAIRS, ids=_names)
def test_a_closed_over_variable_is_differentiated_through(ways: tuple[Any, Any]) -> None:
    outer, inner = ways

    def slope_of_x(w: Any) -> Any:
        return inner(lambda x: mx.exp(w * x) * w)(Value(0.5, requires_grad=False))

    # d/dw of w**2 exp(w x)
    expected = (2 * 1.5 + 1.5**2 * 0.5) * math.exp(1.5 * 0.5)
    assert float(outer(slope_of_x)(Value(1.5, requires_grad=False))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("ways", PAIRS, ids=_names)
def test_perturbation_confusion(ways: tuple[Any, Any]) -> None:
    """d/dx (x · d/dy (x + y)) is 1: the inner derivative must not count the outer x as its own y.

    (Siskind & Pearlmutter, Perturbation confusion and referential transparency, 2005.)
    """
    outer, inner = ways
    got = outer(lambda x: x * inner(lambda y: x + y)(Value(1.0, requires_grad=False)))
    assert float(got(Value(1.0, requires_grad=False))) == 1.0


@pytest.mark.parametrize("ways", [*product([*FRESH, by_tape], FRESH)], ids=_names)
def test_perturbation_confusion_when_both_stand_at_the_same_node(ways: tuple[Any, Any]) -> None:
    outer, inner = ways
    got = outer(lambda x: x * inner(lambda y: x * y * y)(x))  # x · 2x · x = 2x³
    assert float(got(Value(1.5, requires_grad=False))) == pytest.approx(6 * 1.5**2, rel=1e-12)


@pytest.mark.parametrize("inner", [*FRESH, by_autograd], ids=lambda w: w.__name__[3:])
def test_a_tensor_outside_collects_the_gradient_of_a_derivative(inner: Any) -> None:
    """A gradient penalty: the loss is made of a derivative, and the parameter was never an argument."""
    w = Tensor([1.0, -2.0])
    slope = inner(lambda x: (mx.tanh(w * x)).sum())(Value(0.3, requires_grad=False))
    (slope * slope).backward()
    t = np.tanh(w.data * 0.3)
    total = (w.data * (1 - t**2)).sum()
    np.testing.assert_allclose(w.grad, 2 * total * (1 - t**2) * (1 - 2 * w.data * 0.3 * t), rtol=1e-12)


def test_the_fifth_derivative_of_a_polynomial() -> None:
    f: Any = lambda x: x**6
    for _ in range(5):
        f = mx.grad(f)
    assert float(f(0.5)) == 720 * 0.5


def test_jvp_of_jvp_is_the_hessian_between_two_directions() -> None:
    rng = np.random.default_rng(0)
    a, x, u, v = rng.normal(size=(3, 3)), *rng.normal(size=(3, 3))
    f = lambda x: mx.tanh(mx.matmul(a, x)).sum() * mx.exp(x).sum()
    once = lambda x: mx.jvp(f, (x,), (u,))[1]
    twice = mx.jvp(once, (x,), (v,))[1]
    np.testing.assert_allclose(twice.data, u @ mx.hessian(f)(x).data @ v, rtol=1e-12)


def test_hessian_vector_products_agree_in_all_four_combinations() -> None:
    rng = np.random.default_rng(1)
    a, x, v = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)
    f = lambda x: mx.logsumexp(mx.matmul(a, mx.sin(x)))
    forward = lambda g: lambda x: mx.jvp(g, (x,), (v,))[1]
    results = [
        mx.hvp(f, x, v),
        forward(mx.grad(f))(x),
        mx.grad(lambda x: (mx.grad(f)(x) * v).sum())(x),
        mx.grad(forward(f))(x),
        mx.vjp(mx.grad(f), x)[1](v)[0],
        mx.matmul(mx.hessian(f)(x), v),
        mx.matmul(mx.jacobian(mx.jacobian(f, mode="forward"), mode="reverse")(x), v),
    ]
    for result in results[1:]:
        np.testing.assert_allclose(result.data, results[0].data, rtol=1e-10, atol=1e-13)


def test_no_grad_outside_still_lets_a_function_be_differentiated_and_gives_constants() -> None:
    w = Value(3.0)
    with mx.no_grad():
        value, slope = mx.value_and_grad(lambda x: w * x * x)(w)
        _, moved = mx.jvp(lambda x: w * x * x, (w,), (1.0,))
    assert (value.data, slope.data, moved.data) == (27.0, 18.0, 18.0)
    assert not (value.requires_grad or slope.requires_grad or moved.requires_grad)


def test_no_grad_inside_makes_constants() -> None:
    def f(x: Any) -> Any:
        with mx.no_grad():
            c = x * x
        return c * x

    assert float(mx.grad(f)(2.0)) == 4.0
    assert float(mx.jvp(f, (2.0,), (1.0,))[1]) == 4.0


def test_nothing_is_left_behind_in_any_grad() -> None:
    w, x = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    x.grad = np.array([7.0, 7.0])
    f = lambda x: (w * x * x).sum()
    mx.grad(f)(x), mx.hessian(f)(x), mx.jvp(f, (x,), (x,)), mx.vjp(f, x)[1](1.0)
    assert w.grad is None
    assert x.grad.tolist() == [7.0, 7.0]
