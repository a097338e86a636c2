"""Recurrent cells as composites: every gate is a node of its own, so trace and picture show it."""

from typing import Any, NamedTuple

from microgradx.functional.linear_algebra import matmul
from microgradx.graph import Tensor, scope
from microgradx.rules.elementary import sigmoid, tanh
from microgradx.rules.shaping import index


class LSTMState(NamedTuple):
    """The output h and the cell c that an LSTM hands to its next step."""

    h: Any
    c: Any


def lstm_cell(x: Any, state: tuple[Any, Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> LSTMState:
    """One LSTM step, with the gates in PyTorch's order i, f, g, o.

    Args:
        x: (batch, inputs) or (inputs,).
        state: h and c, each (batch, hidden) or (hidden,).
        w_ih, w_hh: (4·hidden, inputs) and (4·hidden, hidden).
        b_ih, b_hh: (4·hidden,) or None.

    i = σ(…), f = σ(…), g = tanh(…), o = σ(…);  c' = f·c + i·g;  h' = o·tanh(c').
    (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000.)
    """
    h, c = state
    with scope("lstm"):
        z = matmul(x, _tensor(w_ih).mT) + matmul(h, _tensor(w_hh).mT)
        for b in (b_ih, b_hh):
            z = z if b is None else z + b
        z = z.named("z")
        n = c.shape[-1]
        i, f, g, o = (
            gate(index(z, key=(..., slice(k * n, (k + 1) * n))).named(f"z_{name}")).named(name)
            for k, (name, gate) in enumerate([("i", sigmoid), ("f", sigmoid), ("g", tanh), ("o", sigmoid)])
        )
        c = (f * c + i * g).named("c")
        h = (o * tanh(c)).named("h")
    return LSTMState(h, c)


def _tensor(x: Any) -> Any:
    return x if isinstance(x, Tensor) else Tensor(x, requires_grad=False)
