"""One step of a recurrent cell: the plain one, and an LSTM whose gates f, i, g, o are all visible."""

from typing import Any

import numpy as np

from microgradx import Tensor, scope
from microgradx import functional as F
from microgradx.examples.registry import Example, Level, Program
from microgradx.functional import sigmoid, tanh


def rnn_cell(x: Any, h0: Any, W_x: Any, W_h: Any, b: Any) -> Any:
    """h1 = tanh(x · W_x + h0 · W_h + b), summed to one number: x is (1, 2), h0 (1, 2)."""
    with scope("rnn"):
        z = x @ W_x + h0 @ W_h + b
        h1 = tanh(z)
    L = h1.sum()
    return L


def build_rnn_cell() -> Program:
    """Two inputs, two hidden units; the gradient of h0 is what a longer sequence would hand further back."""
    arguments = dict(
        x=[[1.0, -0.5]], h0=[[0.2, 0.4]], W_x=[[0.5, -0.3], [0.8, 0.2]], W_h=[[0.6, -0.1], [0.3, 0.7]], b=[0.1, 0.0]
    )
    return Program(rnn_cell, arguments, ("W_x", "W_h", "b"))


def lstm_layer(x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> Any:
    """Two hidden units at once: x is (1, 2), W_x and W_h (8, 2), with the rows of the gates i, f, g, o in turn."""
    h, _ = F.lstm_cell(x, (h0, c0), W_x, W_h, b)
    L = h.sum()
    return L


def lstm_unit(
    x: Any, h0: Any, c0: Any, w_i: Any, u_i: Any, b_i: Any, w_f: Any, u_f: Any, b_f: Any,
    w_g: Any, u_g: Any, b_g: Any, w_o: Any, u_o: Any, b_o: Any,
) -> Any:  # fmt: skip
    """One unit, number by number: what to write (i, g), what to keep (f), what to show (o)."""
    with scope("input"):
        z_i = w_i * x + u_i * h0 + b_i
        i = sigmoid(z_i)
    with scope("forget"):
        z_f = w_f * x + u_f * h0 + b_f
        f = sigmoid(z_f)
    with scope("candidate"):
        z_g = w_g * x + u_g * h0 + b_g
        g = tanh(z_g)
    with scope("output"):
        z_o = w_o * x + u_o * h0 + b_o
        o = sigmoid(z_o)
    c = f * c0 + i * g
    h = o * tanh(c)
    return h


def build_lstm_cell(level: Level = "tensor") -> Program:
    """Two units as matrices, or one unit number by number."""
    note = (
        "the cell hands c0 on through f alone: ∂c/∂c0 = f, with no weight and no squashing in between. That is why an "
        "LSTM remembers."
    )
    if level == "scalar":
        gates = dict(
            w_i=0.5, u_i=0.3, b_i=0.1, w_f=-0.4, u_f=0.2, b_f=1.0, w_g=0.8, u_g=-0.6, b_g=0.0,
            w_o=0.7, u_o=0.1, b_o=-0.2,
        )  # fmt: skip
        return Program(lstm_unit, dict(x=1.0, h0=0.5, c0=0.25, **gates), tuple(gates), (note,))
    rng = np.random.default_rng(0)
    W_x, W_h = rng.normal(size=(8, 2)).round(2), rng.normal(size=(8, 2)).round(2)
    b = np.repeat([0.0, 1.0, 0.0, 0.0], 2)  # forget gates start open
    state = dict(h0=Tensor([[0.5, -0.2]]), c0=Tensor([[0.25, -0.75]]))
    return Program(lstm_layer, dict(x=[[1.0, -0.5]], **state, W_x=W_x, W_h=W_h, b=b), ("W_x", "W_h", "b"), (note,))


RNN_CELL = Example("rnn-cell", "one step of a plain recurrent cell", build_rnn_cell, "tensor")
LSTM_CELL = Example("lstm-cell", "one step of an LSTM, every gate visible", build_lstm_cell)
