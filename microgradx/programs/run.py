"""One training of a program: what surrounds its loop (progress, saving, events for TensorBoard) and what it found."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.programs.errors import ProgramError
from microgradx.training import Callback, Checkpoint, History, load
from microgradx.training import fit as training_fit


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a training, and its state is saved."""


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
    compile: bool | None = None  # steps as programs: always, never, or once there are enough of them; see `fit`
    setup: dict[str, Any] = field(default_factory=dict)  # what must be alike for going on from a file
    how: str = ""  # a training that Ctrl-C stopped goes on; said to the person who stopped it
    blocks: list[str | Table] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)
    reached: bool = False
    history: dict[str, History] = field(default_factory=dict)
    figures: dict[str, Callable[[], Any]] = field(default_factory=dict)  # make the program's own plots, by name
    model: Any = None

    def say(self, text: str) -> None:
        """A paragraph of the report."""
        self.blocks.append(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """A table of the report."""
        plain = [tuple(cell.item() if isinstance(cell, np.generic) else cell for cell in row) for row in rows]
        self.blocks.append(Table(title, tuple(columns), plain))

    def result(self, reached: bool, **numbers: float) -> None:
        """What came out, and whether it is what the program promises."""
        self.reached = bool(reached)
        self.numbers |= {name: float(number) for name, number in numbers.items()}

    def fit(
        self, model: Any, loss: Any, optimizer: Any, data: Any, epochs: int, part: str = "training",
        callbacks: Sequence[Callback] = (), **options: Any,
    ) -> History:  # fmt: skip
        """`training.fit`, watched; with a checkpoint when the person asked for one.

        Raises:
            ProgramError: there is no such file to resume from.
            Interrupted: Ctrl-C, when there is a checkpoint.
        """
        file = self.file(part)
        if file and self.resume is not None and not self.history and not file.exists():
            raise ProgramError(f"--resume {self.resume}: there is no file {file}; {self._whose()}")
        every = max(1, epochs // 100)  # short epochs take less time than writing a file
        resume = self.resume is not None
        kept = [Checkpoint(file, every, resume, how=self.how, setup=self.setup)] if file else []
        history = training_fit(
            model, loss, optimizer, data, epochs, **options, name=part, callbacks=[*callbacks, *self.watchers, *kept],
            compile=self.compile,
        )  # fmt: skip
        if history.stopped == "interrupted":
            raise Interrupted
        self.history[part], self.model = history, model
        if history.stopped:
            self.say(f"{part} ended after epoch {len(history)}: {history.stopped}.")
        return history

    def _whose(self) -> str:
        """Why there may be no file to resume from."""
        if self.resume is None or not self.resume.exists():
            return "train --save FILE makes one."
        saved = load(self.resume).get("setup", {}).get("program")
        by = f"was saved by {saved}" if saved else "is of no program"
        return f"{self.resume} {by}, and {self.setup.get('program', 'this program')} keeps one file for each training."

    @property
    def files(self) -> list[Path]:
        """What the trainings were kept in."""
        return [file for part in self.history if (file := self.file(part))]

    def file(self, part: str) -> Path | None:
        """Where this training is kept: the file asked for; where a program has several trainings, FILE-PART."""
        file = self.resume or self.save
        if file is None or part == "training":
            return file
        own = re.sub(r"[^\w.]+", "-", part)
        return file.with_stem(f"{file.stem}-{own}")
