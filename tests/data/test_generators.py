"""Problems made on the spot: shapes, seeds, and that they are what they say."""

from collections.abc import Callable

import numpy as np
import pytest

from microgradx import data
from microgradx.data import DataError, TensorDataset

MAKERS = [data.xor, data.moons, data.circles, data.spirals, data.linear_regression, data.polynomial_regression]


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides(make: Callable[..., TensorDataset]) -> None:
    one, same, other = make(20, noise=0.1, seed=1), make(20, noise=0.1, seed=1), make(20, noise=0.1, seed=2)
    assert len(one) == 20
    assert all((a == b).all() for a, b in zip(one.arrays, same.arrays, strict=True))
    assert not (one.arrays[0] == other.arrays[0]).all() or not (one.arrays[1] == other.arrays[1]).all()


def test_gates() -> None:
    assert data.gate("and").arrays[1].ravel().tolist() == [0, 0, 0, 1]
    assert data.gate("xor").arrays[1].ravel().tolist() == [0, 1, 1, 0]
    with pytest.raises(DataError, match="nand"):
        data.gate("not")


def test_circles_have_their_radius_and_moons_theirs() -> None:
    X, t = data.circles(50, noise=0, factor=0.3).arrays
    np.testing.assert_allclose(np.hypot(*X.T), np.where(t == 0, 1, 0.3))
    X, t = data.moons(50, noise=0).arrays
    np.testing.assert_allclose(np.hypot(*(X - np.where(t[:, None] == 0, [0, 0], [1, 0.5])).T), 1)


def test_spirals_have_all_their_classes() -> None:
    assert np.bincount(data.spirals(30, classes=5).arrays[1]).tolist() == [6] * 5


def test_regressions_follow_their_formula() -> None:
    X, t = data.linear_regression(10, weights=(1.0, -2.0), bias=0.5, noise=0).arrays
    np.testing.assert_allclose(t[:, 0], X[:, 0] - 2 * X[:, 1] + 0.5)
    x, t = data.polynomial_regression(10, noise=0).arrays
    np.testing.assert_allclose(t, 0.5 * x**2 + x + 2)
