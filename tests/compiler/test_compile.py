"""A compiled program gives what the eager engine gives, for every op and for whole networks."""

import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given

import microgradx as mx
from microgradx.compiler import CompileError, compile
from microgradx.compiler.form import lower
from microgradx.compiler.joint import descend, joint, leaf
from microgradx.compiler.passes import simplified
from microgradx.compiler.to_numpy.emit import script
from microgradx.rules import forget
from microgradx.rules.samples import sample
from tests.explain.programs import programs

CASES = [(name, case) for name, op in sorted(mx.BOOK.items()) for case in range(len(op.cases)) if op.rules]


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_every_op_compiles_to_what_it_does(name, case):
    op = mx.BOOK[name]
    nodes, static = sample(op, case)
    weights = np.round(np.random.default_rng(case).normal(size=np.shape(op(*nodes, **static).data)), 2)

    def f(*args):
        y = op(*args, **static)
        return mx.functional.sum(y * weights) if isinstance(y, mx.Tensor) else y * 1.5

    eager = f(*nodes)
    eager.backward()
    value, gradients = compile(f, fullgraph=True).value_and_grad(*nodes)
    close(value, eager.data)
    for node, gradient in zip(nodes, gradients, strict=True):
        if node.grad is not None:
            close(gradient, node.grad)


@given(programs())
def test_random_scalar_programs(program_and_leaves):
    f, leaves = program_and_leaves
    nodes = [mx.Value(x) for x in leaves]
    eager = f(*nodes)
    if not eager.requires_grad:
        return
    eager.backward()
    value, gradients = compile(f).value_and_grad(*leaves)
    close(value, eager.data)
    for node, gradient in zip(nodes, gradients, strict=True):
        assert (gradient is None) == (node.grad is None)
        if gradient is not None:
            close(gradient, node.grad)


def network(X, T, W1, b1, W2, b2):
    H = mx.sigmoid(X @ W1 + b1)
    Y = mx.sigmoid(H @ W2 + b2)
    L = mx.binary_cross_entropy(Y, T)
    return L


def data(rows=4):
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(rows, 2)), (rng.random((rows, 1)) > 0.5) * 1.0
    constants = [mx.Tensor(a, requires_grad=False) for a in (X, T)]
    return [*constants, *(rng.normal(size=s) for s in ((2, 3), (3,), (3, 1), (1,)))]


def test_the_source_is_what_a_person_would_write():
    source = compile(network).source(*data())
    assert "# forward" in source and "# backward" in source
    assert re.search(r"^    H = _logistic\(X @ W1 \+ b1\)$", source, re.M)
    assert re.search(r"^    d_W1 = X\.T @ \w+  # ∂L/∂W1 = Xᵀ · ∂L/∂\(X · W1\)$", source, re.M)


def test_repeats_are_computed_once_and_what_is_constant_not_at_all():
    def f(x):
        a = (x * 2.0).exp()
        b = (x * 2.0).exp()
        c = mx.Value(3.0, requires_grad=False).exp()
        return a * b * c * 1.0 + 0.0

    form = simplified(lower(joint(f, [leaf(0.5, "x")]), "f"))
    assert [step.op.name for step in form.steps].count("exp") == 1
    assert "constant" not in "".join(n for step in form.steps if step.op.name == "add" for n in step.operands)


def test_a_new_shape_is_a_new_program_and_an_old_one_is_kept():
    f = compile(network)
    for rows in (4, 5, 4):
        args = data(rows)
        leaves = [leaf(a, "x") for a in args]
        eager = network(*leaves)
        eager.backward()
        value, gradients = f.value_and_grad(*args)
        close(value, eager.data)
        close(gradients[2], leaves[2].grad)
    assert len(f.programs) == 2


def test_without_gradients_a_call_gives_the_result():
    f = compile(lambda x: (x * 2.0).tanh())
    close(f(mx.Tensor([1.0, 2.0])).data, np.tanh([2.0, 4.0]))
    assert f(0.5).data == pytest.approx(np.tanh(1.0))


