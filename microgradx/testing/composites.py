"""Calls of the composites that a course needs most, so that they can be checked by name like the rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradx import functional as F

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def _lstm(rng: np.random.Generator) -> Call:
    def cell(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b: Any) -> Any:
        return F.lstm_cell(x, (h, c), w_ih, w_hh, b)

    return cell, tuple(rng.normal(size=s) for s in ((2, 3), (2, 2), (2, 2), (8, 3), (8, 2), (8,)))


def _labelled(rng: np.random.Generator) -> Call:
    rows, classes = int(rng.integers(1, 4)), int(rng.integers(2, 5))
    t = rng.integers(0, classes, rows)
    return lambda x: F.cross_entropy(x, t), (rng.normal(size=(rows, classes)) * 3,)


def _targets(loss: Callable[..., Any], guess: Callable[[Any], Any] = lambda x: x) -> Callable[[Any], Call]:
    def draw(rng: np.random.Generator) -> Call:
        t = rng.uniform(0.1, 0.9, size=(3, 2))
        return lambda x: loss(guess(x), t), (rng.normal(size=(3, 2)),)

    return draw


def _conv2d(rng: np.random.Generator) -> Call:
    stride, padding = int(rng.integers(1, 3)), int(rng.integers(0, 2))
    shapes = (2, 2, 4, 5), (3, 2, 2, 3), (3,)
    return lambda x, w, b: F.conv2d(x, w, b, stride, padding), tuple(rng.normal(size=s) for s in shapes)


CALLS: dict[str, Callable[[Any], Call]] = {
    "cross_entropy": _labelled,
    "conv2d": _conv2d,
    "lstm_cell": _lstm,
    "mse_loss": _targets(F.mse_loss),
    "binary_cross_entropy": _targets(F.binary_cross_entropy, F.sigmoid),
    "binary_cross_entropy_with_logits": _targets(F.binary_cross_entropy_with_logits),
    "std": lambda rng: (lambda x: F.std(x, axis=0), (rng.normal(size=(4, 2)),)),
}
