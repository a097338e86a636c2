"""The counterexample of a failed check runs as pasted, whatever function was checked."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.testing import CheckError, check_grads

SCALE = np.array([1.0, 2.0])


def hidden(x):
    return x * x.detach() * SCALE


def local_functions():
    w, k = mx.Tensor([1.0, -2.0]), 2.5

    def inner(p, n: int):
        return (p["w"] * p["b"][0].detach() * k * w).sum() * n

    def power(x, n: int):
        return x * x.detach() if n == 0 else power(x, n - 1) * x

    yield lambda x: x * x.detach(), (2.0,)
    yield (lambda x: [hidden(x), (lambda t: t)(x)]), (np.ones(2),)
    yield lambda c, x: x * c.detach() * x.detach(), (mx.Value(3.0, requires_grad=False), 2.0)
    yield inner, ({"w": np.ones(2), "b": [0.5]}, 2)
    yield power, (2.0, 3)


@pytest.mark.parametrize(("f", "args"), list(local_functions()))
def test_the_counterexample_of_a_function_without_a_home_brings_its_source_and_what_this_reads(f, args):
    with pytest.raises(CheckError) as failed:
        check_grads(f, args)
    with pytest.raises(CheckError) as again:
        exec(failed.value.lesson.code, {})
    assert again.value.lesson.analytic == pytest.approx(failed.value.lesson.analytic)
    assert again.value.lesson.input == failed.value.lesson.input


def test_where_a_function_reads_what_cannot_be_written_down_the_counterexample_says_its_line():
    thing = object()
    with pytest.raises(CheckError, match=r"# f: the function in line \d+ of .*test_counterexamples\.py\n"):
        check_grads(lambda x: x * x.detach() if thing else x, 2.0)