def branching(x):
    if x > 0:
        return x * 2.0
    return x * 3.0


def test_a_branch_on_a_value_runs_eagerly_and_says_where():
    for run in (lambda: compile(branching).value_and_grad(-1.0)[0], lambda: compile(branching)(-1.0).item()):
        with pytest.warns(UserWarning, match=r"test_compile.py:\d+: if x > 0\. A") as told:
            assert run() == -3.0
        assert told[0].filename == __file__  # the line that calls it
    with pytest.raises(CompileError, match="if x > 0"):
        compile(branching, fullgraph=True).value_and_grad(1.0)


def test_data_that_is_read_on_the_way_is_noticed():
    x = mx.Tensor([3.0, 1.0, 2.0])
    with pytest.warns(UserWarning, match=r"at test_compile.py:\d+: value, \(gradient"):
        value, (gradient,) = compile(lambda x: x[x.argmax()] * 2.0).value_and_grad(x)
    assert value == 6.0
    close(gradient, [2.0, 0.0, 0.0])


def test_minus_the_size_of_a_number_is_one_call():
    x = np.array([1.0, -2.0, 0.0, -0.0, np.nan, np.inf, -np.inf])
    for f, calls in ((lambda x: -abs(x), 1), (lambda x: -abs(x) * abs(x), 0), (lambda x: mx.softplus(x), 1)):
        g = compile(f)
        np.testing.assert_array_equal(g(x).data, f(mx.Tensor(x)).data)
        text = g.source(x, differentiate=False, buffers=True)
        assert (text.count("copysign(x"), text.count("absolute(x")) == (calls, 1 - calls)


def test_where_python_floats_would_raise_ieee_answers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, (gradient,) = compile(lambda x: x.log() * 2.0).value_and_grad(0.0)
    assert value == -np.inf and gradient == np.inf


def test_the_script_trains_on_its_own(tmp_path):
    args = data()
    names = ["X", "T", "W1", "b1", "W2", "b2"]
    recorded = joint(network, [leaf(a, n) for a, n in zip(args, names, strict=True)])
    assert set(recorded.gradients) == {2, 3, 4, 5}
    descend(recorded, [2, 3, 4, 5])
    values = {n: getattr(a, "data", a) if isinstance(a, mx.Tensor) else a for n, a in zip(names, args, strict=True)}
    path = tmp_path / "net.py"
    form = simplified(lower(recorded, "network"))
    path.write_text(script(form, {**values, "lr": 0.5}, steps=200), "utf-8")
    run = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    losses = [float(line.split()[1]) for line in run.stdout.splitlines()]
    close(losses[0], network(*(leaf(a, "x") for a in args)).item())
    assert losses[-1] < losses[0]
    assert "microgradx" not in path.read_text("utf-8").split('"""')[2]


def test_an_update_uses_the_arguments_as_they_were(tmp_path):
    def f(w, v):
        L = w * v
        return L

    recorded = joint(f, [leaf(2.0, "w"), leaf(3.0, "v")])
    descend(recorded, [0, 1])
    form = simplified(lower(recorded, "f"))
    path = tmp_path / "f.py"
    path.write_text(script(form, {"w": 2.0, "v": 3.0, "lr": 0.1}, steps=2) + "print('end', w, v)\n", "utf-8")
    run = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    w, v = 2.0, 3.0
    for _ in range(2):
        w, v = w - 0.1 * v, v - 0.1 * w
    assert run.stdout.splitlines()[-1] == f"end {w} {v}"


def test_a_row_whose_notation_names_other_rows_is_written_as_it_runs() -> None:
    row = mx.op(
        "swish_again(x) = x * sigmoid(x)", lambda x: x / (1 + np.exp(-x)),
        x=lambda x, y: y + mx.BOOK["sigmoid"](x) * (1 - y),
    )  # fmt: skip
    try:
        assert float(mx.compile(lambda x: row(x) * 2.0)(0.5)) == pytest.approx(1 / (1 + math.exp(-0.5)))
    finally:
        forget("swish_again")
