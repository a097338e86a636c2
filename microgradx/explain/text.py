"""The trace in a terminal, with rich; plain text when piped, never cut short."""

import io

from rich.console import Console
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from microgradx.explain.paths import Paths, told
from microgradx.explain.tables import LAYERS, forward_cells, gradient_cells, gradient_columns, layer_cells, notes
from microgradx.explain.trace import Trace
from microgradx.explain.wording import StepText, seed_text, step_text, update_text

_DIM, _NAME, _FORMULA, _RESULT = "dim", "bold cyan", "magenta", "bold green"


def as_text(trace: Trace, width: int = 100, max_steps: int | None = None) -> str:
    """The whole trace as plain text."""
    console = Console(
        file=io.StringIO(), width=width, color_system=None, legacy_windows=False, force_jupyter=False, markup=False
    )
    show(trace, console, max_steps)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # the file is the StringIO above
    return "\n".join(line.rstrip() for line in text.split("\n"))


def show(trace: Trace, console: Console, max_steps: int | None = None) -> None:
    """Print the trace: forward table, backward steps, gradients, and what a gradient step would do."""
    console.print(Text(f"trace of {trace.title}", style="bold"))
    for note in notes(trace):
        console.print(Text(f"note: {note}", style="yellow"))
    if trace.layers:
        heading(console, "Layers")
        console.print(layer_table(trace))
    heading(console, "Forward: every result, in the order it was computed")
    console.print(forward_table(trace))
    heading(console, "Backward: the chain rule, edge by edge")
    console.print(Text(seed_text(trace), style=_DIM))
    shown = trace.steps if max_steps is None else trace.steps[:max_steps]
    for step in shown:
        show_step(step_text(trace, step), console)
    if len(shown) < len(trace.steps):
        console.print()
        left = len(trace.steps) - len(shown)
        console.print(f"… {left} more steps (of {len(trace.steps)}); leave out --max-steps to see them all")
    heading(console, "Gradients")
    console.print(gradient_table(trace))
    console.print()
    console.print(Text(update_text(trace), style="bold"))


def heading(console: Console, text: str) -> None:
    """A section's title on a line of its own."""
    console.print()
    console.print(Text(text, style="bold underline"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_DIM)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def forward_table(trace: Trace) -> Table:
    """Name, formula, value and place of every node."""
    table = _table("name", "formula", "value", "where")
    for name, formula, value, where in forward_cells(trace):
        leaf = formula in ("input", "constant")
        cells = (name, _NAME), (formula, _DIM if leaf else _FORMULA), (value, _RESULT), (where, _DIM)
        table.add_row(*(Text(text, style=style) for text, style in cells))
    return table


def layer_table(trace: Trace) -> Table:
    """What each layer gives, how large that is, and how large the gradients are that arrive."""
    table = _table(*LAYERS)
    for cells in layer_cells(trace):
        table.add_row(Text(cells[0], style=_NAME), *cells[1:])
    return table


def show_step(step: StepText, console: Console, gap: bool = True) -> None:
    """Print one backward step, with `gap` after an empty line: where, then its parts on lines of their own."""
    parts = (
        ("local", step.formula, _FORMULA),
        ("", f"= {step.numbers}" if step.numbers else "", ""),
        ("chain", step.chain, ""),
        ("total", step.total, _RESULT),
        *(("why", note, _DIM) for note in step.notes),
    )
    where = Text.assemble((step.where, _NAME), "   ", (step.place, _DIM))
    rows = [(label, Text(content, style=style)) for label, content, style in parts if content]
    _labelled([(str(step.number), where), *rows], console, 5, gap)


def show_paths(found: Paths, console: Console) -> None:
    """Print a gradient as the sum over its paths."""
    results = ("sum", "cost")
    rows = [(label, Text(text, style=_RESULT if label in results else "")) for label, text in told(found)]
    _labelled(rows, console, 6)


def _labelled(rows: list[tuple[str, Text]], console: Console, least: int, gap: bool = False) -> None:
    """Print texts beside their labels, as a grid of rich would, which takes ten times as long."""
    labels = max(least, *(len(label) for label, _ in rows))
    room = max(console.width - labels - 2, 1)
    parts = [Segment.line()] if gap else []
    for label, text in rows:
        for line in text.wrap(console, room, overflow="fold") if text.cell_len > room else (text,):
            parts += [Segment(f"{label:>{labels}}  ", console.get_style(_DIM)), *line.render(console, end="\n")]
            label = ""
    console.print(Segments(parts), end="", crop=False)


def gradient_table(trace: Trace) -> Table:
    """The gradient of every leaf, and what a step would make of the parameters."""
    table = _table(*gradient_columns(trace))
    for name, value, gradient, *after in gradient_cells(trace):
        table.add_row(Text(name, style=_NAME), value, Text(gradient, style=_RESULT), *after)
    return table
