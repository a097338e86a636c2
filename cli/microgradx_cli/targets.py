"""What a TARGET stands for: an example's or a program's name, path.py:function, or an expression."""

from __future__ import annotations

import inspect
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import typer

from microgradx.examples import EXAMPLES as SMALL
from microgradx.examples import Example, find
from microgradx.explain import Trace
from microgradx.explain import trace as make_trace
from microgradx.explain.expressions import ExpressionError, expression
from microgradx.explain.levels import at_level
from microgradx.graph import Node, Tensor, Value
from microgradx.graph.naming import run_and_name
from microgradx.programs import PROGRAMS, WITH_FILES, TrainingProgram
from microgradx.programs.views import step as step_of_program
from microgradx.rules import BOOK
from microgradx.training import Progress
from microgradx_cli.errors import UserError
from microgradx_cli.options import parse_at
from microgradx_cli.program_options import switches, written
from microgradx_cli.screen import training
from microgradx_cli.user_files import blaming, closest, load_function, load_ops

TRAININGS = PROGRAMS | WITH_FILES
NAMES: dict[str, Any] = TRAININGS | SMALL
LARGE = 1000  # weights; what has more is shown by layers unless something else is asked for


@dataclass(frozen=True)
class Target:
    """A function, its arguments as nodes (or plain settings), and what the person should know about it."""

    title: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    parameters: tuple[str, ...] | None = None  # None: every leaf
    notes: tuple[str, ...] = ()
    has_lines: bool = True  # an expression has no source lines to show, and a program's are all one
    lr: float = 0.5  # with which plain gradient descent gets on
    level: str | None = None  # to show it at, where the function itself computes at another
    weights: int | None = None  # how many, of a program that trains

    def layered(self, zoom: str | None) -> bool:
        """Whether it is shown by its layers: asked for, or because it is large."""
        large = self.level is None and zoom is None and (self.weights or 0) > LARGE
        return self.level == "layer" or large

    def trace(self, lr: float, zoom: str | None = None) -> Trace:
        """Run and differentiate it, and show it at its level; with `zoom` one layer or entry of it."""
        by_layers = self.level is None and self.layered(zoom)
        if not self.has_lines and self.weights is None:
            _one_number(self.title, self.run())
        with blaming():
            found = make_trace(
                self.function, *self.args, parameters=self.parameters, lr=lr, title=self.title, **self.options
            )
        found.notes += () if zoom else self.notes
        if by_layers:
            found.notes.append(
                f"it has {self.weights:,} weights, so this is the layer level; --level tensor shows every array, "
                '--zoom LAYER one layer, --zoom "LAYER[i,j]" or "NODE[i,j]" the scalar graph of one number'
            )
        if not self.has_lines:
            for row in found.rows.values():
                row.node.source = None
        return at_level(found, "layer" if by_layers else self.level, zoom)

    def run(self) -> Any:
        """Run it forward only; its result, with the nodes named."""
        with blaming():
            return run_and_name(self.function, self.args, self.options)[0]


def resolve(
    text: str, at: list[str] | None, ops: list[Path] | None, context: typer.Context | None = None,
    lr: float | None = None, batch: bool = False, **options: Any,
) -> Target:  # fmt: skip
    """The target that `text` names; `options` are those of examples and programs (None: not given).

    What else was typed, in the context, are a program's own options, and `lr` is that of its training; with `batch`
    its samples are a batch of training.
    """
    load_ops(ops)
    values, text = parse_at(at), text.strip()
    given = {name: value for name, value in options.items() if value is not None}
    level = given.pop("level", None)
    file = re.fullmatch(r"(.*\.py)(?::(\w*))?", text)
    if text not in NAMES and text in BOOK:
        raise UserError(
            f"{text} is an op, not an example. Read about it with: microgradx explain {text}; or trace a use of it: "
            f'microgradx trace "{text}(x)" --at x=0.5.'
        )
    words = context.args if context else []
    if text in TRAININGS and not (text in SMALL and _of_example(SMALL[text], given, words)):
        if context:
            _nothing_unknown(context, TRAININGS[text])
        return _program(TRAININGS[text], values, given, words, level, lr, batch)
    if context and words:
        _nothing_more(context)
    if text in SMALL or (re.fullmatch(r"[\w-]+", text) and not values):
        return _example(text, values, given, level)
    if given:
        listed = ", ".join(f"--{name}" for name in given)
        raise UserError(f"{listed}: only examples take this, and {text} is none. Set values with --at NAME=VALUE.")
    return replace(_function(file, values) if file else _expression(text, values), level=level)


