"""Every tensor op equals the scalar graph it stands for, in value and in every gradient."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.graph import topological
from microgradx.rules.names import display_names
from microgradx.rules.samples import sample
from microgradx.rules.zoom import has_scalar_form, pulled_back, zoom, zoom_all

CASES = [
    (name, case)
    for name, op in sorted(mx.BOOK.items())
    for case in range(len(op.cases))
    if op.rules and has_scalar_form(op)
]


def tensors(op, nodes):
    """Elementwise samples are Values; here they become tensors of two different shapes, so that they broadcast."""
    if not op.elementwise:
        return nodes
    shapes = [(2, 1), (2,)] if len(nodes) > 1 else [(2, 3)]
    return [mx.Tensor(np.full(shapes[i % len(shapes)], n.data), n.requires_grad) for i, n in enumerate(nodes)]


@pytest.mark.parametrize(("name", "case"), CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_op_equals_its_scalar_graph(name, case, seed):
    op = mx.BOOK[name]
    nodes, static = sample(op, case, seed)
    nodes = tensors(op, nodes)
    y = op(*nodes, **static)
    if y is nodes[0]:
        pytest.skip("this case has nothing to do and returns its input")
    upstream = np.round(np.random.default_rng(seed).normal(size=y.shape), 2)
    y.backward(upstream)
    result, inputs = zoom(y, display_names_of(y))
    values = np.array([v.data for v in result.ravel()]).reshape(result.shape)
    np.testing.assert_allclose(values, y.data, rtol=1e-12, atol=1e-14)
    for each, gradient in pulled_back(result, inputs, upstream).items():
        if each.grad is not None:
            np.testing.assert_allclose(gradient.astype(each.dtype), each.grad, rtol=1e-10, atol=1e-12)


def display_names_of(node):
    return {each: name.text for each, name in display_names(topological(node)).items()}


def test_a_whole_network_equals_its_scalar_graph_down_to_the_leaves():
    rng = np.random.default_rng(0)
    X, t = mx.Tensor(rng.normal(size=(3, 2)), False, name="X"), np.array([0, 1, 1])
    W, b = mx.Tensor(rng.normal(size=(2, 2)), name="W"), mx.Tensor(np.zeros(2), name="b")
    L = mx.cross_entropy((X @ W + b).tanh(), t)
    L.backward()
    found = zoom_all(L, display_names_of(L))
    value = found[L].item()
    value.backward()
    assert value.data == pytest.approx(L.item())
    for leaf in (W, b):
        np.testing.assert_allclose([v.grad for v in found[leaf].ravel()], leaf.grad.ravel(), rtol=1e-10)
    assert found[W][0, 1].name == "W[0,1]"


def test_a_leaf_has_no_op_to_zoom_into():
    x = mx.Tensor([1.0, 2.0], name="x")
    with pytest.raises(mx.OpError, match="x is a leaf"):
        zoom(x, {x: "x"})


@pytest.mark.parametrize("diagonal", [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0], [0.0, 0.0]])
def test_equal_eigenvalues_have_a_scalar_graph_too(diagonal):
    A = mx.Tensor(np.diag(diagonal), name="A")
    y = mx.BOOK["eigh"](A)
    upstream = np.zeros(y.shape)
    upstream[0] = 1.0  # the sum of the eigenvalues has a slope, each of them and their vectors have none
    y.backward(upstream)
    result, inputs = zoom(y, display_names_of(y))
    np.testing.assert_allclose([float(v) for v in result[0]], y.data[0])
    for each, gradient in pulled_back(result, inputs, upstream).items():
        np.testing.assert_allclose(gradient, each.grad)
        np.testing.assert_allclose(gradient, np.eye(len(diagonal)))
