"""A gradient as a sum over paths: the products add up, and the costs are counted, not claimed."""

import re

import numpy as np
import pytest
from hypothesis import given

import microgradx as mx
from tests.explain.programs import programs


@given(programs())
def test_the_products_along_all_paths_add_up_to_the_gradient(program_and_leaves):
    program, numbers = program_and_leaves
    leaves = [mx.Value(x, name=f"x{i}") for i, x in enumerate(numbers)]
    trace = mx.trace(program, *leaves)
    for leaf in leaves:
        if leaf.grad is not None:
            found = mx.paths(trace, leaf)
            every = list(found)
            assert len(every) == found.count
            assert sum(np.prod([s.local for s in path]) for path in every) == pytest.approx(leaf.grad, abs=1e-9)
            assert found.multiplications[0] == sum(len(path) - 1 for path in every)
            steps = {step.number: step for path in every for step in path}
            assert found.multiplications[1] == sum(step.node != trace.output for step in steps.values())
            assert found.additions == (found.count - 1, len(steps) - len({step.input for step in steps.values()}))
            assert all(
                count == sum(node in [s.node for s in p] for p in every) for node, count in found.through.items()
            )


def test_the_text_shows_products_their_sum_and_what_is_shared():
    x = mx.Value(3.0, name="x")
    square = x * x
    text = str(mx.paths(square * square, x))
    assert text.count("= 18 × 3 = 54") + text.count("= 9 × 3 = 27") == 4
    assert "∂f/∂x = 27 + 27 + 27 + 27 = 108" in text
    assert "shared  ∂f/∂(x · x) = 18   on 4 paths; reverse mode computes it once" in text
    assert "path by path 4 multiplications and 3 additions; reverse mode 2 multiplications and 2 additions" in text


def test_a_thousand_doublings_are_counted_and_not_walked():
    x = y = mx.Value(1.0, name="x")
    for _ in range(1000):
        y = y * 0.25 + y * 0.75
    found = mx.paths(y, x)
    assert found.count == 2**1000 and found.multiplications[1] == 4 * 1000 - 2
    assert "more paths; all together ∂f/∂x = 1" in str(found)


def test_one_path_needs_no_sum():
    text = str(mx.paths(mx.Value(0.5, name="x").exp().sin(), "x"))
    assert text.count("→") == 2 and re.search(r"sum  ∂f/∂x = .*no other path", text)


def test_what_has_no_paths_says_why():
    x, W = mx.Value(2.0, name="x"), mx.Tensor(np.eye(2), name="W")
    with pytest.raises(mx.OpError, match="there is no node q in this trace; it has x, 2, f"):
        mx.paths(x * 2.0, "q")
    with pytest.raises(mx.OpError, match="such node"):
        mx.paths(x * 2.0, mx.Value(2.0))
    with pytest.raises(mx.OpError, match="no gradient reaches 2 from f"):
        mx.paths(x * 2.0, "2")
    with pytest.raises(mx.OpError, match="arrays; paths are of single numbers: take --level scalar"):
        mx.paths((W @ W).sum(), W)
