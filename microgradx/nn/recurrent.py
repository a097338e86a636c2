"""Recurrent layers: over a whole sequence (RNN, LSTM, GRU), and one step of it (the cells)."""

import math
from typing import Any, ClassVar

import numpy as np

from microgradx import functional as F
from microgradx.graph import OpError, Tensor
from microgradx.nn.layers import fresh
from microgradx.nn.module import Module


class _Recurrent(Module):
    """Weights are even over ±1/√hidden_size, called weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 in layer 0, …

    The backward direction's names end in _reverse.
    """

    gates: ClassVar[int]

    def _make(
        self, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool, dropout: float,
        bidirectional: bool, proj_size: int = 0,
    ) -> None:  # fmt: skip
        if min(input_size, hidden_size, num_layers) < 1 or not 0 <= dropout <= 1:
            raise OpError(
                f"{type(self).__name__}: sizes and num_layers must be 1 or more and dropout between 0 and 1; got "
                f"{input_size}, {hidden_size}, {num_layers} and {dropout}."
            )
        if not 0 <= proj_size < hidden_size:
            raise OpError(f"{type(self).__name__}: proj_size is 0 or more and below hidden_size, not {proj_size}.")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.proj_size = proj_size
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        rows, bound = self.gates * hidden_size, 1 / math.sqrt(hidden_size)
        self._names: list[str] = []
        for layer in range(num_layers):
            width = input_size if not layer else self._outputs * self._directions
            for end in ("", "_reverse")[: self._directions]:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, self._outputs)}
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
                shapes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
                for name, shape in shapes.items():
                    self._names.append(f"{name}_l{layer}{end}")
                    setattr(self, self._names[-1], fresh(*shape, bound=bound))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _outputs(self) -> int:
        return self.proj_size or self.hidden_size

    def _run(self, function: Any, x: Any, states: Any, **more: Any) -> tuple[Any, ...]:
        """(outputs, last states …); a sequence without a batch axis gets one for the way."""
        x = x if isinstance(x, Tensor) else Tensor(x, False)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise OpError(
                f"{type(self).__name__} reads (time, batch, {self.input_size}) (with batch_first: (batch, time, "
                f"{self.input_size})) or (time, {self.input_size}), not {x.shape}."
            )
        single, axis = x.ndim == 2, 0 if self.batch_first else 1
        if single:
            x = x.unsqueeze(axis)
        layers = (self.num_layers * self._directions, x.shape[axis])
        sizes = (self._outputs, self.hidden_size)[: 2 if self.gates == 4 else 1]
        shapes = [(*layers, size) for size in sizes]
        if states is None:
            states = [Tensor(np.zeros(shape, x.dtype), False) for shape in shapes]
        elif single:
            states = [F.unsqueeze(state, 1) for state in states]
        if [np.shape(state) for state in states] != shapes:
            raise OpError(
                f"{type(self).__name__}: the first state must be {' and '.join(map(str, shapes))}, that is (layers · "
                f"directions, batch, size), not {' and '.join(str(np.shape(state)) for state in states)}."
            )
        y, *last = function(
            x, states if self.gates == 4 else states[0], [getattr(self, name) for name in self._names], self.bias,
            self.num_layers, self.dropout, self.training, self.bidirectional, self.batch_first, **more,
        )  # fmt: skip
        return (y.squeeze(axis), *(state.squeeze(1) for state in last)) if single else (y, *last)


class RNN(_Recurrent):
    """Plain recurrent layers: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu. (Elman 1990.)

    Args:
        nonlinearity: "tanh" or "relu".
        The others: see LSTM.
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
    ) -> None:  # fmt: skip
        self.nonlinearity = nonlinearity
        self._make(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)

    def forward(self, x: Any, hx: Any = None) -> tuple[Any, Any]:
        """(outputs, last h); shapes as in LSTM."""
        y, h = self._run(F.rnn, x, None if hx is None else [hx], nonlinearity=self.nonlinearity)
        return y, h


class GRU(_Recurrent):
    """Gated recurrent units. (Cho et al. 2014.) Arguments: see LSTM."""

    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False,
    ) -> None:  # fmt: skip
        self._make(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)

    def forward(self, x: Any, hx: Any = None) -> tuple[Any, Any]:
        """(outputs, last h); shapes as in LSTM."""
        y, h = self._run(F.gru, x, None if hx is None else [hx])
        return y, h


class LSTM(_Recurrent):
    """Long short-term memory. (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000.)

    Args:
        num_layers: each further layer reads the outputs of the one before.
        batch_first: sequences are (batch, time, …) rather than (time, batch, …).
        dropout: between layers, while training.
        bidirectional: a second cell per layer reads backwards; outputs are joined.
        proj_size: numbers that h and the outputs are projected to, below hidden_size; 0 leaves them as they are.

    While nothing but backward will look at the graph, a step is few ops; set `fused = False` to have every gate there.
    """

    gates = 4
    fused = True

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
    ) -> None:  # fmt: skip
        self._make(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size)

    def forward(self, x: Any, hx: tuple[Any, Any] | None = None) -> tuple[Any, tuple[Any, Any]]:
        """(outputs, (last h, last c)).

        Args:
            x: (time, batch, input_size), or (time, input_size).
            hx: the first h and c, each (num_layers · directions, batch, hidden_size); zeros when left out.
        Outputs are (time, batch, directions · hidden_size); h is proj_size wide instead, if that is given.
        """
        y, h, c = self._run(F.lstm, x, hx, fused=self.fused)
        return y, (h, c)


class _Cell(Module):
    gates: ClassVar[int]

    def _make(self, input_size: int, hidden_size: int, bias: bool) -> None:
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows, bound = self.gates * hidden_size, 1 / math.sqrt(hidden_size)
        self.weight_ih = fresh(rows, input_size, bound=bound)
        self.weight_hh = fresh(rows, hidden_size, bound=bound)
        self.bias_ih = fresh(rows, bound=bound) if bias else None
        self.bias_hh = fresh(rows, bound=bound) if bias else None

    def _weights(self) -> tuple[Any, Any, Any, Any]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _start(self, x: Any) -> Any:
        return Tensor(np.zeros((*np.shape(x)[:-1], self.hidden_size), self.weight_hh.dtype), False)


class RNNCell(_Cell):
    """One step of an RNN: x (batch, input_size) and h (batch, hidden_size) give the next h."""

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        self.nonlinearity = nonlinearity
        self._make(input_size, hidden_size, bias)

    def forward(self, x: Any, hx: Any = None) -> Any:
        """The next h; zeros come before the first."""
        return F.rnn_cell(x, self._start(x) if hx is None else hx, *self._weights(), nonlinearity=self.nonlinearity)


class GRUCell(_Cell):
    """One step of a GRU: x (batch, input_size) and h (batch, hidden_size) give the next h."""

    gates = 3

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        self._make(input_size, hidden_size, bias)

    def forward(self, x: Any, hx: Any = None) -> Any:
        """The next h; zeros come before the first."""
        return F.gru_cell(x, self._start(x) if hx is None else hx, *self._weights())


class LSTMCell(_Cell):
    """One step of an LSTM: x (batch, input_size), h and c (batch, hidden_size) give the next (h, c)."""

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        self._make(input_size, hidden_size, bias)

    def forward(self, x: Any, hx: tuple[Any, Any] | None = None) -> Any:
        """The next h and c; zeros come before the first."""
        return F.lstm_cell(x, (self._start(x),) * 2 if hx is None else hx, *self._weights())
