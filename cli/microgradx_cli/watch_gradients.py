"""`microgradx watch-gradients`: how large the gradients are, by layer and by time step, while a program trains."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.program_options import switches
from microgradx_cli.screen import out
from microgradx_cli.train import check_plot, chosen, save_plot

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from microgradx.programs.gradients import Epoch


def watch_gradients(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="The program (see: microgradx train).")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Draw it too: FILE.png or .svg."),
    ] = None,
    dtype: Annotated[
        Literal["float32", "float64"] | None, typer.Option("--dtype", show_default=False, help="Of all numbers.")
    ] = None,
    ops: o.Ops = None,
) -> None:
    """Train a program and show its gradients; takes the program's own options, such as --init normal."""
    from rich.console import Console
    from rich.live import Live

    from microgradx.programs import Run
    from microgradx.programs.gradients import Gradients
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    program = chosen(name)
    check_plot(output)
    console = Console(stderr=True)
    with Live(console=console, transient=True) if console.is_terminal else nullcontext() as live:
        seen = Gradients(lambda epoch: live.update(_tables(epoch)) if live else None)
        try:
            program.run(Run([seen]), dtype=dtype, **switches(context.args, program))
        except KeyboardInterrupt:
            typer.echo(f"Broken off after {len(seen.epochs)} epochs; watch-gradients keeps nothing.", err=True)
            raise typer.Exit(130) from None
    if not seen.epochs:
        raise UserError(f"{name} ended within its first epoch, so there is nothing to show; a smaller --lr may help.")
    for epoch in seen.chosen():
        out(lambda c, e=epoch: c.print(_tables(e), ""))  # type: ignore[misc]  # mypy takes no default in a lambda
    if output:
        save_plot(seen.figure(), output)


def _tables(epoch: Epoch) -> Group:
    """The weights; below them, where there are some, recurrent layers by time step and relu units."""
    from rich.console import Group

    from microgradx.programs.gradients import words_for_dead, words_for_time

    of = "" if epoch.training == "training" else f"{epoch.training}: "
    tables: list[Table | str] = [
        _table(
            f"{of}epoch {epoch.number}",
            ("weights", "gradient", "weight", "step / weight", "what it means"),
            [(w.name, f"{w.gradient:.2e}", f"{w.weight:.3g}", f"{w.update:.1e}", w.words) for w in epoch.weights],
        )
    ]
    if epoch.times:
        steps = max(len(norms) for norms in epoch.times.values())
        shown = sorted({round(k * (steps - 1) / 4) for k in range(5)})
        columns = ("gradient by time step", *(str(t + 1) for t in shown), "what it means")
        rows = [(n, *(f"{norms[t]:.1e}" for t in shown), words_for_time(norms)) for n, norms in epoch.times.items()]
        tables += ["", _table("", columns, rows)]
    if epoch.dead:
        rows = [(n, f"{share:.0%}", words_for_dead(share)) for n, share in epoch.dead.items()]
        tables += ["", _table("", ("relu", "dead units", "what it means"), rows)]
    return Group(*tables)


def _table(title: str, columns: tuple[str, ...], rows: list[Any]) -> Table:
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    return table
