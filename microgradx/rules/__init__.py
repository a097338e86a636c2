"""How each op differentiates: the rulebook."""

from microgradx.rules import (  # importing a module writes its rows into the book
    arithmetic,
    convolution,
    elementary,
    linear_algebra,
    losses,
    reductions,
    scans,
    shaping,
    steps,
)
from microgradx.rules.op import BOOK, Op, Rule, forget, op

__all__ = [
    "BOOK",
    "Op",
    "Rule",
    "arithmetic",
    "convolution",
    "elementary",
    "forget",
    "linear_algebra",
    "losses",
    "op",
    "reductions",
    "scans",
    "shaping",
    "steps",
]
