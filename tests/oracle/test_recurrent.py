"""Recurrent cells and sequences against PyTorch.

Decisions, where we differ on purpose:
- `rnn_cell`, `gru_cell`, `rnn` take `nonlinearity` and one name each where PyTorch has `rnn_tanh_cell`, `rnn_relu` ….
- Biases may be left out one by one; `lstm_cell` returns a named pair.
- Sequences have a batch axis; `proj_size` and packed sequences are not offered.
"""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import OpError, Tensor
from microgradx.graph import topological
from tests.oracle.compare import OURS, THEIRS, agree, made, table, torch

THEIR_CELLS = {"rnn": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell, "lstm": torch.lstm_cell, "gru": torch.gru_cell}
THEIR_RUNS = {"rnn": torch.rnn_tanh, "relu": torch.rnn_relu, "lstm": torch.lstm, "gru": torch.gru}
GATES = {"rnn": 1, "relu": 1, "lstm": 4, "gru": 3}


CELLS = [
    *table(dict(x=(2, 5), h=(2, 3), w=(9, 5), u=(9, 3), b=(9,)), """
        gru_cell(x, h, w, u); gru_cell(x, h, w, u, b, 2 * b)
    """),
    *table(dict(x=(2, 5), h=(2, 3), c=(2, 3), w=(12, 5), u=(12, 3), b=(12,)), """
        lstm_cell(x, (h, c), w, u); lstm_cell(x, (h, c), w, u, b, 2 * b)
    """),
    *table(dict(x=(4, 2, 5), h=(1, 2, 3), c=(1, 2, 3), w=(9, 5), u=(9, 3), v=(12, 5), z=(12, 3)), """
        gru(x, h, [w, u], False, 1, 0.0, False, False, False);
        lstm(x, (h, c), [v, z], False, 1, 0.0, False, False, False)
    """),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "call"), CELLS)
def test_agrees_with_pytorch(inputs: dict[str, Any], call: str) -> None:
    agree(inputs, call)


def named(F: Any, theirs: dict[str, Any], kind: str, ending: str) -> Any:
    """The cell or the sequence of that kind in either library."""
    if F is THEIRS:
        return theirs[kind]
    if kind == "relu":
        return lambda *args: getattr(F, f"rnn{ending}")(*args, nonlinearity="relu")
    return getattr(F, f"{kind}{ending}")


def weights(kind: str, inputs: int, hidden: int, biases: bool, tag: str = "") -> dict[str, Any]:
    n = GATES[kind] * hidden
    found: dict[str, Any] = {f"w_ih{tag}": (n, inputs), f"w_hh{tag}": (n, hidden)}
    return found | ({f"b_ih{tag}": (n,), f"b_hh{tag}": (n,)} if biases else {})


