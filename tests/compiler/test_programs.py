"""Every named example and training program compiles; the script that is printed trains as the engine does."""

import contextlib
import io
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import microgradx as mx
from microgradx.compiler import explain_compile
from microgradx.compiler.form import lower
from microgradx.compiler.joint import descend, joint
from microgradx.compiler.passes import PASSES, simplified
from microgradx.compiler.to_numpy import buffers, emit
from microgradx.programs import WITH_FILES
from microgradx_cli.targets import NAMES, resolve
from tests.compiler.languages import check_small_ids

STEPS, LR = 3, 0.1


def training_step(name):
    found = resolve(name, None, None)
    graph = joint(found.function, list(found.args), options=found.options)
    chosen = [
        i
        for i, node in enumerate(graph.arguments)
        if i in graph.gradients and (found.parameters is None or node.name in found.parameters)
    ]
    descend(graph, chosen)
    graph.gradients = {}
    form = lower(graph, name)
    return form, dict(zip(form.arguments, [*(n.data for n in graph.arguments[:-1]), LR], strict=True))


def eagerly(name):
    losses, now = [], {}
    for _ in range(STEPS):
        found = resolve(name, None, None)  # anew: a recurrent model has carried its state on
        for node in (a for a in found.args if isinstance(a, mx.Node)):
            node.data = now.get(node.name, node.data)
        loss = found.function(*found.args, **found.options)
        loss.backward()
        losses.append(loss.item())
        for node in (a for a in found.args if isinstance(a, mx.Node)):
            if node.grad is not None and (found.parameters is None or node.name in found.parameters):
                now[node.name] = node.data - LR * node.grad
    return losses


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITH_FILES])
def test_every_example_and_program_trains_as_the_engine_does(name):
    form, values = training_step(name)
    short = simplified(form)
    printed, text = io.StringIO(), emit.script(short, values, STEPS)
    backward = re.findall(r"    # backward\n(.*)    # update", text, re.DOTALL)
    assert not [line for line in "".join(backward).splitlines() if "  # " not in line]  # each has its rule behind it
    with contextlib.redirect_stdout(printed):
        exec(compile(text, name, "exec"), {})
    losses = [float(line.split()[1]) for line in printed.getvalue().splitlines()]
    run, now = buffers.function(short), dict(values)
    in_memory = []
    for _ in range(STEPS):
        outputs, _, new = run(*now.values())
        in_memory.append(float(outputs[0]))
        now |= new
    wanted = eagerly(name)
    np.testing.assert_allclose(losses, wanted, rtol=1e-10)
    np.testing.assert_allclose(in_memory, wanted, rtol=1e-10)


@pytest.mark.parametrize("target", ["numpy", "c"])
def test_ids_of_any_integer_dtype_find_the_same_rows(target):
    check_small_ids(target)


SHAPES = [(3, 4), (1, 4), (3, 1), (4,), (), (1, 1)]
UNARY = {
    "tanh": lambda a: a.tanh(), "sigmoid": mx.sigmoid, "relu": lambda a: a.relu(), "exp": lambda a: (a * 0.1).exp(),
    "square": lambda a: a**2, "neg": lambda a: -a, "abs": abs, "sum": lambda a: a.sum(), "twice": lambda a: a * 2.0 + 1,
    "mean": lambda a: a.mean(keepdims=True), "rows": lambda a: a.sum(axis=0) if a.ndim else a,
    "transposed": lambda a: a.T.T if a.ndim == 2 else a, "reshaped": lambda a: a.reshape((-1,)).reshape(a.shape),
    "first": lambda a: a[:1] if a.ndim else a, "nothing": lambda a: (a * 1.0 + 0.0) / 1.0,
    "softmax": lambda a: mx.softmax(a) if a.ndim else a, "leaky": lambda a: mx.leaky_relu(a, 0.25),
    "beside": lambda a: mx.concatenate([a * 2.0, a.tanh()], 0)[: len(a)] if a.ndim else a,
    "on top": lambda a: mx.stack([a.tanh(), a * 2.0, mx.concatenate([a[:1], a[1:]], 0)]).sum(0) if a.ndim else a,
    "clip": lambda a: a.clip(-1.0, 1.0), "flip": lambda a: mx.flip(a, 0) if a.ndim else a,
}  # fmt: skip
BINARY = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / (b * b + 1.0),
    "max": mx.maximum, "where": lambda a, b: mx.where(a > b, a, b),
    "@": lambda a, b: a @ a.mT * b.sum() if a.ndim == 2 else a.sum() + b,
}  # fmt: skip


