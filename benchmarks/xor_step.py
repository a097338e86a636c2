"""One training step (forward, backward, SGD) of the XOR network 2-10-10-10-1: sigmoid, BCE, batch 4, float64.

microgradx eager from elementary ops, beside hand-written NumPy and eager PyTorch:

    python benchmarks/xor_step.py
"""

import argparse
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from common import Contenders, interleaved, peer, table, versions

import microgradx as mx

SIZES = [2, 10, 10, 10, 1]
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
T = np.array([[0.0], [1.0], [1.0], [0.0]])
LEARNING_RATE = 0.5


def start() -> list[np.ndarray[Any, Any]]:
    """Weights and biases in turn, the same for everybody."""
    rng = np.random.default_rng(0)
    layers = itertools.pairwise(SIZES)
    return [array for n, m in layers for array in (rng.normal(0, n**-0.5, (n, m)), np.zeros(m))]


def by_hand() -> Callable[[], float]:
    """Plain NumPy with the derivatives worked out on paper: the logistic's slope and the loss's 1/p cancel."""
    parameters = start()

    def step() -> float:
        activations = [X]
        for k in range(0, len(parameters), 2):
            z = activations[-1] @ parameters[k] + parameters[k + 1]
            activations.append(1 / (1 + np.exp(-z)))
        p = activations[-1]
        loss = -(T * np.log(p) + (1 - T) * np.log(1 - p)).mean()
        upstream = (p - T) / len(T)
        for k in range(len(parameters) - 2, -1, -2):
            h = activations[k // 2]
            w_grad, b_grad = h.T @ upstream, upstream.sum(axis=0)
            if k:
                upstream = (upstream @ parameters[k].T) * h * (1 - h)
            parameters[k] -= LEARNING_RATE * w_grad
            parameters[k + 1] -= LEARNING_RATE * b_grad
        return float(loss)

    return step


def with_microgradx(loss_of: Callable[[Any, Any], Any]) -> Callable[[], float]:
    """The same network as recorded ops."""
    parameters = [mx.Tensor(array) for array in start()]
    x, t = mx.Tensor(X, requires_grad=False), mx.Tensor(T, requires_grad=False)

    def step() -> float:
        h = x
        for w, b in zip(parameters[::2], parameters[1::2], strict=True):
            h = (h @ w + b).sigmoid()
        loss = loss_of(h, t)
        loss.backward(keep="leaves")
        for p in parameters:
            p.data -= LEARNING_RATE * p.grad
            p.grad = None
        return loss.item()

    return step


def logarithms(p: Any, t: Any) -> Any:
    """Binary cross-entropy from elementary ops."""
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


def with_torch(torch: Any) -> Callable[[], float]:
    """The same network in eager PyTorch."""
    torch.set_num_threads(1)
    parameters = [torch.tensor(array, requires_grad=True) for array in start()]
    x, t = torch.tensor(X), torch.tensor(T)

    def step() -> float:
        h = x
        for w, b in zip(parameters[::2], parameters[1::2], strict=True):
            h = torch.sigmoid(h @ w + b)
        loss = torch.nn.functional.binary_cross_entropy(h, t)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= LEARNING_RATE * p.grad
                p.grad = None
        return float(loss.item())

    return step


def makers() -> dict[str, Callable[[], Callable[[], float]]]:
    """The contenders that are installed, each as a function that starts afresh."""
    found: dict[str, Callable[[], Callable[[], float]]] = {
        "NumPy by hand": by_hand,
        "microgradx, elementary ops": lambda: with_microgradx(logarithms),
        "microgradx, loss as one row": lambda: with_microgradx(mx.binary_cross_entropy),
    }
    torch = peer("torch")
    if torch:
        found["PyTorch eager"] = lambda: with_torch(torch)
    return found


def check(found: dict[str, Callable[[], Callable[[], float]]], steps: int = 50) -> None:
    """All contenders must print the same losses, step after step."""
    curves = {name: [step() for step in [make()] for _ in range(steps)] for name, make in found.items()}
    for name, losses in curves.items():
        np.testing.assert_allclose(losses, curves["NumPy by hand"], rtol=1e-9, err_msg=name)


def main() -> None:
    """Check, time, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--calls", type=int, default=200)
    chosen = options.parse_args()
    print(versions("microgradx", "numpy", "torch"))
    found = makers()
    check(found)
    contenders: Contenders = {name: make() for name, make in found.items()}
    seconds = interleaved(contenders, chosen.rounds, chosen.calls)
    for reference in ["NumPy by hand", "PyTorch eager"]:
        if reference in seconds:
            table("a training step", seconds, reference, unit="µs")


if __name__ == "__main__":
    main()
