"""Deliberately wrong rows, one per mistake that people make: the checkers must reject each of them.

`wrong(name)` puts the row into the rulebook for the length of a `with` block.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from microgradx.rules import forget, op
from microgradx.rules.domains import away_from, inside_one, positive, small
from microgradx.rules.elementary import _logistic, _logistic_scalar, cos, exp, sin
from microgradx.rules.linear_algebra import matmul
from microgradx.rules.reductions import spread, sum
from microgradx.rules.shaping import broadcast_to, index, mT


class Wrong(NamedTuple):
    """A row with a mistake, and words that the diagnosis must contain."""

    define: Callable[[], Any]
    says: str


WRONG: dict[str, Wrong] = {}


def diagnosed_as(says: str) -> Callable[[Callable[[], Any]], None]:
    """Enter the row that the decorated function defines, under the function's name."""

    def enter(define: Callable[[], Any]) -> None:
        WRONG[define.__name__] = Wrong(define, says)

    return enter


@contextmanager
def wrong(name: str) -> Iterator[Any]:
    """The row in the rulebook, for a while."""
    try:
        yield WRONG[name].define()
    finally:
        forget(name)
        forget("put_once")


# A wrong sign.


@diagnosed_as("wrong sign")
def bad_cos() -> Any:
    return op("bad_cos(x)", np.cos, math.cos, x=lambda x: sin(x))


@diagnosed_as("wrong sign")
def bad_sub() -> Any:
    return op("bad_sub(a, b)", np.subtract, a=lambda: 1.0, b=lambda: 1.0)


@diagnosed_as("wrong sign")
def bad_div() -> Any:
    return op("bad_div(a, b)", np.true_divide, where=dict(b=positive), a=lambda b: 1 / b, b=lambda b, y: y / b)


# A missing factor, and which.


@diagnosed_as("you forgot y * (1 - y)")
def bad_sigmoid() -> Any:
    return op("bad_sigmoid(x)", _logistic, _logistic_scalar, x=lambda: 1.0)


@diagnosed_as("you forgot (1 - y)")
def half_sigmoid() -> Any:
    return op("half_sigmoid(x)", _logistic, _logistic_scalar, x=lambda y: y)


@diagnosed_as("you forgot y")
def other_half() -> Any:
    return op("other_half(x)", _logistic, _logistic_scalar, x=lambda y: 1 - y)


@diagnosed_as("you forgot (1 - y ** 2)")
def bad_tanh() -> Any:
    return op("bad_tanh(x)", np.tanh, math.tanh, x=lambda: 1.0)


@diagnosed_as("you forgot x")
def bad_square() -> Any:
    return op("bad_square(x)", np.square, x=lambda: 2.0)


@diagnosed_as("you forgot 2 * x")
def no_inner_derivative() -> Any:
    return op("no_inner_derivative(x)", lambda x: np.sin(x**2), where=dict(x=small), x=lambda x: cos(x**2))


@diagnosed_as("multiply by 1 / b")
def bad_ratio() -> Any:
    return op("bad_ratio(a, b)", np.true_divide, where=dict(b=positive), a=lambda: 1.0, b=lambda b, y: -y / b)


@diagnosed_as("you forgot g")
def no_upstream() -> Any:
    return op("no_upstream(x)", np.exp, math.exp, x=lambda g, y: y)


@diagnosed_as("you forgot slope")
def bad_slope() -> Any:
    cases = (dict(slope=0.3), dict(slope=2.5))
    return op("bad_slope(x, slope=0.1)", lambda x, slope: slope * x, cases=cases, x=lambda: 1.0)


@diagnosed_as("you forgot (x > 0)")
def bad_relu() -> Any:
    return op("bad_relu(x)", lambda x: np.maximum(x, 0), where=dict(x=away_from(0.0)), x=lambda: 1.0)


def _softmax(x: Any) -> Any:
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


@diagnosed_as("you forgot y")
def unweighted_softmax() -> Any:
    return op("unweighted_softmax(x)", _softmax, shapes="(n,m)", x=lambda g, y: g - sum(g * y, -1, keepdims=True))


@diagnosed_as("you forgot (1 + x)")
def bad_product() -> Any:
    return op("bad_product(x)", lambda x: x * np.exp(x), x=lambda x: exp(x))


# A missing term.


@diagnosed_as("you forgot to add 1")
def bad_expm1() -> Any:
    return op("bad_expm1(x)", np.expm1, math.expm1, x=lambda y: y)


# A constant factor.


@diagnosed_as("a constant factor: it is 1.001 times")
def nearly_exp() -> Any:
    return op("nearly_exp(x)", np.exp, math.exp, x=lambda y: 1.001 * y)


@diagnosed_as("a constant factor")
def bad_cube() -> Any:
    return op("bad_cube(x)", lambda x: x**3, x=lambda x: x**2)


@diagnosed_as("a constant factor")
def half_sum() -> Any:
    return op("half_sum(x)", lambda x: 2 * np.sum(x, -1), shapes="(n,m)", x=lambda g, x: spread(g, x.shape, -1))


# Transposes.


@diagnosed_as("a missing transpose: B")
def no_transpose() -> Any:
    return op(
        "no_transpose(A, B) = A @ B", np.matmul, shapes="(n,k),(k,m)->(n,m)",
        A=lambda g, B: g @ B, B=lambda g, A: A.mT @ g,
    )  # fmt: skip


