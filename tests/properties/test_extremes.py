"""Very large and very small numbers, infinities and nan: finite where the maths is finite, IEEE everywhere else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradx as mx
from microgradx.rules.op import Op

pytestmark = pytest.mark.filterwarnings("error")

# The function, a point, its value and its slope there.
SATURATED = [
    (mx.sigmoid, 1000.0, 1.0, 0.0),
    (mx.sigmoid, -1000.0, 0.0, 0.0),
    (mx.sigmoid, 40.0, 1.0, 0.0),
    (mx.softplus, 1000.0, 1000.0, 1.0),
    (mx.softplus, -1000.0, 0.0, 0.0),
    (mx.tanh, 1000.0, 1.0, 0.0),
    (mx.tanh, -1000.0, -1.0, 0.0),
    (lambda z: mx.binary_cross_entropy_with_logits(z, 1.0), 1000.0, 0.0, 0.0),
    (lambda z: mx.binary_cross_entropy_with_logits(z, 0.0), 1000.0, 1000.0, 1.0),
    (lambda z: mx.binary_cross_entropy_with_logits(z, 1.0), -1000.0, 1000.0, -1.0),
    (lambda z: mx.binary_cross_entropy_with_logits(z, 0.0), -1000.0, 0.0, 0.0),
]


@pytest.mark.parametrize("kind", [mx.Value, lambda x: mx.Tensor([x])], ids=["Value", "Tensor"])
@pytest.mark.parametrize(("f", "x", "value", "slope"), SATURATED)
def test_where_a_curve_is_flat_its_value_and_slope_are_still_right(f, x, value, slope, kind):
    node = kind(x)
    y = f(node)
    y.backward()
    assert y.item() == pytest.approx(value, abs=1e-15)
    assert np.asarray(node.grad).item() == pytest.approx(slope, abs=1e-15)


@given(st.lists(st.sampled_from([-1000.0, -999.0, 0.0, 1.0, 999.0, 1000.0]), min_size=2, max_size=4))
def test_logsumexp_softmax_and_cross_entropy_at_a_thousand(entries):
    x = np.array(entries)
    shares = np.exp(np.maximum(x - x.max(), -745)) / np.exp(np.maximum(x - x.max(), -745)).sum()
    node = mx.Tensor(x)
    y = mx.logsumexp(node, dim=0)
    y.backward()
    assert y.item() == pytest.approx(x.max() + math.log(np.exp(np.maximum(x - x.max(), -745)).sum()))
    np.testing.assert_allclose(node.grad, shares, atol=1e-12)
    np.testing.assert_allclose(mx.softmax(mx.Tensor(x)).data, shares, atol=1e-12)
    np.testing.assert_allclose(mx.log_softmax(mx.Tensor(x)).data, x - y.item(), rtol=1e-12)
    node = mx.Tensor(x[None])
    loss = mx.cross_entropy(node, [1])
    loss.backward()
    assert loss.item() == pytest.approx(y.item() - x[1], abs=1e-9)
    np.testing.assert_allclose(node.grad[0], shares - np.eye(len(x))[1], atol=1e-12)


def test_targets_of_a_certain_guess_have_the_slope_of_the_floored_logarithm():
    p, t = mx.Tensor([0.0, 1.0, 0.0, 1.0]), mx.Tensor([0.0, 1.0, 1.0, 0.0])
    mx.binary_cross_entropy(p, t, reduction="sum").backward()
    np.testing.assert_allclose(t.grad, [100, -100, 100, -100])


def test_a_wrong_certainty_costs_a_hundred_and_its_gradient_is_finite():
    p = mx.Tensor([0.0, 1.0])
    loss = mx.binary_cross_entropy(p, mx.Tensor([1.0, 0.0], requires_grad=False), reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(200.0)
    assert np.isfinite(p.grad).all()
    assert p.grad[0] < 0 < p.grad[1]


ODD = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324, 1.0, -1.0, -2.5]


@pytest.mark.parametrize("row", [r for r in mx.BOOK.values() if r.elementwise and not r.variadic], ids=lambda r: r.name)
@pytest.mark.filterwarnings("default")
def test_values_follow_ieee_and_never_raise(row: Op) -> None:
    """Where NumPy says inf or nan for an array, a Value says the same, forwards and backwards."""

    @given(
        st.lists(st.sampled_from(ODD), min_size=len(row.inputs), max_size=len(row.inputs)), st.sampled_from(row.cases)
    )
    def check(numbers, case):
        if case.get("n") == 0.5 and -math.inf in numbers:
            return  # NumPy itself has two answers: np.power says inf, x ** 0.5 takes a root and says nan
        values, arrays = [mx.Value(x) for x in numbers], [mx.Tensor(np.array([x])) for x in numbers]
        y = row(*values, **case)
        with np.errstate(all="ignore"):
            z = row(*arrays, **case)
            np.testing.assert_allclose(y.data, z.data[0], rtol=1e-9, equal_nan=True)
            if y.requires_grad and row.smooth:
                y.backward()
                z.backward(np.ones(1))
                for v, a in zip(values, arrays, strict=True):
                    if a.grad is not None:
                        np.testing.assert_allclose(v.grad, a.grad[0], rtol=1e-9, atol=1e-300, equal_nan=True)

    check()


@pytest.mark.parametrize("row", [r for r in mx.BOOK.values() if r.elementwise and r.smooth], ids=lambda r: r.name)
def test_empty_arrays_have_empty_gradients(row: Op) -> None:
    shapes = [(0, 2), (2,), (1, 2), (0, 1)][: len(row.inputs)]
    nodes = [
        mx.Tensor(np.ones(shape), requires_grad=name not in row.nondiff or None)
        for shape, name in zip(shapes, row.inputs, strict=True)
    ]
    y = row(*nodes, **row.cases[0])
    y.backward(np.ones(y.shape))
    assert y.shape == (0, 2)
    for node, name in zip(nodes, row.inputs, strict=True):
        if name in row.rules:
            assert node.grad.shape == node.shape
            assert not node.grad.any()


def test_a_rule_is_not_evaluated_for_an_input_that_needs_no_gradient():
    """The exponent's rule takes a logarithm of the base: at a negative base it would warn."""
    for kind in (mx.Value, mx.Tensor):
        base, exponent = kind(-2.0), kind(3.0).detach()
        mx.pow(base, exponent).backward()
        assert base.grad == 12.0
        assert exponent.grad is None
