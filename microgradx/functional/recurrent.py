"""Recurrent cells as composites, every gate a node of its own, so that trace and picture show it; and sequences.

Weights are PyTorch's: w_ih (gates · hidden, inputs), w_hh (gates · hidden, hidden), the gates one below the other.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from microgradx.functional import fused_lstm
from microgradx.functional.arguments import along
from microgradx.functional.inputs import tensor
from microgradx.functional.joining import concatenate, stack
from microgradx.functional.linear_algebra import linear
from microgradx.functional.normalization import dropout as drop
from microgradx.functional.shaping import transpose
from microgradx.graph import OpError, scope
from microgradx.graph.state import alone
from microgradx.random import Generator
from microgradx.rules.arithmetic import alias
from microgradx.rules.elementary import relu, sigmoid, tanh
from microgradx.rules.shaping import index

_BENDS = {"tanh": tanh, "relu": relu}


class LSTMState(NamedTuple):
    """The output h and the cell c that an LSTM hands to its next step."""

    h: Any
    c: Any


class _Projected(NamedTuple):
    """W_ih x + b_ih of one step, in place of x: computed for all steps at once."""

    from_x: Any


def _sums(
    name: str, gates: int, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, hidden: int | None = None
) -> tuple[Any, Any]:
    """W_ih x + b_ih and W_hh h + b_hh, checked to fit; `hidden` is given where h is a projection of the units."""
    done, h, w_ih, w_hh = isinstance(x, _Projected), tensor(h), tensor(w_ih), tensor(w_hh)
    x = x.from_x if done else tensor(x)
    size = h.shape[-1] if h.ndim else 0
    n = size if hidden is None else hidden
    inputs = w_ih.shape[-1] if done else x.shape[-1]
    if (
        x.ndim not in (1, 2) or h.shape[:-1] != x.shape[:-1] or w_ih.shape != (gates * n, inputs)
        or w_hh.shape != (gates * n, size)
        or any(b is not None and tensor(b).shape != (gates * n,) for b in (b_ih, b_hh))
    ):  # fmt: skip
        raise OpError(
            f"{name}: x {x.shape} and h {h.shape} need w_ih ({gates}·hidden, inputs) and w_hh ({gates}·hidden, "
            f"hidden), not {w_ih.shape} and {w_hh.shape}; biases are ({gates}·hidden,) or None."
        )
    return x if done else linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)


def _gate(z: Any, k: int, n: int) -> Any:
    return index(z, (..., slice(k * n, (k + 1) * n)))


def rnn_cell(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, nonlinearity: str = "tanh"
) -> Any:
    """One step of a plain recurrent cell: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu. (Elman 1990.)

    Args:
        x: (batch, inputs) or (inputs,). h: (batch, hidden) or (hidden,).
        w_ih, w_hh: (hidden, inputs) and (hidden, hidden). b_ih, b_hh: (hidden,) or None.
    """
    if nonlinearity not in _BENDS:
        raise OpError(f"rnn_cell: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}.")
    with scope("rnn"):
        from_x, from_h = _sums("rnn_cell", 1, x, h, w_ih, w_hh, b_ih, b_hh)
        return _BENDS[nonlinearity]((from_x + from_h).named("z")).named("h")


def lstm_cell(
    x: Any, state: tuple[Any, Any], w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None, *, w_hr: Any = None
) -> LSTMState:
    """One LSTM step, with the gates in PyTorch's order i, f, g, o.

    Args:
        x: (batch, inputs) or (inputs,).
        state: h and c, each (batch, hidden) or (hidden,).
        w_ih, w_hh: (4·hidden, inputs) and (4·hidden, hidden).
        b_ih, b_hh: (4·hidden,) or None.
        w_hr: (size, hidden), which makes h smaller than c: h' = W_hr (o·tanh(c')). (Sak, Senior & Beaufays 2014.)

    i = σ(…), f = σ(…), g = tanh(…), o = σ(…);  c' = f·c + i·g;  h' = o·tanh(c').
    (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000.)
    """
    h, c = (tensor(each) for each in state)
    if h.shape != (c.shape if w_hr is None else (*c.shape[:-1], tensor(w_hr).shape[0])):
        fits = "they must have the same shape" if w_hr is None else f"w_hr {tensor(w_hr).shape} makes one of the other"
        raise OpError(f"lstm_cell: h is {h.shape} but c is {c.shape}; {fits}.")
    with scope("lstm"):
        from_x, from_h = _sums("lstm_cell", 4, x, h, w_ih, w_hh, b_ih, b_hh, c.shape[-1])
        z, n = (from_x + from_h).named("z"), c.shape[-1]
        i, f, g, o = (
            bend(_gate(z, k, n).named(f"z_{name}")).named(name)
            for k, (name, bend) in enumerate([("i", sigmoid), ("f", sigmoid), ("g", tanh), ("o", sigmoid)])
        )
        c = (f * c + i * g).named("c")
        h = o * tanh(c)
        return LSTMState((h if w_hr is None else linear(h, w_hr)).named("h"), c)


def gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of a gated recurrent unit, with the gates in PyTorch's order r, z, n.

    Args:
        x: (batch, inputs) or (inputs,). h: (batch, hidden) or (hidden,).
        w_ih, w_hh: (3·hidden, inputs) and (3·hidden, hidden). b_ih, b_hh: (3·hidden,) or None.

    r = σ(…), z = σ(…), n = tanh(W_in x + b_in + r·(W_hn h + b_hn));  h' = (1 − z)·n + z·h.
    (Cho et al. 2014; r inside the product with W_hn, as in cuDNN and PyTorch.)
    """
    h = tensor(h)
    with scope("gru"):
        from_x, from_h = _sums("gru_cell", 3, x, h, w_ih, w_hh, b_ih, b_hh)
        m = h.shape[-1]
        r = sigmoid((_gate(from_x, 0, m) + _gate(from_h, 0, m)).named("z_r")).named("r")
        z = sigmoid((_gate(from_x, 1, m) + _gate(from_h, 1, m)).named("z_z")).named("z")
        n = tanh((_gate(from_x, 2, m) + r * _gate(from_h, 2, m)).named("z_n")).named("n")
        return ((1 - z) * n + z * h).named("h")


def rnn(
    x: Any, hx: Any, params: Sequence[Any], has_biases: bool = True, num_layers: int = 1, dropout: float = 0.0,
    train: bool = False, bidirectional: bool = False, batch_first: bool = False, *, nonlinearity: str = "tanh",
    generator: Generator | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """`rnn_cell` over a whole sequence, in layers; arguments as for `lstm`. Returns (outputs, last h)."""

    def cell(x: Any, state: tuple[Any, ...], *weights: Any) -> tuple[Any, ...]:
        b_ih, b_hh = weights[2:] or (None, None)
        return (rnn_cell(x, state[0], weights[0], weights[1], b_ih, b_hh, nonlinearity),)

    how = _Run("rnn", cell, has_biases, num_layers, dropout if train else 0.0, bidirectional, batch_first, generator)
    y, (h,) = _over_time(how, x, (hx,), params)
    return y, h


def lstm(
    x: Any, hx: tuple[Any, Any], params: Sequence[Any], has_biases: bool = True, num_layers: int = 1,
    dropout: float = 0.0, train: bool = False, bidirectional: bool = False, batch_first: bool = False, *,
    generator: Generator | None = None, fused: bool = True,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """`lstm_cell` over a whole sequence, in layers. Returns (outputs, last h, last c).

    Args:
        x: (time, batch, inputs), or (batch, time, inputs) with `batch_first`.
        hx: the first h and c, each (layers · directions, batch, hidden).
        params: w_ih, w_hh and, with `has_biases`, b_ih, b_hh for every layer, and there for each direction; where h is
            smaller than c, w_hr too.
        dropout: applied to the outputs of all layers but the last, while `train`.
        bidirectional: a second cell per layer reads backwards; outputs are joined, forward half first.
        fused: while nothing but backward will look at the graph, few ops per step; False: always every gate.
    """

    first = tuple(tensor(state) for state in hx)
    projected = len(first) == 2 and first[0].shape[-1:] != first[1].shape[-1:]

    def cell(x: Any, state: tuple[Any, ...], *weights: Any) -> tuple[Any, ...]:
        *own, w_hr = weights if projected else (*weights, None)
        return lstm_cell(x, (state[0], state[1]), *own, w_hr=w_hr)

    how = _Run(
        "lstm",
        cell,
        has_biases,
        num_layers,
        dropout if train else 0.0,
        bidirectional,
        batch_first,
        generator,
        projected,
        fused and not projected,
    )
    y, (h, c) = _over_time(how, x, first, params)
    return y, h, c


def gru(
    x: Any, hx: Any, params: Sequence[Any], has_biases: bool = True, num_layers: int = 1, dropout: float = 0.0,
    train: bool = False, bidirectional: bool = False, batch_first: bool = False, *, generator: Generator | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """`gru_cell` over a whole sequence, in layers; arguments as for `lstm`. Returns (outputs, last h)."""

    def cell(x: Any, state: tuple[Any, ...], *weights: Any) -> tuple[Any, ...]:
        return (gru_cell(x, *state, *weights),)

    how = _Run("gru", cell, has_biases, num_layers, dropout if train else 0.0, bidirectional, batch_first, generator)
    y, (h,) = _over_time(how, x, (hx,), params)
    return y, h


class _Run(NamedTuple):
    name: str
    cell: Callable[..., tuple[Any, ...]]
    biases: bool
    layers: int
    dropout: float
    both_ways: bool
    batch_first: bool
    generator: Generator | None
    projected: bool = False
    fused: bool = False


def _over_time(how: _Run, x: Any, first: Sequence[Any], params: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    x, first = tensor(x), [tensor(state) for state in first]
    ways, per = 2 if how.both_ways else 1, (4 if how.biases else 2) + how.projected
    if x.ndim != 3 or len(params) != per * how.layers * ways:
        raise OpError(
            f"{how.name}: x {x.shape} must have the axes time, batch, inputs, and params must be {per} arrays for each "
            f"of {how.layers} layers and {ways} directions; got {len(params)}."
        )
    batch = x.shape[0] if how.batch_first else x.shape[1]
    if any(state.ndim != 3 or state.shape[:2] != (how.layers * ways, batch) for state in first):
        raise OpError(f"{how.name}: each initial state must be ({how.layers * ways}, {batch}, hidden).")
    x = transpose(x, 0, 1) if how.batch_first else x
    last: list[tuple[Any, ...]] = []
    steps = [index(x, along(0, t)) for t in range(x.shape[0])]
    for layer in range(how.layers):
        if layer:
            steps = [drop(step, how.dropout, generator=how.generator) for step in steps]
        sides = []
        for way in range(ways):
            k = layer * ways + way
            with scope(f"layer{layer}" + ("_reverse" if way else "")):
                state = tuple(index(each, key=along(0, k)) for each in first)
                weights = params[k * per : (k + 1) * per]
                whole = None if way or layer else x
                outputs, state = _one_way(how, steps[::-1] if way else steps, whole, state, weights)
            sides.append(outputs[::-1] if way else outputs)
            last.append(state)
        steps = [concatenate(pair, -1) for pair in zip(*sides, strict=True)] if how.both_ways else sides[0]
    y = stack(steps, 1 if how.batch_first else 0)
    return y, tuple(stack(each) for each in zip(*last, strict=True))


def _one_way(
    how: _Run, steps: list[Any], whole: Any, state: tuple[Any, ...], weights: Sequence[Any]
) -> tuple[list[Any], Any]:
    outputs, w_ih, b_ih = [], tensor(weights[0]), tensor(weights[2]) if how.biases else None
    fits = steps and w_ih.shape[1:] == steps[0].shape[-1:] and (b_ih is None or b_ih.shape == w_ih.shape[:1])
    if fits and alone():  # where nobody watches the steps, one product serves all of them
        whole, weights = stack(steps) if whole is None else whole, [tensor(each) for each in weights]
        if how.fused and fused_lstm.fits(state, weights):
            return fused_lstm.steps(whole, state, weights)
        weights[1] = alias(weights[1])  # no leaf: its gradient can be one product as well
        together = linear(whole, w_ih, b_ih)
        steps = [_Projected(index(together, along(0, t))) for t in range(len(steps))]
    for t, x in enumerate(steps):
        with scope(f"t{t}"):
            state = how.cell(x, state, *weights)
        outputs.append(state[0])
    return outputs, state
