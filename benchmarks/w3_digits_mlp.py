"""W3: one training step of a 784-256-256-10 network on 128 images. Matrix products decide; memory comes next."""

import itertools
from typing import Any

import common
import numpy as np
from common import Array, Goal, Work, Workload, trained

import microgradx as mx
from microgradx import nn, optim

SIZES = [784, 256, 256, 10]
LR = 0.1
HAND = "NumPy by hand"
WORKLOAD = Workload(
    "W3", "MLP 784-256-256-10, relu, softmax cross-entropy, batch 128, float32",
    goals=[
        Goal(
            "microgradx eager", 1.05, HAND,
            note="matrix products are 70 % of it; the rest is SGD, which makes new arrays for all weights each time, "
            "and gradients and activations in fresh memory",
        ),
        Goal("microgradx eager", 1.0, "PyTorch", note="as above"),
        Goal(
            "microgradx compiled", 0.98, HAND,
            note="the same products, in the same kept memory, as by hand: they are 90 % of both",
        ),
        Goal("microgradx compiled", 0.92, "PyTorch"),
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
    rows = np.arange(count)
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
        p -= p.max(axis=1, keepdims=True)
        picked = p[rows, labels]
        np.exp(p, out=p)
        total = p.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - picked).mean()
        p /= total
        p[rows, labels] -= 1
        p *= np.float32(1 / count)
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
        return float(loss)

    return trained(step, start(), lambda: parameters, LR)


def layers(nn: Any) -> Any:
    """The model; nn is ours or PyTorch's."""
    each = [nn.Linear(n, m) for n, m in itertools.pairwise(SIZES)]
    return nn.Sequential(each[0], nn.ReLU(), each[1], nn.ReLU(), each[2])


def model() -> Any:
    """microgradx's own, in float32."""
    found = layers(nn)
    for p, array in zip(found.parameters(), start(), strict=True):
        p.data = array
    return found


@WORKLOAD.contender("microgradx eager")
def eager(count: int) -> Work:
    """nn, backward, optim.SGD."""
    X, labels = batch(count)
    net = model()
    descent, x = optim.SGD(net.parameters(), LR), mx.Tensor(X, requires_grad=False)

    def step() -> float:
        descent.zero_grad()
        loss = mx.cross_entropy(net(x), labels)
        loss.backward(keep="leaves")
        descent.step()
        return loss.item()

    return trained(step, start(), lambda: [p.data for p in net.parameters()], LR)


@WORKLOAD.contender("microgradx compiled")
def compiled(count: int) -> Work:
    """mx.compile_step: forward, backward and update as one program."""
    X, labels = batch(count)
    net = model()
    train = mx.compile_step(net, mx.cross_entropy, optim.SGD(net.parameters(), LR), fullgraph=True)
    return trained(lambda: train(X, labels).item(), start(), lambda: [p.data for p in net.parameters()], LR)


@WORKLOAD.contender("PyTorch", needs="torch")
def with_torch(count: int) -> Work:
    """nn modules, autograd, optim.SGD."""
    torch = common.torch()
    X, labels = map(torch.from_numpy, batch(count))
    net, loss_of = layers(torch.nn), torch.nn.CrossEntropyLoss()
    with torch.no_grad():
        for p, array in zip(net.parameters(), start(), strict=True):
            p.copy_(torch.from_numpy(array))
    descent = torch.optim.SGD(net.parameters(), LR)

    def step() -> float:
        descent.zero_grad()
        loss = loss_of(net(X), labels)
        loss.backward()
        descent.step()
        return float(loss.item())

    return trained(step, start(), lambda: [p.detach().numpy() for p in net.parameters()], LR)


@WORKLOAD.contender("jax.jit", needs="jax")
def with_jax(count: int) -> Work:
    """The whole step as one jitted function, buffers donated."""
    jax = common.jax()
    X, labels = map(jax.numpy.array, batch(count))
    state = [[jax.numpy.array(array) for array in start()]]

    def loss_of(parameters: list[Any]) -> Any:
        W1, b1, W2, b2, W3, b3 = parameters
        h = jax.nn.relu(X @ W1.T + b1)
        h = jax.nn.relu(h @ W2.T + b2)
        logs = jax.nn.log_softmax(h @ W3.T + b3)
        return -jax.numpy.take_along_axis(logs, labels[:, None], axis=1).mean()

    def update(parameters: list[Any]) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters)
        return loss, [p - np.float32(LR) * g for p, g in zip(parameters, gradients, strict=True)]

    program = jax.jit(update, donate_argnums=0)

    def step() -> float:
        loss, state[0] = program(state[0])
        return float(loss)

    return trained(step, start(), lambda: state[0], LR)
