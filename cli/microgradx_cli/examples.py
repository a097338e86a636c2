"""`microgradx examples`: the named programs."""

from typing import TYPE_CHECKING

from microgradx_cli import options as o
from microgradx_cli.screen import out

if TYPE_CHECKING:
    from rich.console import Console


def examples(width: o.Width = None, ops: o.Ops = None) -> None:
    """List the named examples and their options."""
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    out(_table, width)


def _table(console: "Console") -> None:
    from rich.table import Table

    from microgradx.examples import EXAMPLES

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "what it shows", "level", "options", "--at"):
        table.add_column(column, overflow="fold")
    for example in EXAMPLES.values():
        options = " ".join(f"--{name}" for name in example.options if name != "level")
        arguments = " ".join(example.program().arguments)
        table.add_row(example.name, example.title, " ".join(example.levels), options, arguments)
    console.print(table)
    console.print("\nTry: microgradx trace xor, microgradx trace polynomial --at x=3, microgradx graph xor -o xor.svg")
