"""Forward mode agrees with reverse mode and with difference quotients, for every row of the rulebook."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import BOOK, Tensor
from microgradx.rules.op import Op
from microgradx.rules.samples import sample

ROWS = [(row, case) for row in BOOK.values() for case in range(len(row.cases)) if row.rules]


def _name(thing: Any) -> str:
    return thing.name if isinstance(thing, Op) else str(thing)


def _function(row: Op, case: int) -> tuple[Any, tuple[Any, ...]]:
    """The row as a function of its differentiable inputs, and a point."""
    nodes, static = sample(row, case)
    free = [k for k in range(len(nodes)) if row.rule_for(k) is not None and nodes[k].dtype.kind == "f"]

    def f(*args: Any) -> Any:
        inputs = list(nodes)
        for k, x in zip(free, args, strict=True):
            inputs[k] = x
        return row(*inputs, **static)

    return f, tuple(nodes[k].detach() for k in free)


def _random_like(x: Any, rng: np.random.Generator) -> Any:
    numbers = rng.normal(size=x.shape).astype("float32").astype("float64")  # a change of dtype rounds none of them
    return type(x)(numbers, requires_grad=False)


def _inner(a: Any, b: Any) -> float:
    return float(np.sum(a.data * b.data))


@pytest.mark.parametrize(("row", "case"), ROWS, ids=_name)
def test_forward_is_the_transpose_of_reverse(row: Op, case: int) -> None:
    f, primals = _function(row, case)
    rng = np.random.default_rng(1)
    v = tuple(_random_like(x, rng) for x in primals)
    y, moved = mx.jvp(f, primals, v)
    u = _random_like(y, rng)
    pulled = mx.vjp(f, *primals)[1](u)
    assert type(moved) is type(y)
    assert (moved.shape, moved.dtype) == (y.shape, y.dtype)
    assert _inner(u, moved) == pytest.approx(sum(map(_inner, pulled, v)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("row", "case"), ROWS, ids=_name)
def test_forward_is_the_slope_of_the_difference_quotient(row: Op, case: int) -> None:
    f, primals = _function(row, case)
    rng = np.random.default_rng(2)
    v = tuple(_random_like(x, rng) for x in primals)

    def along(t: float) -> Any:
        moved = [type(x)(x.data + t * d.data, requires_grad=False) for x, d in zip(primals, v, strict=True)]
        return np.asarray(f(*moved).data)

    h = 1e-4
    slope = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    np.testing.assert_allclose(mx.jvp(f, primals, v)[1].data, slope, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(("row", "case"), ROWS, ids=_name)
def test_forward_over_reverse_is_reverse_over_reverse(row: Op, case: int) -> None:
    f, primals = _function(row, case)
    rng = np.random.default_rng(3)
    v = tuple(_random_like(x, rng) for x in primals)
    u = _random_like(f(*primals), rng)

    def g(*args: Any) -> Any:
        return (f(*args) * u).sum() if isinstance(u, Tensor) else f(*args) * u

    every = tuple(range(len(primals)))

    def directional(*args: Any) -> Any:
        slopes = mx.grad(g, every)(*args)
        return sum((s * d).sum() if isinstance(d, Tensor) else s * d for s, d in zip(slopes, v, strict=True))

    for ours, other in zip(mx.hvp(g, primals, v), mx.grad(directional, every)(*primals), strict=True):
        np.testing.assert_allclose(ours.data, other.data, rtol=1e-9, atol=1e-11)
