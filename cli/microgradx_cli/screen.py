"""What goes to the screen: as wide as it is; piped, plain text that nothing cuts or folds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

_UNLIMITED = 100_000  # columns when piped: the longest line decides
_PATIENCE = 0.5  # seconds before a progress bar appears


def columns(width: int | None = None) -> int | None:
    """The width to use: as asked, else COLUMNS, else all it takes when piped; None: the terminal's own."""
    asked = os.environ.get("COLUMNS", "")
    if width is None and asked.isdigit() and int(asked) >= 20:
        width = int(asked)
    return width if width is not None or sys.stdout.isatty() else _UNLIMITED


def screen(width: int | None = None) -> Console:
    """A rich console on stdout; it honours NO_COLOR and writes no colours into a pipe."""
    from rich.console import Console

    return Console(width=columns(width), highlight=False, markup=False)  # x[key] is no tag


def out(show: Callable[[Console], None], width: int | None = None) -> None:
    """Print what `show` prints to a console; without a terminal, without the blanks that pad tables."""
    console = screen(width)
    if console.is_terminal:
        show(console)
        return
    with console.capture() as captured:
        show(console)
    typer.echo(trimmed(captured.get()), nl=False)


def trimmed(text: str) -> str:
    """The text without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


def json_text(document: dict[str, Any]) -> str:
    """One JSON document, with a line for each entry of its lists: quick to write, and still readable."""
    import json

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    parts = []
    for key, value in document.items():
        rows = isinstance(value, list) and value
        text = "[\n  " + ",\n  ".join(map(line, value)) + "\n ]" if rows else line(value)
        parts.append(f" {line(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"


@contextmanager
def training(name: str) -> Iterator[Callable[[int, int], None]]:
    """A callback for long runs: after half a second it shows a progress bar, if there is a terminal."""
    from rich.console import Console

    console, start = Console(stderr=True), time.monotonic()
    bars: list[Any] = []

    def report(done: int, total: int) -> None:
        if not console.is_terminal or time.monotonic() - start < _PATIENCE:
            return
        if not bars:
            from rich.progress import Progress

            bars.append(Progress(console=console, transient=True))
            bars[0].add_task(f"training {name}", total=total)
            bars[0].start()
        bars[0].update(bars[0].task_ids[0], completed=done)

    try:
        yield report
    finally:
        for bar in bars:
            bar.stop()
