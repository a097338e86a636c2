"""What a training measured, epoch by epoch."""

import math
from collections.abc import Iterator
from typing import Any


class History:
    """One row of numbers per epoch: "loss", "validation_loss", metrics, "lr". `stopped` says why it ended early.

    `compiled` says how many steps ran as programs, and `eager` why others could not; see `fit`.

    >>> history = History([{"loss": 0.9}, {"loss": 0.4}])
    >>> history["loss"], history.best("loss")
    ([0.9, 0.4], 2)
    """

    def __init__(self, rows: list[dict[str, float]] | None = None) -> None:
        self.rows: list[dict[str, float]] = rows or []
        self.stopped = ""
        self.compiled, self.eager = 0, ""

    def __getitem__(self, name: str) -> list[float]:
        """The numbers called `name`, one per epoch that has it."""
        return [row[name] for row in self.rows if name in row]

    def __contains__(self, name: object) -> bool:
        return any(name in row for row in self.rows)

    def __iter__(self) -> Iterator[str]:
        """The names that were measured."""
        return iter(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        """How many epochs there were."""
        return len(self.rows)

    @property
    def last(self) -> dict[str, float]:
        """The numbers of the last epoch; empty before there is one."""
        return self.rows[-1] if self.rows else {}

    def final(self, name: str) -> float:
        """The last number called `name`; nan when no epoch came to its end."""
        return self.last.get(name, math.nan)

    def best(self, name: str = "validation_loss", highest: bool = False) -> int:
        """The epoch, counted from 1, in which `name` was lowest (or highest)."""
        choose: Any = max if highest else min
        return 1 + int(choose(range(len(self.rows)), key=lambda k: self.rows[k][name]))

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in self.last.items())
        return f"History({len(self)} epochs; {numbers}{'; ' + self.stopped if self.stopped else ''})"
