"""Where a gradient got lost: a node was turned into a plain number, which no gradient flows through."""

import math
import re
from collections.abc import Iterable
from typing import Any

from microgradx import functional
from microgradx.graph.notes import line_text

_CALL = re.compile(r"(?<![\w.])(math\.)?(\w+)\(")
_OURS = {"fabs": "abs", "fsum": "sum"}  # what mx calls otherwise than math


def lost_gradients(numbers: Iterable[tuple[Any, tuple[str, int] | None]]) -> list[str]:
    """A sentence for each line of (node, file and line) at which a node became a plain number."""
    found: dict[str, str] = {}
    for node, where in numbers:
        line = line_text(*where) if where is not None else "a line that cannot be shown"
        who = node.name or "a result"
        cut = f"No gradient flows through {who} where it becomes a plain number, at {line.rstrip('.')}."
        found.setdefault(line, f"{cut} {_cure(line)}")
    return list(found.values())


def _cure(line: str) -> str:
    """What to write instead."""
    calls = _CALL.findall(line)
    plain = any(name in ("float", "int") for _, name in calls) or ".item()" in line
    for prefix, name in dict.fromkeys(calls):
        ours = _OURS.get(name, name)
        if hasattr(math, name) and hasattr(functional, ours) and (prefix or not plain):
            return f"Write mx.{ours} for {prefix}{name} (with import microgradx as mx)."
    return "Leave float(), int() and .item() out of the maths that is to be differentiated."
