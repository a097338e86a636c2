"""While a function runs: where code of the learner reads the bare data of a node, which nothing recorded follows."""

import dis
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import FrameType
from typing import Any

from microgradx.graph.node import Node, of_learner
from microgradx.graph.notes import became_number

_SLOT: Any = vars(Node)["data"]
_ABOUT = {"shape", "dtype", "ndim", "size"}  # of the data: the same in every call of a signature
_of_learner, _caller = cache(of_learner), sys._getframe
_lock, _listeners = Lock(), [0]


@contextmanager
def noting_reads() -> Iterator[None]:
    """Take a `.data` in code that is not this package's for a plain number (see `became_number`)."""
    _listen(1)
    try:
        yield
    finally:
        _listen(-1)


def _listen(change: int) -> None:
    with _lock:
        _listeners[0] += change
        Node.data = property(_read, _SLOT.__set__) if _listeners[0] else _SLOT


def _read(node: Any) -> Any:
    frame = _caller(1)
    if _of_learner(frame.f_code.co_filename) and _next_name(frame) not in _ABOUT:
        became_number(node, lambda: (frame.f_code.co_filename, frame.f_lineno))
    return _SLOT.__get__(node)


def _next_name(frame: FrameType) -> Any:
    """What the frame reads of the attribute that it is just reading: "shape" for x.data.shape."""
    later = (step for step in dis.get_instructions(frame.f_code) if step.offset > frame.f_lasti)
    step = next(later, None)
    return step.argval if step is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD") else None
