"""Where a gradient got lost: a node was turned into a plain number, which no gradient flows through."""

import math
import re
from collections.abc import Collection, Iterable
from typing import Any

from microgradx import functional
from microgradx.graph import Node
from microgradx.graph.notes import line_text

_CALL = re.compile(r"(?<![\w.])(math\.)?(\w+)\(")
_OURS = {"fabs": "abs", "fsum": "sum"}  # what mx calls otherwise than math


def lost_gradients(numbers: Iterable[tuple[Any, tuple[str, int] | None]]) -> list[str]:
    """A sentence for each line of (node, file and line) at which a node became a number, not to decide or to print."""
    found: dict[str, str] = {}
    for node, where in numbers:
        line = line_text(*where) if where is not None else "a line that cannot be shown"
        if re.match(r"\S+ (el)?(if|while|assert|print)\b", line):
            continue
        who, kind = node.name or "a result", "a plain number" if node.size == 1 else "plain numbers"
        cut = f"No gradient flows through {who} where it becomes {kind}, at {line.rstrip('.')}."
        found.setdefault(line, f"{cut} {_cure(line)}")
    return list(found.values())


def without_a_path(given: Iterable[Any], order: Collection[Any], result: str) -> list[str]:
    """A sentence about arguments that collect gradients, but from which no path leads to the result."""
    apart = [str(n.name) for n in given if isinstance(n, Node) and n.requires_grad and n not in order]
    have = "have" if len(apart) > 1 else "has"
    told = f"No path leads from {' or '.join(apart)} to {result}, so {' and '.join(apart)} {have} no gradient."
    return [told] if apart else []


def _cure(line: str) -> str:
    """What to write instead."""
    calls = _CALL.findall(line)
    if re.search(r"\.data\b", line):
        return "Leave .data out: nodes take part in maths as they are."
    if re.search(r"array\(|\.numpy\(\)|\.tolist\(\)", line):
        return "Leave out array(), asarray(), .numpy() and .tolist(): functions of NumPy take tensors as they are."
    plain = any(name in ("float", "int") for _, name in calls) or ".item()" in line
    for prefix, name in dict.fromkeys(calls):
        ours = _OURS.get(name, name)
        if hasattr(math, name) and hasattr(functional, ours) and (prefix or not plain):
            return f"Write mx.{ours} for {prefix}{name} (with import microgradx as mx)."
    if re.search(r"(Value|Tensor|tensor)\(", line) and not plain:
        return "It is a node already: use it as it is."
    return "Leave float(), int() and .item() out of the maths that is to be differentiated."
