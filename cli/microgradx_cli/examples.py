"""`microgradx examples`: the named programs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from microgradx_cli import options as o
from microgradx_cli.screen import out

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from microgradx.examples import Example


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
    console.print("Programs that train (microgradx train gates); trace and graph show one of their steps:")
    console.print(
        _listed(each.view for each in (PROGRAMS | WITH_FILES).values() if each.view and each.name not in EXAMPLES)
    )


def _listed(examples: "Iterable[Example]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("name", no_wrap=True)
    table.add_column("what it shows")
    table.add_column("options")
    for example in examples:
        options = (f"--{name}" for name in example.options)
        levels = "|".join(example.levels)
        text = " ".join(f"{option} {levels}" if option == "--level" else option for option in options)
        table.add_row(Text(example.name, style="bold cyan"), example.title, text)
    return table
