"""Names for nodes: the learner's own variables, read off the function while it returns."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from microgradx.graph.node import Node
from microgradx.graph.state import recording


def run_and_name(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Call the function, recording everything, and name nodes after the local variables that hold them.

    Returns its result, and all nodes in the order they were made.
    """
    code = getattr(function, "__code__", None)
    found: dict[str, Any] = {}

    def watch(frame: Any, event: Any, _: Any) -> None:
        if event == "return" and frame.f_code is code:
            found.update(frame.f_locals)

    with recording(sources=True) as made, np.errstate(all="ignore"), profiled_by(watch):
        result = function(*args, **options)
    for name, value in found.items():
        if name.startswith("_"):
            continue
        if isinstance(value, Node):
            _name(value, name)
        elif isinstance(value, (list, tuple)):
            for i, each in enumerate(value):
                _name(each, f"{name}[{i}]")
        elif isinstance(value, dict):
            for key, each in value.items():
                _name(each, f"{name}[{key!r}]")
    return result, made


@contextmanager
def profiled_by(watch: Callable[[Any, Any, Any], None]) -> Iterator[None]:
    """Call `watch(frame, event, what)` as `sys.setprofile` would, and whoever watched before as well."""
    before = sys.getprofile()

    def both(frame: Any, event: Any, what: Any) -> None:
        watch(frame, event, what)
        before(frame, event, what)  # type: ignore[misc]  # not None here

    sys.setprofile(both if callable(before) else watch)
    try:
        yield
    finally:
        if before is None or callable(before):
            sys.setprofile(before)
        else:  # a cProfile.Profile
            sys.setprofile(None)
            before.enable()


def _name(node: Any, name: str) -> None:
    if isinstance(node, Node) and node.name is None:
        node.name = name
