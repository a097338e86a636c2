"""`microgradx ops`: the rulebook as a table."""

import re
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
    from microgradx.graph import recording
    from microgradx.rules.formula import forward_formula, rule_formula, slots
    from microgradx.rules.notation import screen_text
    from microgradx.rules.samples import sample

    nodes, static = sample(op)
    with recording():
        y = op(*nodes, **static)
    shapes = {str(node.shape): f"{node.name}.shape" for node in nodes if node.ndim}
    derivatives = {}
    for position, name in enumerate(slots(op, len(nodes)) if y.op is op else ()):
        rule = op.rule_for(position)
        if rule is not None:
            left = f"∂L/∂{name}" if rule.whole else f"∂y/∂{name}"
            formula = screen_text(rule_formula(y, position), {"g": "∂L/∂y"})
            for example, named in shapes.items():  # the sizes of the example inputs say nothing about the op
                formula = formula.replace(example, named)
            derivatives[name] = f"{left} = {formula}"
    return {
        "name": op.name,
        "form": op.form,
        "written": screen_text(forward_formula(y)) if y.op is op else op.form,
        "derivatives": derivatives,
        "nondiff": sorted(op.nondiff),
        "domain": {name: re.sub(r"\bx\b", name, op.where[name].text) for name in op.inputs},
        "home": op.home,
    }


def _table(console: "Console", rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "form", "derivatives", "domain"):
        table.add_column(column, overflow="fold")
    for row in rows:
        rules = "\n".join(row["derivatives"].values()) or "none"
        domain = "\n".join(
            text if name in text.split() else f"{name}: {text}"
            for name, text in row["domain"].items()
            if text != "all real numbers"
        )
        table.add_row(Text(row["name"], style="bold cyan"), row["form"], Text(rules, style="magenta"), domain)
    console.print(table)
    console.print(f"\n{len(rows)} ops. One of them in full: microgradx explain sigmoid")
