"""The C target computes what the engine computes: op by op, example by example, and as a program of its own."""

import math
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import microgradx as mx
from conftest import FIGURES
from microgradx.compiler import CompileError
from microgradx.compiler.program import raw, record
from microgradx.compiler.to_c import function as c_function
from microgradx.compiler.to_c import native
from microgradx.compiler.to_c import target as c_target
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.examples import EXAMPLES
from microgradx.graph import Node, Tensor, Value
from microgradx.rules.samples import sample
from tests.compiler.in_c import COMPILER, agrees, close, needs_a_compiler, quick_builds
from tests.tools.fill_docs import PROGRAMS, write_programs

pytestmark = needs_a_compiler
assert quick_builds  # a fixture
# Factorisations and orders: libraries do these better than loops, so a program with them runs as NumPy.
WITHOUT = {
    "argmedian", "argsort", "cholesky", "cofactor", "cumargmax", "det", "det_sign", "eigh", "inv", "logabsdet",
    "minors", "pinv", "qr", "solve", "svd",
}  # fmt: skip


def cases():
    for name, op in sorted(mx.BOOK.items()):
        for case in range(len(op.cases)):
            yield from ((name, case, wide) for wide in ([False, True] if op.elementwise else [False]))


def arrays(nodes):
    """Elementwise inputs as arrays that are stretched: a matrix, a row, a column, a number."""
    factors = [[[1, 1.05], [0.97, 1]], [1, 0.99], [[1], [1.01]], 1.02]
    return [
        Tensor(n.data * np.array(f), requires_grad=n.requires_grad, name=n.name)
        for n, f in zip(nodes, factors, strict=False)
    ]


@pytest.mark.parametrize(("name", "case", "wide"), [*cases()])
def test_every_op_is_what_it_is_in_numpy(name, case, wide):
    op = mx.BOOK[name]
    nodes, static = sample(op, case)
    args = arrays(nodes) if wide else nodes

    def value(*args):
        return op(*args, **static)

    def loss(*args):
        y = op(*args, **static)
        weights = np.round(np.random.default_rng(case).normal(size=y.shape), 2)
        return mx.functional.sum(y * weights) if isinstance(y, Tensor) else y * 1.5

    if name in WITHOUT:
        with pytest.raises(CompileError, match=f"uses {name} .* no C form"):
            agrees(value, args)
        return
    agrees(value, args)
    if op.rules:
        agrees(loss, args)


LEVELS = [(name, level) for name, each in EXAMPLES.items() for level in each.levels]


@pytest.mark.parametrize(
    ("name", "level"), [each for each in LEVELS if each[0] != "control-flow"]
)  # which no program is
def test_every_example_has_the_engines_gradients(name, level):
    program = EXAMPLES[name].program(level=level)
    args = [
        a if isinstance(a, (Node, str, bool)) else Value(a, name=n) if isinstance(a, float) else Tensor(a, name=n)
        for n, a in program.arguments.items()
    ]
    agrees(program.function, args)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_arrays(dtype):
    x = Tensor(np.linspace(-3, 3, 12).reshape(3, 4).astype(dtype))

    def f(x):
        return mx.softmax(x * 0.3 + 1e-3, axis=1).log().mean(axis=0), (x * 1e10).sigmoid()

    outputs, _, _ = native.native(record(f, [x], False).form("f"))(x.data)
    for ours, theirs in zip(outputs, f(x), strict=True):
        assert ours.dtype == dtype
        close(ours, theirs.data, 1e-5 if dtype == "float32" else 1e-12)


SPECIAL = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, 1.0, -1.0])


@pytest.mark.parametrize("name", [name for name, op in sorted(mx.BOOK.items()) if op.elementwise])
def test_nan_and_infinity_go_where_numpy_lets_them_go(name):
    op = mx.BOOK[name]
    grids = np.meshgrid(*[SPECIAL] * len(op.inputs), indexing="ij")
    args = [Tensor(grid.ravel(), requires_grad=False) for grid in grids]
    _, static = sample(op)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        form = record(lambda *a: op(*a, **static), args, False).form(name)
        (ours,), _, _ = native.native(form)(*raw(args))
        close(ours, op(*args, **static).data)


