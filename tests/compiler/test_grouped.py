"""Large graphs of numbers, computed group by group, give what the engine gives number by number."""

import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import microgradx as mx
from microgradx.compiler import CompileError
from microgradx.compiler.grouped.views import views
from microgradx.random import default_generator
from microgradx.rules.samples import sample
from tests.cli.run import run
from tests.explain.programs import NUMBERS, programs

SCALAR_ROWS = [(n, case) for n, op in sorted(mx.BOOK.items()) if op.elementwise for case in range(len(op.cases))]
ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -2.5]


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.array(ours, float), np.array(theirs, float), rtol=1e-12, atol=1e-13)


def agrees(f: Callable[..., Any], leaves: list[float]) -> None:
    """A program for a list of Values, however few, agrees with the engine; None stands for the same numbers."""
    nodes = [mx.Value(x) for x in leaves]
    eager = f(nodes)
    if eager.requires_grad:
        eager.backward()
    compiled = mx.compile(f, fullgraph=True)
    value, (gradients,) = compiled.value_and_grad([mx.Value(x) for x in leaves])
    assert "grouped" in compiled.stats
    close(value, eager.data)
    assert [g is None for g in gradients] == [node.grad is None for node in nodes]
    close(gradients, [node.grad for node in nodes])
    close(compiled([mx.Value(x) for x in leaves]).data, eager.data)


@pytest.mark.parametrize(("name", "case"), SCALAR_ROWS)
def test_every_row_of_numbers(name: str, case: int) -> None:
    op = mx.BOOK[name]
    nodes, static = sample(op, case)

    def f(xs: list[Any]) -> Any:
        results = [op(*(x * (1 + k / 64) for x in xs), **static) for k in range(9)]
        return sum((y * (k + 0.5) for k, y in enumerate(results)), xs[0] * 0.25)

    agrees(f, [node.data for node in nodes])


@pytest.mark.parametrize(("name", "case"), SCALAR_ROWS)
def test_every_row_at_odd_numbers(name: str, case: int) -> None:
    op = mx.BOOK[name]
    static = {**op.static, **op.cases[case]}

    def f(xs: list[Any]) -> Any:
        return op(*xs, **static) * 1.5

    for k in range(len(ODD)):
        leaves = [ODD[(k + 3 * i) % len(ODD)] for i in range(len(op.inputs))]
        nodes = [mx.Value(x) for x in leaves]
        with np.errstate(all="ignore"):
            eager = f(nodes)
            if eager.requires_grad:
                eager.backward()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # (-inf) ** 0.5: arrays and numbers differ, so the engine computes it
            value, (gradients,) = mx.compile(f).value_and_grad([mx.Value(x) for x in leaves])
        close(value, eager.data)
        close(gradients, [node.grad for node in nodes])


