"""One entry of a tensor step, as scalars, and tied to the tensor step it belongs to."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.explain.zooming import zoom_into
from microgradx.graph import OpError


def loss(X, W):
    Z = X @ W
    H = Z.tanh()
    L = H.mean()
    return L


@pytest.fixture
def trace():
    X = mx.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=False, name="X")
    return mx.trace(loss, X, np.array([[0.1], [0.2]]))


def test_an_entry_of_a_product_is_a_sum_of_products(trace):
    zoomed = zoom_into(trace, "Z[1,0]")
    assert zoomed.loss == pytest.approx(3 * 0.1 + 4 * 0.2)
    assert zoomed.gradients == {"W[0,0]": 3.0, "W[1,0]": 4.0}
    assert "X[1,0] · W[0,0]" in str(zoomed)


def test_the_note_compares_all_entries_with_the_tensor_step(trace):
    for where in ("Z[0,0]", "H[1,0]", "L"):
        assert "(largest difference 0)" in str(zoom_into(trace, where))


def test_a_pooled_element_shows_its_window_competing():
    image = np.array([[[[1.0, 3.0], [5.0, 6.0]]]])
    pooled = mx.trace(lambda image: mx.max_pool2d(image, 2).named("y").sum(), image)
    zoomed = zoom_into(pooled, "y[0,0,0,0]")
    assert [row.op for row in zoomed.rows.values() if row.op] == ["maximum"] * 3
    assert zoomed.gradients == {"image[0,0,0,0]": 0, "image[0,0,0,1]": 0, "image[0,0,1,0]": 0, "image[0,0,1,1]": 1}
    assert any("the gradient goes to the winner" in note for note in zoomed.notes)


@pytest.mark.parametrize(
    ("f", "shares"),
    [(lambda x: mx.max_pool1d(x, 3).sum(), [1, 0, 0]), (lambda x: mx.amax(x), [1 / 3] * 3), (mx.amin, [1 / 3] * 3)],
)
def test_equals_share_in_scalars_as_they_do_in_tensors(f, shares):
    whole = mx.trace(lambda x: f(x).named("y") * 1, np.full((1, 1, 3), 2.0))
    assert "(largest difference 0)" in str(zoom_into(whole, "y"))
    assert whole.gradients["x"].ravel().tolist() == pytest.approx(shares)


@pytest.mark.parametrize(
    ("where", "words"),
    [("Q[0,0]", "no node Q"), ("Z", r"shape \(2, 1\)"), ("Z[2,0]", r"such as Z\[0,0\]"), ("W[0,0]", "W is a leaf")],
)
def test_what_cannot_be_zoomed_says_why(trace, where, words):
    with pytest.raises(OpError, match=words):
        zoom_into(trace, where)
