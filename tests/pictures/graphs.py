"""The graphs that the picture tests draw."""

from typing import Any

import numpy as np

import microgradx as mx
from microgradx import Tensor, Value


def xor_scalar(run_backward: bool = True) -> Any:
    """The 2-2-1 XOR network on one sample, number by number."""
    x1, x2 = Value(1.0, name="x1"), Value(1.0, name="x2")
    t = Value(0.0, requires_grad=False, name="t")
    hidden = []
    for k, (w1, w2, b) in enumerate([(0.5, -0.4, 0.1), (-0.3, 0.8, -0.2)], 1):
        with mx.scope(f"hidden{k}"):
            wa, wb, bias = Value(w1, name=f"w{k}1"), Value(w2, name=f"w{k}2"), Value(b, name=f"b{k}")
            z = (wa * x1 + wb * x2 + bias).named(f"z{k}")
            hidden.append(mx.sigmoid(z).named(f"h{k}"))
    with mx.scope("output"):
        v1, v2, c = Value(1.1, name="v1"), Value(-0.9, name="v2"), Value(0.3, name="c")
        y = mx.sigmoid((v1 * hidden[0] + v2 * hidden[1] + c).named("z3")).named("p")
    loss = mx.binary_cross_entropy(y, t).named("L")
    if run_backward:
        loss.backward()
    return loss


def xor_tensor() -> Any:
    """The same network on the batch of four, as matrices."""
    X = Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], requires_grad=False, name="X")
    T = Tensor([[0.0], [1.0], [1.0], [0.0]], requires_grad=False, name="T")
    W1, b1 = Tensor([[0.5, -0.3], [-0.4, 0.8]], name="W1"), Tensor([0.1, -0.2], name="b1")
    W2, b2 = Tensor([[1.1], [-0.9]], name="W2"), Tensor([0.3], name="b2")
    with mx.scope("hidden"):
        H = mx.sigmoid((X @ W1 + b1).named("Z1")).named("H")
    with mx.scope("output"):
        P = mx.sigmoid((H @ W2 + b2).named("Z2")).named("P")
    loss = mx.binary_cross_entropy(P, T).named("L")
    loss.backward()
    return loss


def conv() -> Any:
    """A 3×3 image under a 2×2 kernel."""
    x = Tensor(np.arange(1.0, 10.0).reshape(1, 1, 3, 3), name="image")
    w = Tensor(np.ones((1, 1, 2, 2)), name="kernel")
    loss = mx.conv2d(x, w, Tensor([0.5], name="b"), padding=1).relu().mean().named("L")
    loss.backward()
    return loss


def lstm(steps: int = 1, size: int = 2) -> Any:
    """LSTM steps in scopes step0, step1 …"""
    rng = np.random.default_rng(0)
    w_ih, w_hh = (Tensor(rng.normal(size=(4 * size, size)) * 0.5, name=n) for n in ("w_ih", "w_hh"))
    state: Any = (Tensor(np.zeros((1, size)), name="h0"), Tensor(np.zeros((1, size)), name="c0"))
    for k in range(steps):
        with mx.scope(f"step{k}"):
            state = mx.lstm_cell(
                Tensor(rng.normal(size=(1, size)), requires_grad=False, name=f"x{k}"), state, w_ih, w_hh
            )
    loss = state.h.sum().named("L")
    loss.backward()
    return loss


def neurons(layers: int = 3, width: int = 10, inputs: int = 10, scoped: bool = True) -> Any:
    """A scalar multilayer net; a scope for each layer and neuron."""
    rng = np.random.default_rng(1)
    xs: Any = [Value(rng.normal(), name=f"x{i}") for i in range(inputs)]
    for k in range(layers):
        outputs = []
        for j in range(width):
            with mx.scope(f"layer{k}.neuron{j}" if scoped else "net"):
                z = Value(rng.normal(), name="b")
                for i, x in enumerate(xs):
                    z = z + Value(rng.normal(), name=f"w{i}") * x
                outputs.append(z.tanh())
        xs = outputs
    loss = sum(xs[1:], xs[0])
    loss.backward()
    return loss.named("L")