@given(programs())
def test_random_programs(program_and_leaves: tuple[Callable[..., Any], list[float]]) -> None:
    f, leaves = program_and_leaves
    agrees(lambda xs: f(*xs), leaves)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Callable[..., Any], list[float]]:
    """Layer after layer of the same op with inputs drawn from all earlier numbers: regular and irregular groups."""
    leaves = draw(st.lists(NUMBERS, min_size=1, max_size=6))
    ops = draw(st.lists(st.sampled_from(["mul", "add", "sub", "tanh", "where", "sum", "neg"]), min_size=1, max_size=5))
    picks = draw(st.lists(st.integers(0, 10**6), min_size=8, max_size=8))
    regular = draw(st.booleans())

    def program(xs: list[Any]) -> Any:
        numbers = [*xs, mx.Value(0.5, requires_grad=False), mx.Value(-1.5)]
        for depth, op in enumerate(ops):
            old = list(numbers)

            def pick(k: int, depth: int = depth, old: list[Any] = old) -> Any:
                return old[(k if regular else picks[(k + depth) % 8] // (k % 7 + 1)) % len(old)]

            for k in range(12):
                a, b, c = pick(k), pick(2 * k + 1), pick(k // 3)
                numbers.append(
                    {
                        "mul": lambda a=a, b=b: a * b * 0.5, "add": lambda a=a, b=b: a + b, "neg": lambda a=a: -a,
                        "sub": lambda a=a, b=b: a - b, "tanh": lambda a=a: a.tanh(),
                        "where": lambda a=a, b=b, c=c: mx.where(mx.greater(c, 0.1), a, b),
                        "sum": lambda a=a, b=b, c=c: sum([a, b, c, a, c], b),
                    }[op]()
                )  # fmt: skip
        return sum(n.tanh() for n in numbers[-15:])

    return program, leaves


def chosen_twice(a: Any, b: Any, c: Any) -> Any:
    """The walk through the graph meets `one` again after it was numbered, right before the product."""
    one = mx.where(mx.greater(a, 0.0), b, c)
    return mx.where(mx.greater(one, 0.1), one, b * c)


@given(layers())
@example((lambda xs: sum([xs[0], xs[0], xs[0], xs[0]]), [2.0]))
@example((lambda xs: xs[1], [1.0, 2.0]))
@example((lambda xs: mx.where(mx.greater(xs[0], 0.0), xs[1], xs[2]) * 2.0, [1.0, 2.0, 3.0]))
@example((lambda xs: (xs[0] + xs[1] + xs[2]) * (xs[0] + xs[1]), [1.0, 2.0, 3.0]))
@example((lambda xs: chosen_twice(*xs), [1.0, 2.0, 3.0]))
def test_random_layers(program_and_leaves: tuple[Callable[..., Any], list[float]]) -> None:
    agrees(*program_and_leaves)


def network(W: list[Any], b: list[Any], X: Any) -> Any:
    """A layer of tanh neurons, squared and summed."""
    outs = [
        sum((w * x for w, x in zip(ws, row, strict=True)), c).tanh() for row in X for ws, c in zip(W, b, strict=True)
    ]
    return sum(y * y for y in outs)


RNG = np.random.default_rng(0)
W, B, X = RNG.normal(size=(5, 3)), RNG.normal(size=5), RNG.normal(size=(20, 3))


def test_arrays_go_in_and_gradients_come_out_as_arrays() -> None:
    f = mx.compile(network, scalars=True, fullgraph=True)
    value, (w, b, x) = f.value_and_grad(W, B, X)
    W_, B_, X_ = (mx.Tensor(a) for a in (W, B, X))
    loss = ((X_ @ W_.T + B_).tanh() ** 2).sum()
    loss.backward()
    close(value, loss.data)
    for ours, node in ((w, W_), (b, B_), (x, X_)):
        close(ours, node.grad)
    again, _ = f.value_and_grad(2 * W, B, X)
    close(again, ((X_ @ (2 * W_).T + B_).tanh() ** 2).sum().data)
    assert f.stats["traces"] == 1 and "groups" in f.stats["grouped"][0]


def test_few_calls_do_the_work_of_many_nodes() -> None:
    f = mx.compile(network, scalars=True)
    f.value_and_grad(W, B, RNG.normal(size=(100, 3)))
    few = f.source(W, B, X).count("np.")
    assert f.source(W, B, RNG.normal(size=(200, 3))).count("np.") == few


def test_plain_numbers_are_grouped_where_there_are_many_nodes() -> None:
    def many(x: Any, y: Any) -> Any:
        return sum((x * k).tanh() * (y + k) for k in range(200))

    def few(x: Any, y: Any) -> Any:
        return x * y

    for f, grouped in ((many, True), (few, False)):
        compiled = mx.compile(f)
        value, gradients = compiled.value_and_grad(0.3, -0.2)
        x, y = mx.Value(0.3), mx.Value(-0.2)
        eager = f(x, y)
        eager.backward()
        close([value, *gradients], [eager.data, x.grad, y.grad])
        assert ("grouped" in compiled.stats) == grouped


def test_trees_come_back_as_trees() -> None:
    def f(p: dict[str, Any]) -> Any:
        return p["w"][0] * p["w"][1] + p["c"] * 3.0

    tree = {"w": (mx.Value(2.0), mx.Value(5.0)), "c": mx.Value(1.0, requires_grad=False), "unused": [mx.Value(1.0)]}
    value, (gradients,) = mx.compile(f, fullgraph=True).value_and_grad(tree)
    assert value == 13.0 and gradients == {"w": (5.0, 2.0), "c": None, "unused": [None]}


def test_values_around_the_function_are_read_in_each_call() -> None:
    weights = [mx.Value(float(k)) for k in range(400)]
    f = mx.compile(lambda x: sum(w * x for w in weights), fullgraph=True)
    assert f.value_and_grad(2.0) == (2.0 * 79800, (79800.0,))
    weights[1].data = 11.0
    assert f.value_and_grad(2.0) == (2.0 * 79810, (79810.0,))
    assert weights[0].grad is None and "grouped" in f.stats and f.stats["traces"] == 1


def test_what_a_program_cannot_follow_runs_eagerly() -> None:
    def branches(xs: list[Any]) -> Any:
        return xs[0] * 2.0 if xs[1] > 0 else xs[0] * 3.0

    def peeks(xs: list[Any]) -> Any:
        return xs[0] * xs[1].data

    for f in (branches, peeks):
        with pytest.warns(UserWarning, match="runs eagerly"):
            value, (gradients,) = mx.compile(f).value_and_grad([mx.Value(3.0), mx.Value(-2.0)])
        assert (value, gradients[1]) == ((9.0, None) if f is branches else (-6.0, None))
        with pytest.raises(CompileError):
            mx.compile(f, fullgraph=True).value_and_grad([mx.Value(3.0), mx.Value(-2.0)])


def test_random_numbers_are_drawn_anew() -> None:
    def noisy(xs: list[Any]) -> Any:
        return xs[0] * float(default_generator.uniform(1.0, 2.0, ()))

    f = mx.compile(noisy)
    with pytest.warns(UserWarning, match="draws random numbers"):
        first, _ = f.value_and_grad([mx.Value(1.0)])
    assert first != f.value_and_grad([mx.Value(1.0)])[0]


def test_one_result_after_the_other_when_gradients_are_not_asked_for() -> None:
    f = mx.compile(lambda xs: (xs[0] * xs[1], xs[0], mx.Value(4.0)))
    assert [each.data for each in f([mx.Value(2.0), mx.Value(3.0)])] == [6.0, 2.0, 4.0]


def test_the_source_runs_on_its_own() -> None:
    f = mx.compile(network, scalars=True, fullgraph=True)
    value, (w, _, _) = f.value_and_grad(W, B, X)
    text = f.source(W, B, X) + f"(L,), d = network({W.ravel().tolist()}, {B.tolist()}, {X.ravel().tolist()})\n"
    assert "# 100 × tanh(x)" in text and "# ∂y/∂x = 1 − y²" in text
    text += "print(L, *d['W'].tolist())\n"
    run = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True, check=True)
    close([float(word) for word in run.stdout.split()], [value, *w.ravel()])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 5)), min_size=1, max_size=3), st.integers(0, 9))
