"""`microgradx train`: the programs of the course, each of which learns something and says what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.program_options import switches, written
from microgradx_cli.screen import json_text, out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rich.console import Console

    from microgradx.programs import Run, TrainingProgram


def _option(name: str, words: str, metavar: str | None = None) -> Any:
    return typer.Option(name, help=words, metavar=metavar, show_default=False)


def train(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="The program; without it, all are listed.")
    ] = None,
    dtype: Annotated[Literal["float32", "float64"] | None, _option("--dtype", "Of all numbers.")] = None,
    save: Annotated[Path | None, _option("--save", "Keep everything in FILE.safetensors or .npz.", "FILE")] = None,
    resume: Annotated[Path | None, _option("--resume", "Go on from FILE, and keep it up to date.", "FILE")] = None,
    tensorboard: Annotated[Path | None, _option("--tensorboard", "Write events there.", "FOLDER")] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", "-o", metavar="FILE", show_default=False, help="Draw what was learned: FILE.png or .svg."
        ),
    ] = None,
    figure: Annotated[str | None, _option("--figure", "Which plot: loss, or one of the program's own.")] = None,
    as_json: Annotated[bool, _option("--json", "Print numbers, report and history as JSON.")] = False,
    compiled: Annotated[
        bool | None,
        _option("--compile/--no-compile", "Steps as programs from the first on, or never; else after 100 eager ones."),
    ] = None,
    ops: o.Ops = None,
    quiet: Annotated[bool, _option("--quiet", "No progress on stderr.")] = False,
) -> None:
    """Train one of the course's programs, and say what it learned; without NAME, list them."""
    from microgradx.programs.run import Interrupted
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    if name is None:
        out(_list)
        return
    if save and resume:
        raise UserError("--resume FILE goes on saving to its FILE; leave out --save.")
    program = chosen(name)
    options = switches(context.args, program)
    if figure and not plot:
        raise UserError(f"--figure {figure} says what is drawn; -o FILE.png says where.")
    check_figure(figure, [*program.figures, "loss"])
    check_plot(plot)
    run = _run(save, resume, tensorboard, quiet)
    run.compile = compiled
    others = dict(dtype=dtype, resume=save or resume, tensorboard=tensorboard, plot=plot, figure=figure)
    switched = {"--json": as_json, "--quiet": quiet, "--compile": compiled, "--no-compile": compiled is False}
    run.how = _again(name, {**options, **others}, [("--ops", each) for each in ops or []], switched)
    try:
        program.run(run, dtype=dtype, **options)
    except Interrupted:
        raise typer.Exit(130) from None
    except KeyboardInterrupt:
        file = save or resume
        typer.echo(
            f"Broken off; {file} has what was saved last." if file
            else "Broken off, and nothing is kept. With --save FILE, Ctrl-C saves, and says how to go on.",
            err=True,
        )  # fmt: skip
        raise typer.Exit(130) from None
    if len(run.files) > 1:
        typer.echo(f"{name} keeps one file for each training: {', '.join(map(str, run.files))}.", err=True)
    if as_json:
        typer.echo(json_text(_document(program, run, options)))
    else:
        out(lambda console: show(console, program, run))
    if plot:  # last: if it cannot be drawn, the report is there
        save_plot(_figure(run, figure), plot)


def chosen(name: str) -> TrainingProgram:
    """The program of this name."""
    from microgradx.programs import PROGRAMS, WITH_FILES, find

    if name.startswith("-"):
        raise UserError(f"{name}: of which program? microgradx train lists their names.")
    return find(name, {**PROGRAMS, **WITH_FILES})


def _run(save: Path | None, resume: Path | None, tensorboard: Path | None, quiet: bool) -> Run:
    from microgradx.programs import Run
    from microgradx.training import Callback, Progress

    watchers: list[Callback] = [] if quiet else [Progress()]
    if tensorboard:
        from microgradx.training.tensorboard import TensorBoard

        watchers.append(TensorBoard(tensorboard))
    return Run(watchers, save, resume)


