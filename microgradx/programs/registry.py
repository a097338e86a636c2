"""What a program is, and how it is asked for: the options it takes are those of its `train` function."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from microgradx import default_dtype, manual_seed, optim, set_default_dtype
from microgradx.programs.errors import ProgramError
from microgradx.programs.options import OPTIONS
from microgradx.programs.run import Run

Optimizer = Literal[
    "sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw", "nesterov", "adadelta", "adamax", "nadam", "radam"
]
OPTIMIZERS: dict[str, Callable[[Any, float], Any]] = {
    "sgd": lambda params, lr: optim.SGD(params, lr=lr),
    "momentum": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9),
    "rmsprop": lambda params, lr: optim.RMSprop(params, lr=lr),
    "adagrad": lambda params, lr: optim.Adagrad(params, lr=lr),
    "adam": lambda params, lr: optim.Adam(params, lr=lr),
    "adamw": lambda params, lr: optim.AdamW(params, lr=lr),
    "nesterov": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9, nesterov=True),
    "adadelta": lambda params, lr: optim.Adadelta(params, lr=lr),
    "adamax": lambda params, lr: optim.Adamax(params, lr=lr),
    "nadam": lambda params, lr: optim.NAdam(params, lr=lr),
    "radam": lambda params, lr: optim.RAdam(params, lr=lr),
}
KINDS = {int: "a whole number", float: "a number", bool: "a switch, true or false"}


@dataclass(frozen=True)
class TrainingProgram:
    """A named training; `train(run, **options)` does it, in a file to be read.

    `promise` is the result that the default options reach; `figures` are the names of the plots that it
    makes of its own, beside the losses. `shown` is how the name begins of the training, of several, that trace, graph
    and compile show; options may stand in it. `usual` says what options that are left open (None) become, case by case:
    of this text or these pictures, or in this network.
    """

    name: str
    title: str
    promise: str
    train: Callable[..., None]
    figures: tuple[str, ...] = ()
    shown: str = ""
    usual: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The options of `train` and their defaults."""
        return {p.name: p.default for p in inspect.signature(self.train).parameters.values() if p.name != "run"}

    def accepts(self, option: str) -> Any:
        """The type of an option: int, float, bool, str; or the values of a Literal as a tuple."""
        kind = get_type_hints(self.train)[option]
        if isinstance(kind, UnionType) or get_origin(kind) is Union:  # … | None: None leaves the choice to the program
            kind = get_args(kind)[0]
        return get_args(kind) if get_origin(kind) is Literal else kind

    def run(self, run: Run | None = None, dtype: Literal["float32", "float64"] | None = None, **options: Any) -> Run:
        """Train, and say what came out. Equal options, seed included, give equal numbers.

        Raises:
            ProgramError: an option it does not take, or a value out of range; the message lists what it takes.
        """
        run = run or Run()
        chosen = {**self.options, **{name: self.value(name, value) for name, value in options.items()}}
        before = default_dtype()
        set_default_dtype(dtype or before)
        manual_seed(chosen.get("seed", 0))
        alike = {name: value for name, value in chosen.items() if not OPTIONS[name].may_change and value is not None}
        run.setup = {"program": self.name, **alike, "dtype": str(default_dtype())}
        try:
            with np.errstate(all="ignore"):  # what diverges becomes infinite: the report says so, once
                self.train(run, **chosen)
        finally:
            set_default_dtype(before)
        return run

    def value(self, option: str, value: Any) -> Any:
        """The value of an option, from text where it comes from a command line.

        Raises:
            ProgramError: an option it does not take, or a value out of range; the message lists what it takes.
        """
        if option not in self.options:
            takes = ", ".join(self.options) or "no options"
            raise ProgramError(
                f"{self.name} takes no option {option}.{closest(option, self.options)} It takes {takes}."
            )
        kind = self.accepts(option)
        if isinstance(kind, tuple):
            by_text = {str(choice): choice for choice in kind}
            if str(value) not in by_text:
                raise ProgramError(f"{self.name}: {option} is one of {', '.join(by_text)}, not {value!r}.")
            return by_text[str(value)]
        if kind is bool:
            if str(value).lower() not in ("true", "false"):
                raise ProgramError(f"{self.name}: {option} is {KINDS[kind]}, not {value!r}.")
            return str(value).lower() == "true"
        try:
            value = kind(value)
        except ValueError:
            raise ProgramError(f"{self.name}: {option} is {KINDS[kind]}, not {value!r}.") from None
        allowed = OPTIONS[option].range
        if allowed and not allowed.holds(value):
            raise ProgramError(f"{self.name}: {option} is {allowed.words.format(kind=KINDS[kind])}, not {value}.")
        return value

    def described(self, option: str) -> str:
        """One line: what it means, what it may be, and its default."""
        row, kind, default = OPTIONS[option], self.accepts(option), self.options[option]
        if isinstance(kind, tuple):
            may_be = f". One of {', '.join(map(str, kind))}"
        else:
            may_be = f"; {row.range.words if row.range else '{kind}'}".format(kind=KINDS[kind])
        return f"{row.words}{may_be}. Default: {self._left_open(option) if default is None else default}."

    def example(self, option: str) -> Any:
        """A value to show: the default, or where that is open the first of the usual ones."""
        values = [each[option] for each in self.usual.values() if option in each]
        return values[0] if self.options[option] is None and values else self.options[option]

    def _left_open(self, option: str) -> str:
        cases: dict[Any, list[str]] = {}
        for case, values in self.usual.items():
            if option in values:
                cases.setdefault(values[option], []).append(case)
        told = [f"{value} for {' and '.join(names)}" for value, names in cases.items()]
        return ", ".join(told) or "what the other options call for"


def find(name: str, programs: Mapping[str, TrainingProgram]) -> TrainingProgram:
    """The program called `name`; a ProgramError with the closest names when there is none."""
    if name not in programs:
        raise ProgramError(
            f"no program is called {name!r}.{closest(name, programs)} The programs are {', '.join(programs)}."
        )
    return programs[name]


def closest(name: str, names: Iterable[str]) -> str:
    """ " Did you mean …?", or nothing."""
    near = difflib.get_close_matches(name, list(names), n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""
