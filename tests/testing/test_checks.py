"""check_grads, gradcheck, numerical_jacobian, check_rule: what they accept, what they reject, what they say."""

import json
import re

import numpy as np
import pytest

import microgradx as mx
from microgradx.rules.domains import away_from
from microgradx.testing import (
    CheckError,
    OpCall,
    PropertyError,
    check_call,
    check_grads,
    check_rule,
    diagnose,
    gradcheck,
    numerical_jacobian,
)
from microgradx.testing.calls import Chance, draw_call
from tests.testing.wrong_rules import WRONG, wrong


def layer(x, w, b):
    return ((x @ w + b).tanh() ** 2).sum()


LAYER = (np.array([[1.0, -2.0], [0.5, 0.3]]), np.array([[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]]), np.zeros(3))


def test_right_derivatives_pass_to_third_order_in_both_modes():
    report = check_grads(layer, LAYER, order=3)
    assert report.worst < 1e-10
    assert report.modes == ("rev", "fwd")
    assert gradcheck(layer, LAYER)


def test_arguments_may_be_numbers_arrays_nodes_and_nested():
    check_grads(lambda x: x**3, 2.0)
    check_grads(lambda p, x: p["w"] * x + p["b"][0], ({"w": 2.0, "b": [np.ones(2)]}, mx.Tensor([1.0, 2.0])))
    check_grads(lambda a, t: mx.cross_entropy(a, t), (np.eye(3), np.array([0, 2, 1])))  # integers are left alone
    check_grads(lambda x: (x.sin(), {"more": x * x}), np.ones(2))  # several outputs


def test_a_constant_argument_is_not_differentiated_by():
    check_grads(lambda x, c: x * c.detach(), (2.0, mx.Value(3.0, requires_grad=False)))


def test_float32_arguments_are_checked_in_double_precision():
    assert check_grads(mx.exp, np.ones(3, dtype=np.float32)).worst < 1e-10


def test_numerical_jacobian_has_one_array_per_argument():
    J = numerical_jacobian(lambda x: x**2, np.array([1.0, 3.0]))
    np.testing.assert_allclose(J, [[2, 0], [0, 6]], atol=1e-10)
    a, b, t = numerical_jacobian(lambda a, b, t: a * b * t, 2.0, np.ones(3), np.array([1, 2, 3]))
    assert (a.shape, b.shape, t) == ((3,), (3, 3), None)


def test_closed_over_tensors_keep_their_gradients():
    w = mx.Tensor([1.0, 2.0])
    w.grad = np.array([7.0, 7.0])
    check_grads(lambda x: (w * x).sum(), np.ones(2))
    assert w.grad.tolist() == [7.0, 7.0]


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_rule_is_rejected(name):
    with wrong(name) as op, pytest.raises(CheckError) as failed:
        check_rule(op, examples=10)
    lesson = failed.value.lesson
    assert WRONG[name].says in lesson.guess
    assert name in lesson.responsible
    assert json.loads(json.dumps(lesson.as_dict()))["guess"] == lesson.guess


@pytest.mark.parametrize("name", ["bad_sigmoid", "no_transpose", "nearly_exp", "bad_index", "bad_slope", "bad_sum"])
def test_the_counterexample_is_code_that_fails_in_the_same_way(name):
    with wrong(name) as op:
        with pytest.raises(CheckError) as failed:
            check_rule(op, examples=10)
        code = failed.value.lesson.code
        with pytest.raises(CheckError) as again:
            exec(code, {})
        assert again.value.lesson.guess == failed.value.lesson.guess


def test_a_lesson_tells_where_how_much_who_and_why():
    with wrong("bad_sigmoid") as op, pytest.raises(CheckError) as failed:
        check_rule(op)
    text = str(failed.value)
    assert "bad_sigmoid: the first derivative (reverse mode) is wrong" in text
    assert re.search(r"worst at x(\[0\])?:  analytic 1   numeric 0.25", text)
    assert "responsible: the rule for x in bad_sigmoid(x), which says 1" in text
    assert "you forgot y * (1 - y)" in text


