"""The `microgradx` command. One file per command, imported when it is first run, so that --help is quick."""

import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from microgradx_cli.bench import bench
from microgradx_cli.check import check
from microgradx_cli.compile import compile
from microgradx_cli.doctor import doctor
from microgradx_cli.errors import plainly, tell
from microgradx_cli.examples import examples
from microgradx_cli.explain import explain
from microgradx_cli.graph import graph
from microgradx_cli.ops import ops
from microgradx_cli.options import SpreadAt
from microgradx_cli.program_options import ANY_OPTION, OfPrograms, OfTargets
from microgradx_cli.trace import trace
from microgradx_cli.train import train
from microgradx_cli.tutorial import tutorial
from microgradx_cli.watch_gradients import watch_gradients


class Commands(TyperGroup):
    """All commands, with one way to report mistakes; --debug may stand anywhere on the line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        self.debug = "--debug" in args
        if self.debug:
            args = ["--debug", *(a for a in args if a != "--debug")]
        try:
            return super().parse_args(ctx, args)
        except Exception as problem:
            tell(plainly(problem, ctx.command_path), self.debug)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except Exception as problem:
            known = self.get_command(ctx, ctx.invoked_subcommand or "")
            tell(
                plainly(problem, f"{ctx.command_path} {ctx.invoked_subcommand}" if known else ctx.command_path),
                self.debug,
            )


app = typer.Typer(
    cls=Commands, add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"microgradx {version('microgradx')}")
        raise typer.Exit()


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of a mistake.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Automatic differentiation you can see through.

    Start with: microgradx trace xor
    """
    for stream in (sys.stdout, sys.stderr):  # ∂ and · must not stop a run where the locale knows only ASCII
        if "utf" not in (getattr(stream, "encoding", None) or "utf").lower() and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    warnings.showwarning = _show_warning


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    typer.echo(f"Warning: {message}", err=True)


app.command(cls=OfTargets, context_settings=ANY_OPTION)(trace)
app.command(cls=OfTargets, context_settings=ANY_OPTION)(graph)
app.command(cls=SpreadAt)(check)
app.command(cls=OfTargets, context_settings=ANY_OPTION)(compile)
app.command(cls=OfPrograms, context_settings=ANY_OPTION)(train)
app.command(cls=OfPrograms, context_settings=ANY_OPTION)(watch_gradients)
app.command()(explain)
app.command()(tutorial)
app.command()(ops)
app.command()(examples)
app.command()(bench)
app.command()(doctor)
