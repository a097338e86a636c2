"""Every public function that is no row has an example call: explained by the ops it is made of, proved by name."""

import io

import numpy as np
import pytest
from rich.console import Console

import microgradx as mx
from microgradx.explain.composites import made_of, show_composite, worked
from microgradx.testing import check_grads
from microgradx.testing.composites import CALLS, composites

SMOOTH = [(name, call) for name, calls in CALLS.items() for call in calls if name not in ("isclose", "allclose")]


def page(name: str) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_composite(name, console)
    return console.file.getvalue()


def test_no_public_function_is_left_out():
    missing = set(composites()) - set(CALLS)
    assert not missing, f"give these an example call in microgradx/testing/composites.py: {missing}"
    assert set(CALLS) <= set(composites()), "a row has a page already"


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_composite_is_explained(name):
    text = page(name)
    assert text.startswith(f"{name}(")
    assert CALLS[name][0].text in text or "no gradient flows" in text
    assert (worked(CALLS[name][0]) is None) == (name in ("isclose", "allclose"))


@pytest.mark.parametrize("call", [call for _, call in SMOOTH], ids=[call.text for _, call in SMOOTH])
def test_every_example_call_has_the_right_derivatives(call):
    f, args = call.function(np.random.default_rng(1))
    check_grads(f, args)


def test_what_it_is_made_of_are_the_ops_it_runs():
    assert made_of(worked(CALLS["batch_norm"][0])) == ["mean", "var", "sub", "add", "sqrt", "div", "mul"]
    assert made_of(worked(CALLS["cross_entropy"][0])) == ["softmax_cross_entropy", "mean"]
    assert all(op in mx.BOOK for _, call in SMOOTH for op in made_of(worked(call)))


def test_the_result_is_weighed_so_that_a_known_gradient_arrives():
    found = worked(CALLS["layer_norm"][0])
    assert found.rows[found.output].name == "L"
    assert np.any(found.gradients["x"]), "with all ones the gradient of what is normalised would be 0"
