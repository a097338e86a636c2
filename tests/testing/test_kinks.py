"""Where a function has several slopes: a correct op is never accused, whatever ties; a wrong one still is."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.testing import CheckError, check_call, check_grads
from microgradx.testing.calls import Chance, OpCall, draw_call
from microgradx.testing.composites import CALLS

TIES = [
    (lambda x: mx.sort(x)[0], [1.0, 1.0, 1.0]),
    (lambda x: mx.sort(x, descending=True)[0], [2.0, 1.0, 1.0, 1.0]),
    (lambda x: mx.topk(x, 2)[0], [1.0, 1.0, 1.0]),
    (lambda x: mx.topk(x, 3, largest=False)[0], [0.0, 0.0, 0.0, 0.0]),
    (lambda x: mx.cummax(x, 0)[0], [1.0, 1.0, 1.0, 1.0]),
    (lambda x: mx.cummin(x, 0)[0], [1.0, 1.0, 1.0, 0.0]),
    (mx.median, [1.0, 1.0, 1.0, 1.0, 1.0]),
    (lambda x: mx.median(x, 0)[0], [1.0, 1.0, 1.0, 1.0]),
    (lambda x: mx.max(x, 0)[0], [1.0, 1.0, 1.0]),
    (mx.amax, [1.0, 1.0, 1.0]),
    (lambda x: mx.amax(x) + 3.0 * mx.amin(x), [1.0, 1.0, 1.0]),
    (lambda x: mx.max_pool2d(x, 2, stride=1, padding=1), [[[[0.0, -1.0, -1.0], [0.0, 2.0, 2.0], [1.0, 2.0, 2.0]]]]),
]
SINGULAR = {"eigh", "svd", "svdvals", "eigvalsh"}  # equal eigenvalues are more than a tie: the vectors turn at once


@pytest.mark.parametrize(("f", "x"), TIES)
def test_ties_of_three_and_more_are_no_mistake(f, x):
    assert check_grads(f, np.array(x)).kinks


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("name", [*CALLS, *(op.name for op in mx.BOOK.values() if op.smooth)])
def test_no_op_is_accused_where_numbers_are_equal(name, largest):
    if name in SINGULAR:
        return
    for check, inputs, run in tied(name, np.random.default_rng(largest), largest):
        try:
            with np.errstate(all="ignore"):
                check(run, inputs)
        except (mx.OpError, mx.RuleError, mx.GradientError):
            pass  # outside the domain: it says so


def tied(name, rng, largest):
    """Calls whose numbers are all 0, or all 0 and 1."""

    def few(x):
        x = x.data if isinstance(x, mx.Tensor) else x
        numbers = rng.integers(0, largest + 1, np.shape(x)).astype(float)
        return x if np.asarray(x).dtype.kind != "f" else float(numbers) if type(x) is float else numbers

    for call in CALLS.get(name, ()):
        f, inputs = call.function(rng)
        yield check_grads, tuple(x if isinstance(x, mx.Tensor) else few(x) for x in inputs), f
    if name not in CALLS and not any(domain.diagonal for domain in mx.BOOK[name].where.values()):
        call = draw_call(mx.BOOK[name], Chance(largest))
        yield lambda _, inputs: check_call(OpCall(call.op, inputs, call.static)), tuple(map(few, call.inputs)), None


def test_where_pieces_meet_the_slopes_close_by_are_told():
    (kink,) = [k for k in check_grads(mx.median, np.ones(5)).kinks if k.gradient == 1.0]
    assert kink.around == pytest.approx((0.0, 1.0))
    assert "sits where several pieces meet: close by the slope is anything from" in str(kink)


def test_kinks_that_do_not_fit_together_are_told_as_such():
    said = r"and 1 by differences, .*no rule is wrong.* way \(relu\(x\), of slope 0 to the left and 1 to the right\)"
    with pytest.raises(mx.OpError, match=said):
        check_grads(lambda x: mx.relu(x) - mx.relu(-x), 0.0)  # x itself, of slope 1; the rules say 0


def test_both_slopes_are_told_where_a_check_fails_elsewhere_and_where_nothing_can_be_said():
    with pytest.raises(CheckError) as failed:
        check_grads(lambda x, y: mx.relu(x).sum() + y * y.detach(), (np.array([1.0, 0.0]), 2.0))
    assert "worst at y:" in str(failed.value)
    assert "x[1] sits on a kink: the slope is 0 to the left and 1 to the right" in str(failed.value)
    with pytest.raises(mx.OpError, match=r"1\.5 by differences \(2 to the left, 1 to the right\), .*no rule is wrong"):
        check_grads(lambda x: mx.relu(x) - 2 * mx.relu(-x), 0.0)


def test_a_tie_is_told_although_the_shared_gradient_is_the_mean_of_its_slopes():
    with pytest.raises(mx.OpError, match=r"no rule is wrong.* on its way \(amax\(") as failed:
        check_grads(
            lambda x: mx.max(x, dim=0).values - mx.max(x), np.ones(2)
        )  # 0 everywhere; one rule shares, one picks
    assert "hidden from the graph" not in str(failed.value)


@pytest.mark.parametrize("given", [5.0, -1.0, 1.5])
def test_a_gradient_that_no_piece_has_is_still_a_mistake(given):
    op = mx.op(
        "middle(x)", lambda x: np.median(x), shapes="(3)", x=lambda g, x, y: g * given * mx.winners(-mx.abs(x - y), -1)
    )
    try:
        with pytest.raises(CheckError):
            check_grads(op, np.ones(3))
    finally:
        mx.rules.forget("middle")


def test_a_small_mistake_on_smooth_ground_is_not_taken_for_a_kink():
    op = mx.op("steep(x)", lambda x: np.exp(3 * x), x=lambda y: 3.0001 * y)
    try:
        with pytest.raises(CheckError, match="constant factor"):
            check_grads(op, np.linspace(-2, 2, 5))
    finally:
        mx.rules.forget("steep")


def test_at_a_pole_there_is_nothing_to_compare():
    with pytest.raises(mx.OpError, match="grows without end"):
        check_grads(mx.BOOK["over"], 0.0)
    with pytest.raises(mx.OpError, match="sits on a kink and its gradient is nan"):
        check_grads(mx.hypot, (0.0, 0.0))
