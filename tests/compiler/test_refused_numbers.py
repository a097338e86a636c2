"""What the engine refuses, a program refuses with the same words: it never goes on with a nan instead."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradx as mx

HALF, ONES = np.full(3, 0.5), np.ones(3)
REFUSING: dict[str, tuple[Callable[..., Any], tuple[Any, ...], list[tuple[Any, ...]]]] = {
    "probabilities": (
        mx.binary_cross_entropy, (HALF, ONES), [(HALF + 1, ONES), (HALF - 1, ONES), (HALF * np.nan, ONES)],
    ),
    "one by one": (
        lambda p, t: mx.binary_cross_entropy(p, t, reduction="none"), (HALF, ONES), [(np.array([0.5, 1.5, 0.5]), ONES)],
    ),
    "variances": (mx.gaussian_nll_loss, (HALF, ONES, ONES), [(HALF, ONES, np.array([1.0, -0.5, 1.0]))]),
    "labels": (mx.cross_entropy, (np.eye(3), np.array([0, 1, 2])), [(np.eye(3), np.array([0, 3, 2]))]),
    "padding": (  # the label that is left out is no class, and the first batch has none
        lambda x, t: mx.cross_entropy(x, t, ignore_index=-1), (np.eye(3), np.array([0, 1, 2])),
        [(np.eye(3), np.array([0, -2, 2]))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSING)
@pytest.mark.parametrize("target", ["numpy", "c"])
def test_numbers_that_the_engine_refuses_are_refused_in_every_call(what: str, target: str) -> None:
    function, good, refused = REFUSING[what]
    f = mx.compile(function, fullgraph=True, target=target)
    calls: list[Callable[..., Any]] = [f] if what == "one by one" else [f, f.value_and_grad]
    for call in calls:
        call(*good)
        for wrong in refused:
            with pytest.raises(mx.OpError) as eager:
                function(*map(mx.Tensor, wrong))
            with pytest.raises(mx.OpError) as compiled:
                call(*wrong)
            assert str(compiled.value) == str(eager.value)
        call(*good)
    assert f.traces == len(calls)


def test_a_refused_batch_leaves_the_weights_as_they_were() -> None:
    w = mx.Tensor([0.5])
    step = mx.compile_step(lambda x: w * x, mx.binary_cross_entropy, mx.optim.SGD([w], lr=0.1), fullgraph=True)
    step([1.0], [1.0])
    before = w.data.copy()
    with pytest.raises(mx.OpError, match="probabilities between 0 and 1"):
        step([9.0], [1.0])
    assert w.data == before and step.traces == 1


def test_large_functions_of_values_refuse_too() -> None:
    def loss(guesses: Any) -> Any:
        return sum((mx.binary_cross_entropy(p * 0.9, 1.0) for p in guesses), 0.0)

    f = mx.compile(loss, fullgraph=True)
    f([mx.Value(0.9) for _ in range(200)])
    with pytest.raises(mx.OpError, match="probabilities between 0 and 1"):
        f([mx.Value(1.9) for _ in range(200)])


@pytest.mark.parametrize("left_out", [-100, 0, 2])
def test_labels_that_are_left_out_may_come_up_later(left_out: int) -> None:
    loss = lambda x, t: mx.cross_entropy(x, t, ignore_index=left_out)
    x = np.random.default_rng(0).normal(size=(4, 3))
    f = mx.compile(loss, fullgraph=True)
    for t in (np.array([1, 1, 1, 1]), np.array([1, left_out, 1, left_out]), np.array([1, 1, left_out, 1])):
        value, (gradient, _) = f.value_and_grad(x, t)
        leaf = mx.Tensor(x)
        wanted = loss(leaf, t)
        wanted.backward()
        np.testing.assert_allclose(value, wanted.item(), rtol=1e-14)
        np.testing.assert_allclose(gradient, leaf.grad, rtol=1e-14)
