"""The options that a program has of its own: listed in --help, read before or after the program's name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from microgradx_cli import options as o
from microgradx_cli.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection

    from microgradx.programs import TrainingProgram

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
