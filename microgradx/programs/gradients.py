"""Watching gradients while a program trains: their size by layer, and how much a step changes each weight."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.training import Callback
from microgradx.training.callbacks import Run


@dataclass(frozen=True)
class Seen:
    """One weight in one epoch: the last batch's gradient and step, as norms."""

    name: str
    gradient: float
    weight: float
    update: float  # the norm of the step over the norm of the weight; about 1e-3 is usual

    @property
    def words(self) -> str:
        """What these numbers mean, in a line."""
        if not np.isfinite(self.gradient):
            return "exploded: no longer a number; a smaller --lr or clipping helps"
        if self.gradient > 100:
            return "exploding: each step leaps; a smaller --lr or clipping helps"
        if self.gradient < 1e-7:
            return "vanished: this layer no longer learns"
        if self.update > 0.1:
            return "large steps: a tenth of the weight or more at once"
        return "almost still" if self.update < 1e-6 else "learning"


class Gradients(Callback):
    """Keeps what was seen in every epoch of every training, and tells `show` (epoch, what was seen)."""

    def __init__(self, show: Callable[[int, list[Seen]], object]) -> None:
        self.show = show
        self.epochs: list[list[Seen]] = []
        self._norms: dict[str, float] = {}
        self._before: dict[str, Any] = {}

    def on_backward(self, run: Run) -> None:
        if run.batch + 1 < len(run.data):  # only the last batch of an epoch is looked at
            return
        watched = [(n, p) for n, p in run.model.named_parameters() if p.grad is not None and p.ndim > 1]
        self._norms = {n: float(np.linalg.norm(np.ravel(p.grad))) for n, p in watched}
        self._before = {n: np.array(p.data) for n, p in watched}

    def on_epoch(self, run: Run) -> None:
        now = dict(run.model.named_parameters())
        rows = []
        for name, before in self._before.items():
            size = float(np.linalg.norm(np.ravel(before)))
            step = float(np.linalg.norm(np.ravel(now[name].data - before)))
            rows.append(Seen(name, self._norms[name], size, step / size if size else np.inf))
        self.epochs.append(rows)
        self.show(len(self.epochs), rows)
