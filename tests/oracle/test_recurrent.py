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
from tests.oracle.lines import made, same, slopes_agree, torch

THEIR_CELLS = {"rnn": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell, "lstm": torch.lstm_cell, "gru": torch.gru_cell}
THEIR_RUNS = {"rnn": torch.rnn_tanh, "relu": torch.rnn_relu, "lstm": torch.lstm, "gru": torch.gru}
GATES = {"rnn": 1, "relu": 1, "lstm": 4, "gru": 3}


def our_cell(kind: str) -> Any:
    if kind == "relu":
        return lambda *args: mx.rnn_cell(*args, nonlinearity="relu")
    return getattr(mx, f"{kind}_cell")


def weights(kind: str, inputs: int, hidden: int, biases: bool, tag: str = "") -> dict[str, Any]:
    n = GATES[kind] * hidden
    found: dict[str, Any] = {f"w_ih{tag}": (n, inputs), f"w_hh{tag}": (n, hidden)}
    return found | ({f"b_ih{tag}": (n,), f"b_hh{tag}": (n,)} if biases else {})


def compare(kind: str, ours: dict[str, Any], theirs: dict[str, Any], mine: Any, reference: Any) -> None:
    mine = list(mine) if isinstance(mine, tuple) else [mine]
    reference = list(reference) if isinstance(reference, tuple) else [reference]
    for got, want in zip(mine, reference, strict=True):
        same("value", got.data, want)
        assert got.dtype == want.detach().numpy().dtype
    slopes_agree(ours, theirs, mine, reference, np.random.default_rng(1))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("kind", list(GATES))
def test_cells_agree_with_pytorch(kind: str, biases: bool, batch: tuple[int, ...], dtype: Any) -> None:
    states = {"h": (*batch, 3)} | ({"c": (*batch, 3)} if kind == "lstm" else {})
    ours, theirs = made({"x": (*batch, 5), **states, **weights(kind, 5, 3, biases)}, dtype, 0)

    def run(cell: Any, t: dict[str, Any]) -> Any:
        state = (t["h"], t["c"]) if kind == "lstm" else t["h"]
        return cell(t["x"], state, *(t[k] for k in t if k[:2] in ("w_", "b_")))

    batched = {k: t[None] if not batch and k in "xhc" else t for k, t in theirs.items()}
    reference = run(THEIR_CELLS[kind], batched)
    if not batch:  # PyTorch's cells want a batch axis
        reference = tuple(t[0] for t in reference) if kind == "lstm" else reference[0]
    compare(kind, ours, theirs, run(our_cell(kind), ours), reference)


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
    x = (4, 5, 3) if batch_first else (5, 4, 3)
    ours, theirs = made({"x": x, **states, **params}, np.float64, 0)

    def run(function: Any, t: dict[str, Any], *how: Any) -> Any:
        state = (t["h"], t["c"]) if kind == "lstm" else t["h"]
        return function(t["x"], state, [t[k] for k in params], biases, layers, 0.0, *how, both, batch_first)

    function = (lambda *a: mx.rnn(*a, nonlinearity="relu")) if kind == "relu" else getattr(mx, kind)
    compare(kind, ours, theirs, run(function, ours, False), run(THEIR_RUNS[kind], theirs, False))


@pytest.mark.parametrize(
    ("kind", "gates"),
    [("lstm", "z z_i z_f z_g z_o i f g o c h"), ("gru", "z_r z_z z_n r z n h"), ("rnn", "z h")],
)
def test_every_gate_is_a_node_with_a_name(kind: str, gates: str) -> None:
    ours, _ = made({"x": (2, 5), "h": (2, 3), "c": (2, 3), **weights(kind, 5, 3, True)}, np.float64, 0)
    state = (ours["h"], ours["c"]) if kind == "lstm" else ours["h"]
    y = our_cell(kind)(ours["x"], state, *(ours[k] for k in ("w_ih", "w_hh", "b_ih", "b_hh")))
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
