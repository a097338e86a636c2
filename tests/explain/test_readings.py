"""Rules in general: one formula for all settings where there is one, else each setting with its own."""

import math

import pytest

import microgradx as mx
from microgradx.explain.readings import readings
from microgradx.rules import BOOK

ROWS = [(op, k) for op in BOOK.values() for k, name in enumerate(op.inputs) if name in op.rules]


def test_a_formula_names_what_the_setting_decides():
    assert [r.formula for r in readings(mx.BOOK["power"], 0)] == ["∂y/∂x = n · x ** (n − 1)", "∂y/∂x = 0"]
    assert [r.when for r in readings(mx.BOOK["power"], 0)] == ["", "n=0"]
    assert readings(mx.BOOK["leaky_relu"], 0)[0].formula == "∂y/∂x = 1 if x > 0 else negative_slope"
    assert readings(mx.BOOK["clip"], 0)[0].formula == "∂y/∂x = 1 if low ≤ x ≤ high else 0"
    assert [r.formula for r in readings(mx.BOOK["pow"], 0)] == ["∂y/∂a = 0 if a = 0 and b = 0 else b · a ** (b − 1)"]


@pytest.mark.parametrize("n", [4, 1.5, -2])
def test_the_general_formula_holds_for_settings_that_no_example_has(n):
    right = readings(mx.BOOK["power"], 0)[0].formula.partition(" = ")[2].replace("·", "*").replace("−", "-")
    x = mx.Value(1.7)
    mx.power(x, n).backward()
    assert eval(right, {"x": 1.7, "n": n}) == pytest.approx(x.grad)


@pytest.mark.parametrize(("op", "k"), ROWS, ids=[f"{op.name}-{op.inputs[k]}" for op, k in ROWS])
def test_every_rule_reads_and_says_when(op, k):
    found = readings(op, k)
    assert found
    assert sum(r.when == "" for r in found) <= 1
    assert not any("2.71845" in r.formula for r in found)


def test_a_number_that_depends_on_the_setting_is_not_taken_for_a_constant():
    row = mx.op("gently(x, steep=2.0)", lambda x, steep: math.tanh(1) * x * steep, x=lambda steep: math.tanh(1) * steep)
    try:
        assert readings(row, 0)[0].when == "steep=2"
    finally:
        mx.rules.forget("gently")
