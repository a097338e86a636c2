"""Where a rule mixes the entries of a row, the trace shows its Jacobian; softmax's collapses with the log's."""

import json
import re

import numpy as np
import pytest

import microgradx as mx
from microgradx.examples import EXAMPLES
from microgradx.explain.jacobian import jacobian
from microgradx.explain.text import as_text
from microgradx.explain.wording import step_text
from microgradx.explain.zooming import zoom_into
from microgradx.testing import numerical_jacobian


def arrays(text: str) -> list[np.ndarray]:
    """Every array in a text: [−1.5174, 0, 0], [[…], […]]."""
    found = re.findall(r"\[[\[\]−\d., ]*\]", text)
    return [np.array(json.loads(a.replace("−", "-"))) for a in found if "." in a]


def traced_example(name: str) -> mx.Trace:
    program = EXAMPLES[name].build()
    return mx.trace(program.function, *program.arguments.values(), parameters=program.parameters)


def softmax_loss(s):
    a = mx.softmax(s)
    L = -mx.log(a[0])
    return L


def test_a_softmax_step_shows_its_jacobian_and_the_product_comes_out():
    step = step_text(found := mx.trace(softmax_loss, mx.Tensor([2.0, 1.0, 0.1])), found.steps[-1])
    upstream, matrix = arrays(step.numbers)
    a = np.exp([2.0, 1.0, 0.1]) / np.exp([2.0, 1.0, 0.1]).sum()
    np.testing.assert_allclose(matrix, np.diag(a) - np.outer(a, a), atol=5e-5)
    (handed,) = arrays(step.chain)
    np.testing.assert_allclose(upstream @ matrix, handed, atol=5e-5)
    assert any("the Jacobian is diag(a) − a · aᵀ" in note for note in step.notes)
    assert "the matrix is the Jacobian ∂a/∂s: a row for each result, how it moves with each input" in step.notes


@pytest.mark.parametrize("f", [mx.softmax, mx.log_softmax, lambda x: mx.cumsum(x, 0)])
def test_the_jacobian_is_that_of_the_differences(f):
    x = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(jacobian(f(mx.Tensor(x)), 0), numerical_jacobian(f, x), atol=1e-9)


def test_rules_that_only_move_numbers_show_none():
    found = mx.trace(lambda x: (mx.flip(x, (0,)) * np.arange(3.0)).sum(), mx.Tensor([1.0, 2.0, 3.0]))
    assert "Jacobian" not in as_text(found)
    assert "Jacobian" not in as_text(traced_example("conv2d"))  # maps of the same size are no rows


def test_cross_entropy_shows_how_the_jacobian_collapses():
    found = traced_example("softmax-ce")
    notes = step_text(found, found.steps[-1]).notes
    product = next(n for n in notes if "diag(a) − a · aᵀ: " in n).partition(": ")[2]
    upstream, matrix, collapsed = arrays(product)
    np.testing.assert_allclose(upstream @ matrix, collapsed, atol=5e-5)
    a = np.exp([2.0, 1.0, 0.1]) / np.exp([2.0, 1.0, 0.1]).sum()
    np.testing.assert_allclose(matrix, np.diag(a) - np.outer(a, a), atol=5e-5)
    np.testing.assert_allclose(collapsed, a - [1, 0, 0], atol=5e-5)  # a − y
    np.testing.assert_allclose(found.steps[-1].contribution[0], (a - [1, 0, 0]) / 2, rtol=1e-12)
    assert notes[-1].startswith("this is a − y")


def test_zooming_into_a_loss_shows_the_long_way_for_that_row():
    notes = "\n".join(zoom_into(traced_example("softmax-ce"), "v1[1]").notes)
    assert "a = softmax(scores[1])" in notes
    assert "p = a[2]" in notes


def test_one_row_is_said_to_stand_for_all_and_spread_is_explained():
    text = str(mx.trace(lambda x: mx.cross_entropy(x, [0, 1]), mx.Tensor([[2.0, 1.0], [0.0, 1.0]])))
    words = " ".join(text.split())
    assert "the long way, for entry [0] (it stands for all):" in words
    assert "why spread copies the gradient to all n averaged elements; each gets one n-th of it" in words


def test_what_is_written_out_is_written_into_products_too():
    rng = np.random.default_rng(3)
    found = mx.trace(lambda a, W: (a @ W).tanh().sum(), rng.normal(size=(1, 8)), rng.normal(size=(8, 2)))
    (step,) = (step_text(found, each) for each in found.steps if each.slot == "A")
    (left, right), (handed,) = arrays(step.numbers), arrays(step.chain)
    assert right.shape == (2, 8), "16 numbers"
    np.testing.assert_allclose(left @ right, handed, rtol=2e-3)


def test_windows_show_what_slides_over_what():
    found = traced_example("conv2d")
    spread, image, kernel = (step_text(found, each).numbers for each in found.steps)
    assert image == "conv_transpose([[[[1, 1], [1, 1]]]], [[[[1, 1], [1, 1]]]], size=(3, 3))"
    assert kernel == "conv_weight([[[[1, 1], [1, 1]]]], [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]], kernel=(2, 2))"
    assert spread == "", "a number put elsewhere is no computation"
