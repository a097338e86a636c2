"""`microgradx explain NAME`: one op on one page, or a function made of several."""

from pathlib import Path
from typing import Annotated

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.screen import out
from microgradx_cli.train import check_plot, save_plot

# Composites of one number: they can be drawn as the rows of one number can.
MADE_OF_OPS = (
    "celu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "logsigmoid", "mish", "relu6", "selu", "silu",
    "softshrink", "softsign", "tanhshrink",
)  # fmt: skip


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", show_default=False,
            help="An op (see: microgradx ops), or any function of microgradx, such as conv2d or batch_norm.",
        ),
    ],
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
    """Explain one op: its derivative, and where it comes from; or a function, by the ops it is made of."""
    from microgradx import plots
    from microgradx.explain.card import show_card
    from microgradx.explain.composites import show_composite
    from microgradx.rules import BOOK
    from microgradx.rules.op import Op
    from microgradx.rules.samples import sample
    from microgradx.testing.composites import CALLS, NAMES
    from microgradx_cli.user_files import closest, load_ops

    load_ops(ops)
    if output:
        check_plot(output)
    op = BOOK.get(name, NAMES.get(name))  # some rows have a second name: eq is equal
    if not isinstance(op, Op) and name not in CALLS:
        near = closest(name, [*BOOK, *NAMES])
        raise UserError(f"no op is called {name}.{near} List them with: microgradx ops.")
    one_number = op.elementwise and len(op.inputs) == 1 and op.rules if isinstance(op, Op) else name in MADE_OF_OPS
    if output and not one_number:
        raise UserError(f"-o draws ops of one number that have a derivative, such as sigmoid and relu; not {name}.")
    out(lambda console: show_card(op, console) if isinstance(op, Op) else show_composite(name, console), width)
    if output and isinstance(op, Op):
        domain, static = op.where[op.inputs[0]], sample(op)[1]
        save_plot(plots.activation(lambda x: op(x, **static), name, domain.low, domain.high), output)
    elif output:
        save_plot(plots.activation(NAMES[name], name), output)
