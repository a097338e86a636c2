"""Every small mistake in a rule is noticed: some rows here, all of them by `python -m tests.tools.mutate_rules`."""

import pytest

import microgradx as mx
from tests.tools import mutate_rules


@pytest.mark.parametrize(
    "name", ["div", "tanh", "sigmoid", "pow", "matmul", "softmax", "softmax_cross_entropy", "conv"]
)
def test_every_mutant_is_noticed(name, capsys):
    right = dict(mx.BOOK[name].rules)
    assert mutate_rules.main([name]) == 0, capsys.readouterr().out
    assert mx.BOOK[name].rules == right


def test_a_mutant_is_one_change():
    found = {m.now for m in mutate_rules.mutants(mx.BOOK["sigmoid"])}
    assert {"y / (1 - y)", "y * (1 + y)", "y", "1 - y", "y * (2 - y)", "x * (1 - y)", "-(y * (1 - y))"} <= found
    assert "y * (1 - y)" not in found
