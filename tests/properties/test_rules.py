"""The rulebook is the test plan: every row, every property, on inputs drawn from the row's own domain.

A row that is added to the book is covered here the moment it is registered.
"""

import numpy as np
import pytest
from hypothesis import example, given

import microgradx as mx
from microgradx.rules.op import Op
from microgradx.testing import PROPERTIES, OpCall, op_calls

CASES = [(row, name) for name, claim in PROPERTIES.items() for row in mx.BOOK.values() if claim.about(row)]
# Calls that failed once, by row; they are tried first, forever.
PINNED: dict[str, list[OpCall]] = {
    "where": [OpCall(mx.BOOK["where"], (0.0, 1.0, 2.0))],  # an input called c met the engine's own c
    "clip": [OpCall(mx.BOOK["clip"], (np.array(-2.0),), dict(low=None, high=0.5))],  # 0-d: a float has no astype
    "pow": [OpCall(mx.BOOK["pow"], (1.0, 0.0))],  # at b = 0 the guard against 0 * inf hid the second derivative
}


@pytest.mark.parametrize(("row", "name"), CASES, ids=[f"{name.replace(' ', '-')}-{row.name}" for row, name in CASES])
def test_every_row_has_the_property(row: Op, name: str) -> None:
    test = given(op_calls(row))(PROPERTIES[name].check)
    for call in PINNED.get(row.name, []):
        test = example(call)(test)
    test()
