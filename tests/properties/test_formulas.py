"""What is printed is what is done: a rule's formula, read back and evaluated, gives the number the engine used."""

import ast
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import microgradx as mx
from microgradx.autodiff.backward import apply_rule
from microgradx.rules.formula import forward_formula, rule_formula, slots
from microgradx.rules.notation import in_slot, python_text
from microgradx.rules.op import Op
from microgradx.testing import OpCall, op_calls
from microgradx.testing.functions import weights

ROWS = list(mx.BOOK.values())


class _Everywhere(ast.NodeTransformer):
    """`a if c else b`, `a and b` and `a <= x <= b` for arrays: entry by entry."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        return ast.Call(ast.Name("choose", ast.Load()), [node.test, node.body, node.orelse], [])

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        return ast.Call(ast.Name(name, ast.Load()), node.values, [])

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1:
            return node
        (below, above), (x, high) = node.ops, node.comparators
        both = [ast.Compare(node.left, [below], [x]), ast.Compare(x, [above], [high])]
        return ast.Call(ast.Name("logical_and", ast.Load()), both, [])


def applied(row: Op) -> Any:
    """The row as a function of bare floats and arrays."""

    def run(*args: Any, **named: Any) -> Any:
        inputs, static = row.bind(args, named)
        if row.scalar is not None and all(isinstance(x, (float, int)) for x in inputs):
            return row.scalar(*map(float, inputs), **static)
        return row.run(*map(np.asarray, inputs), **static)

    return run


def evaluated(text: str, call: OpCall, names: dict[str, Any]) -> Any:
    """The value of a printed formula, by Python's own arithmetic and the rows it names."""
    tree = ast.fix_missing_locations(_Everywhere().visit(ast.parse(text, mode="eval")))
    space = {row.name: applied(row) for row in mx.BOOK.values()}
    space |= {"choose": np.where, "max": _extreme(np.maximum, np.max), "min": _extreme(np.minimum, np.min)}
    space |= {"inf": math.inf, "nan": math.nan, "s_": np.s_, "dtype": np.dtype}
    space["window"] = lambda **_: call.static["how"]  # what it leaves out follows from the number of axes
    return eval(compile(tree, text, "eval"), space, names)


def _extreme(pair: Any, whole: Any) -> Any:
    return lambda *xs, **options: whole(*xs, **options) if len(xs) == 1 else pair(*xs)


def has_no_text(text: str) -> bool:
    """An array without a name, such as a block of ones, is shown by its shape only."""
    return "ones" in text or "array(" in text


@pytest.mark.parametrize("row", [row for row in ROWS if row.smooth], ids=lambda row: row.name)
def test_the_printed_rule_gives_the_number_that_was_used(row: Op) -> None:
    @given(op_calls(row))
    def check(call: OpCall) -> None:
        nodes = call.leaves()
        y = call.on(*nodes)
        if y is nodes[0]:
            return
        g = weights([y])[0]
        names = dict(zip(slots(row, len(nodes)), call.inputs, strict=True)) | {"y": y.data, "g": g}
        for k in call.smooth:
            local, contribution = apply_rule(y, k, g)
            wanted = contribution if local is None else local
            text = python_text(rule_formula(y, k))
            if not has_no_text(text):
                found = np.broadcast_to(evaluated(text, call, names), np.broadcast_shapes(np.shape(wanted)))
                np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13, err_msg=text)

    check()


@pytest.mark.parametrize("row", [row for row in ROWS if row.elementwise], ids=lambda row: row.name)
def test_with_numbers_in_its_slots_it_gives_that_number_too(row: Op) -> None:
    @given(op_calls(row, scalar=True))
    def check(call: OpCall) -> None:
        with mx.graph.recording():
            y = call.on(*call.leaves())
        numbers = {n: in_slot(repr(x)) for n, x in zip(slots(row, len(call.inputs)), call.inputs, strict=True)}
        text = python_text(forward_formula(y), numbers)
        assert evaluated(text, call, {}) == pytest.approx(y.data, rel=1e-12, abs=1e-300), text
        numbers |= {"y": in_slot(repr(y.data))}
        for k in call.smooth:
            if (local := apply_rule(y, k, 1.0)[0]) is not None:
                text = python_text(rule_formula(y, k), numbers)
                assert evaluated(text, call, {}) == pytest.approx(local, rel=1e-12, abs=1e-300), text

    check()
