"""What each node is called in a trace or picture: the learner's own variable names where there are any."""

import ast
from collections.abc import Container
from dataclasses import dataclass
from itertools import count
from typing import Any

from microgradx.rules.formula import constant, forward_formula, slots, substitute
from microgradx.rules.notation import screen_text

LONGEST = 24  # a nameless node is called by its formula up to this length


@dataclass(frozen=True)
class Name:
    """How a node is called: as text, and as an expression to put into formulas."""

    text: str
    expr: ast.expr


def display_names(order: list[Any], longest: int = LONGEST, folded: Container[Any] = ()) -> dict[Any, Name]:
    """A name for every node of a graph: its own, its number, its formula, or v1, v2, v3 …; always unique.

    A formula is used up to `longest` characters, and not for the nodes in `folded`. The v are the textbooks' name
    for what lies between inputs and result (Griewank & Walther 2008, Evaluating Derivatives, section 2.2).
    """
    names: dict[Any, Name] = {}
    taken: dict[str, int] = {}
    own = {node.name for node in order}
    fresh = (f"v{k}" for k in count(1) if f"v{k}" not in own)

    def unique(name: str) -> Name:
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            name = f"{name}#{taken[name]}"
        return Name(name, ast.Name(name))

    for node in order:
        if node.name is not None:
            names[node] = unique(node.name)
        elif node.op is None:
            expr = constant(node.item()) if node.size == 1 else ast.Name("array")
            names[node] = Name(screen_text(expr), expr)
        else:
            slotted = zip(slots(node.op, len(node.inputs)), (names[each].expr for each in node.inputs), strict=True)
            expr = substitute(forward_formula(node), dict(slotted))
            text = "" if node in folded else screen_text(expr)
            fits = 0 < len(text) <= longest and text not in taken
            names[node] = Name(text, expr) if fits else unique(next(fresh))
            taken.setdefault(text, 1)
    return names
