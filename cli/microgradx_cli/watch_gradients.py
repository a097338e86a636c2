"""`microgradx watch-gradients`: how large the gradients are, layer by layer, while a program trains."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.screen import out
from microgradx_cli.train import switches

if TYPE_CHECKING:
    from rich.table import Table

    from microgradx.programs.gradients import Seen


def watch_gradients(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="The program (see: microgradx train).")
    ],
    ops: o.Ops = None,
) -> None:
    """Train a program and show each layer's gradient; takes the program's own options, such as --init normal."""
    from rich.console import Console
    from rich.live import Live

    from microgradx.programs import PROGRAMS, Run, find
    from microgradx.programs.gradients import Gradients
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    program = find(name, PROGRAMS)
    console = Console(stderr=True)
    with Live(console=console, transient=True) if console.is_terminal else nullcontext() as live:
        seen = Gradients(lambda epoch, rows: live.update(_table(epoch, rows)) if live else None)
        program.run(Run([seen]), **switches(context.args, program))
    if not seen.epochs:
        raise UserError(f"{name} trains in a loop of its own, without layers to watch; xor-deep and cnn have some.")
    for number in sorted({1, len(seen.epochs) // 2, len(seen.epochs)} - {0}):
        out(lambda c, n=number: c.print(_table(n, seen.epochs[n - 1])))  # type: ignore[misc]


def _table(epoch: int, rows: list[Seen]) -> Table:
    from rich.table import Table

    table = Table(title=f"epoch {epoch}", title_justify="left", box=None, header_style="dim", pad_edge=False)
    for column in ("weights", "gradient", "weight", "step / weight", "what it means"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.name, f"{row.gradient:.2e}", f"{row.weight:.3g}", f"{row.update:.1e}", row.words)
    return table
