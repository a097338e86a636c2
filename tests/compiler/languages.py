"""What the tests of the targets jax and torch share: every row and every example there, beside the engine."""

import contextlib
import io
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import microgradx as mx
from microgradx.compiler import targets
from microgradx.compiler.form import Form, lower
from microgradx.compiler.joint import joint, leaf
from microgradx.compiler.passes import simplified
from microgradx.examples import EXAMPLES
from microgradx.rules.samples import sample
from tests.cli.run import run

ROWS = [(name, case) for name, op in sorted(mx.BOOK.items()) for case in range(len(op.cases))]
PROGRAMS = [*sorted(EXAMPLES), "lenet", "char-rnn", "word-vectors"]
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5])


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def recorded(f: Callable[..., Any], nodes: list[Any], differentiate: bool = True) -> Form:
    """A function of leaves like `nodes` as a form."""
    return simplified(lower(joint(f, [leaf(n, f"x{i}") for i, n in enumerate(nodes)], differentiate), "f"))


def row(name: str, case: int, dtype: str = "float64") -> tuple[Callable[..., Any], list[Any]]:
    """A function of tensors that a row is the heart of, and what to call it with."""
    op = mx.BOOK[name]
    nodes, static = sample(op, case)
    if op.elementwise:
        nodes = [mx.Tensor(np.array([n.data, n.data * 1.01]), n.requires_grad) for n in nodes]
    if dtype != "float64":
        nodes = [mx.Tensor(n.data.astype(dtype)) if n.dtype == np.float64 and n.requires_grad else n for n in nodes]
    y = op(*nodes, **static)
    weights = np.round(np.random.default_rng(case).normal(size=y.shape), 2).astype(dtype)

    def f(*args: Any) -> Any:
        y = op(*args, **static)
        return mx.functional.sum(y * weights) if isinstance(y, mx.Tensor) else y * 1.5

    return f, nodes


def check_row(target: str, name: str, case: int) -> None:
    """The target's function of a row gives the engine's value and gradients."""
    f, nodes = row(name, case)
    eager = f(*nodes)
    form = recorded(f, nodes, eager.requires_grad)
    outputs, gradients = targets.target(target).function(form)(*(n.data for n in nodes))
    close(outputs[0], eager.data)
    if eager.requires_grad:
        eager.backward()
    for node, argument in zip(nodes, form.arguments, strict=True):
        assert (argument in gradients) == (node.grad is not None)
        if node.grad is not None:
            close(gradients[argument], node.grad)
            assert np.shape(gradients[argument]) == node.shape


def check_odd(target: str, name: str) -> None:
    """An elementwise row at nan, inf and zeros gives what NumPy gives."""
    op = mx.BOOK[name]
    columns = [np.roll(np.repeat(ODD, len(ODD) ** (i % 2)), i)[: len(ODD) ** 2] for i in range(len(op.inputs))]
    size = min(map(len, columns))
    nodes = [mx.Tensor(np.resize(c, size), requires_grad=False) for c in columns]
    static = {**op.static, **op.cases[0]}
    with np.errstate(all="ignore"):
        wanted = op(*nodes, **static).data
        form = recorded(lambda *xs: op(*xs, **static), nodes, differentiate=False)
    (found,), _ = targets.target(target).function(form)(*(n.data for n in nodes))
    np.testing.assert_allclose(found.astype(float), wanted.astype(float), rtol=1e-12)


def printed(target: str, name: str, *options: str) -> list[float]:
    """The losses that an example's script prints."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{target}.py")
        found = run("compile", name, "--target", target, "--updates", "4", *options, "-o", str(file))
        assert found.exit_code == 0, found.output
        for section in ("# forward", "# backward", "# update"):
            assert section in file.read_text("utf-8")
        with contextlib.redirect_stdout(said):
            runpy.run_path(str(file))
    return [float(line.split()[1]) for line in said.getvalue().splitlines()]


def check_float32(target: str, name: str) -> None:
    """Results and gradients of float32 inputs are float32."""
    f, nodes = row(name, 0, "float32")
    outputs, gradients = targets.target(target).function(recorded(f, nodes))(*(n.data for n in nodes))
    assert outputs[0].dtype == np.float32 and {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}


def check_small_ids(target: str) -> None:
    """Ids of any integer dtype find the same rows, though a row's place in memory is past what fits into one byte."""
    W, ids = np.linspace(-1.0, 1.0, 200 * 64).reshape(200, 64), np.array([100, 3, 100])
    wanted = np.zeros_like(W)
    np.add.at(wanted, ids, 2 * W[ids])
    for dtype in ("int8", "uint8", "int16", "int32", "int64"):
        k = mx.Tensor(ids.astype(dtype))
        f = mx.compile(lambda W, k: (mx.embedding(k, W) ** 2).sum(), target=target, fullgraph=True)
        value, (gradient, _) = f.value_and_grad(W, k)
        close(value, (W[ids] ** 2).sum())
        close(gradient, wanted)
        close(mx.grad(f.function)(mx.Tensor(W), k).data, wanted)


def check_compiled(target: str) -> None:
    """`mx.compile` for the target gives the engine's values and gradients."""
    x, w = np.array([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5]]), np.array([[0.3], [-0.2], [0.1]])
    f = mx.compile(lambda x, w: mx.sigmoid(x @ w).sum(), target=target, fullgraph=True)
    value, gradients = f.value_and_grad(x, w)
    eager, wanted = mx.value_and_grad(f.function, argnums=(0, 1))(mx.Tensor(x), mx.Tensor(w))
    close(value, eager.data)
    close(f(x, w).data, eager.data)
    for ours, theirs in zip(gradients, wanted, strict=True):
        close(ours, theirs.data)


def trains_alone(target: str, path: Path) -> str:
    """The text of XOR's script, which runs by itself, without this package, and learns."""
    assert run("compile", "xor", "--level", "tensor", "--target", target, "-o", str(path)).exit_code == 0
    ran = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    losses = [float(line.split()[1]) for line in ran.stdout.splitlines()]
    assert losses[-1] < losses[0]
    return path.read_text("utf-8")
