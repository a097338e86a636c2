"""Every row of the rulebook explains itself, and what it says about its derivative is true."""

import io
import math

import pytest
from rich.console import Console

import microgradx as mx
from microgradx.explain.card import show_card
from microgradx.explain.derivations import DERIVATIONS
from microgradx.rules.samples import sample

NAMES = {n: getattr(math, n) for n in dir(math) if not n.startswith("_")}


def card(name: str) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_card(mx.BOOK[name], console)
    return console.file.getvalue()


@pytest.mark.parametrize("name", sorted(mx.BOOK))
def test_every_op_has_a_card(name):
    text = card(name)
    op = mx.BOOK[name]
    assert text.startswith(op.form)
    assert "nothing to do" in text or all(f"/∂{each}" in text for each in op.rules)


@pytest.mark.parametrize("name", sorted(DERIVATIONS))
@pytest.mark.parametrize("seed", range(5))
def test_every_line_of_a_derivation_equals_the_derivative(name, seed):
    op = mx.BOOK[name]
    (x,), static = sample(op, seed=seed)
    y = op(x, **static)
    y.backward()
    for line, why in DERIVATIONS[name]:
        assert why
        assert eval(line, {}, NAMES | {"x": x.data, "y": y.data}) == pytest.approx(x.grad, rel=1e-9), line


def test_the_sigmoid_card_names_odds_logit_and_the_limit():
    text = card("sigmoid")
    for part in ("y · (1 − y)", "odds", "logit", "rise over run", "●", "second derivative"):
        assert part in text
