"""Watching gradients while a program trains: by layer and by time step, dead units, and what it all means in words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.training import Callback
from microgradx.training.callbacks import Run
from microgradx.training.looking import dead_units, look

FADED = 1e-2  # of the largest layer's gradient
FLAT = 1e-7
FADED_IN_TIME = 1e-3  # of the last time step's


@dataclass(frozen=True)
class Weight:
    """One weight in one epoch: the last batch's gradient and step, as norms."""

    name: str
    gradient: float
    weight: float
    update: float  # the norm of the step over the norm of the weight; about 1e-3 is usual
    largest: float  # gradient among the weights

    @property
    def words(self) -> str:
        """What these numbers mean, in a line."""
        if not np.isfinite(self.gradient):
            return "exploded: no longer a number; a smaller --lr or clipping helps"
        if self.gradient > 100:
            return "exploding: each step leaps; a smaller --lr or clipping helps"
        if self.largest < FLAT:
            return "flat here: no layer gets a gradient; this is a minimum, or a bad start (--init)"
        share = self.gradient / self.largest
        if self.gradient < FLAT and share < FADED:
            return "vanished: this layer no longer learns, while others do"
        if share < FADED:
            return f"vanishing: {share:.0e} of the largest layer's; --init, relu or batch norm help"
        if self.update > 0.1:
            return "large steps: a tenth of the weight or more at once"
        return "almost still: the steps hardly change it" if self.update < 1e-5 else "learning"


def words_for_time(norms: list[float]) -> str:
    """What the gradients by the state of each time step say about how far back learning reaches."""
    first, last = norms[0], norms[-1]
    if not np.isfinite(norms).all():
        return "exploded: no longer a number; clipping helps"
    if not last:
        return "vanished: nothing reaches the last step either"
    share = first / last
    if share < FADED_IN_TIME:
        return (
            f"vanishing: step 1 gets {share:.0e} of the last step's; what came first is hardly learned (an LSTM helps, "
            "or more open forget gates)"
        )
    if share > 1 / FADED_IN_TIME:
        return f"exploding: step 1 gets {share:.0e} times the last step's; clipping helps"
    return "the gradient reaches step 1"


def words_for_dead(share: float) -> str:
    """What it means that so many relu units give 0 for every sample of the training data."""
    if share > 0.5:
        return "most units are dead: they give 0 and get no gradient; a smaller --lr or --init he helps"
    return "some units are dead: they give 0 and get no gradient" if share else "every unit is alive"


@dataclass(frozen=True)
class Epoch:
    """What was seen in one epoch of one training.

    `times` are the norms of the loss's gradient by the state h of each time step, for every recurrent layer; `dead`
    the share of units, or of maps, that give 0 for every sample of the training data, for every relu.
    """

    training: str
    number: int
    weights: list[Weight]
    times: dict[str, list[float]] = field(default_factory=dict)
    dead: dict[str, float] = field(default_factory=dict)


class Gradients(Callback):
    """Keeps what was seen in every epoch of every training, and tells `show` of each."""

    only_watches = True

    def __init__(self, show: Callable[[Epoch], object] = lambda epoch: None) -> None:
        self.show = show
        self.epochs: list[Epoch] = []
        self._gradients: dict[str, float] = {}
        self._before: dict[str, Any] = {}

    def on_backward(self, run: Run) -> None:
        if run.batch + 1 < len(run.data):  # only the last batch of an epoch is looked at
            return
        watched = [(n, p) for n, p in run.model.named_parameters() if p.grad is not None and p.ndim > 1]
        self._gradients = {n: float(np.linalg.norm(np.ravel(p.grad))) for n, p in watched}
        self._before = {n: np.array(p.data) for n, p in watched}

    def on_epoch(self, run: Run) -> None:
        now = dict(run.model.named_parameters())
        largest = max(self._gradients.values(), default=0.0)
        weights = []
        for name, before in self._before.items():
            size, step = (float(np.linalg.norm(np.ravel(a))) for a in (before, now[name].data - before))
            gradient = self._gradients[name]
            share = step / size if size else np.inf if step else 0.0
            weights.append(Weight(name, gradient, size, share, largest))
        self.epochs.append(Epoch(run.name, run.epoch, weights, look(run).times, dead_units(run)))
        self.show(self.epochs[-1])

    def chosen(self) -> list[Epoch]:
        """Of every training the first epoch, the middle one and the last."""
        trainings: dict[str, list[Epoch]] = {}
        for epoch in self.epochs:
            trainings.setdefault(epoch.training, []).append(epoch)
        return [each[k] for each in trainings.values() for k in sorted({0, (len(each) - 1) // 2, len(each) - 1})]

    def figure(self) -> Any:
        """The chosen epochs' gradients by layer and, where there are some, by time step, as a plot."""
        from microgradx import plots

        panels: dict[str, dict[str, Any]] = {"layer": {}, "time step": {}}
        for epoch in self.chosen():
            name = f"{'' if epoch.training == 'training' else f'{epoch.training}, '}epoch {epoch.number}"
            panels["layer"][name] = {each.name: each.gradient for each in epoch.weights}
            for layer, norms in epoch.times.items():
                panels["time step"][name if len(epoch.times) == 1 else f"{name}, {layer}"] = norms
        return plots.gradient_norms({places: lines for places, lines in panels.items() if lines})
