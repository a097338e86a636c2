"""What a program is, and how it is asked for: the options it takes are those of its `train` function."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from microgradx import default_dtype, manual_seed, optim, set_default_dtype
from microgradx.examples.registry import Example
from microgradx.programs.errors import ProgramError
from microgradx.programs.run import Run

Optimizer = Literal["sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw"]
OPTIMIZERS: dict[str, Callable[[Any, float], Any]] = {
    "sgd": lambda params, lr: optim.SGD(params, lr=lr),
    "momentum": lambda params, lr: optim.SGD(params, lr=lr, momentum=0.9),
    "rmsprop": lambda params, lr: optim.RMSprop(params, lr=lr),
    "adagrad": lambda params, lr: optim.Adagrad(params, lr=lr),
    "adam": lambda params, lr: optim.Adam(params, lr=lr),
    "adamw": lambda params, lr: optim.AdamW(params, lr=lr),
}
_ABOVE_ZERO = (
    "epochs", "batch_size", "lr", "hidden", "layers", "depth", "filters", "steps", "clip", "temperature", "width",
)  # fmt: skip
_FROM_ZERO = ("seed", "samples", "noise")
_SHARES = ("dropout",)
_MAY_CHANGE = ("epochs", "temperature", "samples")  # when a training goes on; how many samples there are, it knows


@dataclass(frozen=True)
class TrainingProgram:
    """A named training; `train(run, **options)` does it, in a file to be read.

    `promise` is the result that the default options reach; `view` is one step of it, small enough to trace and draw.
    `figures` are the names of the plots that it makes of its own, beside the losses.
    """

    name: str
    title: str
    promise: str
    train: Callable[..., None]
    view: Example | None = None
    figures: tuple[str, ...] = ()

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
        chosen = {**self.options, **{name: self._value(name, value) for name, value in options.items()}}
        before = default_dtype()
        set_default_dtype(dtype or before)
        manual_seed(chosen.get("seed", 0))
        alike = {name: value for name, value in chosen.items() if name not in _MAY_CHANGE and value is not None}
        run.setup = {"program": self.name, **alike, "dtype": str(default_dtype())}
        try:
            with np.errstate(all="ignore"):  # what diverges becomes infinite: the report says so, once
                self.train(run, **chosen)
        finally:
            set_default_dtype(before)
        return run

    def _value(self, option: str, value: Any) -> Any:
        """The value of an option, from text where it comes from a command line."""
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
                raise ProgramError(f"{self.name}: {option} is a switch, true or false, not {value!r}.")
            return str(value).lower() == "true"
        try:
            value = kind(value)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            raise ProgramError(f"{self.name}: {option} is {wanted}, not {value!r}.") from None
        if option in _ABOVE_ZERO and not (value > 0 and math.isfinite(value)):
            raise ProgramError(f"{self.name}: {option} is above 0, not {value}.")
        if option in _SHARES and not 0 <= value < 1:
            raise ProgramError(f"{self.name}: {option} is a share from 0 up to, but not including, 1; not {value}.")
        if option in _FROM_ZERO and not (value >= 0 and math.isfinite(value)):
            wanted = "a whole number" if kind is int else "a number"
            raise ProgramError(f"{self.name}: {option} is {wanted} from 0, not {value}.")
        return value


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
