"""Options that several commands share, and how `--at x=2 y=3` is read."""

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from microgradx_cli.errors import UserError

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", show_default=False,
        help="An example's name (see: microgradx examples), a function in a file of yours (net.py:loss), "
        'or an expression such as "sigmoid(w*x + b)".',
    ),
]  # fmt: skip
At = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="NAME=VALUE ...", show_default=False,
        help="Values of the arguments, as JSON: --at x=2 y=3 'M=[[1, 2], [3, 4]]'.",
    ),
]  # fmt: skip
Ops = Annotated[
    list[Path] | None,
    typer.Option("--ops", metavar="FILE", show_default=False, help="A Python file with op rows of your own."),
]
Level = Annotated[
    Literal["layer", "tensor", "scalar"] | None,
    typer.Option("--level", show_default=False, help="Show it layer by layer, as matrices, or number by number."),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", show_default=False, help="Which sample of the data: xor has 0 to 3 (00, 01, 10, 11)."),
]
Weights = Annotated[
    Literal["random", "hand", "trained"] | None,
    typer.Option("--weights", show_default=False, help="Where the weights come from: by hand for xor only."),
]
Seed = Annotated[int | None, typer.Option("--seed", show_default=False, help="Seed of random weights.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", show_default=False, help="Train so long first; an example (--weights trained) at most."),
]
Part = Annotated[
    str | None,
    typer.Option("--part", metavar="TRAINING", show_default=False, help="Which training of a program with several."),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="FILE", show_default=False, help="The weights that train NAME --save FILE kept."),
]
Dtype = Annotated[
    Literal["float32", "float64"] | None, typer.Option("--dtype", show_default=False, help="Of a program's numbers.")
]
Zoom = Annotated[
    str | None,
    typer.Option(
        "--zoom", metavar="LAYER|NODE[i,j]", show_default=False,
        help="Go into one layer, or into one entry of a tensor: its scalar graph.",
    ),
]  # fmt: skip
Width = Annotated[
    int | None, typer.Option("--width", min=40, show_default=False, help="Columns to use; all it takes when piped.")
]


class SpreadAt(TyperCommand):
    """A command in which several NAME=VALUE may follow one --at, and whose target may begin with a minus."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = {name: getattr(p, "is_flag", False) for p in self.params for name in p.opts}
        return super().parse_args(ctx, spread_at(minus_first(args, options)))


def minus_first(args: list[str], options: dict[str, bool]) -> list[str]:
    """The arguments with a blank before an expression such as -x, so that it is not taken for an option.

    `options` are the command's own; True for those that take no value.
    """
    found: list[str] = []
    for i, arg in enumerate(args):
        is_value = i > 0 and options.get(args[i - 1]) is False
        if re.match(r"-[^-]", arg) and arg[:2] not in options and not is_value:
            return [*found, f" {arg}", *args[i + 1 :]]
        if not is_value and not arg.startswith("-"):
            break  # this is the target
        found.append(arg)
    return args


def spread_at(args: list[str]) -> list[str]:
    """--at x=2 M=[1, 2] becomes --at x=2 --at "M=[1, 2]", also where the shell has split the list.

    Raises:
        UserError: a NAME=VALUE that no --at precedes.
    """
    spread: list[str] = []
    rest = list(args)
    following = False  # still among the values of an --at
    while rest:
        arg = rest.pop(0)
        before = spread[-1] if spread else ""
        pair = re.match(r"[^\W\d]\w*=[^=]", arg) is not None
        if pair and not following and not before.startswith("-"):
            raise UserError(f"{arg}: values follow --at, as in --at {arg}.")
        following = arg == "--at" or (following and (pair or before == "--at"))
        if following and arg != "--at":
            while arg.count("[") > arg.count("]") and rest:
                arg += f" {rest.pop(0)}"
            if before != "--at":
                spread.append("--at")
        spread.append(arg)
    return spread


def parse_at(given: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE pairs as numbers, nested lists of numbers, or plain words.

    Raises:
        UserError: a malformed pair, a name given twice, a value that is not JSON, or a number that is not finite.
    """
    values: dict[str, Any] = {}
    for pair in given or []:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not equals or not name.isidentifier():
            raise UserError(f"--at takes NAME=VALUE, such as x=2 or 'M=[[1, 2], [3, 4]]', but not {pair!r}.")
        if name in values:
            raise UserError(f"--at gives {name} twice: {values[name]} and {text}. Keep one of them.")
        values[name] = _value(name, text)
    return values


def _value(name: str, text: str) -> Any:
    try:
        value = json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 16 else float(digits))
    except (ValueError, RecursionError):
        if re.fullmatch(r"[^\W\d][\w-]*", text) and text.lower() not in ("nan", "inf", "infinity"):
            return text
        value = float(text) if _is_float(text) else None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return text
    if _shape(value) is None:
        raise UserError(
            f"--at {name}={text}: the value is neither a number nor a (nested) list of numbers, such as 2, -0.5 or "
            f"[[1, 2], [3, 4]] (rows of one length). Quote lists for the shell: --at '{name}=[1, 2]'."
        )
    if not _finite(value):
        raise UserError(f"--at {name}={text}: a trace starts from finite numbers; nan and infinity lead nowhere.")
    return value


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a number or a regular nested list of numbers; None for anything else."""
    if isinstance(value, list):
        shapes = {_shape(part) for part in value}
        inner = shapes.pop() if len(shapes) == 1 else None
        return None if inner is None else (len(value), *inner)
    return () if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _finite(value: Any) -> bool:
    return all(map(_finite, value)) if isinstance(value, list) else math.isfinite(value)
