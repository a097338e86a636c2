"""A live line in the terminal: epoch, bar, time left, the numbers so far and a small plot of the loss."""

import sys
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from microgradx.training.callbacks import Callback, Run

_LEVELS = "▁▂▃▄▅▆▇█"


class Progress(Callback):
    """Show how the training goes, on stderr; without a terminal, one plain line per epoch."""

    only_watches = True

    def __init__(self, console: Console | None = None) -> None:
        self.console = console if console is not None else Console(file=sys.stderr)

    def on_start(self, run: Run) -> None:
        self.bar = Bar(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), auto_refresh=False)
        self.task = self.bar.add_task("", total=run.epochs * len(run.data))
        self.numbers = Text()
        self.of = "" if run.name == "training" else f"{run.name}: "
        self.live = Live(Group(self.bar, self.numbers), console=self.console)
        if self.console.is_terminal:
            self.live.start()

    def on_batch(self, run: Run) -> None:
        self._show(run, run.so_far)

    def on_epoch(self, run: Run) -> None:
        self._show(run, run.history.last)
        if not self.console.is_terminal:
            how = "  compiled" if run.compiled else ""
            self.console.print(self._at(run), _listed(run.history.last) + how, soft_wrap=True, markup=False)

    def on_end(self, run: Run) -> None:
        self.live.stop()
        if run.stop:
            self.console.print(f"{self.of}ended after epoch {run.epoch}: {run.stop}", soft_wrap=True, markup=False)

    def _at(self, run: Run) -> str:
        return f"{self.of}epoch {run.epoch}/{run.epochs} "

    def _show(self, run: Run, numbers: dict[str, float]) -> None:
        done = run.epoch * len(run.data) + run.batch
        self.bar.update(self.task, completed=done, description=self._at(run))
        self.numbers.plain = (
            f"{_listed(numbers)}{'  compiled' if run.compiled else ''}  {sparkline(run.history['loss'][-500:])}"
        )


def sparkline(values: Sequence[float], width: int = 20) -> str:
    """A plot as high as a letter: the lowest value is ▁, the highest █; many values are averaged in groups.

    >>> sparkline([4, 3, 2, 1, 1, 1])
    '█▆▃▁▁▁'
    """
    n = len(values)
    groups = (
        [values[k * n // width : (k + 1) * n // width] for k in range(width)] if n > width else [[v] for v in values]
    )
    means = [sum(group) / len(group) for group in groups]
    low, high = min(means, default=0), max(means, default=0)
    span = high - low or 1.0
    return "".join(_LEVELS[int((mean - low) / span * (len(_LEVELS) - 1) + 0.5)] for mean in means)


def _listed(numbers: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
