"""An LSTM along a whole sequence in few ops, for `lstm` while nobody watches: proved equal to `lstm_cell` at each step.

What does not wait for h is computed for all steps at once: W_ih x and both biases. In a step, one row makes the sums
and one bends all four gates.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from microgradx.functional.arguments import along, constant
from microgradx.functional.linear_algebra import linear
from microgradx.graph import scope
from microgradx.rules.arithmetic import alias
from microgradx.rules.call import call
from microgradx.rules.linear_algebra import affine
from microgradx.rules.recurrent import lstm_memory, lstm_output, squash
from microgradx.rules.shaping import index


def fits(state: Sequence[Any], weights: Sequence[Any]) -> bool:
    """True for what `steps` can take; `lstm_cell` explains what is wrong with the rest."""
    (h, c), (w_ih, w_hh, *biases) = state, weights
    n = c.shape[-1]
    return (
        h.shape == c.shape and w_hh.shape == (4 * n, n) and w_ih.shape[:1] == (4 * n,) and w_hh.dtype.kind == "f"
        and len({each.dtype for each in (h, c, *weights)}) == 1 and all(b.shape == (4 * n,) for b in biases)
    )  # fmt: skip


def steps(x: Any, state: Sequence[Any], weights: Sequence[Any]) -> tuple[list[Any], tuple[Any, Any]]:
    """`lstm_cell` for x[0], x[1] …: the h of every step, and the last state.

    Args:
        x: (time, batch, inputs). state: h and c, each (batch, hidden). weights: w_ih, w_hh and, if any, b_ih, b_hh.
    """
    (h, c), (w_ih, w_hh, *biases), outputs = state, weights, []
    scale, middle, keys = _gates(c.shape[-1], c.dtype)
    sums = linear(x, w_ih, biases[0] + biases[1] if biases else None)
    w_hh = alias(w_hh)  # no leaf, so that its gradient can be one product for all steps
    for t in range(len(x)):
        with scope(f"t{t}.lstm"):
            gates = squash(affine(h, w_hh, index(sums, along(0, t))), scale, middle)
            i, f, u, o = [call(index, (gates,), key) for key in keys]
            c = lstm_memory(f, c, i, u)
            h = lstm_output(o, c).named("h")
        outputs.append(h)
    return outputs, (h, c)


@cache
def _gates(n: int, dtype: Any) -> tuple[Any, Any, list[Any]]:
    """What makes `squash` σ for the gates i, f, o and tanh for the third, and where each of them lies."""
    scale, middle = np.repeat([0.5, 0.5, 1.0, 0.5], n), np.repeat([0.5, 0.5, 0.0, 0.5], n)
    keys = [{"key": (..., slice(k * n, (k + 1) * n))} for k in range(4)]
    return constant(scale.astype(dtype)), constant(middle.astype(dtype)), keys
