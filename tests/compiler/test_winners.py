"""Who wins a window of max pooling is the same in every target: beside a border of -inf, among nans, at ties."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.compiler.in_c import agrees, needs_a_compiler, quick_builds

assert quick_builds  # a fixture

ODD = np.array([-np.inf, np.nan, 0.0, 1.0, np.inf, -1.0])
WINDOWS = [
    dict(kernel_size=2), dict(kernel_size=3, stride=1, padding=1), dict(kernel_size=2, dilation=2, padding=1),
    dict(kernel_size=3, stride=2, padding=1, ceil_mode=True), dict(kernel_size=2, stride=1, padding="same"),
]  # fmt: skip


def maps() -> list[Any]:
    rng = np.random.default_rng(0)
    extreme = [rng.choice(ODD, size=(1, 1, 4, 5)) for _ in range(4)]
    return [*extreme, rng.choice([-np.inf, 0.0], size=(1, 1, 4, 5)), *(np.full((1, 1, 4, 5), each) for each in ODD[:3])]


def weighed(x: Any, window: dict[str, Any]) -> Any:
    y = mx.max_pool2d(x, **window)
    return (y * np.cos(np.arange(y.size) + 0.5).reshape(y.shape)).sum()


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("target", ["numpy", "jax", "torch"])
def test_the_gradient_of_a_window_goes_where_the_engine_sends_it(target: str, window: dict[str, Any]) -> None:
    if target != "numpy":
        pytest.importorskip(target)
    slope = mx.grad(lambda x: weighed(x, window))
    compiled = mx.compile(slope, target=target)
    for x in maps():
        np.testing.assert_array_equal(compiled(mx.Tensor(x)).data, slope(mx.Tensor(x)).data)


@needs_a_compiler
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_in_c_too(window: dict[str, Any]) -> None:
    for x in maps():
        agrees(lambda x: weighed(x, window), [mx.Tensor(x)])
