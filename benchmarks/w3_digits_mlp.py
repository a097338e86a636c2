"""W3: one training step of a 784-256-256-10 network on 128 images. Matrix products decide; memory comes next."""

import itertools
from typing import Any

import common
import numpy as np
from classifiers import contenders
from common import Array, Goal, Work, Workload, trained

SIZES = [784, 256, 256, 10]
LR = 0.1
HAND = "NumPy by hand"
WORKLOAD = Workload(
    "W3", "MLP 784-256-256-10, relu, softmax cross-entropy, batch 128, float32",
    goals=[
        Goal(
            "microgradx eager", 1.05, HAND,
            note="matrix products are 57 % of it, by hand 73 %; Python's own work is 19 %, by hand 7 %: seven nodes, "
            "and 500 calls of modules, checks and SGD around them; SGD takes 9 %: in new arrays, for others may hold "
            "the old ones, it takes twice as long as in place",
        ),
        Goal("microgradx eager", 1.0, "PyTorch", note="as above"),
        Goal(
            "microgradx compiled", 0.98, HAND,
            note="the same products, in the same kept memory, as by hand: they are 90 % of both",
        ),
        Goal("microgradx compiled", 0.92, "PyTorch", note="as above"),
        Goal("microgradx compiled", 1.1, "jax.jit", note="the matrix products of OpenBLAS beside those of XLA"),
    ],
    size=128, smoke=4, tolerance=1e-4,
)  # fmt: skip


def start() -> list[Array]:
    """Weights (outputs, inputs) and biases in turn, as PyTorch lays them out."""
    rng = np.random.default_rng(0)
    layers = itertools.pairwise(SIZES)
    arrays = (a for n, m in layers for a in (rng.normal(0, (2 / n) ** 0.5, (m, n)), rng.normal(0, 0.1, m)))
    return [a.astype(np.float32) for a in arrays]


def batch(count: int) -> tuple[Array, Array]:
    """Images X (count, 784) between 0 and 1, labels (count,)."""
    rng = np.random.default_rng(1)
    return rng.random((count, SIZES[0]), dtype=np.float32), rng.integers(0, SIZES[-1], count)


@WORKLOAD.contender(HAND)
def by_hand(count: int) -> Work:
    """Derivatives on paper; every array is reused, every update in place."""
    X, labels = batch(count)
    (W1, b1, W2, b2, W3, b3) = parameters = start()
    gradients = [np.empty_like(p) for p in parameters]
    dW1, db1, dW2, db2, dW3, db3 = gradients
    h1, h2 = (np.empty((count, m), np.float32) for m in SIZES[1:3])
    d1, d2 = np.empty_like(h1), np.empty_like(h2)

    def step() -> float:
        np.matmul(X, W1.T, out=h1)
        np.add(h1, b1, out=h1)
        np.maximum(h1, 0, out=h1)
        np.matmul(h1, W2.T, out=h2)
        np.add(h2, b2, out=h2)
        np.maximum(h2, 0, out=h2)
        p = h2 @ W3.T
        p += b3
        loss = common.softmax_loss(p, labels)
        np.matmul(p.T, h2, out=dW3)
        np.add.reduce(p, axis=0, out=db3)
        np.matmul(p, W3, out=d2)
        np.multiply(d2, h2 > 0, out=d2)
        np.matmul(d2.T, h1, out=dW2)
        np.add.reduce(d2, axis=0, out=db2)
        np.matmul(d2, W2, out=d1)
        np.multiply(d1, h1 > 0, out=d1)
        np.matmul(d1.T, X, out=dW1)
        np.add.reduce(d1, axis=0, out=db1)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            gradient *= LR
            parameter -= gradient
        return loss

    return trained(step, start(), lambda: parameters, LR)


def layers(nn: Any) -> Any:
    """The model; nn is ours or PyTorch's."""
    each = [nn.Linear(n, m) for n, m in itertools.pairwise(SIZES)]
    return nn.Sequential(each[0], nn.ReLU(), each[1], nn.ReLU(), each[2])


def in_jax(jax: Any, x: Any, parameters: list[Any]) -> Any:
    """The same in JAX."""
    W1, b1, W2, b2, W3, b3 = parameters
    h = jax.nn.relu(x @ W1.T + b1)
    h = jax.nn.relu(h @ W2.T + b2)
    return h @ W3.T + b3


contenders(WORKLOAD, layers, start, batch, in_jax, LR)