def test_views_have_the_entries_of_the_pattern(axes: list[tuple[int, int]], start: int) -> None:
    axes = [(n + 1, s) for n, s in axes]
    places = np.array(start + 50)
    for n, s in axes:
        places = np.add.outer(places, np.arange(n) * s)
    flat = places.ravel()
    found = views(np.stack([flat, np.arange(flat.size)]))
    if found is None:
        return
    np.testing.assert_array_equal(found[0].indices().ravel(), flat)
    array = np.random.default_rng(0).normal(size=500)
    np.testing.assert_array_equal(found[0].of(array).ravel(), array[flat])


def test_a_regular_pattern_is_found_and_chance_is_not() -> None:
    rows = np.stack([np.add.outer(np.arange(16), 0 * np.arange(100)).ravel(), np.tile(np.arange(100), 16)])
    found = views(rows)
    assert found is not None and [v.strides for v in found] == [(1, 0), (0, 1)]
    assert views(np.random.default_rng(0).permutation(1000)[None]) is None


SPRING = """\
import microgradx as mx

def loss(k, c, wanted=0.2):
    errors = []
    for start in range(30):
        x, v = 1.0 + 0.01 * start, 0.0
        for _ in range(10):
            v = v - 0.2 * (k * x + c * v)
            x = x + 0.2 * v
        errors.append((x - wanted) ** 2)
    return sum(errors) / len(errors)
"""


def test_the_command_line_says_when_numbers_are_grouped(tmp_path: Path) -> None:
    (tmp_path / "spring.py").write_text(SPRING, "utf-8")
    words = [f"{tmp_path / 'spring.py'}:loss", "--at", "k=1", "c=0.5", "wanted=0.2", "--lr", "0.1", "--updates", "20"]
    found = run("compile", *words, "--stats")
    assert found.exit_code == 0 and "grouped: " in found.stderr and " groups, " in found.stderr
    assert "# forward" in found.stdout and "# backward" in found.stdout and "# update" in found.stdout
    ran = subprocess.run([sys.executable, "-I", "-c", found.stdout], capture_output=True, text=True, check=True)
    losses = [float(line.split()[1]) for line in ran.stdout.splitlines()]
    space: dict[str, Any] = {}
    exec(SPRING, space)
    numbers = [1.0, 0.5, 0.2]
    for step in range(3):
        nodes = [mx.Value(x) for x in numbers]
        eager = space["loss"](*nodes)
        eager.backward()
        if step % 2 == 0:  # every second one is printed
            close(losses[step // 2], eager.data)
        numbers = [x - 0.1 * node.grad for x, node in zip(numbers, nodes, strict=True)]
    assert losses[-1] < losses[0]
    assert "grouped" not in run("compile", "xor", "--stats").stderr
