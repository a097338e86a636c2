"""What the strategies draw: inside the domain, of every case, with every kind of broadcasting, and shrinking well."""

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

import microgradx as mx
from microgradx.rules.domains import away_from
from microgradx.rules.op import Op
from microgradx.testing import Expression, Graph, OpCall, expressions, graphs, op_calls, tensors

ROWS = list(mx.BOOK.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_runs_on_what_is_drawn_for_it(row: Op) -> None:
    @given(op_calls(row))
    def check(call: OpCall) -> None:
        result = call.on(*call.leaves())
        assert np.isfinite(np.asarray(result.data, dtype=float)).all()
        for name, x in zip(row.inputs * len(call.inputs) if row.variadic else row.inputs, call.inputs, strict=True):
            domain = row.where[name]
            x = np.asarray(x)
            if not (domain.diagonal or domain.labels):
                low, high = (-domain.reach, domain.reach) if domain.reach else (domain.low, domain.high)
                assert ((x >= low) & (x <= high)).all()
            for kink in domain.kinks:
                assert (np.abs(x - kink) >= 0.0999).all()

    check()


def drawn(strategy, condition):
    """A smallest example that meets the condition: there is one."""
    phases = [Phase.generate, Phase.shrink]  # with "explain", find would return one of its variations
    return find(strategy, condition, settings=settings(max_examples=2000, database=None, phases=phases))


def test_elementwise_rows_get_every_kind_of_broadcasting():
    calls = op_calls(mx.BOOK["mul"])
    shapes = lambda call: [np.shape(x) for x in call.inputs]
    drawn(calls, lambda c: type(c.inputs[0]) is float)  # plain floats: Values
    drawn(calls, lambda c: not isinstance(c.inputs[0], float) and shapes(c) == [(), ()])  # 0-d
    drawn(calls, lambda c: () in shapes(c) and shapes(c) != [(), ()])
    drawn(calls, lambda c: sorted(map(len, shapes(c))) == [1, 2])  # a missing axis
    drawn(calls, lambda c: any(a == 1 < b for a, b in zip(*shapes(c), strict=False)))  # an axis of size 1
    drawn(calls, lambda c: len(shapes(c)[0]) == 3)


@pytest.mark.parametrize("kinks", [(), (0.0, 6.0), (-30.0, 1e4)])
def test_all_real_numbers_reach_far_out_and_to_both_sides_of_each_kink(kinks):
    where = dict(x=away_from(*kinks)) if kinks else None
    row = mx.op("bent(x)", lambda x: np.clip(x, -1, 1), x=lambda x: abs(x) < 1, where=where)
    try:
        for low, high in [(4, 10), (-10, -4), *((k, k + 4) for k in kinks), *((k - 4, k) for k in kinks)]:
            drawn(op_calls(row), lambda c, low=low, high=high: np.any((low < c.inputs[0]) & (c.inputs[0] < high)))
    finally:
        mx.rules.forget("bent")


def test_batch_axes_broadcast_where_the_row_allows_it():
    drawn(op_calls(mx.BOOK["matmul"]), lambda c: len(np.shape(c.inputs[0])) != len(np.shape(c.inputs[1])))
    drawn(op_calls(mx.BOOK["softmax_cross_entropy"]), lambda c: np.ndim(c.inputs[1]) == 2)


def test_every_case_of_a_row_is_drawn():
    row = mx.BOOK["index"]
    for case in row.cases:
        assert drawn(op_calls(row), lambda c, case=case: c.static["key"] is case["key"])


def test_counterexamples_are_small():
    call = drawn(op_calls(mx.BOOK["mul"]), lambda c: float(np.max(np.abs(c.inputs[0]))) > 1.5)
    assert np.size(call.inputs[0]) == np.size(call.inputs[1]) == 1
    assert float(np.ravel(call.inputs[0])[0]) in (-2.0, 1.51, 2.0)


@given(tensors(), tensors(shape=(2, 3), low=1, high=2, dtype="float32", requires_grad=False))
def test_tensors(x, y):
    assert isinstance(x, mx.Tensor)
    assert x.requires_grad
    assert x.ndim <= 3
    assert (y.shape, y.dtype, y.requires_grad) == ((2, 3), np.float32, False)
    assert ((y.data >= 1) & (y.data <= 2)).all()


def test_graphs_have_what_real_graphs_have():
    either = graphs(tensors=True, most=6)
    drawn(graphs(), lambda g: any(len(s[1]) == 2 and s[1][0] == s[1][1] for s in g.steps))  # a * a
    drawn(either, lambda g: g.constants)
    drawn(graphs(), lambda g: len(g.steps) > 1 and 0 not in [k for s in g.steps for k in s[1]])  # an unused leaf
    assert drawn(graphs(), lambda g: True) == Graph((0.0,), frozenset(), (("add", (0, 0)),))


def test_a_graph_shows_itself_as_statements():
    graph = Graph((2.0, 3.0), frozenset(), (("mul", (0, 1)), ("sin", (2,))))
    assert repr(graph).split("\n") == ["x0 = 2.0", "x1 = 3.0", "x2 = x0 * x1", "x3 = sin(x2)"]


@given(expressions(names=("a", "b")))
def test_expressions_are_text_and_function_at_once(formula: Expression):
    nodes = {name: mx.Value(x) for name, x in formula.at.items()}
    assert set(nodes) == {"a", "b"}
    assert any(name in formula.text for name in nodes)
    assert np.isfinite(formula(**nodes).data)
