"""A training step that cannot be a program says so once, with the line, and trains as it would without compiling."""

import warnings

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn, optim
from microgradx.compiler.compiled import MOST

X, T = np.array([[0.0, 2.0], [3.0, 1.0]]), np.array([[1.0], [0.0]])


def branching(model):
    """A model that decides by its numbers."""

    def run(x):
        y = model(x)
        return y * 2 if y.data.max() > 0 else y

    return run


def loss(y, t):
    return mx.mse_loss(y, t), y.detach()


def trained(make):
    """The parameters after three steps, and the losses on the way, which come with the model's outputs."""
    mx.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    between = lambda: nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    step = make(branching(model), optimizer, between)
    found = [step(X, T) for _ in range(3)]
    assert all(not node.requires_grad for pair in found for node in pair)
    return [model.weight.data, model.bias.data, *(node.data for pair in found for node in pair)]


def by_hand(model, optimizer, between):
    def step(x, t):
        optimizer.zero_grad()
        first, second = loss(model(mx.Tensor(x, False)), mx.Tensor(t, False))
        first.backward()
        between()
        optimizer.step()
        return first.detach(), second

    return step


def test_a_step_that_decides_by_numbers_trains_eagerly_and_says_where():
    steps = []

    def compiled(model, optimizer, between):
        steps.append(mx.compile_step(model, loss, optimizer, between=between))
        return steps[0]

    with pytest.warns(UserWarning, match=r"at test_eager_steps.py:\d+: .* It runs eagerly") as told:
        mine = trained(compiled)
    assert len(told) == 1, "said once, not at each step"
    for a, b in zip(mine, trained(by_hand), strict=True):
        np.testing.assert_array_equal(a, b)
    assert steps[0].stats["programs"] == 0
    assert "test_eager_steps.py" in steps[0].stats["eager"][0]


def test_of_programs_for_many_sizes_only_the_last_are_kept():
    w = mx.Tensor([1.0])
    step = mx.compile_step(lambda x: x * w, mx.mse_loss, optim.SGD([w], lr=0.0), fullgraph=True)
    sizes = range(1, MOST + 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [step(np.full(n, 3.0), np.ones(n)).item() for n in sizes]
    assert losses == [4.0] * len(sizes)
    assert step.stats["programs"] == MOST
    traces = step.stats["traces"]
    step(np.ones(MOST), np.ones(MOST))
    assert step.stats["traces"] == traces, "still there"
    step(np.ones(1), np.ones(1))
    assert step.stats["traces"] > traces, "given up for a newer one, and made again"


def test_a_step_has_two_targets():
    with pytest.raises(mx.OpError, match="runs as numpy or c, not as 'jax'"):
        mx.compile_step(nn.Linear(2, 1), loss, optim.SGD([mx.Tensor(1.0)], lr=0.1), target="jax")
