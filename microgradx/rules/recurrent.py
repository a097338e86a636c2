"""Rows: an LSTM step in three pieces, for whole sequences that nobody watches; `lstm_cell` shows every gate instead.

All four gates bend in one go, for the logistic function is a tanh of half the height at half the pace:
σ(x) = ½ + ½·tanh(½·x). So `squash` is σ where its scale and middle are ½, and tanh where they are 1 and 0.
"""

import math
from typing import Any

import numpy as np

from microgradx.rules.elementary import tanh
from microgradx.rules.op import op


def _squash(x: Any, s: Any, m: Any) -> Any:
    y = np.tanh(s * x)
    y *= s
    return y + m


squash = op(
    "squash(x, s, m) = m + s * tanh(s * x)", _squash, lambda x, s, m: m + s * math.tanh(s * x),
    x=lambda y, s, m: s**2 - (y - m) ** 2,
    s=lambda x, s: tanh(s * x) + s * x * (1 - tanh(s * x) ** 2),
    m=lambda: 1.0,
    words=dict(
        x="steepest in the middle, flat near the bounds", s="a larger scale lifts the bounds and steepens the way",
        m="the middle moves {y} one for one",
    ),
)  # fmt: skip
lstm_memory = op(
    "lstm_memory(f, c, w, u) = f * c + w * u", lambda f, c, w, u: f * c + w * u, linear=("f w", "c u"),
    f=lambda c: c,
    c=lambda f: f,
    w=lambda u: u,
    u=lambda w: w,
    words=dict(
        f="to keep more matters as far as there is something to keep", c="the memory is kept as far as the gate says",
        w="to write more matters as far as there is something to write", u="news count as far as the gate says",
    ),
)  # fmt: skip
lstm_output = op(
    "lstm_output(o, c) = o * tanh(c)", lambda o, c: o * np.tanh(c), lambda o, c: o * math.tanh(c), linear="o",
    o=lambda c: tanh(c),
    c=lambda o, c: o * (1 - tanh(c) ** 2),
    words=dict(o="to tell more matters as far as there is something to tell", c="seen through tanh and the gate"),
)  # fmt: skip
