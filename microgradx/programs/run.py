"""One training of a program: what surrounds its loop (progress, saving, events for TensorBoard) and what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microgradx.programs.errors import ProgramError
from microgradx.training import Callback, Checkpoint, History
from microgradx.training import fit as training_fit


@dataclass(frozen=True)
class Table:
    """Something the program found, row by row."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass
class Run:
    """What a program writes to while it trains.

    `blocks` are the paragraphs and tables it says, in order; `numbers` its result; `reached` whether this is what the
    program promises; `history` the numbers of every epoch, by the name of what was trained.
    """

    watchers: Sequence[Callback] = ()
    save: Path | None = None
    resume: Path | None = None
    blocks: list[str | Table] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    reached: bool = False
    history: dict[str, History] = field(default_factory=dict)
    figure: Callable[[], Any] | None = None  # makes the program's own plot; without one, the loss is plotted
    model: Any = None

    def say(self, text: str) -> None:
        """A paragraph of the report."""
        self.blocks.append(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """A table of the report."""
        self.blocks.append(Table(title, tuple(columns), list(rows)))

    def result(self, reached: bool, **numbers: float) -> None:
        """What came out, and whether it is what the program promises."""
        self.reached = bool(reached)
        self.numbers |= {name: float(number) for name, number in numbers.items()}

    def fit(
        self,
        model: Any,
        loss: Any,
        optimizer: Any,
        data: Any,
        epochs: int,
        part: str = "training",
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> History:
        """`training.fit`, watched; with a checkpoint when the person asked for one.

        Raises:
            ProgramError: there is no such file to resume from.
        """
        if self.resume is not None and not self.resume.exists():
            raise ProgramError(f"--resume {self.resume}: there is no such file; train --save FILE makes one.")
        file = self.resume or self.save
        kept = [Checkpoint(file, resume=self.resume is not None)] if file else []
        history = training_fit(
            model, loss, optimizer, data, epochs, **options, name=part, callbacks=[*callbacks, *self.watchers, *kept]
        )
        self.history[part], self.model = history, model
        if history.stopped:
            self.say(f"{part} ended after epoch {len(history)}: {history.stopped}.")
        return history
