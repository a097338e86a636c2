"""A trace says what the engine did: every line can be recomputed, every sum adds up."""

import ast
import json
import math
import re

import numpy as np
import pytest
from hypothesis import example, given

import microgradx as mx
from microgradx.explain.digits import total_of
from microgradx.explain.html import as_html
from microgradx.explain.json_view import as_json
from microgradx.explain.markdown import as_markdown
from microgradx.explain.text import as_text
from microgradx.explain.wording import step_text
from microgradx.testing import op_calls
from tests.explain.programs import NUMBERS, programs

MATH = {n: getattr(math, n) for n in dir(math) if not n.startswith("_")} | {"max": max, "min": min, "abs": abs}
EXTREMES = (0.0, -0.0, 0.3, -1.5, 1000.0, -1000.0, 1e-300, math.inf, -math.inf, math.nan)


def number(text: str) -> float:
    return float(text.replace("−", "-").strip("()"))


def rounded(x: float) -> float:
    """To the four digits that results are shown with."""
    return float(f"{x:.4g}")


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def check_invariants(document: dict) -> None:
    """What the JSON contract promises at scalar level; "nan" and "inf" are numbers written as text."""
    json.dumps(document, allow_nan=False)
    totals: dict[str, float] = {}
    ids = {row["id"] for row in document["forward"]}
    finished = {document["backward"][0]["node"]}
    for step in document["backward"]:
        upstream, local, contribution, total = (float(step[k]) for k in ("upstream", "local", "contribution", "total"))
        assert {step["node"], step["input"]} <= ids
        assert step["node"] in finished, "a node passes its gradient on only when its own total is complete"
        assert same(upstream, totals.get(step["node"], 1.0))
        assert same(local, eval(step["local_numbers"], {"__builtins__": {}}, MATH)), step["local_numbers"]
        assert same(contribution, upstream * local)
        before = totals.get(step["input"])
        totals[step["input"]] = contribution if before is None else before + contribution
        assert same(total, totals[step["input"]])
        if step["complete"]:
            finished.add(step["input"])
    leaves = {row["name"]: row["id"] for row in document["forward"]}
    for name, gradient in document["gradients"].items():
        if gradient is not None:
            assert same(totals.get(leaves[name], 1.0), float(gradient))


SCALAR_ROWS = [row for row in mx.BOOK.values() if row.smooth and row.elementwise]


@pytest.mark.parametrize("row", SCALAR_ROWS, ids=lambda row: row.name)
def test_local_numbers_are_plain_arithmetic_for_every_row_also_where_python_would_raise(row):
    for case in row.cases or ({},):
        for start in range(len(EXTREMES)):
            xs = [EXTREMES[(start * (k + 1) + k) % len(EXTREMES)] for k in range(max(len(row.inputs), 1))]
            with np.errstate(all="ignore"):
                trace = mx.trace(lambda *leaves, case=case: row(*leaves, **case), *xs)
                if trace.steps:
                    check_invariants(as_json(trace))


@pytest.mark.parametrize("row", SCALAR_ROWS, ids=lambda row: row.name)
def test_local_numbers_show_the_rule_not_only_its_value(row):
    @given(op_calls(row, scalar=True))
    def check(call):
        trace = mx.trace(call.on, *call.leaves())
        for step, shown in zip(trace.steps, as_json(trace)["backward"], strict=True):
            if isinstance(step.formula, (ast.BinOp, ast.IfExp, ast.Call)) and math.isfinite(step.local):
                assert shown["local_numbers"] != repr(step.local), shown["local_formula"]

    check()


@given(programs())
@example((lambda x, y: mx.logaddexp(x, y), [-1.0, 0.983371056863969]))
@example((lambda x: mx.softplus(x), [-709.5]))
def test_json_invariants_hold_on_random_graphs(program_and_leaves):
    program, leaves = program_and_leaves
    output = program(*(mx.Value(x) for x in leaves))
    if output.requires_grad and not output.is_leaf:
        check_invariants(as_json(mx.trace(program, *leaves)))


@given(NUMBERS, NUMBERS)
def test_displayed_addends_reproduce_the_displayed_sum(a, b):
    left, right, result = re.fullmatch(r"(\S+) \+ (\S+) = (\S+)", total_of((a, b), a + b)).groups()
    assert rounded(number(left) + number(right)) == rounded(number(result))


def test_the_order_is_the_order_of_the_program():
    def f(x, y):
        a = x * y
        b = a + x
        c = b.sin()
        return c

    trace = mx.trace(f, 2.0, 3.0)
    assert [row.name for row in trace.rows.values()] == ["x", "y", "a", "b", "c"]
    assert trace.gradients == {"x": pytest.approx(4 * math.cos(8)), "y": pytest.approx(2 * math.cos(8))}


def test_a_value_used_twice_collects_two_paths_and_says_so():
    text = str(mx.trace(lambda x: x * x, 3.0))
    assert "first of 2 paths into x" in text and "second of 2 paths into x" in text
    assert "3 + 3 = 6" in text


def test_each_node_knows_the_learners_line_and_scope():
    def f(x):
        with mx.scope("layer"):
            h = x.tanh()
        return h * 2.0

    rows = {row.name: row.node for row in mx.trace(f, 0.5).rows.values()}
    assert rows["h"].scope == "layer" and rows["f"].scope == ""
    assert rows["h"].source[0] == __file__ and rows["f"].source[1] == rows["h"].source[1] + 1


