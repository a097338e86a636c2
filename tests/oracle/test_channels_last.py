"""`channels_last=True` is ours: maps as Keras lays them out, weights and all else as in PyTorch."""

import inspect
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import each, plain

_RNG = np.random.default_rng(0)
W1, W2, W3 = (_RNG.normal(size=(4, 4, *(2,) * n)) for n in (1, 2, 3))
B, M, V = _RNG.normal(size=4), _RNG.normal(size=4), _RNG.uniform(1, 2, size=4)
# Of each function that has the option: the sizes of its maps behind batch and channels, and the call.
CALLS: dict[str, tuple[tuple[int, ...], Any]] = {
    "conv1d": ((6,), lambda f, x, **k: f(x, W1, B, 2, **k)),
    "conv2d": ((5, 6), lambda f, x, **k: f(x, W2, B, padding="same", **k)),
    "conv3d": ((3, 4, 5), lambda f, x, **k: f(x, W3, **k)),
    "conv_transpose1d": ((6,), lambda f, x, **k: f(x, W1, stride=2, **k)),
    "conv_transpose2d": ((5, 6), lambda f, x, **k: f(x, W2, B, **k)),
    "max_pool1d": ((6,), lambda f, x, **k: f(x, 2, return_indices=True, **k)),
    "max_pool2d": ((5, 6), lambda f, x, **k: f(x, 2, **k)),
    "avg_pool1d": ((6,), lambda f, x, **k: f(x, 3, 1, **k)),
    "avg_pool2d": ((5, 6), lambda f, x, **k: f(x, 2, padding=1, **k)),
    "adaptive_avg_pool1d": ((6,), lambda f, x, **k: f(x, 4, **k)),
    "adaptive_avg_pool2d": ((5, 6), lambda f, x, **k: f(x, (2, 3), **k)),
    "adaptive_max_pool1d": ((6,), lambda f, x, **k: f(x, 4, **k)),
    "adaptive_max_pool2d": ((5, 6), lambda f, x, **k: f(x, 2, return_indices=True, **k)),
    "interpolate": ((5, 6), lambda f, x, **k: f(x, scale_factor=1.5, mode="bilinear", **k)),
    "pixel_shuffle": ((5, 6), lambda f, x, **k: f(x, 2, **k)),
    "unfold": ((5, 6), lambda f, x, **k: f(x, (2, 3), **k)),
    "fold": ((6,), lambda f, x, **k: f(x, (3, 4), 2, **k)),
    "batch_norm": ((5, 6), lambda f, x, **k: f(x, M, V, B, M, **k)),
    "instance_norm": ((5, 6), lambda f, x, **k: f(x, weight=B, **k)),
    "group_norm": ((5, 6), lambda f, x, **k: f(x, 2, B, M, **k)),
}
WITHOUT_BATCH = [
    name for name in CALLS if "conv" in name or "pool" in name or name in ("unfold", "fold", "pixel_shuffle")
]


def test_every_function_with_the_option_is_tried() -> None:
    functions = {name: getattr(mx, name) for name in mx.functional.__all__}
    assert {n for n, f in functions.items() if "channels_last" in inspect.signature(f).parameters} == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_the_same_in_the_other_layout(name: str) -> None:
    sizes, call = CALLS[name]
    first, f = np.random.default_rng(1).normal(size=(2, 4, *sizes)), getattr(mx, name)
    wanted, found = each(call(f, first)), list(each(call(f, np.moveaxis(first, 1, -1), channels_last=True)))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(plain(a), np.moveaxis(plain(b), 1, -1))
    if name in WITHOUT_BATCH:
        one = each(call(f, np.moveaxis(first[0], 0, -1), channels_last=True))
        for a, b in zip(one, found, strict=True):
            np.testing.assert_allclose(plain(a), plain(b)[0])


def test_training_statistics_are_those_of_the_channels() -> None:
    x, mean, var = _RNG.normal(size=(3, 5, 4)), mx.Tensor(M, False), mx.Tensor(V, False)
    mx.batch_norm(x, mean, var, training=True, channels_last=True)
    np.testing.assert_allclose(mean.data, 0.9 * M + 0.1 * x.mean((0, 1)))
    np.testing.assert_allclose(var.data, 0.9 * V + 0.1 * x.var((0, 1), ddof=1))
