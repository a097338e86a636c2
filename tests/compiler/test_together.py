"""Small arrays with the same to be done to them are computed in one call; signs and single numbers cost no calls."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import microgradx as mx
from microgradx.compiler.program import record
from microgradx.compiler.to_numpy.together import together


def chains(widths, x):
    """A network of sigmoid layers as wide as `widths` says, and its loss."""
    for i, width in enumerate(widths):
        W = mx.Tensor(np.random.default_rng(i).normal(size=(x.shape[1], width)))
        x = mx.sigmoid(x @ W)
    return (x * x).mean()


def test_slopes_of_layers_are_computed_together():
    x = mx.Tensor(np.random.default_rng(9).normal(size=(4, 3)))
    text = mx.compile(lambda x: chains([3, 3, 3, 3], x)).source(x, buffers=True)
    assert text.count("subtract(c1") == 1  # 1 − h of all four
    wide = mx.compile(lambda x: chains([3, 4, 5, 6], x)).source(x, buffers=True)
    assert wide.count("subtract(c1") == 4


@given(st.lists(st.integers(2, 3), min_size=1, max_size=5), st.integers(0, 99))
def test_what_is_computed_together_is_what_was_computed_one_by_one(widths, seed):
    x = mx.Tensor(np.random.default_rng(seed).normal(size=(2, 3)))

    def f(x):
        return chains(widths, x) + chains(widths[::-1], x * 2.0)

    eager = f(x)
    eager.backward()
    value, (gradient,) = mx.compile(f, fullgraph=True).value_and_grad(x)
    np.testing.assert_array_equal(value, eager.data)
    np.testing.assert_array_equal(gradient, x.grad)


def test_large_arrays_stay_where_they_are():
    found = record(lambda x: chains([20, 20, 20], x), (mx.Tensor(np.ones((60, 20))),), True).form("f")
    assert together(found) == found


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_minus_signs_move_into_sums(a, b):
    def f(x, y):
        return ((x * -1.0) * y + x * y * 0.5 - (-y) / 3.0 + (-(x * x)) * (-(y * y))).sum()

    x, y = mx.Tensor([a, 1.0]), mx.Tensor([b, 2.0])
    compiled = mx.compile(f, fullgraph=True)
    eager = f(x, y)
    eager.backward()
    value, gradients = compiled.value_and_grad(x, y)
    np.testing.assert_array_equal(value, eager.data)
    for leaf, gradient in zip((x, y), gradients, strict=True):
        np.testing.assert_array_equal(gradient, leaf.grad)
    text = compiled.source(mx.Tensor([a, 1.0]), mx.Tensor([b, 2.0]), differentiate=False)
    assert "x * y * 0.5 - x * y + y / 3 + x * x * (y * y)" in text


def test_single_numbers_are_computed_by_operators():
    text = mx.compile(lambda x: -(x.sum() * 2.0 + 1.0) / x.sum()).source(np.ones(3), differentiate=False, buffers=True)
    assert "multiply" not in text and "np.negative" not in text and "np.divide" not in text


@given(st.integers(2, 6))
def test_what_needs_the_other_waits_for_it(count):
    def f(x):
        parts = [(x * float(k)).tanh() for k in range(1, count + 1)]
        total = parts[0]
        for part in parts[1:]:
            total = total - part
        return (total * total).sum()

    x = mx.Tensor([0.5, -1.5, 2.0])
    eager = f(x)
    eager.backward()
    value, (gradient,) = mx.compile(f, fullgraph=True).value_and_grad(x)
    np.testing.assert_array_equal(value, eager.data)
    np.testing.assert_array_equal(gradient, x.grad)
