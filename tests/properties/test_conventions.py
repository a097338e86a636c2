"""The gradients that are decisions: at kinks, at ties, at 0 to the power 0."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.testing import check_grads
from tests.properties.conventions import CONVENTIONS, At

NAMES = [f"{c.name}{c.inputs}" for c in CONVENTIONS]


def gradients(c: At, kind) -> tuple:
    nodes = [kind(x) for x in c.inputs]
    with np.errstate(all="ignore"):
        y = mx.BOOK[c.name](*nodes, **c.static)
        y.backward(np.ones(y.shape))
    return tuple(node.grad for node in nodes)


@pytest.mark.parametrize("c", CONVENTIONS, ids=NAMES)
def test_tensors_answer_as_decided(c):
    np.testing.assert_array_equal(gradients(c, mx.Tensor), c.gradients)


@pytest.mark.parametrize("c", [c for c in CONVENTIONS if type(c.inputs[0]) is float])
def test_values_answer_as_decided(c):
    np.testing.assert_array_equal(gradients(c, mx.Value), c.gradients)


@pytest.mark.parametrize("name", ["relu", "abs", "maximum", "minimum", "clip", "leaky_relu", "elu"])
def test_at_a_kink_the_decision_lies_between_the_slopes(name):
    for c in CONVENTIONS:
        if c.name == name:
            check_grads(lambda *xs, c=c: mx.BOOK[c.name](*xs, **c.static), c.inputs)
