"""The training loop, and what goes with it: measuring a model and asking it."""

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from microgradx.data import DataLoader, TensorDataset
from microgradx.graph import OpError, Tensor, no_grad
from microgradx.nn import Module
from microgradx.optim import Optimizer
from microgradx.random import Generator, default_generator
from microgradx.training.callbacks import Callback
from microgradx.training.checkpoint import Checkpoint, CheckpointError
from microgradx.training.history import History
from microgradx.training.steps import Steps

Metrics = Mapping[str, Callable[[Any, Any], Any]]


def fit(
    model: Module, loss: Callable[[Any, Any], Any], optimizer: Optimizer, data: Any, epochs: int = 1,
    validation: Any = None, callbacks: Sequence[Callback] = (), metrics: Metrics | None = None, batch_size: int = 32,
    name: str = "training", compile: bool | None = None,
) -> History:  # fmt: skip
    """Train `model` in place, leave it ready for use (`eval()`), and return what was measured.

    Args:
        loss: of (the model's output, the target); a number, the mean over the batch.
        optimizer: made for `model.parameters()`.
        data: a DataLoader, whose batches are (inputs …, target); or a dataset or tuple of arrays, which is then
            shuffled into batches of `batch_size`.
        epochs: how often to go over the data; a resumed training goes on to that number.
        validation: data that is only measured, after every epoch.
        callbacks: progress, early stopping, checkpoints and the like.
        metrics: functions of (output, target), by the name under which the History keeps their means.
        name: what callbacks call this training, where there are several.
        compile: whether steps run as programs, see `compile_step`: True from the first one on (a CompileError says why
            they cannot), False never. By default from the 101st, for by then making the program pays; where there can
            be none (the model decides by its numbers, say), they go on eagerly.

    The last bits of a compiled step may differ from an eager one's, but not from those of the same training, run again
    or resumed. It writes the parameters' `data` and `grad` in place: a callback copies what it keeps.

    With a Checkpoint among the callbacks, Ctrl-C finishes the batch, saves and returns (a second one breaks off).
    The training also ends when the loss is no longer a finite number; `history.stopped` says so.
    """
    run = _Training(model, loss, optimizer, _loader(data, batch_size, shuffle=True), epochs, metrics or {}, name)
    run.steps.wanted = compile
    run.callbacks = sorted(callbacks, key=lambda c: isinstance(c, Checkpoint))  # these save what the others did
    measured = None if validation is None else _loader(validation, 256, shuffle=False)
    started: list[Callback] = []
    try:
        for callback in run.callbacks:
            callback.on_start(run)
            started.append(callback)
        with _ctrl_c_stops(run) if any(isinstance(c, Checkpoint) for c in callbacks) else nullcontext():
            while run.epoch < run.epochs and not run.stop:
                run.one_epoch(measured)
    finally:
        for callback in started:
            callback.on_end(run)
        model.eval()
    run.history.stopped = run.stop
    run.history.compiled, run.history.eager = run.steps.compiled, run.steps.reason
    return run.history


