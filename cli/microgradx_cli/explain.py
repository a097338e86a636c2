"""`microgradx explain OP`: one op on one page."""

from pathlib import Path
from typing import Annotated

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.screen import out
from microgradx_cli.train import check_plot, save_plot

# Activations without a row of their own: they have no card, but a plot.
MADE_OF_OPS = (
    "celu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "logsigmoid", "mish", "relu6", "selu", "silu",
    "softshrink", "softsign", "tanhshrink",
)  # fmt: skip


def explain(
    name: Annotated[str, typer.Argument(metavar="OP", show_default=False, help="An op's name (see: microgradx ops).")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default=False,
            help="Draw an activation or other op of one number, and its derivative: FILE.png or .svg.",
        ),
    ] = None,
    width: o.Width = None,
    ops: o.Ops = None,
) -> None:  # fmt: skip
    """Explain one op: its derivative, and where it comes from."""
    from microgradx import functional, plots
    from microgradx.explain.card import show_card
    from microgradx.rules import BOOK
    from microgradx.rules.samples import sample
    from microgradx_cli.user_files import closest, load_ops

    load_ops(ops)
    if output:
        check_plot(output)
    if output and name in MADE_OF_OPS:
        save_plot(plots.activation(getattr(functional, name), name), output)
        return
    if name not in BOOK:
        raise UserError(f"no op is called {name}.{closest(name, list(BOOK))} List them with: microgradx ops.")
    op = BOOK[name]
    if output and not (op.elementwise and len(op.inputs) == 1 and op.rules):
        raise UserError(f"-o draws ops of one number that have a derivative, such as sigmoid and relu; not {name}.")
    out(lambda console: show_card(op, console), width)
    if output:
        domain = op.where[op.inputs[0]]
        static = sample(op)[1]
        save_plot(plots.activation(lambda x: op(x, **static), name, domain.low, domain.high), output)
