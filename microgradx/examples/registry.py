"""What a named example is, and how it is asked for: the options it takes are those of its `build` function."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from microgradx.graph import MicrogradxError, Node, Tensor, Value

Level = Literal["scalar", "tensor"]
Progress = Callable[[int, int], None]  # called with (epochs done, epochs in all)


class ExampleError(MicrogradxError, ValueError):
    """An example was asked for by a wrong name, or with an option or argument that it does not take."""


@dataclass(frozen=True)
class Program:
    """A function and what to call it with.

    `arguments` hold nodes (a Value or Tensor, tracked or constant), numbers and arrays (which a trace tracks), and
    plain settings (strings, whole numbers). `parameters` names those that a gradient step would change. With
    `own_numbers` the notes speak of the numbers given here, and are left out where others replace them.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    parameters: tuple[str, ...]
    notes: tuple[str, ...] = ()
    own_numbers: bool = False

    def at(self, values: Mapping[str, Any]) -> Program:
        """The same program with some arguments replaced; a constant stays a constant.

        Raises:
            ExampleError: an unknown argument, or a value of the wrong kind.
        """
        for name in values:
            if name not in self.arguments:
                raise ExampleError(
                    f"there is no argument {name} here.{_closest(name, self.arguments)} "
                    f"The arguments are {', '.join(self.arguments)}."
                )
        new = {name: _like(name, self.arguments[name], value) for name, value in values.items()}
        other = any(
            not isinstance(old := self.arguments[name], (str, int)) and not np.array_equal(_plain(old), _plain(value))
            for name, value in new.items()
        )
        notes = () if other and self.own_numbers else self.notes
        return replace(self, arguments=self.arguments | new, notes=notes)


@dataclass(frozen=True)
class Example:
    """A named program; `build(**options)` makes it."""

    name: str
    title: str
    build: Callable[..., Program]
    level: Level = "scalar"  # of its program, where `build` leaves no choice

    @property
    def options(self) -> dict[str, Any]:
        """The options of `build` and their defaults."""
        found = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in found if p.name != "progress"}

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels it can be shown at, the default first."""
        return self.choices("level") or (self.level,)

    @property
    def reports_progress(self) -> bool:
        """True when `build` takes a `progress` callback (it trains)."""
        return "progress" in inspect.signature(self.build).parameters

    def choices(self, option: str) -> tuple[Any, ...]:
        """The values that an option accepts, its default first; () when any will do."""
        accepted = get_type_hints(self.build).get(option)
        default = self.options.get(option)
        return tuple(sorted(_literals(accepted), key=lambda value: value != default))

    def program(self, **options: Any) -> Program:
        """Build it.

        Raises:
            ExampleError: an option it does not take, or a value out of range; the message lists what it takes.
        """
        if "level" not in self.options and options.get("level") == self.level:
            del options["level"]
        for option, value in options.items():
            choices = self.levels if option == "level" else self.choices(option)
            if not choices and option not in (*self.options, "progress"):
                raise ExampleError(f"{self.name} takes no option {option}; {self._takes()}.")
            if choices and value not in choices:
                accepts = f"one of {', '.join(map(str, choices))}" if len(choices) > 1 else f"always {choices[0]}"
                raise ExampleError(f"{self.name}: {option} is {accepts}, not {value!r}.")
        return self.build(**options)

    def _takes(self) -> str:
        return f"it takes {', '.join(self.options)}" if self.options else "it takes no options"


def find(name: str, examples: Mapping[str, Example]) -> Example:
    """The example called `name`; an ExampleError with the closest names when there is none."""
    if name not in examples:
        raise ExampleError(
            f"no example is called {name!r}.{_closest(name, examples)} The examples are {', '.join(examples)}."
        )
    return examples[name]


def _like(name: str, old: Any, new: Any) -> Any:
    """`new` as the kind of argument that `old` is."""
    if isinstance(old, Node):
        if isinstance(old, Value) and not isinstance(new, (int, float)):
            raise ExampleError(f"{name} is a single number here, not {new!r}.")
        kind = Value if isinstance(old, Value) else Tensor
        return kind(new, requires_grad=old.requires_grad)
    if isinstance(old, int) and not isinstance(new, int):
        raise ExampleError(f"{name} is a whole number here, not {new!r}.")
    if isinstance(old, float) and not isinstance(new, (int, float)):
        raise ExampleError(f"{name} is a single number here, not {new!r}.")
    return new


def _plain(value: Any) -> Any:
    return value.data if isinstance(value, Node) else value


def _literals(annotation: Any) -> Iterable[Any]:
    """The values of Literal[...], and of Literal[...] | None."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    for part in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ():
        yield from _literals(part)


def _closest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""
