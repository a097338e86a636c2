"""The whole rulebook: importing this module brings in every family of rows, and puts them in one order."""

from microgradx.rules import (  # importing a family writes its rows into the book
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
from microgradx.rules.op import BOOK

_FAMILIES = (
    arithmetic, elementary, steps, reductions, shaping, linear_algebra, losses, scans, convolution, pooling, recurrent,
    decompositions,
)  # fmt: skip
_order = {family.__name__: place for place, family in enumerate(_FAMILIES)}
_rows = sorted(BOOK.items(), key=lambda pair: _order.get(pair[1].home, len(_order)))
BOOK.clear()
BOOK.update(_rows)
