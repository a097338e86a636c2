"""What a function does besides computing: it speaks, writes, or changes what it finds around it."""

import dis
from collections.abc import Iterator
from contextlib import contextmanager
from io import IOBase
from random import Random
from typing import Any

from microgradx.compiler.guards import STANDARD, Surroundings, ours
from microgradx.graph.naming import profiled_by
from microgradx.graph.notes import line_text

_SPEAKS = (print, input, open)  # what a person would miss when it happened once only
WRITERS = {"write", "writelines", "open", "debug", "info", "warning", "error", "exception", "critical"}  # files, logs


@contextmanager
def noting_effects(around: Surroundings) -> Iterator[list[str]]:
    """Collect the lines of the learner's code that speak (print, write), draw, or change containers around it."""
    found: list[str] = []
    outside = {id(held.container) for held in around.holders if held.container is not None}

    def watch(frame: Any, event: Any, called: Any) -> None:
        if event != "c_call" or ours(frame.f_code.co_filename):
            return
        owner = getattr(called, "__self__", None)
        changes = called.__name__ in _CHANGES and id(owner) in outside
        if changes or called in _SPEAKS or isinstance(owner, (IOBase, Random)):
            while frame is not None and frame.f_code.co_filename.startswith(STANDARD):  # logging, say
                frame = frame.f_back
            if frame is not None and not ours(frame.f_code.co_filename):
                found.append(line_text(frame.f_code.co_filename, frame.f_lineno))

    with profiled_by(watch):
        yield found


_CHANGES = {"append", "extend", "insert", "pop", "remove", "clear", "add", "update", "setdefault", "discard", "sort"}


def stores(function: Any) -> str:
    """The line on which a function assigns to a variable that is not its own; "" when it does not."""
    code: Any = getattr(getattr(function, "__func__", function), "__code__", None)
    line = 0
    for step in dis.get_instructions(code) if code is not None else ():
        line = step.starts_line or line
        free = step.opname == "STORE_DEREF" and step.argval in code.co_freevars
        if free or step.opname in ("STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR"):
            return line_text(code.co_filename, line)
    return ""
