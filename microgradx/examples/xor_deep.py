"""XOR with three hidden layers of ten sigmoid units, 2-10-10-10-1: how thin the gradient gets on its way back."""

from itertools import pairwise
from typing import Any

import numpy as np

from microgradx import Tensor, scope
from microgradx.examples.registry import Example, ExampleError, Program
from microgradx.examples.xor import ROWS, TARGETS
from microgradx.functional import binary_cross_entropy, sigmoid

SIZES = (2, 10, 10, 10, 1)
NOTES = (
    "each sigmoid multiplies the gradient by y · (1 − y), a quarter at most: compare the sizes of the gradients of "
    "W4, W3, W2 and W1 on the way back.",
)


def whole_batch(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, W4: Any, b4: Any, t: Any) -> Any:
    """The mean loss over the batch, layer by layer: X is (4, 2), t (4, 1)."""
    with scope("hidden1"):
        H1 = sigmoid(X @ W1 + b1)
    with scope("hidden2"):
        H2 = sigmoid(H1 @ W2 + b2)
    with scope("hidden3"):
        H3 = sigmoid(H2 @ W3 + b3)
    with scope("output"):
        Y = sigmoid(H3 @ W4 + b4)
    L = binary_cross_entropy(Y, t)
    return L


def build(seed: int = 0) -> Program:
    """The batch of four; `seed` chooses the random weights."""
    if seed < 0:
        raise ExampleError(f"xor-deep: seed is a whole number from 0, not {seed}.")
    rng = np.random.default_rng(seed)
    layers = {}
    for k, (fan_in, fan_out) in enumerate(pairwise(SIZES), start=1):
        layers[f"W{k}"] = rng.normal(size=(fan_in, fan_out)).round(2)
        layers[f"b{k}"] = rng.normal(size=fan_out).round(2)
    X, t = Tensor(ROWS, requires_grad=False), Tensor(np.reshape(TARGETS, (4, 1)), requires_grad=False)
    return Program(whole_batch, {"X": X, **layers, "t": t}, tuple(layers), NOTES)


XOR_DEEP = Example("xor-deep", "XOR by three hidden layers of ten, 2-10-10-10-1", build, "tensor")
