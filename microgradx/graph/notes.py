"""What a run tells whoever compiles it: facts that its graph does not hold. Nobody listens otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple


class Changes(NamedTuple):
    """What a training step changes besides parameters: the program does it in each call."""

    new: list[tuple[Any, Any]]  # (a constant node, the node whose data it gets)
    counts: list[Any]  # constant nodes that go up by one


_decisions: ContextVar[list[Any] | None] = ContextVar("decisions", default=None)
_cuts: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("cuts", default=None)
_changes: ContextVar[Changes | None] = ContextVar("changes", default=None)
changes = _changes.get


def decided(where: Callable[[], Any]) -> None:
    """Note that Python code went on with the bare value of a node; `where` gives the caller's file and line."""
    noted = _decisions.get()
    if noted is not None:
        noted.append(where())


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
