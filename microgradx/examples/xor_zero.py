"""XOR by one logistic unit that starts at zero: the loss stays at ln 2, for the gradients cancel exactly."""

from typing import Any

import numpy as np

from microgradx import Tensor, scope
from microgradx.examples.registry import Example, Level, Program
from microgradx.examples.xor import ROWS, TARGETS
from microgradx.functional import binary_cross_entropy, sigmoid

NOTES = (
    "one logistic unit cannot draw XOR, and from zero weights it cannot even start: it answers 0.5 for every row, "
    "so the loss is ln 2 = 0.6931, and what the two rows with target 1 ask for, the two with target 0 take back: "
    "look for the sums over the four rows that cancel.",
)


def whole_batch(X: Any, W: Any, b: Any, t: Any) -> Any:
    """The mean loss as matrices: X is (4, 2), W (2, 1), b (1,), t (4, 1)."""
    with scope("unit"):
        Z = X @ W + b
        Y = sigmoid(Z)
    L = binary_cross_entropy(Y, t)
    return L


def row_by_row(w1: float, w2: float, b: float) -> Any:
    """The same, one number after the other."""
    z, y, loss = [], [], []
    for (x1, x2), t in zip(ROWS, TARGETS, strict=True):
        with scope(f"row{x1:.0f}{x2:.0f}"):
            z.append(w1 * x1 + w2 * x2 + b)
            y.append(sigmoid(z[-1]))
            loss.append(binary_cross_entropy(y[-1], t))
    L = (loss[0] + loss[1] + loss[2] + loss[3]) / 4
    return L


def build(level: Level = "tensor") -> Program:
    """The unit on all four rows."""
    if level == "scalar":
        return Program(row_by_row, {"w1": 0.0, "w2": 0.0, "b": 0.0}, ("w1", "w2", "b"), NOTES, own_numbers=True)
    X, t = Tensor(ROWS, requires_grad=False), Tensor(np.reshape(TARGETS, (4, 1)), requires_grad=False)
    return Program(
        whole_batch, {"X": X, "W": np.zeros((2, 1)), "b": np.zeros(1), "t": t}, ("W", "b"), NOTES, own_numbers=True
    )


XOR_ZERO = Example("xor-zero", "XOR by one unit that starts at zero: gradients that cancel exactly", build)