@st.composite
def graphs(draw):
    """A function of arrays whose shapes broadcast in all ways, and results that are used again."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=2, max_size=4))
    seed = draw(st.integers(0, 2**16))
    dtype = draw(st.sampled_from(["float64", "float32"]))
    lines = draw(
        st.lists(
            st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 30), st.integers(0, 30)),
            min_size=1,
            max_size=12,
        )
    )
    arrays = [np.random.default_rng((seed, i)).normal(size=s).astype(dtype) for i, s in enumerate(shapes)]

    return graph(lines), arrays


def graph(lines):
    """The function whose lines each apply an op to earlier results, counted from the first input."""

    def program(*args):
        made = list(args)
        for op, i, j in lines:
            a, b = made[i % len(made)], made[j % len(made)]
            try:
                np.broadcast_shapes(a.shape, b.shape)
            except ValueError:
                b = b.sum()
            made.append(UNARY[op](a) if op in UNARY else BINARY[op](a, b))
        return sum((each.mean() for each in made[-3:]), start=made[0].sum() * 0.5)

    program.__name__ = f"graph({lines})"  # what a failing example is shown by
    return program


@given(graphs())
@example((graph([("where", 0, 0), ("reshaped", 1, 0)]), [np.array(0.5, np.float32)]))  # 2 · (0 if a > a else 1)
@example((graph([("leaky", 0, 0), ("mean", 1, 0)]), [np.array(0.5, np.float32)]))
@settings(max_examples=60)
def test_random_graphs_of_arrays(graph):
    function, arrays = graph
    leaves = [mx.Tensor(a) for a in arrays]
    eager = function(*leaves)
    eager.backward()
    exact = dict(rtol=1e-11, atol=1e-12) if arrays[0].dtype == "float64" else dict(rtol=2e-4, atol=2e-5)
    value, gradients = mx.compile(function, fullgraph=True).value_and_grad(*arrays)
    np.testing.assert_allclose(value, eager.data, **exact)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        assert (gradient is None) == (leaf.grad is None)
        if gradient is not None:
            assert (gradient.shape, gradient.dtype) == (leaf.shape, leaf.dtype)
            np.testing.assert_allclose(gradient, leaf.grad, **exact)


@given(graphs())
@settings(max_examples=30)
def test_no_pass_changes_what_is_computed(graph):
    function, arrays = graph
    recorded = lower(joint(function, [mx.Tensor(a, name=f"x{i}") for i, a in enumerate(arrays)]), "f")
    exact = dict(rtol=1e-11, atol=1e-12) if arrays[0].dtype == "float64" else dict(rtol=2e-4, atol=2e-5)
    wanted = None
    stages = [("recorded", recorded)]
    simplified(recorded, lambda name, form: stages.append((name, form)))
    assert [name for name, _ in stages] == ["recorded", *PASSES]
    for name, form in stages:
        with np.errstate(all="ignore"):
            outputs, gradients = emit.function(form)(*arrays)
        wanted = wanted or (outputs, gradients)
        np.testing.assert_allclose(outputs[0], wanted[0][0], err_msg=name, **exact)
        for argument, gradient in gradients.items():
            np.testing.assert_allclose(gradient, wanted[1][argument], err_msg=f"{name}: {argument}", **exact)
    assert len(stages[-1][1].steps) <= len(recorded.steps) + 2


NOT_FINITE = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e308, -1e308]


@given(
    st.lists(st.sampled_from(NOT_FINITE), min_size=3, max_size=3),
    st.sampled_from(sorted(UNARY)),
    st.sampled_from(sorted(BINARY)),
)
def test_what_is_not_finite_comes_out_as_eagerly(numbers, one, two):
    def function(a, b):
        return BINARY[two](UNARY[one](a), b).sum()

    arrays = [np.array(numbers), np.array(numbers[::-1])]
    leaves = [mx.Tensor(a) for a in arrays]
    with np.errstate(all="ignore"):
        eager = function(*leaves)
        eager.backward()
    value, gradients = mx.compile(function, fullgraph=True).value_and_grad(*arrays)
    np.testing.assert_array_equal(value, eager.data)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        if leaf.grad is not None:
            np.testing.assert_array_equal(gradient, leaf.grad)


def test_float32_stays_float32():
    text = mx.compile(lambda x: x.relu().sum()).source(np.ones((2, 3), "float32"), buffers=True)
    assert "float64" not in text


def test_shape_mistakes_are_told_as_eagerly():
    f = mx.compile(lambda a, b: (a @ b).sum())
    with pytest.raises(mx.OpError, match="inner sizes differ"):
        f(np.ones((2, 3)), np.ones((2, 3)))


def test_an_explanation_shows_every_pass():
    def f(x, w):
        H = mx.sigmoid(x @ w * 1.0)
        return (H + H * 0.0).sum()

    found = explain_compile(f, np.ones((2, 3)), np.ones((3, 2)))
    assert [name for name, _ in found.stages] == ["recorded", *PASSES]
    counts = [len(form.steps) for _, form in found.stages]
    assert counts[-1] < counts[0]
    assert str(counts[0]) in found.table() and "H = sigmoid(" in str(found)
    source = mx.compile(f).source(np.ones((2, 3)), np.ones((3, 2)))
    lines, calls = (line.split() for line in found.table().splitlines()[-2:])
    assert lines[:2] == ["lines", str(len(re.findall(r"^    \w+ = ", source, re.MULTILINE)))]
    text = mx.compile(f).source(np.ones((2, 3)), np.ones((3, 2)), buffers=True)
    assert f"into {text.count('= np.empty(')} arrays" in " ".join(calls)
    picture = found.picture("share")
    assert "sigmoid" in picture.dot and "H" in picture.dot
