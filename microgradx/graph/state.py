"""What is being recorded right now, in this thread: gradients, everything, source lines, the scope."""

from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Self


class Now(NamedTuple):
    """What counts at this moment; the defaults are what a new thread starts with."""

    gradients: bool = True  # link results to their inputs, so that backward can walk
    everything: bool = False  # link even results that need no gradient (formulas and pictures)
    made: list[Any] | None = None  # collects every new node, with the line of the learner's file that made it
    scope: str = ""
    depth: int = 0  # how many functions under differentiation, and open tapes, we are inside of
    usual: bool = True  # gradients and nothing else: what operators have a short cut for


_START = Now()
_now: ContextVar[Now] = ContextVar("microgradx", default=_START)


now = _now.get  # all fields in one go, as for every node that is made


class State:
    """`state.scope` reads one field."""

    def __getattr__(self, field: str) -> Any:
        return getattr(now(), field)


state = State()


def alone() -> bool:
    """True while nothing but backward will follow: no trace, no transformation. Rows for several ops then serve it."""
    here = now()
    return here.usual and not here.depth


@contextmanager
def _set(**changes: Any) -> Iterator[None]:
    after = now()._replace(**changes)
    usual = after.gradients and not after.everything and after.made is None
    before = _now.set(after._replace(usual=usual))
    try:
        yield
    finally:
        _now.reset(before)


@contextmanager
def no_grad() -> Iterator[None]:
    """Results made inside are plain constants: nothing is recorded."""
    with _set(gradients=False, everything=False):
        yield


@contextmanager
def differentiating() -> Iterator[None]:
    """Record what a gradient will need, even inside `no_grad()`: a function is being differentiated."""
    with _set(gradients=True, depth=state.depth + 1):
        yield


@contextmanager
def recording(*, sources: bool = False) -> Iterator[list[Any]]:
    """Record every result, constants too; with `sources`, list the nodes and note the line that made each."""
    made: list[Any] = []
    with _set(gradients=True, everything=True, made=made if sources else None):
        yield made


class scope(ContextDecorator):  # noqa: N801  (used like a function)
    """Stamp `name` on the nodes made inside; scopes nest as "model.layer1"."""

    # A class of its own, for every layer opens one each time it runs: entering it costs a fifth of a generator's.
    __slots__ = ("before", "name")

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        gradients, everything, made, outer, depth, usual = now()
        path = f"{outer}.{self.name}" if outer else self.name
        self.before = _now.set(Now(gradients, everything, made, path, depth, usual))

    def __exit__(self, *problem: object) -> None:
        _now.reset(self.before)

    def _recreate_cm(self) -> Self:
        return type(self)(self.name)  # as a decorator: every call enters a new one


class inside_scope:  # noqa: N801  (used like a function)
    """Make nodes in the scope `path`, wherever we are (gradient nodes join their forward node)."""

    __slots__ = ("before", "path")

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        gradients, everything, made, _, depth, usual = now()
        self.before = _now.set(Now(gradients, everything, made, self.path, depth, usual))

    def __exit__(self, *problem: object) -> None:
        _now.reset(self.before)
