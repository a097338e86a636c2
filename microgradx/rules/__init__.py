"""How each op differentiates: the rulebook."""

from microgradx.rules import (  # importing a module writes its rows into the book
    arithmetic,
    convolution,
    decompositions,
    elementary,
    linear_algebra,
    losses,
    pooling,
    recurrent,
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
    "decompositions",
    "elementary",
    "forget",
    "linear_algebra",
    "losses",
    "op",
    "pooling",
    "recurrent",
    "reductions",
    "scans",
    "shaping",
    "steps",
]