def _example(name: str, values: dict[str, Any], options: dict[str, Any], level: str | None) -> Target:
    example = find(name, NAMES)
    if level in example.levels or level == "tensor":
        options, level = options | {"level": level}, None  # the program computes at this level, or cannot
    elif level and "tensor" in example.levels and "level" in example.options:
        options = options | {"level": "tensor"}
    with training(name) as progress:
        reports = {"progress": progress} if example.reports_progress else {}
        program = example.program(**options, **reports).at(values)
    args, keywords = _bound(program.function, program.arguments)
    return Target(name, program.function, args, keywords, program.parameters, program.notes, level=level)


def _of_example(example: Example, given: dict[str, Any], words: list[str]) -> bool:
    """Whether the small example of a program's name takes all that was asked for; else it is the program itself."""
    return not words and not given.keys() - example.options.keys()


def _program(
    program: TrainingProgram, values: dict[str, Any], given: dict[str, Any], words: list[str], level: str | None,
    lr: float | None, batch: bool,
) -> Target:  # fmt: skip
    """One step of a program that trains, with its own options."""
    looked = {name: given.pop(name) for name in ("sample", "part", "resume") if name in given}
    weights = given.pop("weights", None)
    options = given | switches(words, program)
    trained = weights == "trained" or (weights is None and "epochs" in options)
    if weights == "hand" or (weights == "random" and "epochs" in options):
        raise UserError(
            f"{program.name} starts from random weights; --weights trained, or --epochs N, trains them first."
        )
    if looked.get("resume") and (trained or weights):
        raise UserError("--resume FILE shows the weights that are in the file; leave out --weights and --epochs.")
    options |= {"lr": lr} if lr is not None and trained else {}
    watchers = [Progress()] if trained and sys.stderr.isatty() else []
    step = step_of_program(program, trained=trained, batch=batch, watchers=watchers, **looked, **options).at(values)
    args, keywords = _bound(step.function, step.arguments)
    usual = program.options | options
    count = sum(step.arguments[name].size for name in step.parameters)
    return Target(
        program.name, step.function, args, keywords, step.parameters, step.notes,
        lr=usual["lr"] if usual["optimizer"] == "sgd" else Target.lr,
        level=level, weights=count, has_lines=False,
    )  # fmt: skip


def _nothing_unknown(context: typer.Context, program: TrainingProgram) -> None:
    """A mistyped option of the command is told as such; all others are the program's affair."""
    own = [*map(written, program.options)]
    for word in context.args:
        option = word.partition("=")[0].replace("_", "-")
        flag = option.startswith("-") and not option[1:2].isdigit()
        if flag and option not in own and (option[1:2] != "-" or closest(option, _options(context), 0.8)):
            _nothing_more(context, option, own)


def _options(context: typer.Context) -> list[str]:
    return [option for each in context.command.params for option in each.opts]


def _nothing_more(context: typer.Context, word: str = "", more: Sequence[str] = ()) -> NoReturn:
    """Only programs that train take other options than the command's own."""
    word, known = word or context.args[0], [*more, *_options(context)]
    told = f"No such option: {word}.{closest(word, known)}" if word.startswith("-") else ""
    told = told or f"Nothing more is expected, but there is {' '.join(context.args)}."
    raise UserError(f"{told} See: {context.command_path} --help")


def _function(file: re.Match[str], values: dict[str, Any]) -> Target:
    path, name = Path(file.group(1)), file.group(2)
    function = load_function(path, name or "")
    return Target(f"{name} ({path.name})", function, *_bound(function, values))