def state(kind: str, t: dict[str, Any]) -> Any:
    return (t["h"], t["c"]) if kind == "lstm" else t["h"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("kind", list(GATES))
def test_cells_agree_with_pytorch(kind: str, biases: bool, batch: tuple[int, ...], dtype: Any) -> None:
    def step(F: Any, t: dict[str, Any]) -> Any:
        lone = F is THEIRS and not batch  # PyTorch's cells want a batch axis
        first = {k: t[k][None] if lone and k in "xhc" else t[k] for k in t}
        y = named(F, THEIR_CELLS, kind, "_cell")(
            first["x"], state(kind, first), *(t[k] for k in t if k[:2] in ("w_", "b_"))
        )
        return [each[0] for each in (y if kind == "lstm" else [y])] if lone else y

    states = {"h": (*batch, 3)} | ({"c": (*batch, 3)} if kind == "lstm" else {})
    agree({"x": (*batch, 5), **states, **weights(kind, 5, 3, biases)}, step, dtype)


@pytest.mark.parametrize(
    ("layers", "both", "batch_first", "biases"),
    [(1, False, False, True), (2, False, True, True), (1, True, False, False), (2, True, True, True)],
)
@pytest.mark.parametrize("kind", list(GATES))
def test_sequences_agree_with_pytorch(kind: str, layers: int, both: bool, batch_first: bool, biases: bool) -> None:
    ways, hidden = 1 + both, 2
    params: dict[str, Any] = {}
    for layer in range(layers):
        for way in range(ways):
            params |= weights(kind, 3 if layer == 0 else hidden * ways, hidden, biases, f"_{layer}{way}")
    states = dict.fromkeys(("h", "c") if kind == "lstm" else ("h",), (layers * ways, 4, hidden))

    def read(F: Any, t: dict[str, Any]) -> Any:
        how = ([t[k] for k in params], biases, layers, 0.0, False, both, batch_first)
        return named(F, THEIR_RUNS, kind, "")(t["x"], state(kind, t), *how)

    agree({"x": (4, 5, 3) if batch_first else (5, 4, 3), **states, **params}, read)


@pytest.mark.parametrize(
    ("kind", "gates"),
    [("lstm", "z z_i z_f z_g z_o i f g o c h"), ("gru", "z_r z_z z_n r z n h"), ("rnn", "z h")],
)
def test_every_gate_is_a_node_with_a_name(kind: str, gates: str) -> None:
    arrays = made({"x": (2, 5), "h": (2, 3), "c": (2, 3), **weights(kind, 5, 3, True)}, np.float64, 0)
    t = {k: Tensor(a) for k, a in arrays.items()}
    y = named(OURS, {}, kind, "_cell")(t["x"], state(kind, t), *(t[k] for k in ("w_ih", "w_hh", "b_ih", "b_hh")))
    h = y[0] if kind == "lstm" else y
    nodes = {node.name: node.scope for node in topological(h) if node.op is not None and node.name}
    assert set(gates.split()) <= set(nodes)
    assert set(nodes.values()) == {kind}


def test_steps_and_layers_are_scopes() -> None:
    params = [Tensor(np.ones(s)) for s in ((2, 3), (2, 2), (2, 2), (2, 2))]
    y, h = mx.rnn(np.ones((2, 1, 3)), np.zeros((2, 1, 2)), params, has_biases=False, num_layers=2)
    assert y.shape == (2, 1, 2) and h.shape == (2, 1, 2)
    scopes = {node.scope for node in topological(y)}
    assert {"layer0.t0.rnn", "layer0.t1.rnn", "layer1.t0.rnn", "layer1.t1.rnn"} <= scopes


def test_dropout_lies_between_layers_and_follows_its_generator() -> None:
    params = [Tensor(np.eye(3)) for _ in range(4)]
    x, h = np.ones((2, 1, 3)), np.zeros((2, 1, 3))

    def run(seed: int, train: bool) -> Any:
        return mx.rnn(x, h, params, False, 2, 0.5, train, generator=mx.Generator(seed))[0].data

    assert np.array_equal(run(1, True), run(1, True))
    assert not np.array_equal(run(1, True), run(2, True))
    assert np.array_equal(run(1, False), run(2, False))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda w: mx.rnn_cell(np.ones((2, 4)), np.ones((2, 3)), w[0], w[1]),
        lambda w: mx.rnn_cell(np.ones((2, 5)), np.ones((1, 3)), w[0], w[1]),
        lambda w: mx.rnn_cell(np.ones((2, 5)), np.ones((2, 3)), w[0], w[1], np.ones(2)),
        lambda w: mx.rnn_cell(np.ones((2, 5)), np.ones((2, 3)), w[0], w[1], nonlinearity="sin"),
        lambda w: mx.lstm_cell(np.ones((2, 5)), (np.ones((2, 3)), np.ones((2, 2))), *w),
        lambda w: mx.lstm_cell(np.ones((2, 5)), (np.ones((2, 3)), np.ones((2, 3))), *w),
        lambda w: mx.gru_cell(np.ones((2, 5)), np.ones((2, 3)), *w),
        lambda w: mx.gru(np.ones((4, 2, 5)), np.ones((1, 2, 3)), w),
        lambda w: mx.rnn(np.ones((2, 5)), np.ones((1, 3)), w, False),
        lambda w: mx.rnn(np.ones((4, 2, 5)), np.ones((2, 2, 3)), w, False),
        lambda w: mx.rnn(np.ones((0, 2, 5)), np.ones((1, 2, 3)), w, False),
    ],
)
def test_shapes_that_do_not_fit_are_refused(wrong: Any) -> None:
    with pytest.raises(OpError):
        wrong([np.ones((3, 5)), np.ones((3, 3))])
