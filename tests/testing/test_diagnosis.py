"""The guesses at a mistake: right on every wrong rule, silent on every right one."""

import re
from pathlib import Path

import numpy as np
import pytest

import microgradx as mx
from microgradx.rules.domains import REAL, distinct, nonzero
from microgradx.testing import CheckError, check_rule, diagnose, rows_of
from tests.testing.wrong_rules import WRONG, wrong
from tests.testing.wrong_variants import lines, variant


@pytest.mark.parametrize("name", WRONG)
def test_the_mistake_is_named(name):
    with wrong(name) as op:
        assert WRONG[name].says in diagnose(op)
    assert name not in mx.BOOK


@pytest.mark.parametrize("row", [row for row in mx.BOOK.values() if row.smooth], ids=lambda row: row.name)
def test_a_right_rule_is_never_accused(row):
    assert diagnose(row) is None


def test_a_right_rule_is_not_accused_where_its_function_jumps():
    op = mx.op("odd(x)", lambda x: x - np.floor(x), x=lambda: 1)
    try:
        assert diagnose(op, np.array([1.0])) is None
    finally:
        mx.rules.forget("odd")


@pytest.mark.parametrize("domain", [REAL, distinct])
def test_a_rule_that_is_wrong_far_out_alone_is_wrong(domain):
    op = mx.op(
        "odd(x)", lambda x: x**2, shapes="(2,3)", where=dict(x=domain),
        x=lambda g, x: g * mx.where(mx.abs(x) > 4.5, -2 * x, 2 * x),
    )  # fmt: skip
    try:
        assert diagnose(op) is not None
        with pytest.raises(CheckError):
            check_rule(op, order=1)
    finally:
        mx.rules.forget("odd")


def test_a_rule_that_is_wrong_at_one_point_alone_is_not_given_a_repair_that_nothing_confirms():
    op = mx.op("odd(x)", lambda x: np.maximum(x, 0), x=lambda x: mx.where(x > 0, 1, mx.where(x < 0, 0, 7)))
    try:
        said = diagnose(op, np.array([0.0]))
        assert said is not None
        assert "right at every other point that was tried" in said
    finally:
        mx.rules.forget("odd")


def test_only_the_wrong_input_is_accused():
    with wrong("bad_mul") as op:
        text = diagnose(op, 2.0, 3.0)
    assert text.startswith("the rule for b")
    assert "the rule for a" not in text


def test_another_wrong_row_of_the_users_is_no_op_of_the_book():
    ops = [mx.op(f"{name}(x)", lambda x: x**3, x=lambda x: 3 * x**2 + mx.sin(5 * x)) for name in ("odd", "even")]
    try:
        assert "another op" not in (diagnose(ops[0]) or "") + (diagnose(ops[1]) or "")
    finally:
        mx.rules.forget("odd")
        mx.rules.forget("even")


def test_an_unusual_mistake_is_not_guessed_at():
    op = mx.op("odd(x)", lambda x: x**3, x=lambda x: mx.cosh(mx.sin(5 * x)))
    try:
        assert diagnose(op) == "the rule for x: not one of the usual mistakes; derive it once more by hand."
    finally:
        mx.rules.forget("odd")


UNSAID = {
    "a mask that only one draw of the numbers suggests": (
        dict(form="odd(x)", run=np.max, x=lambda g, x: g + 0 * x, shapes="(n)->()", where=dict(x=distinct)),
        "forgot (x > 0)", "a missing mask",
    ),
    "a division by the mask": (
        dict(form="odd(x)", run=np.max, x=lambda g, x, y: g * mx.where(mx.eq(x, y), 0.0, 1.0), shapes="(n)->()",
             where=dict(x=distinct)),
        "g / ", "the other branch: it should read g * (0 if x != y else 1)",
    ),
    "a mask for a mask, where both are 0": (
        dict(form="odd(x)", run=lambda x: np.where(x > 0, x, np.exp(x) - 1), where=dict(x=nonzero),
             x=lambda x: mx.where(x > 0, 1.0, mx.exp(x) - 1)),
        "a factor", "a term too many: 1",
    ),
    "another op, where g lacks a factor": (
        dict(form="odd(x, W)", run=lambda x, W: np.maximum(x @ W, 0), x=lambda g, W: g @ W.mT,
             W=lambda g, x, y: x.mT @ (g * (y > 0)), shapes="(n,k),(k,m)->(n,m)"),
        "x: it is the derivative", "forgot to multiply g by (y > 0) first",
    ),
    "x or y, where a static parameter is missing": (
        dict(form="odd(x, a=3)", run=lambda x, a: a * x, x=lambda: 1, cases=[dict(a=3), dict(a=5)]),
        "belongs", "forgot a",
    ),
    "nothing, where a static parameter is missing": (
        dict(form="odd(x, n=2)", run=lambda x, n: x**n, x=lambda x, n: x ** (n - 1), cases=[dict(n=2), dict(n=3)]),
        "usual", "forgot n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAID)
def test_a_repair_that_fails_on_fresh_examples_is_not_said(name):
    row, unsaid, said = UNSAID[name]
    op = mx.op(**row)
    try:
        text = diagnose(op)
        assert unsaid not in text
        assert said in text
    finally:
        mx.rules.forget("odd")


def test_a_flip_too_many_is_found_where_flipping_one_entry_leaves_no_node():
    def x_rule(g, w):
        return mx.correlate(g, mx.flip(w, (0,)), "valid")

    op = mx.op(
        "flipped(x, w)", lambda x, w: np.convolve(x, w, "full"), shapes="(n),(k)->(m)",
        x=x_rule, w=lambda g, x: mx.correlate(g, x, "valid"),
    )  # fmt: skip
    try:
        assert diagnose(op).startswith("the rule for x: the wrong way round")
    finally:
        mx.rules.forget("flipped")


@pytest.mark.parametrize(("says", "line"), lines(), ids=[f"{says}: {line}" for says, line in lines()])
def test_a_mistake_made_elsewhere_is_named_too(says, line):
    row = variant(line)
    try:
        assert says in diagnose(row)
    finally:
        mx.rules.forget("variant")


BROKEN = [Path(__file__).with_name(f"broken_{of}.py") for of in ("numbers", "arrays", "compositions")]
SAID = {
    name: says
    for path in BROKEN
    for says, name in re.findall(r"^# (.+)\n(\w+) = op\(", path.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.fixture(scope="module")
def broken():
    with np.errstate(all="ignore"):
        rows = {row.name: row for path in BROKEN for row in rows_of(path)}
    yield rows
    for name in rows:
        mx.rules.forget(name)


@pytest.mark.parametrize("name", SAID)
def test_a_learners_mistake_is_named(name, broken):
    with np.errstate(all="ignore"):
        assert SAID[name] in diagnose(broken[name])


def test_every_broken_row_says_what_is_wrong(broken):
    assert set(SAID) == set(broken)