class _Training:
    """The training that is going on: what callbacks see, and what a checkpoint holds."""

    def __init__(
        self, model: Module, loss: Any, optimizer: Optimizer, data: DataLoader, epochs: int, metrics: Metrics,
        name: str,
    ) -> None:  # fmt: skip
        if data.repeat is None:
            raise OpError("fit: this DataLoader repeats for ever, so no epoch would end; give it repeat=1.")
        if not isinstance(epochs, (int, np.integer)) or epochs < 0:
            raise OpError(f"fit: epochs is a whole number from 0, not {epochs!r}.")
        self.model, self.loss, self.optimizer, self.data, self.epochs = model, loss, optimizer, data, epochs
        self.name = name
        self.epoch = self.batch = 0
        self.means = Means({"loss": loss, **metrics})
        self.history = History()
        self.stop = ""
        self.compiled = False
        self.callbacks: list[Callback] = []
        self.steps = Steps(self, None)

    @property
    def so_far(self) -> dict[str, float]:
        """The means of this epoch, up to now."""
        return self.means.values()

    def one_epoch(self, validation: DataLoader | None) -> None:
        """Go over the data once, or over what is left of it, unless something stops it."""
        self.model.train()
        for *inputs, target in self.data:
            self.one_batch(inputs, target)
            if self.stop:
                return
        row = {**self.means.values(), "lr": self.optimizer.param_groups[0]["lr"]}
        if validation is not None:
            measured = _measured(self.model, Means(self.means.functions), validation)
            row |= {f"validation_{name}": value for name, value in measured.items()}
        self.history.rows.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self.means.clear()
        for callback in self.callbacks:
            callback.on_epoch(self)

    def one_batch(self, inputs: list[Any], target: Any) -> None:
        """Forward, backward, step."""
        output, loss = self.steps.take(inputs, target)
        self.batch += 1
        self.means.add(output, target, loss.item())
        if not math.isfinite(loss.item()):
            self.stop = (
                f"the loss became {loss.item()} in epoch {self.epoch + 1}, batch {self.batch}; "
                "try a smaller learning rate"
            )
        for callback in self.callbacks:
            callback.on_batch(self)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "data": self.data.state_dict(),
            "random": {name: generator.get_state() for name, generator in self._generators()},
            "callbacks": [callback.state_dict() for callback in self._taking_part()],
            "progress": {
                "epoch": self.epoch,
                "batch": self.batch,
                "sums": self.means.sums,
                "seen": self.means.seen,
                "compiled": self.steps.compiled,
            },
            "history": self.history.rows,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict()` was taken; the model, optimizer and callbacks must be built alike."""
        generators, callbacks = dict(self._generators()), self._taking_part()
        try:
            if len(state["callbacks"]) != len(callbacks) or state["random"].keys() != generators.keys():
                raise CheckpointError(
                    f"the saved training had {len(state['callbacks'])} callbacks and {len(state['random'])} random "
                    f"generators, this one has {len(callbacks)} and {len(generators)}. Set it up as it was."
                )
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.data.load_state_dict(state["data"])
            for name, saved in state["random"].items():
                generators[name].set_state(saved)
            for callback, saved in zip(callbacks, state["callbacks"], strict=True):
                callback.load_state_dict(saved)
            progress = state["progress"]
            self.epoch, self.batch = progress["epoch"], progress["batch"]
            self.steps.compiled = progress.get("compiled", 0)  # files of before do not have it
            self.means.sums, self.means.seen = dict(progress["sums"]), progress["seen"]
            self.history.rows = list(state["history"])
        except KeyError as problem:
            raise CheckpointError(f"the file holds no training to go on with: {problem} is not in it.") from problem

    def _taking_part(self) -> list[Callback]:
        return [callback for callback in self.callbacks if not callback.only_watches]

    def _generators(self) -> Iterator[tuple[str, Generator]]:
        yield "default", default_generator
        for path, module in self.model.named_modules():
            found = ((n, each) for n, each in vars(module).items() if isinstance(each, Generator))
            yield from ((f"{path}.{name}", each) for name, each in found if each is not default_generator)


class Means:
    """Running means over samples of the loss and of metrics."""

    def __init__(self, functions: Metrics) -> None:
        self.functions = functions
        self.clear()

    def clear(self) -> None:
        """Start again."""
        self.sums, self.seen = dict.fromkeys(self.functions, 0.0), 0

    def add(self, output: Any, target: Any, loss: float | None = None) -> None:
        """Measure a batch; `loss` when it is known already."""
        samples = len(target)
        with no_grad():
            for name, function in self.functions.items():
                value = loss if name == "loss" and loss is not None else _number(function(output, target))
                self.sums[name] += value * samples
        self.seen += samples

    def values(self) -> dict[str, float]:
        """The means; empty before the first batch."""
        return {name: total / self.seen for name, total in self.sums.items()} if self.seen else {}


def evaluate(
    model: Module, loss: Callable[[Any, Any], Any], data: Any, metrics: Metrics | None = None, batch_size: int = 256
) -> dict[str, float]:
    """The mean loss and metrics over `data`, with the model as it is when used; its mode is left as it was."""
    return _measured(model, Means({"loss": loss, **(metrics or {})}), _loader(data, batch_size, shuffle=False))


def predict(model: Module, *inputs: Any, batch_size: int = 256) -> np.ndarray[Any, Any]:
    """The model's outputs for arrays of samples, as one array."""
    with _in_use(model):
        outputs = [model(*batch) for batch in DataLoader(TensorDataset(*inputs), batch_size)]
    if not all(isinstance(y, Tensor) for y in outputs):
        raise OpError("predict: the model gives several outputs; call model.eval() and the model itself.")
    return np.concatenate([y.data for y in outputs])


def accuracy(output: Any, target: Any, threshold: float = 0.5) -> float:
    """The share of right answers.

    Args:
        output: scores (n, classes, …) with whole-number labels (n, …): the highest wins; or probabilities of the
            target's shape, which mean yes above `threshold` (pass 0 for logits).
    """
    y, t = np.asarray(output.data), np.asarray(target.data)
    answers = y.argmax(axis=1) if y.ndim == t.ndim + 1 else y > threshold
    if answers.shape != t.shape:
        raise OpError(f"accuracy: outputs of shape {y.shape} do not go with targets of shape {t.shape}.")
    return float(np.mean(answers == t))


def _measured(model: Module, means: Means, data: DataLoader) -> dict[str, float]:
    with _in_use(model):
        for *inputs, target in data:
            means.add(model(*inputs), target)
    return means.values()


@contextmanager
def _in_use(model: Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        with no_grad():
            model.eval()
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _ctrl_c_stops(run: _Training) -> Iterator[None]:
    """Ctrl-C ends the training after the batch; a second one breaks off as usual."""
    if threading.current_thread() is not threading.main_thread():  # only there signals can be handled
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: Any) -> None:
        run.stop = "interrupted"
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _loader(data: Any, batch_size: int, shuffle: bool) -> DataLoader:
    if not isinstance(data, DataLoader):
        return DataLoader(data, batch_size, shuffle)
    return data if shuffle else DataLoader(data.dataset, data.batch_size)  # measuring is always in order


def _number(value: Any) -> float:
    return float(value.item() if isinstance(value, (Tensor, np.generic)) else value)
