"""What a function reads and changes besides its arguments: closures, globals, a model's settings, chance.

A program is made from one run. It stays true only while what the function found around it stays the same, so that is
remembered and compared before each call; and a function that changes its surroundings itself cannot be a program.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from operator import attrgetter, is_
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import Node
from microgradx.random import Generator, default_generator
from microgradx.rules.op import Op

_PACKAGE = str(Path(__file__).resolve().parents[1])
_EXAMPLES = str(Path(_PACKAGE) / "examples")  # the named programs count as the learner's own code
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_FIXED = (*_PLAIN, type, ModuleType)
_HELD = (*_PLAIN, list, tuple, dict, set, np.ndarray)
_CONTENT = attrgetter("cell_contents")
STANDARD = (str(Path(os.__file__).parent), "<frozen ")


class Surroundings:
    """Everything reachable from `functions` that is not passed to them, as it was when this was made."""

    def __init__(self, *functions: Any) -> None:
        self.holders: list[Held] = []
        self.nodes: list[tuple[Any, Any]] = []  # (node, its data then)
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.watched: list[tuple[Any, bytes]] = []  # (array, what it must hold): its numbers went into the program
        self.words: set[str] = set()  # in the code of all functions
        self.generators: dict[Any, Any] = {default_generator: default_generator.get_state()}
        self._before: list[tuple[Any, Any]] = []  # (array, what it held), while a run is looked at
        self._seen: set[int] = set()
        self._spaces: dict[Any, set[str]] = {}  # the learner's classes and modules -> the words looked up in them
        for each in functions:
            self._note(each)
        while any(self._look_up(space) for space in [*self._spaces]):
            pass

    def same(self) -> bool:
        """True while every number and object is the one that it was; nodes, and arrays not watched, may hold others."""
        for held in self.holders:
            then, values = held.then, held.now()
            if len(values) != len(then) or not (all(map(is_, values, then)) or all(map(_equal, values, then))):
                return False
        return not self.watched or all(array.tobytes() == then for array, then in self.watched)

    def watch(self, arrays: Iterable[Any]) -> None:
        """From now on things are the same only while these arrays hold what they hold."""
        self.watched += [(array, array.tobytes()) for array in arrays]

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """Other numbers of the same kind in all arrays that are not watched, meanwhile."""
        watched = {id(array) for array, _ in self.watched}
        with self.noting_writes():
            for array in self.arrays:
                if array.flags.writeable and id(array) not in watched:
                    array[...] = np.flip(array) * 1.1 + 0.1 if array.dtype.kind == "f" else np.flip(array)
            yield

    def changed(self) -> str:
        """What the function itself has changed since: "" or words for it."""
        for held in self.holders:
            values = held.now()
            if len(values) != len(held.then) or not all(map(_equal, values, held.then)):
                return f"it changes {held.words}{_which(held)}"
        written = [array for array, before in self._before if array.tobytes() != before.tobytes()]
        if written:
            return f"it writes into an array of shape {written[0].shape} that it shares"
        replaced = [node for node, data in self.nodes if node.data is not data]
        return f"it gives {replaced[0].name or 'a tensor'} new data" if replaced else ""

    @contextmanager
    def noting_writes(self) -> Iterator[None]:
        """Remember what the arrays hold, for `changed`; and put it back in the end."""
        data = [data for _, data in self.nodes if isinstance(data, np.ndarray)]
        self._before = [(array, np.array(array)) for array in (*self.arrays, *data)]
        try:
            yield
        finally:
            for array, before in self._before:
                if array.tobytes() != before.tobytes():
                    array[...] = before
            self._before = []

    def restore(self) -> None:
        """Put back what a run has changed, so that it can be run again."""
        for node, data in self.nodes:
            node.data = data
        for generator, state in self.generators.items():
            generator.set_state(state)
        for held in self.holders:
            values = held.now()
            if len(values) != len(held.then) or not all(map(is_, values, held.then)):
                held.put_back(held.then)

    def _note(self, thing: Any) -> None:
        self._words(thing if isinstance(thing, ModuleType) else None)
        for each in thing.__mro__ if isinstance(thing, type) else ():
            self._class(each)
        if isinstance(thing, (*_FIXED, Op)) or id(thing) in self._seen:  # what a row notes of itself is no effect
            return
        self._seen.add(id(thing))
        if isinstance(thing, Node):
            self.nodes.append((thing, thing.data))
        elif isinstance(thing, np.ndarray):
            self.arrays.append(thing)
        elif isinstance(thing, Generator):
            self.generators[thing] = thing.get_state()
        elif isinstance(thing, MethodType):
            self._note(thing.__self__)
            self._note(thing.__func__)
        elif isinstance(thing, FunctionType):
            self._function(thing)
        elif isinstance(thing, partial):
            self._note((thing.func, thing.args, thing.keywords))
        elif isinstance(thing, (list, set)):
            self._hold(lambda: tuple(thing), lambda then: _refill(thing, then), thing)
        elif isinstance(thing, tuple):
            for each in thing:
                self._note(each)
        elif isinstance(thing, dict):
            self._hold(lambda: (*thing, *thing.values()), lambda then: _refill(thing, then), thing)
        elif hasattr(thing, "__dict__"):
            own = vars(thing)
            words = f"the attributes of a {type(thing).__name__}"
            self._hold(lambda: (*own, *own.values()), lambda then: _refill(own, then), own, words)
            self._note(type(thing))
            self._note(getattr(type(thing), "forward", None))
            self._note(getattr(type(thing), "__call__", None))  # noqa: B004  # its code is what is looked at

    def _class(self, thing: type) -> None:
        """The numbers and containers that a class holds for all its objects."""
        if thing.__module__.partition(".")[0] in ("builtins", "microgradx", "numpy"):
            return
        self._spaces.setdefault(thing, set())
        for each in vars(thing).values():
            self._words(_function_in(each))
        own = [k for k, v in vars(thing).items() if k[:2] != "__" and isinstance(v, _HELD)]
        if own and id(thing) not in self._seen:
            self._seen.add(id(thing))
            now = lambda: tuple(map(vars(thing).get, own))
            put_back = lambda then: [*map(setattr, repeat(thing), own, then)]
            self._hold(now, put_back, thing, f"the attributes of the class {thing.__name__}")

    def _words(self, thing: Any) -> None:
        """Note the names and strings in a function's code; of a module of the learner's, that it may hold any."""
        if isinstance(thing, FunctionType):
            for code in _codes(thing.__code__):
                self.words.update(code.co_names, (each for each in code.co_consts if isinstance(each, str)))
        elif isinstance(thing, ModuleType):
            file = getattr(thing, "__file__", None) or ""
            if file and not ours(file) and "site-packages" not in file and not file.startswith(STANDARD):
                self.words.update(("data", "write"))
                self._spaces.setdefault(thing, set())

    def _look_up(self, space: Any) -> bool:
        """Note the methods of a class, and what a module holds, that the code names; True when some are new."""
        new = (self.words & vars(space).keys()) - self._spaces[space]
        self._spaces[space] |= new
        names, own = sorted(new), vars(space)
        if names and isinstance(space, ModuleType):
            self._hold(lambda: tuple(map(own.get, names)), lambda then: own.update(zip(names, then, strict=True)))
        for name in names:
            self._note(_function_in(own[name]))
        return bool(new)

    def _function(self, function: FunctionType) -> None:
        if ours(function.__code__.co_filename):
            return
        self._words(function)
        cells, around = function.__closure__ or (), function.__globals__
        names = sorted({n for code in _codes(function.__code__) for n in code.co_names} & around.keys())
        defaults = (*(function.__kwdefaults__ or {}).values(), *(function.__defaults__ or ()))

        def put_back(then: tuple[Any, ...]) -> None:
            for cell, value in zip(cells, then[: len(cells)], strict=True):
                if _content(cell) is not value:
                    cell.cell_contents = value
            around.update(zip(names, then[len(cells) :], strict=True))

        def now() -> tuple[Any, ...]:
            try:
                return (*map(_CONTENT, cells), *map(around.get, names))
            except ValueError:  # a cell is not filled yet
                return (*map(_content, cells), *map(around.get, names))

        self._hold(now, put_back)
        for each in defaults:
            self._note(each)

    def _hold(
        self, now: Callable[[], Any], put_back: Callable[[tuple[Any, ...]], object], container: Any = None,
        words: str = "",
    ) -> None:  # fmt: skip
        values = now()
        if values or container is not None:
            usual = "a variable outside itself" if container is None else f"a {type(container).__name__} it shares"
            self.holders.append(Held(now, values, put_back, container, words or usual))
        for each in values:
            self._note(each)


class Held(NamedTuple):
    """A place outside the function that holds something."""

    now: Callable[[], tuple[Any, ...]]
    then: tuple[Any, ...]
    put_back: Callable[[tuple[Any, ...]], object]
    container: Any  # the list, set or dict; None for variables
    words: str


def _which(held: Held) -> str:
    """The changed keys of a dict, as words."""
    if not isinstance(held.container, dict):
        return ""
    half = len(held.then) // 2
    before = dict(zip(held.then[:half], held.then[half:], strict=True))
    keys = [k for k, value in held.container.items() if k not in before or not _equal(before[k], value)]
    return f" ({', '.join(map(str, keys))})" if keys else ""


def _refill(container: Any, then: tuple[Any, ...]) -> None:
    """Give a list, set or dict what it held."""
    container.clear()
    half = len(then) // 2
    if isinstance(container, list):
        container.extend(then)
    else:
        container.update(zip(then[:half], then[half:], strict=True) if isinstance(container, dict) else then)


def _function_in(thing: Any) -> Any:
    """What a static or class method, or a property, runs; other things as they are."""
    return getattr(thing, "__func__", None) or getattr(thing, "fget", None) or thing


def _equal(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and bool(a == b))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def ours(file: str) -> bool:
    return file.startswith(_PACKAGE) and not file.startswith(_EXAMPLES)
