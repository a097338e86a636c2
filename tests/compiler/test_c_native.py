"""C as a fast path: builds are kept and shared, calls do not meet, and without a compiler NumPy does the work."""

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import microgradx as mx
from microgradx.compiler import CompileError
from microgradx.compiler.program import record
from microgradx.compiler.to_c import native
from microgradx.compiler.to_c import target as c_target
from microgradx.compiler.to_numpy import buffers
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.graph import Tensor, Value
from tests.compiler.in_c import close, needs_a_compiler, quick_builds

pytestmark = needs_a_compiler
assert quick_builds  # a fixture


def test_fixed_arrays_are_changed_in_place_only_when_nobody_needs_the_old():
    w, v = np.array([1.0, 2.0]), np.array([3.0, 5.0])

    def f(w, v):
        return (w * v).sum()

    recorded = record(f, [Tensor(w, name="w"), Tensor(v, name="v")], True)
    form = recorded.form("f")
    form.updates.update(w=form.gradients["w"], v=form.gradients["v"])  # they change places
    run = native.native(form, Fixed({"w": w, "v": v}, {}, {"w": w, "v": v}))
    assert run()[0] == (13.0,)
    assert w.tolist() == [3.0, 5.0] and v.tolist() == [1.0, 2.0]


def test_calls_from_several_threads_do_not_meet():
    args = [Tensor(np.zeros((50, 40)), name="x")]
    run = native.native(record(lambda x: ((x * 2.0).exp() @ x.T).sum(axis=0), args, False).form("f"))
    inputs = [np.random.default_rng(k).normal(size=(50, 40)) for k in range(16)]
    with ThreadPoolExecutor(4) as pool:
        for x, ((found,), _, _) in zip(inputs, pool.map(run, inputs), strict=True):
            close(found, (np.exp(2 * x) @ x.T).sum(axis=0), 1e-11)


def test_arrays_of_another_layout_are_read_as_they_are():
    run = native.native(record(lambda x: x * 2.0, [Tensor(np.ones((3, 2)), name="x")], False).form("f"))
    x = np.arange(6.0).reshape(2, 3).T
    for _ in range(2):  # changed in between, at the same address
        close(run(x)[0][0], 2 * x)
        x += 1
    with pytest.raises(ValueError, match="shape"):
        run(np.ones((2, 3)))


