"""Results beside the one that is differentiated: the state that a recurrent step passes on, say."""

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn, optim

X = np.array([[0.5, -1.0], [1.0, 0.25], [-0.5, 2.0]])


def test_a_compiled_step_hands_on_a_state_as_the_engine_does() -> None:
    curves = []
    for compiled in (False, True):
        mx.manual_seed(0)
        cell = nn.RNNCell(2, 4)
        descent = optim.SGD(cell.parameters(), lr=0.3)
        step = mx.compile_step(cell, lambda h, t: (mx.mse_loss(h, t), h), descent, fullgraph=True)
        h = mx.Tensor(np.zeros((3, 4)), requires_grad=False)
        losses = []
        for _ in range(4):
            if compiled:
                loss, h = step(X, h, np.ones((3, 4)))
            else:
                descent.zero_grad()
                new = cell(X, h)
                loss = mx.mse_loss(new, np.ones((3, 4)))
                loss.backward()
                descent.step()
                h = new.detach()
            losses.append(loss.item())
        curves.append([*losses, *h.data.ravel()])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-12)


def test_value_and_grad_is_for_one_result() -> None:
    with pytest.raises(mx.GradientError, match="one single number"):
        mx.compile(lambda w: ((w * w).sum(), 3 * w)).value_and_grad(X)
