"""The difference quotients are themselves sharp, also where numbers are large, small, or near an edge."""

import math

import numpy as np
import pytest

from microgradx.testing.differences import along_axes, derivative, one_sided, reach_at

# A function, a point, and its slope there from the textbook.
KNOWN = [
    (math.sin, 0.7, math.cos(0.7)),
    (math.exp, 4.0, math.exp(4.0)),
    (math.log, 0.2, 5.0),
    (math.tan, 0.9, 1 + math.tan(0.9) ** 2),
    (math.atanh, 0.9, 1 / (1 - 0.81)),
    (lambda x: 1 / x, 0.1, -100.0),
    (lambda x: x * x, 1e6, 2e6),
    (math.sin, 1000.0, math.cos(1000.0)),
    (lambda x: max(x, 0.0), 0.01, 1.0),  # a kink within reach
    (lambda x: 1e6 + x, 1.0, 1.0),
    (lambda x: 7.0, 1.0, 0.0),
    (np.log, 1e-4, 1e4),  # nan within reach
]


@pytest.mark.parametrize(("f", "x", "slope"), KNOWN)
def test_the_error_is_small_and_not_underestimated_by_much(f, x, slope):
    found = derivative(lambda t: f(x + t), reach_at(x))
    error = abs(float(found.value) - slope)
    assert error <= 2e-9 * max(abs(slope), 1e-3)
    assert error <= 100 * float(found.error) + 1e-12 * (1 + abs(slope))


@pytest.mark.parametrize(("f", "x", "slope"), KNOWN[:6])
def test_smooth_functions_reach_ten_digits(f, x, slope):
    assert float(derivative(lambda t: f(x + t)).value) == pytest.approx(slope, rel=1e-11)


def test_a_kink_has_a_slope_on_either_side():
    left, right = one_sided(abs, -1), one_sided(abs, 1)
    assert float(left.value) == pytest.approx(-1)
    assert float(right.value) == pytest.approx(1)


def test_a_jump_does_not_settle():
    assert derivative(lambda t: float(t >= 0)).error > 1


def test_the_jacobian_of_arrays_has_the_outputs_axes_first():
    A = np.arange(6.0).reshape(2, 3)
    found = along_axes(lambda x: A @ x, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found.value, A, rtol=1e-11)
    assert along_axes(lambda x: A @ x[:, None] * np.ones((1, 4)), np.zeros(3)).value.shape == (2, 4, 3)
    assert along_axes(lambda x: x, np.zeros((0, 2))).value.shape == (0, 2, 0, 2)