@diagnosed_as("a missing transpose: A")
def no_other_transpose() -> Any:
    return op(
        "no_other_transpose(A, B) = A @ B", np.matmul, shapes="(n,k),(k,m)->(n,m)",
        A=lambda g, B: g @ B.mT, B=lambda g, A: matmul(A, g),
    )  # fmt: skip


@diagnosed_as("an extra transpose: B")
def extra_transpose() -> Any:
    return op(
        "extra_transpose(A, B)", lambda A, B: A @ np.swapaxes(B, -1, -2), shapes="(n,k),(m,k)->(n,m)",
        A=lambda g, B: g @ B.mT, B=lambda g, A: g.mT @ A,
    )  # fmt: skip


@diagnosed_as("the result should be transposed")
def turned_result() -> Any:
    return op(
        "turned_result(A, B) = A @ B", np.matmul, shapes="(n,k),(k,m)->(n,m)",
        A=lambda g, B: g @ B.mT, B=lambda g, A: g.mT @ A,
    )  # fmt: skip


@diagnosed_as("an extra transpose")
def extra_turn() -> Any:
    return op("extra_turn(A)", lambda A: 2 * A, shapes="(n,n)", A=lambda g: mT(2 * g))


@diagnosed_as("a missing transpose")
def no_turn() -> Any:
    return op("no_turn(A)", lambda A: np.swapaxes(A, -1, -2), shapes="(n,n)", A=lambda g: g + 0.0)


# Un-broadcasting.


@diagnosed_as("un-broadcast")
def stretched_bias() -> Any:
    shapes = "(n,m),(m)->(n,m)"
    return op("stretched_bias(X, b)", np.add, shapes=shapes, X=lambda g: g + 0.0, b=lambda g: g + 0.0)


@diagnosed_as("un-broadcast")
def stretched_batch() -> Any:
    return op(
        "stretched_batch(A, B) = A @ B", np.matmul, shapes="(...,n,k),(...,k,m)->(...,n,m)",
        A=lambda g, B: g @ B.mT, B=lambda g, A: A.mT @ g,
    )  # fmt: skip


@diagnosed_as("mean for sum")
def averaged_bias() -> Any:
    return op(
        "averaged_bias(X, b)", np.add, shapes="(n,m),(m)->(n,m)",
        X=lambda g: g + 0.0, b=lambda g: sum(g, 0) / float(g.shape[0]),
    )  # fmt: skip


# = where += belongs.


@diagnosed_as("overwritten instead of accumulated")
def first_copy() -> Any:
    return op(
        "first_copy(x)", lambda x: np.broadcast_to(x, (3, *x.shape)), shapes="(m)",
        x=lambda g: index(g, key=(0,)),
    )  # fmt: skip


def _put(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, dtype=x.dtype)
    out[key] = x  # an element picked twice keeps only its last gradient
    return out


@diagnosed_as("overwritten instead of accumulated")
def bad_index() -> Any:
    put = op("put_once(x, key=(), shape=())", _put, shapes="(3)", nondiff="x", cases=(dict(key=[0, 2, 1], shape=(4,)),))
    return op(
        "bad_index(x, key=()) = x[key]", lambda x, key: x[key], shapes="(4)", linear="x",
        cases=(dict(key=np.array([0, 2, 0, 3, 2])), dict(key=slice(1, 3))),
        x=lambda g, x, key: put(g, key, x.shape),
    )  # fmt: skip


# Mean for sum, and sum for mean.


@diagnosed_as("mean for sum")
def bad_sum() -> Any:
    return op(
        "bad_sum(x)", lambda x: np.sum(x, axis=1), shapes="(n,m)",
        x=lambda g, x: spread(g, x.shape, 1) / float(x.shape[1]),
    )  # fmt: skip


@diagnosed_as("sum for mean")
def bad_mean() -> Any:
    return op("bad_mean(x)", lambda x: np.mean(x), shapes="(n,m)", x=lambda g, x: broadcast_to(g, x.shape))


# A dropped dependence.


@diagnosed_as("dependence on b is dropped")
def bad_mul() -> Any:
    return op("bad_mul(a, b)", np.multiply, a=lambda b: b, b=lambda: 0.0)


@diagnosed_as("a dropped dependence")
def own_entry_softmax() -> Any:
    return op("own_entry_softmax(x)", _softmax, shapes="(n,m)", x=lambda g, y: g * y * (1 - y))


# The derivative of another op.


@diagnosed_as("the derivative of another op, sinh(x)")
def bad_cosh() -> Any:
    return op("bad_cosh(x)", np.cosh, math.cosh, x=lambda y: y)


@diagnosed_as("the derivative of another op, atan(x)")
def bad_asinh() -> Any:
    return op("bad_asinh(x)", np.arcsinh, math.asinh, x=lambda x: 1 / (1 + x**2))


@diagnosed_as("the derivative of another op, log1p(x)")
def bad_atanh() -> Any:
    return op("bad_atanh(x)", np.arctanh, math.atanh, where=dict(x=inside_one), x=lambda x: 1 / (1 + x))


@diagnosed_as("the derivative of another op, log(x)")
def bad_log2() -> Any:
    return op("bad_log2(x)", np.log2, where=dict(x=positive), x=lambda x: 1 / x)


# The wrong letter.


@diagnosed_as("reads a where b belongs")
def same_factor() -> Any:
    return op("same_factor(a, b)", np.multiply, a=lambda a: a, b=lambda a: a)


@diagnosed_as("reads x where y belongs")
def x_for_y() -> Any:
    return op("x_for_y(x)", np.tanh, math.tanh, x=lambda x: 1 - x**2)
