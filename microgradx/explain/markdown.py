"""The trace as Markdown: the same parts as on the screen, formulas as plain text, which reads everywhere."""

from collections.abc import Iterable

from microgradx.explain.tables import LAYERS, forward_cells, gradient_cells, gradient_columns, layer_cells, notes
from microgradx.explain.trace import Trace
from microgradx.explain.wording import seed_text, step_text, update_text


def as_markdown(trace: Trace, max_steps: int | None = None) -> str:
    """The whole trace as a Markdown document."""
    steps = trace.steps if max_steps is None else trace.steps[:max_steps]
    parts = [
        f"# Trace of {trace.title}",
        *(f"> {note}" for note in notes(trace)),
        *(["## Layers", _table(LAYERS, layer_cells(trace))] if trace.layers else []),
        "## Forward",
        _table(("name", "formula", "value", "where"), forward_cells(trace)),
        "## Backward",
        _code(seed_text(trace)),
        *(_step(trace, number) for number in range(len(steps))),
        *([f"… {len(trace.steps) - len(steps)} more steps"] if len(steps) < len(trace.steps) else []),
        "## Gradients",
        _table(gradient_columns(trace), gradient_cells(trace)),
        update_text(trace),
    ]
    return "\n\n".join(parts) + "\n"


def _step(trace: Trace, number: int) -> str:
    text = step_text(trace, trace.steps[number])
    lines = [text.formula, *([f"= {text.numbers}"] if text.numbers else []), text.chain, text.total]
    notes = "".join(f"\n- {note}" for note in text.notes)
    return f"**{text.number}. {text.where}** {text.place}\n\n{_code(*lines)}{notes and chr(10) + notes}"


def _code(*lines: str) -> str:
    return "```text\n" + "\n".join(lines) + "\n```"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
