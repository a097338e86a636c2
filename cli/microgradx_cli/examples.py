"""`microgradx examples`: the named programs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from microgradx_cli import options as o
from microgradx_cli.screen import out

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from microgradx.examples import Example
    from microgradx.programs import TrainingProgram


def examples(width: o.Width = None, ops: o.Ops = None) -> None:
    """List the named examples and their options."""
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    out(_table, width)


def _table(console: "Console") -> None:
    from microgradx.examples import EXAMPLES
    from microgradx.programs import PROGRAMS, WITH_FILES

    console.print(_listed(EXAMPLES.values()))
    console.print("\n--at NAME=VALUE changes an argument of any example, as in: microgradx trace polynomial --at x=3")
    console.print("--level layer, tensor or scalar shows any of them by its layers, its arrays or its single numbers.")
    console.print("Begin with: microgradx trace xor, and: microgradx graph xor -o xor.svg\n")
    console.print(
        "Programs that train (microgradx train gates); trace, graph and compile show one of their steps, with"
    )
    console.print(
        "the program's own options (train NAME --help), on a --sample, with --weights trained or --resume FILE:"
    )
    console.print(_listed(each for each in (PROGRAMS | WITH_FILES).values() if each.name not in EXAMPLES))


def _listed(programs: "Iterable[Example | TrainingProgram]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("name", no_wrap=True)
    table.add_column("what it shows")
    table.add_column("options")
    for each in programs:
        options = (f"--{name.replace('_', '-')}" for name in each.options)
        levels = "|".join(getattr(each, "levels", ()))
        text = " ".join(f"{option} {levels}" if option == "--level" else option for option in options)
        table.add_row(Text(each.name, style="bold cyan"), each.title, text)
    return table
