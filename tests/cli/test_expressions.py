"""Expressions on the command line: a whitelist, never code."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradx.explain import trace
from microgradx.explain.expressions import ExpressionError, expression, known_ops
from microgradx.explain.json_view import as_json
from microgradx.rules import BOOK
from microgradx.rules.formula import forward_formula, slots
from microgradx.rules.notation import python_text
from microgradx.rules.samples import applied, sample
from tests.cli.run import refusal, shown
from tests.explain.test_trace import check_invariants

ONE = [
    "sigmoid({})", "tanh({})", "sin({})", "cos({})", "exp(0.1*{})", "log(1 + {}**2)", "-{}", "({})**2", "({})**3",
    "relu({})", "softplus({})", "leaky_relu({}, negative_slope=0.2)", "abs({})",
]  # fmt: skip
TWO = ["({} + {})", "({} - {})", "({} * {})", "({} / (2 + {}**2))", "maximum({}, {})", "minimum({}, {})"]
TEXTS = st.recursive(
    st.sampled_from(["a", "b", "c", "2", "0.5"]),
    lambda inner: (
        st.builds(str.format, st.sampled_from(ONE), inner) | st.builds(str.format, st.sampled_from(TWO), inner, inner)
    ),
    max_leaves=8,
)  # fmt: skip
NUMBERS = st.floats(-3, 3).map(lambda x: round(x, 2))


@given(TEXTS, NUMBERS, NUMBERS, NUMBERS)
def test_random_expressions_keep_the_json_contract(text: str, a: float, b: float, c: float) -> None:
    text = f"{text} + a*b*c"
    found = trace(expression(text, ["a", "b", "c"]), a, b, c)
    check_invariants(json.loads(json.dumps(as_json(found))))


@given(TEXTS, NUMBERS, NUMBERS, NUMBERS)
def test_random_expressions_have_the_value_that_python_gives(text: str, a: float, b: float, c: float) -> None:
    def stable(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    python = {
        "sigmoid": stable, "relu": lambda x: max(x, 0.0), "softplus": lambda x: math.log1p(math.exp(x)), "maximum": max,
        "leaky_relu": lambda x, negative_slope: x if x > 0 else negative_slope * x, "minimum": min,
    }  # fmt: skip
    names = {**vars(math), **python, "a": a, "b": b, "c": c}
    try:
        expected = eval(text, {}, names)
    except OverflowError:
        return
    value = expression(f"{text} + 0*a + 0*b + 0*c", ["a", "b", "c"])(a, b, c)
    assert float(value) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "value", "slope"),
    [
        ("where(x > 0, x**2, -x)", 4, 4), ("x**2 if x <= 0 else 3*x", 6, 3), ("(0 < x < 2) * x + x", 2, 1),
        ("x * (x >= 2 and not x > 2)", 2, 1), ("x * (x == 1 or x != 3)", 2, 1),
    ],
)  # fmt: skip
def test_comparisons_and_logic_choose_and_carry_no_gradient(text: str, value: float, slope: float) -> None:
    found = trace(expression(text, ["x"]), 2.0)
    assert float(found.loss) == value
    assert list(found.gradients.values()) == [slope]


@pytest.mark.parametrize(
    "text",
    [
        "x.real", "x.__class__", "().__class__", "x[0]", "[x][0]", "lambda: x", "x in x", "x is x",
        "~x", "x // 2", "x % 2", "x | x", "{x}", "{'a': x}", "[x for x in x]", "(y := x)", "f'{x}'", "'x'",
        "x; x", "x = 1", "import os", "__import__('os')", "open(x)", "eval('x')", "print(x)", "sum.x(x)",
        "sigmoid(x)(x)", "sigmoid(*x)", "sigmoid(**x)", "True", "None", "1j", "...", "[x]", "(x, x)", "await x", "",
        "  ", "x +", "sigmoid x", "(" * 500 + "x" + ")" * 500, "-" * 100000 + "x", "x\0", "functional", "Tensor(x)",
        "custom(x)",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"names given by --at, .* and calls of ops by name"):
        expression(text, ["x"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("9**9**9*x", "'9 ** 9 ** 9' cannot be computed"),
        ("1/0*x", "'1 / 0' cannot be computed: float division by zero"),
        ("(-8)**0.5*x", "not a real number"),
        ("sigmoid(x, x, x)", "sigmoid(x)"),
        ("sigmoid()", "sigmoid"),
        ("exp(x, base=2)", "exp"),
        ("2 @ 3 * x", "to scale by a number use *"),
        ("x @ x", "matmul needs vectors or matrices; to scale by a number use *"),
        ("clip(x, low=0, min=0)", "low and min name the same argument"),
        ("max(x, axis='a')", "max"),
    ],
)
def test_what_does_not_fit_together_is_told_in_its_own_terms(text: str, told: str) -> None:
    assert told in refusal("trace", text, "--at", "x=1")


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("w*x", ["x=1"], "w has no value (only x has one): give it one with --at w=…"),
        ("sigmoid*x", ["x=1"], "sigmoid is an op: call it, as in sigmoid(x)"),
        ("sigmod(x)", ["x=1"], "sigmod is not an op of the rulebook. Did you mean sigmoid"),
        ("x + 1", ["x=1", "z=2"], "--at gives z, but 'x + 1' has no such name"),
        (
            "x * w",
            ["x=[1, 2]", "w=3"],
            "a tensor of shape (2,); a trace needs a single number: sum(x * w), or mean(x * w)",
        ),
        ("2 + 3", ["x=1"], "--at gives x"),
        ("x + 1", ["x=abc"], "abc is not a number"),
    ],
)
def test_names_and_shapes(text: str, at: list[str], told: str) -> None:
    assert told in refusal("trace", text, "--at", *at)


def test_a_plain_number_has_nothing_to_differentiate() -> None:
    assert "plain number" in refusal("trace", "2 + 3")


def test_tensors_options_and_lists_are_fine_inside_calls() -> None:
    assert "∂y/∂x = [1, 1]" in shown("trace", "sum(x)", "--at", "x=[1, 2]")
    assert "∂y/∂A" in shown("trace", "einsum('ij,ij->', A, A)", "--at", "A=[[1, 2], [3, 4]]")
    assert "∂y/∂a = 1" in shown("trace", "sum(stack([a, b]))", "--at", "a=1", "b=2")


@pytest.mark.parametrize(
    ("text", "same", "slope"),
    [
        ("clip(x, low=0, high=9)", "clip(x, min=0, max=9)", 1), ("clamp(x, high=1)", "clip(x, max=1)", 0),
        ("max(x, 1)", "maximum(x, 1)", 1), ("max(x, 0.5, 3)", "maximum(maximum(x, 0.5), 3)", 0),
        ("min(x, 1)", "minimum(x, 1)", 0), ("bce_with_logits(x, 1)", "softplus(-x)", -1 / (1 + math.exp(2))),
    ],
)  # fmt: skip
def test_what_the_tool_prints_can_be_typed_back(text: str, same: str, slope: float) -> None:
    one, other = (trace(expression(each, ["x"]), 2.0) for each in (text, same))
    assert float(one.loss) == pytest.approx(float(other.loss), rel=1e-12)
    assert list(one.gradients.values()) == pytest.approx([slope], rel=1e-12)


SAMPLES = [y for op in BOOK.values() if (y := applied(op, *sample(op))) is not None]
CALLS = {text: y for y in SAMPLES if not re.search(r"\[|\.mT|window\(", text := python_text(forward_formula(y)))}


@pytest.mark.parametrize("text", sorted(CALLS.keys() - {"cross_entropy(x, t)"}))  # of each row: typed, it is their mean
def test_every_row_can_be_typed_as_a_trace_prints_it(text: str) -> None:
    made = CALLS[text]
    found = expression(text, slots(made.op, len(made.inputs)))(*made.inputs)
    np.testing.assert_allclose(found.data, made.data)


def test_max_of_one_array_is_its_largest_element() -> None:
    assert "∂y/∂x = [0, 1]" in shown("trace", "max(x)", "--at", "x=[1, 2]")
    assert "∂y/∂A = [[0, 1], [1, 0]]" in shown("trace", "sum(max(A, axis=1))", "--at", "A=[[1, 2], [4, 3]]")


def test_every_row_that_is_listed_may_be_called() -> None:
    assert set(BOOK) <= set(known_ops())


def test_every_public_function_may_be_called() -> None:
    assert {"sigmoid", "matmul", "conv2d", "sum", "mean", "max", "where", "cross_entropy"} <= set(known_ops())


@pytest.mark.parametrize(
    ("text", "x", "told"),
    [
        ("log(x)", -1, "is the first result that is nan; log made it. Its rule log(x) holds for x > 0"),
        ("sqrt(x - 5) * 2", 2, "is the first result that is nan; sqrt made it"),
        ("x*x/0", 2, "holds for b ≠ 0"),
        ("1e400*x", 2, "a number of the program is ∞ from the start"),
        ("x**x", 1e300, "pow takes such inputs, but a number gets too large"),
        ("x**x", -0.5, "Its rule pow(a, b) = a ** b holds for a > 0"),
        ("exp(1000*x)", 2, "exp takes such inputs, but a number gets too large"),
        ("sqrt(x)", 0, "becomes ∞ in step 1, by sqrt. Its rule sqrt(x) holds for x > 0"),
    ],
)  # fmt: skip
def test_the_first_number_that_is_not_finite_is_named(text: str, x: float, told: str) -> None:
    found = trace(expression(text, ["x"]), float(x))
    assert told in found.notes[0]
    assert as_json(found)["notes"] == found.notes
    assert told in " ".join(shown("trace", text, "--at", f"x={x}").split("Forward")[0].split())


def test_infinities_that_do_no_harm_are_not_mentioned() -> None:
    assert trace(expression("minimum(x, 1e400)", ["x"]), 2.0).notes == []