def test_in_a_longer_function_the_responsible_node_is_found_with_its_line():
    with wrong("same_factor") as op:

        def loss(x, w):
            h = mx.tanh(x)
            p = op(h, w)  # the culprit
            return (p + w).sum()

        with pytest.raises(CheckError) as failed:
            check_grads(loss, (np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    lesson = failed.value.lesson
    assert "same_factor" in lesson.responsible
    assert re.search(r"line \d+ of .*test_checks.py", lesson.responsible)
    assert "reads a where b belongs" in lesson.guess
    assert lesson.input == "x"


def test_a_rule_wrong_only_in_its_formula_fails_at_second_order():
    def slope(x):  # right as a number, but x is hidden from the graph
        return mx.Value(2 * x.data, False) if isinstance(x, mx.Value) else mx.Tensor(2 * x.data, False)

    op = mx.op("hidden_square(x)", lambda x: x * x, x=lambda x: slope(x) if isinstance(x, mx.Node) else 2 * x)
    try:
        assert check_rule(op, order=1).worst < 1e-10
        with pytest.raises(CheckError, match="second derivative"):
            check_rule(op)
    finally:
        mx.rules.forget("hidden_square")


def test_something_hidden_from_the_graph_is_said_to_be_hidden():
    with pytest.raises(CheckError, match="hidden from the graph"):
        check_grads(lambda x: x * x.detach(), 2.0)


@pytest.mark.parametrize("kept", [lambda x: x > 0, lambda x: mx.ne(x, -2.0)])
def test_a_comparison_on_the_way_is_no_obstacle_to_the_lesson(kept):
    with pytest.raises(CheckError, match="hidden from the graph"):
        check_grads(lambda x: mx.where(kept(x), x * x.detach(), 0.0).sum(), (mx.Tensor([1.0, -2.0]),))


@pytest.mark.parametrize(
    ("run", "rule"),
    [
        (np.square, lambda x: 2 * x.detach()),
        (np.exp, lambda x: mx.where(mx.eq(x, 0.0), 1.0, mx.exp(x))),
    ],
)
def test_a_row_whose_rule_is_right_in_number_only_is_itself_named(run, rule):
    op = mx.op("number_only(x)", run, x=rule)
    try:
        with pytest.raises(CheckError, match=r"responsible: the row number_only\(x\)"):
            check_call(OpCall(op, (np.zeros(1),)))
    finally:
        mx.rules.forget("number_only")


@pytest.mark.parametrize("where", [None, dict(x=away_from(0.0, 6.0)), dict(x=away_from(0.0, 6.0, 1000.0))])
def test_a_mask_that_forgets_a_corner_far_out_is_rejected(where):
    op = mx.op("relu6_half(x)", lambda x: np.clip(x, 0, 6), x=lambda x: mx.where(x > 0, 1.0, 0.0), where=where)
    try:
        with pytest.raises(CheckError, match="first derivative"):
            check_rule(op)
    finally:
        mx.rules.forget("relu6_half")


@pytest.mark.parametrize("check", [gradcheck, check_grads])
def test_integers_are_said_to_be_no_real_numbers(check):
    with pytest.raises(mx.OpError, match=r"differentiate by \(x of int64\); give floats"):
        check(lambda x: (x * 2).sum(), (np.array([1, 2]),))


def test_an_input_declared_without_gradient_is_named():
    op = mx.op("scaled(x, k)", np.multiply, x=lambda k: k, nondiff="k")
    try:
        with pytest.raises(CheckError, match="no gradient flows to k, which the row declares nondiff"):
            check_grads(lambda x, k: op(mx.where(x > k, x, -x), k), (2.0, 3.0))
    finally:
        mx.rules.forget("scaled")


@pytest.mark.parametrize(
    ("f", "x", "left", "right"),
    [(mx.relu, 0.0, 0, 1), (mx.abs, 0.0, -1, 1), (lambda x: mx.maximum(x, 3.0 - x), 1.5, -1, 1)],
)
def test_a_kink_is_reported_with_both_slopes_and_is_no_failure(f, x, left, right):
    report = check_grads(f, x)
    assert [(round(k.left, 6), round(k.right, 6)) for k in report.kinks] == [(left, right)] or not report.kinks
    (kink,) = check_grads(lambda x: 3.0 * mx.relu(x), 0.0).kinks
    assert (round(kink.left, 6), round(kink.right, 6)) == (0, 3)
    assert "slope is 0 to the left and 3 to the right" in str(kink)


def test_a_gradient_outside_both_slopes_of_a_kink_is_a_failure():
    op = mx.op("bent(x)", lambda x: np.maximum(x, 0), x=lambda x: mx.where(x < 0.0, 0.0, 5.0))
    try:
        with pytest.raises(CheckError, match="slope 0 to the left, 1 to the right"):
            check_grads(op, 0.0)
    finally:
        mx.rules.forget("bent")


def test_gradcheck_names_output_and_input_of_the_worst_entry():
    with wrong("no_turn") as op, pytest.raises(CheckError) as failed:
        gradcheck(op, np.arange(4.0).reshape(2, 2))
    assert len(failed.value.lesson.index) == 4
    assert "a missing transpose" in failed.value.lesson.guess


def test_in_a_large_input_the_wrong_entry_is_found_without_looking_at_all():
    looked = []

    def hide_one(x):  # one entry of 10,000 gets no gradient
        looked.append(1)
        free = np.ones((100, 100))
        free[37, 41] = 0.0
        return (x * free + x.detach() * (1 - free)).sin().sum()

    with pytest.raises(CheckError) as failed:
        check_grads(hide_one, np.linspace(-1, 1, 10_000).reshape(100, 100))
    assert failed.value.lesson.index == (37, 41)
    assert len(looked) < 2_000


def test_floats_that_differ_from_arrays_are_blamed_and_not_the_rule():
    op = mx.op("threefold(x)", lambda x: 3 * x, lambda x: 3.1 * x, x=lambda: 3.0)
    try:
        with pytest.raises(PropertyError, match="threefold: floats and arrays differ for x"):
            check_rule(op)
    finally:
        mx.rules.forget("threefold")


def test_a_random_function_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(mx.OpError, match="another result for the same inputs"):
        check_grads(lambda x: x * rng.normal(), 1.0)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: check_grads(mx.log, -2.0), mx.OpError, "not finite"),
        (lambda: check_grads(lambda x: 3.0, 2.0), mx.GradientError, "returned float"),
        (lambda: check_grads(mx.sin, np.array([1, 2])), mx.OpError, "nothing to differentiate by"),
        (lambda: check_grads(mx.sin, 1.0, order=0), mx.OpError, "order is at least 1"),
        (lambda: check_grads(mx.sin, 1.0, modes="rev"), mx.OpError, "modes is a tuple"),
        (lambda: check_grads(2.0, 1.0), mx.OpError, "takes a function"),
        (lambda: numerical_jacobian(2.0, 1.0), mx.OpError, "takes a function"),
        (lambda: check_rule("tanh"), mx.RuleError, r"such as mx.BOOK\[.tanh.\]; got 'tanh'"),
        (lambda: check_rule(mx.BOOK["tanh"], examples=0), mx.RuleError, "examples is at least 1; got 0"),
        (lambda: diagnose(np.tanh), mx.RuleError, "diagnose takes a row"),
        (lambda: check_grads(mx.sin, 1.0, modes=("back",)), mx.OpError, "modes is a tuple"),
        (lambda: gradcheck(lambda x: (x, x), 1.0), mx.OpError, "one output"),
        (lambda: check_rule(mx.BOOK["greater"]), mx.RuleError, "no rules to check"),
    ],
)
def test_what_cannot_be_checked_says_why(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_a_row_that_claims_too_large_a_domain_is_told_so():
    op = mx.op("root(x)", np.sqrt, x=lambda y: 0.5 / y)
    try:
        with np.errstate(all="ignore"), pytest.raises(mx.RuleError, match="Say where the op holds"):
            check_rule(op)
    finally:
        mx.rules.forget("root")


RIGHT_BUT_FOR_A_POINT = [
    ("cusp(x)", lambda x: np.sqrt(np.abs(x)), lambda x, y: mx.sign(x) / (2 * y), None, np.zeros(1)),
    ("deviation(x)", np.std, lambda g, x, y: g * (x - mx.mean(x)) / (y * x.size), "(n)->()", np.zeros(1)),
    ("volume_of(x)", np.linalg.det, lambda g, x, y: g * y * mx.linalg.inv(x).mT, "(n,n)->()", np.zeros((1, 1))),
]


@pytest.mark.parametrize(("form", "run", "rule", "shapes", "where"), RIGHT_BUT_FOR_A_POINT)
def test_a_right_rule_without_a_value_at_one_point_is_not_accused(form, run, rule, shapes, where):
    op = mx.op(form, run, x=rule, shapes=shapes)
    try:
        with np.errstate(all="ignore"), pytest.raises(mx.RuleError, match="its rule is right elsewhere"):
            check_rule(op)
        assert "it is right, but has no finite value" in diagnose(op, where)
    finally:
        mx.rules.forget(op.name)


def test_a_wrong_rule_without_a_value_at_one_point_is_still_wrong():
    op = mx.op("cusp(x)", lambda x: np.sqrt(np.abs(x)), x=lambda x, y: mx.sign(x) / y)
    try:
        with np.errstate(all="ignore"), pytest.raises(CheckError):
            check_rule(op)
    finally:
        mx.rules.forget("cusp")


def test_a_scalar_run_that_says_something_else_is_noticed():
    op = mx.op("twofold(x)", np.exp, lambda x: 2.0, x=lambda y: y)
    try:
        with pytest.raises(PropertyError, match="twofold: floats and arrays differ for x") as failed:
            check_rule(op)
        assert "mx.BOOK['twofold'](mx.Tensor(" in failed.value.lesson.code
        json.dumps(failed.value.lesson.as_dict())
    finally:
        mx.rules.forget("twofold")


def test_check_rule_is_repeatable_and_reports_progress():
    seen = []
    first = check_rule(mx.BOOK["matmul"], examples=8, watch=lambda report: seen.append(report.examples))
    second = check_rule(mx.BOOK["matmul"], examples=8)
    assert seen == list(range(1, 9))
    assert first.worst == second.worst < 1e-10
    assert check_rule(mx.BOOK["matmul"], examples=8, seed=5).worst != first.worst


def test_a_drawn_call_shows_itself_as_code():
    for row in mx.BOOK.values():
        call = draw_call(row, Chance(1))
        again = eval(repr(call), {"mx": mx, "np": np, "inf": np.inf})
        np.testing.assert_array_equal(again.data, call.on(*call.leaves()).data)


def test_check_call_checks_one_call():
    assert check_call(draw_call(mx.BOOK["conv"], Chance(0))).worst < 1e-10