def _again(name: str, options: dict[str, Any], more: list[tuple[str, Path]], switched: dict[str, bool | None]) -> str:
    """The command that goes on with a training."""
    import shlex

    given = [(written(key), value) for key, value in options.items() if value is not None]
    words = [f"{option}={value}" for option, value in [*given, *more]]
    return shlex.join(["microgradx", "train", name, *words, *(option for option, on in switched.items() if on)])


def show(console: Console, program: TrainingProgram, run: Run) -> None:
    """The report: paragraphs, tables, numbers, and whether the promise is kept."""
    from rich.table import Table as RichTable
    from rich.text import Text

    console.print(Text(f"{program.name}: {program.title}", style="bold cyan"))
    for block in run.blocks:
        console.print()
        if isinstance(block, str):
            console.print(Text(block))
            continue
        console.print(Text(block.title))
        table = RichTable(box=None, header_style="dim", pad_edge=False)
        for column in block.columns:
            table.add_column(column)
        for row in block.rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        console.print(table)
    numbers = "  ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in run.numbers.items())
    console.print(Text(f"\nresult: {numbers}", style="bold"))
    verdict = "reached" if run.reached else "NOT reached with these options"
    console.print(Text(f"promised: {program.promise}: {verdict}", style="green" if run.reached else "yellow"))


def _document(program: TrainingProgram, run: Run, options: dict[str, Any]) -> dict[str, Any]:
    """What --json prints; a number that is not finite is null."""
    import math

    def plain(number: float) -> float | None:
        return number if math.isfinite(number) else None

    return {
        "schema": "microgradx.train/1",
        "program": program.name,
        "options": {**program.options, **options},
        "promise": program.promise,
        "reached": run.reached,
        "numbers": {key: plain(value) for key, value in run.numbers.items()},
        "report": [
            b if isinstance(b, str) else dict(title=b.title, columns=b.columns, rows=b.rows) for b in run.blocks
        ],
        "history": {
            part: [{key: plain(v) for key, v in row.items()} for row in history.rows]
            for part, history in run.history.items()
        },
        "compiled_steps": {part: history.compiled for part, history in run.history.items()},
    }


def check_figure(name: str | None, figures: Collection[str]) -> None:
    """Refuse the name of a plot that there is none of."""
    if name and name not in figures:
        raise UserError(f"--figure {name}: the plots of this program are {', '.join(figures)}.")


def check_plot(path: Path | None) -> None:
    """Refuse, before the training, a plot that could not be written after it."""
    if path:
        from microgradx.plots.figures import check

        check(path)


def save_plot(figure: Any, path: Path) -> None:
    """Write the plot, and say so."""
    from microgradx import plots

    plots.save(figure, path)
    typer.echo(f"{path} written.", err=True)


def _figure(run: Run, name: str | None) -> Any:
    """The plot called `name`; without a name the program's first, or else the losses."""
    from microgradx import plots

    losses = {
        (key if part == "training" else f"{part}: {key}").replace("_", " "): history[key]
        for part, history in run.history.items() for key in history if key.endswith("loss")
    }  # fmt: skip
    figures: dict[str, Callable[[], Any]] = {**run.figures, "loss": lambda: plots.curves(losses)}
    chosen = name or next(iter(figures))
    check_figure(chosen, figures)
    return figures[chosen]()


def _list(console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    from microgradx.programs import PROGRAMS, WITH_FILES

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "what it learns", "promised", "options"):
        table.add_column(column, no_wrap=column == "name")
    for program in {**PROGRAMS, **WITH_FILES}.values():
        options = " ".join(
            written(key) + ("" if value is None else f" {value}")  # None: it depends, see NAME --help
            for key, value in program.options.items()
        )
        table.add_row(Text(program.name, style="bold cyan"), program.title, program.promise, Text(options))
    console.print(table)
    console.print(
        "\nAll take --dtype, --save, --resume, --tensorboard, --plot, --figure, --no-compile, --json and --quiet too."
    )
    console.print("Begin with: microgradx train gates")
