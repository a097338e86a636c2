"""`microgradx explain OP`: one op on one page."""

from typing import Annotated

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.screen import out


def explain(
    name: Annotated[str, typer.Argument(metavar="OP", show_default=False, help="An op's name (see: microgradx ops).")],
    width: o.Width = None,
    ops: o.Ops = None,
) -> None:
    """Explain one op: its derivative, and where it comes from."""
    from microgradx.explain.card import show_card
    from microgradx.rules import BOOK
    from microgradx_cli.user_files import closest, load_ops

    load_ops(ops)
    if name not in BOOK:
        raise UserError(f"no op is called {name}.{closest(name, list(BOOK))} List them with: microgradx ops.")
    out(lambda console: show_card(BOOK[name], console), width)