def build_and_run(source, folder, options=()):
    path = folder / "program"
    subprocess.run([COMPILER, "-std=c99", "-O2", *options, "-o", str(path), str(source), "-lm"], check=True)
    printed = subprocess.run([str(path)], capture_output=True, text=True, check=True).stdout
    return [float(line.split()[1]) for line in printed.splitlines()]


def test_the_committed_programs_are_up_to_date_and_learn_the_same(tmp_path):
    write_programs(tmp_path)
    for name in PROGRAMS:
        assert (tmp_path / name).read_text("utf-8") == (FIGURES / name).read_text("utf-8"), "run fill_docs"
    losses = build_and_run(FIGURES / "xor_compiled.c", tmp_path, ["-Wall", "-Wextra", "-Werror", "-pedantic"])
    script = [sys.executable, "-I", str(FIGURES / "xor_compiled.py")]
    printed = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    close(losses, [float(line.split()[1]) for line in printed.splitlines()])
    assert losses[0] > 0.6 and losses[-1] < 0.1


def test_the_program_of_single_numbers_is_one_loop_over_the_batch():
    text = (FIGURES / "xor_compiled.c").read_text("utf-8")
    assert text.count("for (int i") == 1
    sections = [text.index(f"// {section}") for section in ("forward", "backward", "update")]
    assert sections == sorted(sections)
    assert re.search(r"d_w31 \+= d_z3 \* h1;  // ∂\(w31 · h1\)/∂w31 = h1$", text, re.M)


def test_names_that_mean_something_in_c_are_the_learners_all_the_same(tmp_path):
    def f(double, y1, exp, θ, s, i):
        j = double * y1.exp() + exp / θ
        printf = j * s + i
        return printf

    args = [Value(0.5 + k, name=n) for k, n in enumerate(["double", "y1", "exp", "θ", "s", "i"])]
    agrees(f, args)
    form = record(f, args, True).form("names")
    values = {n.name: n.data for n in args}
    (loss,) = build_and_run(_written(tmp_path, c_target.script(form, values, 1)), tmp_path, ["-Wall", "-Werror"])
    close(loss, f(*args).item())


def _written(folder, text):
    (folder / "program.c").write_text(text, "utf-8")
    return folder / "program.c"


@pytest.mark.parametrize("count", [24, 12, 7])  # in lanes of 8, of 4, and one by one
def test_numbers_read_one_by_one_from_arrays_over_a_batch(count):
    rng = np.random.default_rng(0)
    W, v = Tensor(rng.normal(size=(2, 5)), name="W"), Tensor(rng.normal(size=5), name="v")
    x, y = (Tensor(rng.normal(size=count), requires_grad=False, name=n) for n in "xy")

    def loss(W, v, x, y):
        hidden = [(W[0, j] * x + W[1, j] * y).relu() for j in range(5)]
        total = hidden[0] * v[0]
        for j in range(1, 5):
            total = total + hidden[j] * v[j]
        return (1.0 - total).relu().mean() + 1e-3 * (W * W).sum()

    agrees(loss, [W, v, x, y])
    source = c_function.source(record(loss, [W, v, x, y], True).form("f"), Fixed()).body
    assert ("_lanes" in source) == (count != 7)
    assert source.count("d_W[1][4] +=") == 1, "its gradient is one number in one array"
    x.data[3] = np.nan
    agrees(loss, [W, v, x, y])


def test_a_long_chain_is_not_deep():
    def chain(x):
        for _ in range(1500):
            x = x * 1.001 + 0.001
        return x.sum()

    agrees(chain, [Tensor(np.linspace(0, 1, 3), name="x")])


def test_a_row_that_is_not_there_is_nan_and_nobody_elses_memory():
    W, k = Tensor(np.ones((4, 3)), name="W"), Tensor(np.array([0, 4, -1, 10**9]), requires_grad=False, name="k")
    good = Tensor(np.array([0, 1, 2, 3]), name="k")
    form = record(lambda W, k: mx.BOOK["lookup"](W, k), [W, good], False).form("f")
    with pytest.raises(IndexError):  # what is passed is looked at beforehand
        native.native(form)(W.data, k.data)

    def of_computed(W, k):
        row = k + 1
        return mx.BOOK["lookup"](W, row - 1), row

    (found, _), _, _ = native.native(record(of_computed, [W, good], False).form("f"))(W.data, k.data)
    assert np.isnan(found).tolist() == [[False] * 3] + [[True] * 3] * 3
