"""What a run tells whoever compiles it: facts that its graph does not hold. Nobody listens otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from os.path import basename
from typing import Any, NamedTuple

from microgradx.graph.state import now


class Changes(NamedTuple):
    """What a training step changes besides parameters: the program does it in each call."""

    new: list[tuple[Any, Any]]  # (a constant node, the node whose data it gets)
    counts: list[Any]  # constant nodes that go up by one


_decisions: ContextVar[list[Any] | None] = ContextVar("decisions", default=None)
_numbers: ContextVar[list[Any] | None] = ContextVar("numbers", default=None)
_cuts: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("cuts", default=None)
_refusals: ContextVar[list[Any] | None] = ContextVar("refusals", default=None)
_changes: ContextVar[Changes | None] = ContextVar("changes", default=None)
changes = _changes.get


def decided(where: Callable[[], Any]) -> None:
    """Note that Python code went on with the bare value of a node; `where` gives the caller's file and line."""
    noted = _decisions.get()
    if noted is not None:
        noted.append(where())


def became_number(node: Any, where: Callable[[], Any]) -> None:
    """Note that `node` was turned into plain numbers: a decision, and lost where a gradient was to flow through it."""
    decided(where)
    noted = _numbers.get()
    if noted is not None and node.requires_grad and now().gradients:
        noted.append((node, where()))


def may_refuse(words: str) -> None:
    """Note that a function refuses some numbers with an error, `words`, where its rows alone would give nan."""
    noted = _refusals.get()
    if noted is not None:
        noted.append(words)


def was_cut(leaf: Any, node: Any) -> None:
    """Note that `leaf` holds the data of `node` without its history."""
    noted = _cuts.get()
    if noted is not None:
        noted.append((leaf, node))


@contextmanager
def noting_decisions() -> Iterator[list[Any]]:
    """Collect the places where code inside goes on with the bare value of a node."""
    yield from _noting(_decisions, [])


@contextmanager
def noting_numbers() -> Iterator[list[tuple[Any, Any]]]:
    """Collect what is turned into plain numbers inside, as (the node, the caller's file and line)."""
    yield from _noting(_numbers, [])


@contextmanager
def noting_refusals() -> Iterator[list[str]]:
    """Collect which numbers are refused inside."""
    yield from _noting(_refusals, [])


@contextmanager
def noting_cuts() -> Iterator[list[tuple[Any, Any]]]:
    """Collect what is detached inside, as (the new leaf, the node whose data it took)."""
    yield from _noting(_cuts, [])


@contextmanager
def noting_changes() -> Iterator[Changes]:
    """Collect the changes inside instead of making them."""
    yield from _noting(_changes, Changes([], []))


def _noting(channel: ContextVar[Any], noted: Any) -> Iterator[Any]:
    before = channel.set(noted)
    try:
        yield noted
    finally:
        channel.reset(before)


def line_text(file: str, line: int) -> str:
    """ "name.py:12: the text of the line"."""
    import linecache  # here, as only messages need it

    return f"{basename(file)}:{line}: {linecache.getline(file, line).strip().rstrip(':')}"
