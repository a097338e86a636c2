"""The derivatives a course is about, each against the definition: (f(x + h) - f(x - h)) / 2h for a small h.

Read them as definitions: left of the comparison what the chain rule says, right of it a difference quotient.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradx as mx
from microgradx.testing import check_grads, gradcheck, numbers, numerical_jacobian, tensors


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)


@given(numbers(-8, 8))
def test_sigmoid(x):
    """y = 1 / (1 + e^-x) rises with the slope y (1 - y)."""
    x = mx.Value(x)
    y = mx.sigmoid(x)
    y.backward()
    close(y.data, 1 / (1 + np.exp(-x.data)))
    close(x.grad, numerical_jacobian(mx.sigmoid, x))
    close(x.grad, y.data * (1 - y.data))


@given(tensors(shape=(2, 3)), st.lists(st.integers(0, 2), min_size=2, max_size=2))
def test_softmax_cross_entropy(x, labels):
    """L = -log a[label] with a = softmax(x): its gradient is a - y, where y is 1 at the label and 0 elsewhere."""
    L = mx.cross_entropy(x, labels, reduction="sum")
    L.backward()
    a = np.exp(x.data) / np.exp(x.data).sum(axis=1, keepdims=True)
    y = np.eye(3)[labels]
    close(L.data, -np.log(a[[0, 1], labels]).sum())
    close(x.grad, numerical_jacobian(lambda x: mx.cross_entropy(x, labels, reduction="sum"), x))
    close(x.grad, a - y)


@given(tensors(shape=(3, 4)))
def test_softmax_has_a_full_jacobian(x):
    """Raising one input takes share from all others: da_i/dx_j = a_i (1 if i = j else 0, less a_j)."""
    assert gradcheck(mx.softmax, x)
    a = mx.softmax(x).data
    jacobian = np.einsum("ni,ij->nij", a, np.eye(4)) - np.einsum("ni,nj->nij", a, a)
    whole = numerical_jacobian(mx.softmax, x)
    for n in range(3):
        close(whole[n, :, n, :], jacobian[n])


@given(tensors(shape=(1, 1, 4, 4)), tensors(shape=(1, 1, 2, 2)))
def test_conv2d(image, kernel):
    """Each weight's gradient is the upstream map slid over the image; each pixel collects what looked at it."""
    y = mx.conv2d(image, kernel)
    y.backward(np.ones_like(y.data))
    close(kernel.grad, numerical_jacobian(lambda w: mx.conv2d(image, w).sum(), kernel))
    close(image.grad, numerical_jacobian(lambda x: mx.conv2d(x, kernel).sum(), image))
    for i, j in np.ndindex(2, 2):  # with ones upstream, a weight's gradient is the sum of the patch it was slid over
        close(kernel.grad[0, 0, i, j], image.data[0, 0, i : i + 3, j : j + 3].sum())


@given(
    tensors(shape=(2, 2, 5, 4), low=-2, high=2),
    tensors(shape=(4, 1, 2, 3), low=-2, high=2),
    st.sampled_from(
        [dict(), dict(stride=2), dict(padding=1), dict(padding="same"), dict(stride=(1, 2), padding=(2, 1))]
    ),
)
def test_conv2d_with_stride_padding_and_groups(image, kernel, how):
    check_grads(lambda x, w: mx.conv2d(x, w, groups=2, **how), (image, kernel))


# One LSTM step with two inputs and two hidden numbers; the rows of the weights belong to the gates i, f, g, o.
GATES = {"i": 0, "f": 2, "g": 4, "o": 6}
state = st.tuples(tensors(shape=(2,), low=-1, high=1), tensors(shape=(2,), low=-1, high=1))
weights = st.tuples(
    tensors(shape=(8, 2), low=-1, high=1), tensors(shape=(8, 2), low=-1, high=1), tensors(shape=(8,), low=-1, high=1)
)
inputs = tensors(shape=(2,), low=-2, high=2)


def lstm_by_hand(x, h, c, W, U, b):
    """The textbook's six lines, on plain arrays."""
    z = W @ x + U @ h + b
    i, f, o = (1 / (1 + np.exp(-z[at : at + 2])) for at in (GATES["i"], GATES["f"], GATES["o"]))
    g = np.tanh(z[GATES["g"] : GATES["g"] + 2])
    new_c = f * c + i * g
    return dict(i=i, f=f, g=g, o=o, c=new_c, h=o * np.tanh(new_c))


@given(inputs, state, weights)
@pytest.mark.parametrize("part", ["i", "f", "g", "o", "c", "h"])
def test_each_part_of_an_lstm(part, x, state, weights):
    """Every gate is a node of its own; value and derivative of each, by everything it depends on."""
    (h, c), (W, U, b) = state, weights

    def cell(x, h, c, W, U, b):
        with mx.graph.recording():
            return inner_nodes(*mx.lstm_cell(x, (h, c), W, U, b))[part]

    everything = (x, h, c, W, U, b)
    close(cell(*everything).data, lstm_by_hand(*(t.data for t in everything))[part])
    check_grads(cell, everything, order=1)


@given(inputs, state, weights)
@pytest.mark.parametrize("gate", list(GATES))
def test_what_a_gate_hands_back(gate, x, state, weights):
    """dL/dc = 1 and dL/do = tanh(c): each gate's gradient is what it was multiplied with on the way to L."""
    (h, c), (W, U, b) = state, weights
    new_h, new_c = mx.lstm_cell(x, (h, c), W, U, b)
    (new_h.sum() if gate == "o" else new_c.sum()).backward()
    parts = inner_nodes(new_h, new_c)
    partner = dict(i=parts["g"].data, f=c.data, g=parts["i"].data, o=np.tanh(new_c.data))
    close(parts[gate].grad, partner[gate])


def inner_nodes(*outputs):
    """What was computed on the way, by name."""
    return {node.name: node for node in mx.graph.topological(*outputs) if not node.is_leaf}
