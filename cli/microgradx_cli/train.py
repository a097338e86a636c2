"""`microgradx train`: the programs of the course, each of which learns something and says what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.screen import json_text, out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rich.console import Console

    from microgradx.programs import Run, TrainingProgram

ANY_OPTION = {"allow_extra_args": True, "ignore_unknown_options": True}


class OfPrograms(TyperCommand):
    """A command that takes a program's own options too, before or after its name, and lists them in --help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        flags = {o for p in self.get_params(ctx) if getattr(p, "is_flag", False) for o in [*p.opts, *p.secondary_opts]}
        args = name_first(args, flags)
        ctx.meta["typed"] = list(args)  # --help is answered before the arguments are read
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        programs = _told()["programs"]
        name = next((word for word in ctx.meta["typed"] if word in programs), None)
        if name:
            declared = {option for each in self.params for option in each.opts}
            whose = name
            told = {option: words for option, words in programs[name].items() if written(option) not in declared}
        else:
            whose = f"the programs; microgradx {ctx.info_name} NAME --help has those of one, their values and defaults"
            told = _told()["options"]
        with formatter.section(f"Options of {whose}"):
            formatter.write_dl([(written(option), words) for option, words in told.items()])


class OfTargets(o.SpreadAt, OfPrograms):
    """A command whose TARGET may be a program with options of its own."""


def written(option: str) -> str:
    """As it is typed."""
    return f"--{option.replace('_', '-')}"


def _told() -> Any:
    """The programs' options in words, from a file that tests keep true: importing the programs takes too long."""
    return json.loads(Path(__file__).with_name("program_options.json").read_text(encoding="utf-8"))


def name_first(args: list[str], flags: Collection[str]) -> list[str]:
    """The arguments with the program's name before all options; `flags` are the command's own that take no value."""
    switches = {*map(written, _told()["switches"])}  # may stand without a value
    before = ""  # an option whose value may be next
    for i, arg in enumerate(args):
        if re.match(r"--?[^\W\d]", arg):
            complete = arg in flags or "=" in arg or re.match(r"-\w.", arg)
            before = "" if complete else arg
        elif before and not (before in switches and arg.lower() not in ("true", "false")):
            before = ""
        else:
            return [arg, *args[:i], *args[i + 1 :]]
    return args


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


def switches(words: list[str], program: TrainingProgram) -> dict[str, Any]:
    """--hidden 50 --batch-norm, --hidden=50 and --batch-norm False as options of the program.

    Raises:
        UserError: a word that belongs to no option, or an option without its value.
    """
    options: dict[str, Any] = {}
    rest = list(words)
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if not option.startswith("--"):
            raise UserError(
                f"{option}: nothing is expected here; an option of {program.name} is written --option value."
            )
        key = option[2:].replace("-", "_")
        if not equals:
            if key in program.options and program.accepts(key) is bool:
                value = rest.pop(0) if rest and rest[0].lower() in ("true", "false") else "true"
            elif rest and not rest[0].startswith("--"):
                value = rest.pop(0)
            elif key in program.options:
                raise UserError(f"{option} needs a value, as in {option} {program.example(key)}.")
        options[key] = program.value(key, value)
    return options


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

    given = [(f"--{key.replace('_', '-')}", value) for key, value in options.items() if value is not None]
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
            f"--{key.replace('_', '-')}" + ("" if value is None else f" {value}")  # None: the program chooses
            for key, value in program.options.items()
        )
        table.add_row(Text(program.name, style="bold cyan"), program.title, program.promise, Text(options))
    console.print(table)
    console.print(
        "\nAll take --dtype, --save, --resume, --tensorboard, --plot, --figure, --no-compile, --json and --quiet too."
    )
    console.print("Begin with: microgradx train gates")
