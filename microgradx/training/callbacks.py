"""What can happen during a training, besides the training."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

from microgradx.graph import OpError
from microgradx.nn.utils import clip_grad_norm_, clip_grad_value_
from microgradx.training.history import History


class Run(Protocol):
    """What a callback sees of the training that is going on; it may set `stop` to a reason, which ends it."""

    name: str
    model: Any
    loss: Any
    optimizer: Any
    data: Any
    epochs: int  # to do in all
    epoch: int  # done
    batch: int  # done in this epoch
    history: History
    stop: str
    compiled: bool  # the last step ran as a program

    @property
    def so_far(self) -> dict[str, float]:
        """The means of this epoch, up to now."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""


class Callback:
    """Base class: override what you need. The state of every callback is saved with a checkpoint.

    One that only watches changes nothing about the training: it may come or go when the training is resumed.
    """

    only_watches = False

    def on_start(self, run: Run) -> None:
        """Before the first batch."""

    def on_backward(self, run: Run) -> None:
        """The parameters have their gradients; the optimizer has not used them yet."""

    def on_batch(self, run: Run) -> None:
        """After each step of the optimizer."""

    def on_epoch(self, run: Run) -> None:
        """After each epoch; `run.history.last` has its numbers."""

    def on_end(self, run: Run) -> None:
        """When the training ends, for whatever reason."""

    def state_dict(self) -> dict[str, Any]:
        """What must be known to continue later: arrays, numbers, strings, and lists and dicts of them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken."""


class EarlyStopping(Callback):
    """Stop when a number has not improved for `patience` epochs, and go back to the best weights.

    Args:
        monitor: a name in the History.
        patience: how many epochs without improvement are borne.
        min_delta: what is less than this is no improvement.
        highest: more is better (for accuracy).
        restore: whether the model ends with the weights of its best epoch.
    """

    def __init__(
        self, monitor: str = "validation_loss", patience: int = 5, min_delta: float = 0.0, highest: bool = False,
        restore: bool = True,
    ) -> None:  # fmt: skip
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.sign, self.restore = -1 if highest else 1, restore
        self.best, self.waited = math.inf, 0
        self.weights: dict[str, Any] = {}

    def on_epoch(self, run: Run) -> None:
        if self.monitor not in run.history.last:
            raise OpError(
                f"EarlyStopping watches {self.monitor!r}, but the history has {', '.join(run.history)}; "
                "pass monitor=…, or give fit validation data."
            )
        score = self.sign * run.history.last[self.monitor]
        if score < self.best - self.min_delta:
            self.best, self.waited = score, 0
            self.weights = run.model.state_dict() if self.restore else {}
            return
        self.waited += 1
        if self.waited >= self.patience and not run.stop:
            run.stop = f"{self.monitor} did not improve for {self.patience} epochs"

    def on_end(self, run: Run) -> None:
        if self.weights and run.stop != "interrupted":
            run.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.waited, self.weights = state["best"], state["waited"], state["weights"]


class Schedule(Callback):
    """Move a learning-rate schedule on after every epoch, or after every batch."""

    def __init__(self, scheduler: Any, every: str = "epoch") -> None:
        if every not in ("epoch", "batch"):
            raise OpError(f'Schedule: every must be "epoch" or "batch", not {every!r}.')
        self.scheduler, self.every = scheduler, every

    def on_batch(self, run: Run) -> None:
        if self.every == "batch":
            self.scheduler.step()

    def on_epoch(self, run: Run) -> None:
        if self.every == "epoch":
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        return dict(self.scheduler.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.scheduler.load_state_dict(state)


class ClipGradients(Callback):
    """Keep gradients from exploding: their common norm below `norm`, or each entry between −value and value."""

    def __init__(self, norm: float | None = None, value: float | None = None) -> None:
        self.norm, self.value = norm, value

    def on_backward(self, run: Run) -> None:
        if self.norm is not None:
            clip_grad_norm_(run.model.parameters(), self.norm)
        if self.value is not None:
            clip_grad_value_(run.model.parameters(), self.value)