def _expression(text: str, values: dict[str, Any]) -> Target:
    for name, value in values.items():
        if isinstance(value, str):
            raise UserError(f"--at {name}={value}: {value} is not a number.")
    compute = expression(text, list(values))
    result = "y" if "y" not in values else "f"

    def function(*nodes: Any) -> Any:
        found = compute(*nodes)
        return found.named(result) if isinstance(found, Node) and found.name is None else found

    function.__name__ = text
    leaves = tuple(_leaf(value, name) for name, value in values.items())
    return Target(text, function, leaves, {}, has_lines=False)


def _one_number(text: str, result: Any) -> None:
    if isinstance(result, (int, float)):
        raise ExpressionError(f'{text} is a plain number; use names, as in "w*x" --at w=0.5 x=2, to differentiate by.')
    if isinstance(result, Node) and result.size != 1:
        raise ExpressionError(
            f"{text} is a tensor of shape {result.shape}; a trace needs a single number: sum({text}), or mean({text})."
        )


def _bound(function: Callable[..., Any], values: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The values as the function takes them: numbers and lists become leaves, settings stay as they are."""
    name = getattr(function, "__name__", "the function")
    signature = inspect.signature(function)
    takes = {n: p for n, p in signature.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    rest = {p.kind: p for n, p in signature.parameters.items() if n not in takes}
    form = f"{name}({', '.join([*takes, *(str(p) for p in rest.values())])})"
    if inspect.Parameter.VAR_KEYWORD in rest:  # **names takes any
        takes |= {n: inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in values if n not in takes}
    unknown = [n for n in values if n not in takes]
    if inspect.Parameter.VAR_POSITIONAL in rest and (nameless := rest[inspect.Parameter.VAR_POSITIONAL].name) in values:
        raise UserError(
            f"{form}: *{nameless} takes values without names, and --at gives names; "
            f"make it a list, {name}({nameless}), for --at {nameless}=[1, 2]."
        )
    if unknown:
        raise UserError(f"{form} has no argument {', '.join(unknown)}.{closest(unknown[0], list(takes))}")
    missing = [n for n, p in takes.items() if p.default is p.empty and n not in values]
    if missing:
        raise UserError(f"{form} needs {', '.join(missing)}: add --at {' '.join(f'{n}=…' for n in missing)}.")
    clash = [n for n in ("parameters", "lr", "title") if n in values and takes[n].kind is takes[n].KEYWORD_ONLY]
    if clash:
        raise UserError(f"{form}: please rename the keyword argument {', '.join(clash)}; a trace has one of that name.")
    values = {n: p.default for n, p in takes.items() if _differentiable(p.default, alone=not values)} | values
    leaves = {n: _argument(takes[n], value) for n, value in values.items()}
    bound = inspect.BoundArguments(
        signature, OrderedDict((n, leaves.pop(n)) for n in signature.parameters if n in leaves)
    )
    return bound.args, bound.kwargs | leaves


def _differentiable(default: Any, alone: bool) -> bool:
    """True for a default to differentiate by: a tensor; a number with a point or a list too where nothing is given."""
    return isinstance(default, Node) or (alone and isinstance(default, (float, list, np.ndarray)))


_SETTINGS = {"true": True, "false": False, "none": None}  # what a word means where no text is expected


def _argument(parameter: inspect.Parameter, value: Any) -> Any:
    kind = parameter.annotation
    if kind in (int, "int"):
        if not isinstance(value, int):
            raise UserError(f"{parameter.name} is annotated int: it takes a whole number, not {value!r}.")
        return value
    if isinstance(value, str):
        if kind in (str, "str") or isinstance(parameter.default, str):
            return value
        if value.lower() in _SETTINGS and (kind in (bool, "bool") or parameter.default in (None, True, False)):
            return _SETTINGS[value.lower()]
        raise UserError(
            f"--at {parameter.name}={value}: {value} is not a number. "
            "(A parameter annotated str takes words; one annotated bool, true or false.)"
        )
    return _leaf(value, parameter.name)


def _leaf(value: Any, name: str) -> Any:
    if isinstance(value, Node):
        return value if value.name else value.named(name)
    return Value(value, name=name) if isinstance(value, (int, float)) else Tensor(value, name=name)
