"""`microgradx ops`: the rulebook as a table."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from microgradx_cli import options as o
from microgradx_cli.screen import json_text, out

if TYPE_CHECKING:
    from rich.console import Console

    from microgradx.rules import Op


def ops(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (schema microgradx.ops/1).")] = False,
    width: o.Width = None,
    files: o.Ops = None,
) -> None:
    """List the rulebook: every op and its derivatives."""
    from microgradx.rules import BOOK
    from microgradx_cli.user_files import load_ops

    load_ops(files)
    rows = [_row(op) for op in BOOK.values()]
    if as_json:
        typer.echo(json_text({"schema": "microgradx.ops/1", "ops": rows}))
    else:
        out(lambda console: _table(console, rows), width)


def _row(op: "Op") -> dict[str, Any]:
    """The op as data; derivatives are read from its rules, applied to example inputs."""
    from microgradx.explain.readings import readings
    from microgradx.explain.unusual import domain_text
    from microgradx.rules.formula import forward_formula
    from microgradx.rules.notation import screen_text
    from microgradx.rules.samples import applied, sample

    nodes, _ = sample(op)
    y = applied(op, *sample(op))
    read = [each for position in range(len(nodes)) for each in readings(op, position)[:1]]
    return {
        "name": op.name,
        "form": op.form,
        "written": op.form if y is None else screen_text(forward_formula(y)),
        "derivatives": {each.name: each.formula for each in read},
        "when": {each.name: each.when for each in read if each.when},
        "nondiff": sorted(op.nondiff),
        "domain": {name: domain_text(op, name) for name in op.inputs},
        "home": op.home,
    }


def _table(console: "Console", rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "form", "domain", "derivatives"):  # the longest last, so that it pads no other
        table.add_column(column, overflow="fold")
    for row in rows:
        rules = [
            Text.assemble((text, "magenta"), (f"   when {row['when'][name]}" if name in row["when"] else "", "dim"))
            for name, text in row["derivatives"].items()
        ]
        domain = "\n".join(
            text if name in text.split() else f"{name}: {text}"
            for name, text in row["domain"].items()
            if text != "all real numbers"
        )
        table.add_row(Text(row["name"], style="bold cyan"), row["form"], domain, Text("\n").join(rules) or "none")
    console.print(table)
    console.print(f"\n{len(rows)} ops. One of them in full, with all its settings: microgradx explain sigmoid")
