"""What is printed is what is computed: formulas read back give the number the engine used."""

import ast
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import microgradx as mx
from microgradx.graph import recording
from microgradx.rules.formula import forward_formula, rule_formula
from microgradx.rules.notation import latex, mathml, python_text, screen_text
from microgradx.rules.samples import sample

CASES = [(name, case) for name, op in sorted(mx.BOOK.items()) for case in range(len(op.cases)) if op.rules]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_every_rule_prints_in_four_ways(name, case):
    nodes, static = sample(mx.BOOK[name], case)
    with recording(), np.errstate(all="ignore"):
        y = mx.BOOK[name](*nodes, **static)
    if y is nodes[0]:
        pytest.skip("this case has nothing to do and returns its input")
    for position in range(len(y.inputs)):
        if y.op.rule_for(position) is not None:
            formula = rule_formula(y, position)
            ast.parse(python_text(formula, {}), mode="eval")
            assert screen_text(formula) and latex(formula)
            ET.fromstring(f"<math>{mathml(formula)}</math>")


@pytest.mark.parametrize(
    ("source", "screen", "tex"),
    [
        ("y * (1 - y)", "y · (1 − y)", r"y \cdot \left(1 - y\right)"),
        ("a - (b - c)", "a − (b − c)", r"a - \left(b - c\right)"),
        (
            "0 if a == 0 and b >= 0 else 1",
            "0 if a = 0 and b ≥ 0 else 1",
            r"0\ \text{if}\ a = 0\ \text{and}\ b ≥ 0\ \text{else}\ 1",
        ),
        ("1 if a <= y <= b else 0", "1 if a ≤ y ≤ b else 0", r"1\ \text{if}\ a ≤ y ≤ b\ \text{else}\ 0"),
        ("-y / b", "−y / b", r"\frac{-y}{b}"),
        ("(a + b) ** 2", "(a + b)²", r"\left(a + b\right)^{2}"),
        ("A.mT @ g", "Aᵀ · g", r"A^\top g"),
        ("1e-12 * x", "1e−12 · x", r"1e-12 \cdot x"),
        ("a if x > 0 else b", "a if x > 0 else b", r"a\ \text{if}\ x > 0\ \text{else}\ b"),
        ("x[1]", "x[1]", "x_{1}"),
    ],
)
def test_notation(source, screen, tex):
    expr = ast.parse(source, mode="eval").body
    assert screen_text(expr) == screen
    assert latex(expr) == tex


def test_slots_do_not_disturb_what_is_put_into_them():
    expr = ast.parse("a * b", mode="eval").body
    assert screen_text(expr, {"a": "w-1", "b": "a"}) == "w-1 · a"
    assert python_text(expr, {"a": "(-1.0)", "b": "1e-05"}) == "(-1.0) * 1e-05"


def test_how_a_window_slides_is_written_as_its_parts():
    x, w = mx.Tensor(np.ones((1, 1, 3, 3)), name="x"), mx.Tensor(np.ones((1, 1, 2, 2)), name="w")
    assert screen_text(forward_formula(mx.conv2d(x, w))) == "conv(x, w)"
    assert screen_text(forward_formula(mx.conv2d(x, w, padding=1))) == "conv(x, w, padding=((1, 1), (1, 1)))"
    assert screen_text(forward_formula(mx.conv2d(x, w, stride=2))) == "conv(x, w, stride=(2, 2))"


def test_the_legend_says_what_long_numbers_names_used_twice_and_summaries_mean():
    def rebound(x):
        h = mx.tanh(x)
        x = h + 1
        return x * h

    told = str(mx.trace(rebound, 0.3))
    assert "x#2 is another result of that name, later than x." in told and "up to ten" not in told
    deep = mx.trace(lambda x: mx.sigmoid(mx.sigmoid(mx.sigmoid(mx.sigmoid(mx.sigmoid(x))))).sum(), np.full(4, 0.123))
    assert "It takes up to ten where a long chain" in str(deep) and "are summed up" not in str(deep)
    wide = str(mx.trace(lambda x: (x * x).sum(), np.arange(17.0)))
    assert 'More than 16 numbers are summed up; --json has them all, --zoom "NAME[i,j]"' in wide and "#2" not in wide
