"""A loop over slices becomes work on the whole: pieces lie side by side, products with one matrix are one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradx as mx
from microgradx import nn
from microgradx.compiler.merges import LEAST
from microgradx.compiler.program import record


def ops(function, *args):
    """The names of the ops of the program."""
    return [step.op.name for step in record(function, args, True).form("f").steps]


@st.composite
def splits(draw):
    """The shape of an array, an axis of it, and the sizes of pieces along that axis."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
    axis = draw(st.integers(0, 2))
    shape = draw(st.lists(st.integers(1, 3), min_size=3, max_size=3))
    shape[axis] = sum(sizes)
    return tuple(shape), axis, sizes, draw(st.permutations(range(len(sizes))))


@given(splits())
def test_gradients_of_pieces_are_laid_side_by_side(split):
    shape, axis, sizes, order = split
    ends = np.cumsum(sizes)
    keys = [(*[slice(None)] * axis, slice(int(end - n), int(end))) for n, end in zip(sizes, ends, strict=True)]

    def f(x):
        return sum((x[keys[i]] * x[keys[i]] * float(i + 1)).sum() for i in order)

    x = mx.Tensor(np.random.default_rng(0).normal(size=shape))
    f(x).backward()
    _, (gradient,) = mx.compile(f, fullgraph=True).value_and_grad(x)
    np.testing.assert_array_equal(gradient, x.grad)
    assert ops(f, x).count("concatenate") == 1 and "scatter" not in ops(f, x)


@pytest.mark.parametrize(
    "keys", [[0, 0, 1], [0, 2, 1, 0], [0, 2], [slice(0, 2), slice(1, 3)], [slice(0, 2), 2], [slice(0, 3, 2), 1]]
)
def test_pieces_that_overlap_leave_gaps_or_differ_in_kind_are_added(keys):
    def f(x):
        return sum((x[key] ** 2).sum() for key in keys)

    x = mx.Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    f(x).backward()
    np.testing.assert_array_equal(mx.compile(f, fullgraph=True).value_and_grad(x)[1][0], x.grad)


RECURRENT = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


def over_time(layer, steps):
    """(loss of the outputs, all that it depends on) for a layer that reads `steps` steps."""
    mx.manual_seed(1)
    model = layer(3, 5)
    x = np.random.default_rng(2).normal(size=(steps, 2, 3))
    return model, lambda x: (model(x)[0] ** 2).sum(), x


def same_but_for_order(ours, theirs, terms):
    """Equal but for the order in which `terms` products are added up.

    Each order is within (terms − 1) · u · Σ|product| of the exact sum (Higham, Accuracy and Stability, §3.1), u = 2⁻⁵³;
    the largest sum stands for Σ|product| here, which is no less.
    """
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2 * (terms - 1) * 2.0**-53 * np.abs(theirs).max())


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("steps", [LEAST - 1, LEAST, 9])
def test_a_recurrent_layer_multiplies_once_for_all_steps(name, steps):
    model, f, x = over_time(RECURRENT[name], steps)
    leaf = mx.Tensor(x)
    f(leaf).backward()
    descent = mx.optim.SGD(model.parameters(), lr=0.0)
    eager = [p.grad for p in model.parameters()]
    step = mx.compile_step(lambda x: x, lambda x, _: f(x), descent, fullgraph=True)
    step(x, 0.0)
    for p, wanted in zip(model.parameters(), eager, strict=True):
        same_but_for_order(p.grad, wanted, terms=2 * steps)  # a batch of 2
    _, (gradient,) = mx.compile(f, fullgraph=True).value_and_grad(leaf)
    same_but_for_order(gradient, leaf.grad, terms=len(model.weight_ih_l0.data))


@pytest.mark.parametrize("steps", [2, LEAST - 1, LEAST, 9])
def test_few_products_stay_what_they_are(steps):
    def f(x, W, V):
        h = x[0] @ W
        for k in range(1, steps):
            h = (x[k] @ W + h @ V).tanh()
        return (h * h).sum()

    rng = np.random.default_rng(3)
    leaves = [mx.Tensor(rng.normal(size=shape)) for shape in ((steps, 2, 3), (3, 5), (5, 5))]
    eager = f(*leaves)
    eager.backward()
    value, gradients = mx.compile(f, fullgraph=True).value_and_grad(*leaves)
    same_but_for_order(value, eager.data, terms=2 * 5)  # the loss is a product with ones
    for leaf, gradient in zip(leaves, gradients, strict=True):
        same_but_for_order(gradient, leaf.grad, terms=2 * steps if steps >= LEAST else 1)  # of one there is no order


@pytest.mark.parametrize("name", RECURRENT)
def test_how_many_products_there_are(name):
    _, f, x = over_time(RECURRENT[name], 9)
    found = ops(f, mx.Tensor(x))
    products = found.count("linear") + found.count("matmul")
    # x · Wᵀ for all steps, h · Wᵀ in each; back to h in all but the first; to x, W_ih and W_hh at once.
    assert products == 1 + 9 + 8 + 3
    assert "scatter" not in found


def test_pieces_are_written_where_they_shall_lie():
    def f(a, b):
        c, d = a.tanh(), a * b
        rows = mx.stack([mx.concatenate([c, d], 1), mx.concatenate([c * c, c], 1)])
        return (rows * rows).sum() + (c + d).sum()

    a, b = np.random.default_rng(0).normal(size=(2, 2, 3))
    compiled = mx.compile(f, fullgraph=True)
    text = compiled.source(a, b, differentiate=False, buffers=True)
    assert "stack" not in text and "concatenate" not in text
    assert text.count("np.copyto") == 1  # c, which can lie in one place only
    for factor in (1.0, -2.0):
        leaves = [mx.Tensor(a * factor), mx.Tensor(b)]
        eager = f(*leaves)
        eager.backward()
        value, gradients = compiled.value_and_grad(a * factor, b)
        np.testing.assert_array_equal([value, *map(np.sum, gradients)], [eager.data, *(x.grad.sum() for x in leaves)])


def test_memory_is_used_again_in_another_shape():
    def f(a):
        return (a.tanh().reshape((6, 2)) * 2.0).exp().reshape((12,)).sin()

    text = mx.compile(f).source(np.ones((3, 4)), differentiate=False, buffers=True)
    assert text.count("np.empty") == 1


def test_a_one_hot_is_taken_away_in_place():
    def f(x, t, u):
        return mx.cross_entropy(x, t) + 2.0 * mx.cross_entropy(x, u)

    x, t, u = np.random.default_rng(0).normal(size=(3, 4)).astype("float32"), np.array([0, 3, 3]), np.array([1, 0, 3])
    compiled, leaf = mx.compile(f, fullgraph=True), mx.Tensor(x)
    text = compiled.source(leaf, t, u, buffers=True)
    assert text.count("-= 1") == 2 and text.count("np.copyto") == 1 and "eye" not in text
    eager = f(leaf, t, u)
    eager.backward()
    value, (gradient, *_) = compiled.value_and_grad(leaf, t, u)
    np.testing.assert_array_equal(value, eager.data)
    np.testing.assert_array_equal(gradient, leaf.grad)
    with pytest.raises(mx.OpError, match="labels"):
        compiled.value_and_grad(leaf, t + 1, u)


@pytest.mark.parametrize("steps", [3, 9])
def test_a_matrix_that_is_often_multiplied_turned_is_turned_once(steps):
    _, f, x = over_time(nn.RNN, steps)
    text = mx.compile(f).source(x, buffers=True)
    assert ("np.copyto(" in text) == (steps > 3)
