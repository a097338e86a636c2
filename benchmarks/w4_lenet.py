"""W4: one training step of LeNet on 64 images of 28×28. Convolution as one matrix product decides."""

from typing import Any

import numpy as np
from classifiers import contenders
from common import Array, Goal, Work, Workload, trained

LR = 0.05
HAND = "NumPy by hand"
WORKLOAD = Workload(
    "W4", "LeNet (5×5×6, pool, 5×5×16, pool, 120, 84, 10; no padding) on 28×28, batch 64, float32",
    goals=[
        Goal("microgradx eager", 1.1, "PyTorch"),
        Goal("microgradx eager", 0.55, "jax.jit"),
        Goal("microgradx compiled", 0.8, "PyTorch", threads=1),
        Goal("microgradx compiled", 1.1, "PyTorch", threads=2),
        Goal("microgradx compiled", 0.4, "jax.jit"),
    ],
    size=64, smoke=2, tolerance=1e-4,
)  # fmt: skip
SHAPES = [(6, 1, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (10, 84)]


def start() -> list[Array]:
    """Kernels or weights, and biases, in turn, as PyTorch lays them out."""
    rng = np.random.default_rng(0)
    arrays = []
    for shape in SHAPES:
        arrays += [rng.normal(0, np.prod(shape[1:]) ** -0.5, shape), rng.normal(0, 0.1, shape[0])]
    return [a.astype(np.float32) for a in arrays]


def batch(count: int) -> tuple[Array, Array]:
    """Images (count, 1, 28, 28) between 0 and 1, labels (count,)."""
    rng = np.random.default_rng(1)
    return rng.random((count, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, count)


class ByHand:
    """Convolution, relu, pooling; the batch is the last axis, so that patches are copied as long runs."""

    def __init__(self, W: Array, b: Array, size: int, count: int) -> None:
        self.W, self.b, (out, channels, k, _) = W, b, W.shape
        self.size, self.k, self.to = size, k, size - k + 1
        self.cols = np.empty((channels, k, k, self.to, self.to, count), np.float32)
        self.flat = self.cols.reshape(channels * k * k, -1)
        self.y = np.empty((out, self.to * self.to * count), np.float32)
        self.upstream = np.empty((out, self.to, self.to, count), np.float32)
        self.dx = np.empty((channels, size, size, count), np.float32)

    def forward(self, x: Array) -> Array:
        """x (channels, size, size, count) to (out, half, half, count)."""
        for i in range(self.k):
            for j in range(self.k):
                self.cols[:, i, j] = x[:, i : i + self.to, j : j + self.to]
        np.matmul(self.W.reshape(len(self.W), -1), self.flat, out=self.y)
        self.y += self.b[:, None]
        np.maximum(self.y, 0, out=self.y)
        self.quarters = self._quarters(self.y.reshape(self.upstream.shape))
        a, b, c, d = self.quarters
        self.pooled = np.maximum(np.maximum(a, b), np.maximum(c, d))
        return self.pooled

    def backward(self, g: Array, needed: bool) -> tuple[Array, Array, Array]:
        """Gradients of kernels, biases and (where it is needed) x."""
        g = g * (self.pooled > 0)
        left = np.ones(g.shape, bool)  # the largest of four gets the gradient, the first one where several are
        for part, into in zip(self.quarters, self._quarters(self.upstream), strict=True):
            here = (part == self.pooled) & left
            left ^= here
            np.multiply(g, here, out=into)
        u = self.upstream.reshape(len(self.W), -1)
        dW, db = u @ self.flat.T, u.sum(axis=1)
        if needed:
            np.matmul(self.W.reshape(len(self.W), -1).T, u, out=self.flat)
            self.dx[:] = 0
            for i in range(self.k):
                for j in range(self.k):
                    self.dx[:, i : i + self.to, j : j + self.to] += self.cols[:, i, j]
        return dW.reshape(self.W.shape), db, self.dx

    @staticmethod
    def _quarters(y: Array) -> list[Array]:
        return [y[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]


@WORKLOAD.contender(HAND)
def by_hand(count: int) -> Work:
    """im2col and derivatives on paper."""
    X, labels = batch(count)
    images = np.ascontiguousarray(X.transpose(1, 2, 3, 0))
    parameters = start()
    first, second = ByHand(*parameters[:2], 28, count), ByHand(*parameters[2:4], 12, count)
    columns = np.arange(count)

    def step() -> float:
        h = second.forward(first.forward(images)).reshape(256, count)
        activations = [h]
        for k in (4, 6, 8):
            h = parameters[k] @ h + parameters[k + 1][:, None]
            if k < 8:
                np.maximum(h, 0, out=h)
                activations.append(h)
        h -= h.max(axis=0)
        picked = h[labels, columns]
        p = np.exp(h)
        total = p.sum(axis=0)
        loss = (np.log(total) - picked).mean()
        p /= total
        p[labels, columns] -= 1
        g = p * np.float32(1 / count)
        gradients: list[Array] = []
        for k in (8, 6, 4):
            h = activations.pop()
            gradients[:0] = [g @ h.T, g.sum(axis=1)]
            g = parameters[k].T @ g
            if k > 4:
                g *= h > 0
        dW2, db2, g = second.backward(g.reshape(16, 4, 4, count), needed=True)
        dW1, db1, _ = first.backward(g, needed=False)
        for parameter, gradient in zip(parameters, [dW1, db1, dW2, db2, *gradients], strict=True):
            gradient *= LR
            parameter -= gradient
        return float(loss)

    return trained(step, start(), lambda: parameters, LR)


def layers(nn: Any) -> Any:
    """The model; nn is ours or PyTorch's."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def in_jax(jax: Any, x: Any, parameters: list[Any]) -> Any:
    """The same in JAX."""
    W1, b1, W2, b2, W3, b3, W4, b4, W5, b5 = parameters
    lax = jax.lax

    def pooled(x: Any, W: Any, b: Any) -> Any:
        y = jax.nn.relu(lax.conv(x, W, (1, 1), "VALID") + b[:, None, None])
        return lax.reduce_window(y, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    h = pooled(pooled(x, W1, b1), W2, b2).reshape(len(x), -1)
    h = jax.nn.relu(h @ W3.T + b3)
    h = jax.nn.relu(h @ W4.T + b4)
    return h @ W5.T + b5


contenders(WORKLOAD, layers, start, batch, in_jax, LR)
