"""What is being recorded right now, in this thread: gradients, everything, source lines, the scope."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple


class Now(NamedTuple):
    """What counts at this moment; the defaults are what a new thread starts with."""

    gradients: bool = True  # link results to their inputs, so that backward can walk
    everything: bool = False  # link even results that need no gradient (formulas and pictures)
    made: list[Any] | None = None  # collects every new node, with the line of the learner's file that made it
    scope: str = ""
    depth: int = 0  # how many functions under differentiation, and open tapes, we are inside of


USUAL = Now()
_now: ContextVar[Now] = ContextVar("microgradx", default=USUAL)


now = _now.get  # all fields in one go, as for every node that is made


class State:
    """`state.scope` reads one field."""

    def __getattr__(self, field: str) -> Any:
        return getattr(now(), field)


state = State()


# While a function is compiled: where it turned a node into a plain number or truth, which the program cannot follow.
_decisions: ContextVar[list[Any] | None] = ContextVar("decisions", default=None)


def decided(where: Any) -> None:
    """Note that Python code went on with the bare value of a node; `where` gives the caller's file and line."""
    noted = _decisions.get()
    if noted is not None:
        noted.append(where())


@contextmanager
def noting_decisions() -> Iterator[list[Any]]:
    """Collect the places where code inside goes on with the bare value of a node."""
    noted: list[Any] = []
    before = _decisions.set(noted)
    try:
        yield noted
    finally:
        _decisions.reset(before)


@contextmanager
def _set(**changes: Any) -> Iterator[None]:
    before = _now.set(now()._replace(**changes))
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


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Stamp `name` on the nodes made inside; scopes nest as "model.layer1"."""
    outer = state.scope
    with _set(scope=f"{outer}.{name}" if outer else name):
        yield


@contextmanager
def inside_scope(path: str) -> Iterator[None]:
    """Make nodes in the scope `path`, wherever we are (gradient nodes join their forward node)."""
    with _set(scope=path):
        yield