def test_tensor_steps_show_matrix_formulas_with_shapes_and_where_sums_come_from():
    def loss(X, W, b):
        Z = X @ W + b
        L = Z.tanh().mean()
        return L

    X = mx.Tensor(np.ones((2, 4)), requires_grad=False)
    text = as_text(mx.trace(loss, X, np.ones((4, 3)), np.zeros(3)), width=200)
    assert "∂L/∂W = Xᵀ · ∂L/∂(X · W)    (4,2)·(2,3) → (4,3)" in text
    assert "b was repeated along axis 0 of Z" in text


def test_one_step_is_computed_not_claimed():
    def loss(w):
        L = (w - 3.0) ** 2
        return L

    trace = mx.trace(loss, 1.0, lr=0.25)
    assert trace.loss_after == (1.0 - 0.25 * -4.0 - 3.0) ** 2 == 1.0
    assert "L 4 → 1  (lower)" in str(trace)
    assert "HIGHER" in str(mx.trace(loss, 1.0, lr=2.0))


def test_only_parameters_take_the_step():
    trace = mx.trace(lambda w, x: w * x, 2.0, 3.0, parameters=["w"], lr=0.1)
    assert trace.loss_after == (2.0 - 0.1 * 3.0) * 3.0


def test_infinities_and_nan_are_strings_in_json_and_signs_on_the_screen():
    document = as_json(mx.trace(lambda x: x.log(), 0.0))
    assert document["loss"] == "-inf" and document["backward"][0]["local"] == "inf"
    json.dumps(document, allow_nan=False)
    assert "∞" in str(mx.trace(lambda x: x.log(), 0.0))


def test_what_cannot_be_traced_says_why():
    for f, args, words in [
        (lambda x: 3.0, (1.0,), "not a node"),
        (lambda x: x * 2.0, (np.ones(3),), "shape (3,)"),
        (lambda x: x.detach() * 2.0, (1.0,), "nothing to trace"),
    ]:
        with pytest.raises(mx.GradientError, match=re.escape(words)):
            mx.trace(f, *args)


def test_max_steps_says_how_many_are_left_out():
    trace = mx.trace(lambda x, y: (x * y).tanh() + x, 1.0, 2.0)
    assert "3 more steps (of 5)" in as_text(trace, max_steps=2)
    assert "3 more steps" in as_markdown(trace, max_steps=2)
    page = as_html(trace, max_steps=2)
    assert "3 more steps (of 5)" in page and page.count('class="step"') == 2 and 'max="2"' in page


def test_nothing_is_cut_at_60_columns():
    trace = mx.trace(lambda x, y: (x * y).tanh() + x.exp() * y.sin(), 1.5, 2.0)
    squeezed = re.sub(r"\s", "", as_text(trace, width=60))
    for line in as_text(trace, width=400).splitlines():
        if "×" in line:
            assert re.sub(r"\s", "", line.split("chain")[1]) in squeezed
    assert "…" not in as_text(trace, width=60)
    narrow = as_text(trace, width=30)
    assert len(narrow.splitlines()) > len(as_text(trace, width=400).splitlines())
    for label in ("chain", "total"):
        assert len(re.findall(f"^{label}  ", narrow, re.MULTILINE)) == len(trace.steps), (
            "it stands once, not on every line"
        )


def test_markdown_tables_escape_bars_and_show_every_step():
    text = as_markdown(mx.trace(lambda x: x.abs() * 2.0, -1.5))
    assert text.count("**1. ") == 1 and "| x | input |" in text


def test_matrix_formulas_name_the_product_and_the_sum():
    def loss(X, W, b):
        H = (X @ W + b).tanh()
        L = (H * H).mean()
        return L

    found = mx.trace(loss, np.eye(3, 2), np.ones((2, 2)), np.zeros(2))
    formulas = {step.where: step.formula for step in (step_text(found, s) for s in found.steps)}
    assert "∂L/∂b = sum(∂L/∂(X · W + b), axis=0)    (3,2) → (2)" in formulas.values()
    assert "∂L/∂(X · W + b) = ∂L/∂H ⊙ (1 − H²)    element by element, (3,2)" in formulas.values()
    assert "H ⊙ H" in [row.name for row in found.rows.values()]
    assert "⊙ multiplies arrays element by element" in str(found)
    assert "⊙" not in str(as_json(found)["backward"])  # Python's own sign there


def test_a_choice_between_branches_stands_in_brackets():
    assert "(1 if 2 > 0 else 0) = 1" in str(mx.trace(mx.relu, 2.0))


def test_a_sum_of_one_term_is_not_written_out():
    found = mx.trace(lambda x, W: (x @ W).sum(), np.ones((1, 2)), np.ones((2, 2)))
    notes = [note for s in found.steps for note in step_text(found, s).notes if note.startswith("entry")]
    assert notes and all("+" in note for note in notes)


def test_the_loss_after_a_step_is_the_functions_own_on_another_branch_too():
    def f(x):
        if x > 1:
            return x * x
        return 10.0 * x

    trace = mx.trace(f, 1.05)
    assert trace.loss_after == pytest.approx(10 * (1.05 - 0.1 * 2.1))
    assert mx.trace(mx.median, np.array([0.2, 0.5, 0.9]), lr=1.0).loss_after == pytest.approx(0.2)


def test_a_step_that_leads_out_of_the_domain_gives_no_number():
    A = np.array([[1.0, 0.2], [0.2, 0.3]])
    trace = mx.trace(lambda A: mx.linalg.cholesky(A).sum(), A, lr=5.0)
    assert math.isnan(trace.loss_after) and "(not a number)" in str(trace)


def test_paths_through_which_nothing_comes_back_are_not_waited_for():
    trace = mx.trace(lambda a: mx.where(a - 1 > 0, a, 2 * a), 0.3)
    assert [step["complete"] for step in as_json(trace)["backward"]][-1]
    check_invariants(as_json(trace))
