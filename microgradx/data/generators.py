"""Small problems made on the spot: the same seed gives the same data."""

from typing import Any

import numpy as np

from microgradx.data.datasets import DataError, TensorDataset

_GATES = {
    "and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "nand": (1, 1, 1, 0), "nor": (1, 0, 0, 0), "xor": (0, 1, 1, 0),
}  # fmt: skip


def gate(name: str) -> TensorDataset:
    """A logic gate ("and", "or", "nand", "nor", "xor"): X (4, 2) in the order 00 01 10 11, t (4, 1)."""
    if name not in _GATES:
        raise DataError(f"no gate is called {name!r}; there are {', '.join(_GATES)}.")
    return TensorDataset([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], np.array(_GATES[name], float).reshape(4, 1))


def xor(samples: int = 4, noise: float = 0.0, seed: int = 0) -> TensorDataset:
    """XOR rows, repeated in turn and blurred by normal noise: X (samples, 2), t (samples, 1)."""
    X, t = gate("xor")[np.arange(samples) % 4]
    return TensorDataset(_blurred(X, noise, np.random.default_rng(seed)), t)


def moons(samples: int = 100, noise: float = 0.1, seed: int = 0) -> TensorDataset:
    """Two half circles that reach into each other: X (samples, 2), labels (samples,) 0 and 1."""
    random, label = np.random.default_rng(seed), np.arange(samples) % 2
    angle = random.uniform(0, np.pi, samples)
    X = np.where(label == 0, [np.cos(angle), np.sin(angle)], [1 - np.cos(angle), 0.5 - np.sin(angle)]).T
    return TensorDataset(_blurred(X, noise, random), label, names=("upper", "lower"))


def circles(samples: int = 100, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> TensorDataset:
    """A circle of radius `factor` (label 1) inside one of radius 1 (label 0): X (samples, 2), labels (samples,)."""
    random, label = np.random.default_rng(seed), np.arange(samples) % 2
    angle, radius = random.uniform(0, 2 * np.pi, samples), np.where(label == 0, 1, factor)
    return TensorDataset(_blurred(_polar(radius, angle), noise, random), label, names=("outer", "inner"))


def spirals(samples: int = 300, classes: int = 3, noise: float = 0.02, seed: int = 0) -> TensorDataset:
    """Arms that wind out of the middle, one per class: X (samples, 2), labels (samples,)."""
    random, label = np.random.default_rng(seed), np.arange(samples) % classes
    radius = random.uniform(0.05, 1, samples)
    angle = 2 * np.pi * (label / classes + 0.75 * radius)
    return TensorDataset(_blurred(_polar(radius, angle), noise, random), label)


def linear_regression(
    samples: int = 100, weights: Any = (2.0,), bias: float = 1.0, noise: float = 0.1, seed: int = 0
) -> TensorDataset:
    """t = X·weights + bias + noise with X uniform in [−1, 1]: X (samples, len(weights)), t (samples, 1)."""
    random = np.random.default_rng(seed)
    X = random.uniform(-1, 1, (samples, len(weights)))
    return TensorDataset(X, _blurred(X @ np.asarray(weights, float)[:, None] + bias, noise, random))


def polynomial_regression(
    samples: int = 100, coefficients: Any = (2.0, 1.0, 0.5), noise: float = 1.0, seed: int = 0
) -> TensorDataset:
    """t = c₀ + c₁x + c₂x² … + noise with x uniform in [−3, 3]: x and t are (samples, 1)."""
    random = np.random.default_rng(seed)
    x = random.uniform(-3, 3, (samples, 1))
    return TensorDataset(x, _blurred(np.polynomial.polynomial.polyval(x, coefficients), noise, random))


def _polar(radius: Any, angle: Any) -> Any:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _blurred(x: Any, noise: float, random: np.random.Generator) -> Any:
    return x + noise * random.normal(size=x.shape)