@pytest.fixture
def afresh(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(c_target, "_told", set())
    return monkeypatch


def form():
    return record(lambda x: x * 3.0, [Value(2.0, name="x")], True).form("f")


def test_without_a_compiler_it_says_so_once_and_runs_as_numpy(afresh):
    afresh.setenv("PATH", "")
    afresh.delenv("CC", raising=False)
    with pytest.warns(UserWarning, match="no C compiler was found") as told:
        run = c_target.function(form())
    assert told[0].filename == __file__, "the warning points at the line that asks, not into the package"
    assert run(2.0)[0] == (6.0,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert c_target.function(form())(2.0)[1] == {"x": 3.0}


def test_without_cffi_it_says_how_to_get_it(afresh):
    afresh.setitem(sys.modules, "cffi", None)
    native._ffi.cache_clear()
    with pytest.warns(UserWarning, match=r'pip install "microgradx\[native\]"'):
        run = c_target.function(form())
    assert run(2.0)[0] == (6.0,)
    native._ffi.cache_clear()


def test_a_compiler_that_fails_is_no_end(afresh):
    afresh.setenv("CC", "false")
    with pytest.warns(UserWarning, match="the C compiler false failed"):
        assert c_target.function(form())(2.0)[0] == (6.0,)


def test_a_second_build_is_the_first_one(afresh, tmp_path):
    first = native.build("void compute(void) {}\n")
    with ThreadPoolExecutor(4) as pool:
        assert {*pool.map(native.build, ["void compute(void) {}\n"] * 8)} == {first}
    afresh.setattr(subprocess, "run", None)
    assert native.build("void compute(void) {}\n") == first
    assert [p.name for p in first.parent.iterdir()] == [first.name]


def test_large_products_are_left_to_numpy(afresh):
    x = Tensor(np.ones((80, 80)), name="x")
    big = record(lambda x: x @ x, [x], False).form("f")
    with pytest.raises(CompileError, match="512,000 multiplications"):
        native.native(big)
    with pytest.warns(UserWarning, match="It runs as NumPy"):
        close(c_target.function(big)(x.data)[0][0], x.data @ x.data)
    close(buffers.function(big)(x.data)[0][0], x.data @ x.data)


def test_repeated_calls_read_the_same_arrays_anew():
    x, w = np.array([[0.5, -1.0]]), np.array([[2.0], [3.0]])
    again = mx.compile(lambda x, w: ((x @ w).tanh(), (x * 2.0).sum()), target="c").repeated(x, w)
    first = again()
    close(first[0], np.tanh(x @ w))
    x[0, 0] = 4.0
    second = again()
    assert second[0] is first[0]
    close(second[0], np.tanh(x @ w))
    close(second[1], 6.0)
    alone = mx.compile(lambda x: (x**2).sum(), target="c").repeated(x)
    assert alone() == 17.0


def training(target, optimizer):
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(6, 2)), rng.normal(size=(6, 1))
    W, b = Tensor(rng.normal(size=(2, 3)), name="W"), Tensor(np.zeros(3), name="b")
    v = Tensor(rng.normal(size=(3, 1)), name="v")
    descent = optimizer([W, b, v])
    return mx.compile_step(lambda x: (x @ W + b).tanh() @ v, mx.mse_loss, descent, target=target), (X, T), descent


@pytest.mark.parametrize("optimizer", [mx.optim.SGD, mx.optim.Adam])
def test_a_training_step_in_c_is_the_step_in_numpy(optimizer):
    def make(parameters):
        return optimizer(parameters, lr=0.1)

    losses = []
    for target in ("numpy", "c"):
        step, batch, _ = training(target, make)
        losses.append([step(*batch).item() for _ in range(4)])
    step, batch, descent = training("c", make)
    again = step.repeated(*batch)
    losses.append([float(again()) for _ in range(4)])
    close(losses[1], losses[0], 1e-10)
    close(losses[2], losses[0], 1e-10)
    before = [p.data.copy() for p in descent.param_groups[0]["params"]]
    descent.param_groups[0]["lr"] = 0.0  # seen in the next step
    again()
    for p, old in zip(descent.param_groups[0]["params"], before, strict=True):
        close(p.data, old)


@pytest.mark.parametrize("wrong", [-1, 5])
def test_labels_that_are_no_classes_are_refused_as_by_the_engine(wrong):
    x, W, labels = np.ones((3, 5)), np.ones((5, 2)), np.array([0, wrong, 2])
    for function, args in ((mx.cross_entropy, (x, labels)), (lambda W, k: mx.embedding(k, W).sum(), (W, labels))):
        compiled = mx.compile(function, target="c")
        good = labels % 5
        close(compiled(args[0], good).data, function(args[0] if function is mx.cross_entropy else Tensor(W), good).data)
        with pytest.raises(mx.MicrogradxError, match="must lie in 0"):
            compiled(*args)
        with pytest.raises(mx.MicrogradxError, match="must lie"):
            compiled.repeated(*args)()


def ulps(found, exact):
    spacing = np.spacing(np.abs(exact).astype(found.dtype)).astype(np.longdouble)
    return np.max(np.abs(found.astype(np.longdouble) - exact) / spacing)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid"])
def test_functions_for_loops_are_exact_to_three_units_of_the_last_digit(name, dtype):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-80, 80, 4000), rng.normal(size=4000), 1e-4 * rng.normal(size=500)]).astype(dtype)
    exact = x.astype(np.longdouble)
    exact = {"exp": np.exp(exact), "tanh": np.tanh(exact), "sigmoid": 1 / (1 + np.exp(-exact))}[name]
    run = mx.compile(getattr(mx, name), target="c", fullgraph=True)  # else what is wrong would run as NumPy
    assert ulps(run(x).data, exact) < 3
    corners = [0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 750, -750, 88.6, -103.9, -100, 709.7, -745.1]
    corners = np.array(corners * 8, dtype)
    with np.errstate(all="ignore"):
        theirs = getattr(mx, name)(mx.Tensor(corners)).data
    ours, least = run(corners).data, np.finfo(dtype).tiny
    np.testing.assert_allclose(ours, theirs, rtol=2e-6 if dtype == "float32" else 1e-14, atol=least)
    assert np.signbit(ours[1]) == np.signbit(theirs[1])
