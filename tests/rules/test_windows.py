"""Convolution and pooling by their definitions, for any window, any batch and any order of the axes in memory."""

from itertools import product
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import microgradx as mx
from microgradx.rules.convolution import conv, conv_transpose, conv_weight, places, window
from microgradx.rules.pooling import max_pool, pool_put, pool_take, winner

LAYOUTS = {
    "C": np.ascontiguousarray,
    "batch last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0),
    "reversed": lambda a: np.asfortranarray(a)[::-1][::-1],
}
WINDOW = dict(stride=st.integers(1, 3), padding=st.integers(0, 2), dilation=st.integers(1, 2))


@st.composite
def slid(draw: Any, groups: bool = True) -> Any:
    """(size, kernel, window, groups, batch): short rows and long ones, which are taken in different ways."""
    n, batch = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 70]))
    kernel, size = [tuple(draw(st.integers(low, high)) for _ in range(n)) for low, high in ((1, 3), (3, 10 - 2 * n))]
    parts = {name: tuple(draw(each) for _ in range(n)) for name, each in WINDOW.items()}
    count = draw(st.integers(1, 2)) if groups else 1
    how = window(n, **parts, groups=count)
    try:
        places(size, kernel, how)
    except ValueError:  # the kernel does not fit
        how = how._replace(dilation=(1,) * n)
    return size, kernel, how, count, batch


def patches(x: Any, kernel: tuple[int, ...], how: Any, fill: float = 0) -> Any:
    """Every patch of x (batch, channels, *size), place by place: (*out, batch, channels, *kernel)."""
    x = np.pad(x, [(0, 0), (0, 0), *how.padding], constant_values=fill)
    out = places(tuple(n - sum(p) for n, p in zip(x.shape[2:], how.padding, strict=True)), kernel, how)
    found = np.empty((*out, *x.shape[:2], *kernel))
    for at in product(*map(range, out)):
        corner = [
            slice(i * s, i * s + d * k, d) for i, s, d, k in zip(at, how.stride, how.dilation, kernel, strict=True)
        ]
        found[at] = x[(..., *corner)]
    return found


@given(slid(), st.sampled_from(sorted(LAYOUTS)), st.integers(0, 9))
@example(((5, 8), (3, 2), window(2, (2, 1), (1, 0), (2, 1), 2), 2, 70), "C", 0)
@example(((9,), (3,), window(1), 1, 70), "batch last", 0)
def test_convolution_weighs_every_patch_and_its_gradients_are_adjoint(case: Any, layout: str, seed: int) -> None:
    size, kernel, how, groups, batch = case
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(batch, 2 * groups, *size)), rng.normal(size=(3 * groups, 2, *kernel))
    x, w = LAYOUTS[layout](x), LAYOUTS[layout](w)
    y = conv(x, w, how=how).data
    seen = patches(x, kernel, how)
    out = seen.shape[: len(size)]
    for group in range(groups):
        channels, kernels = slice(2 * group, 2 * group + 2), slice(3 * group, 3 * group + 3)
        part = seen[(..., channels, *(slice(None),) * len(size))].reshape(-1, batch, 2 * int(np.prod(kernel)))
        wanted = part @ w[kernels].reshape(3, -1).T  # (places, batch, out)
        assert np.allclose(y[:, kernels], np.moveaxis(wanted, 0, -1).reshape(batch, 3, *out))
    u = LAYOUTS[layout](rng.normal(size=y.shape))
    assert np.isclose(np.sum(u * y), np.sum(conv_transpose(u, w, size=size, how=how).data * x))
    assert np.isclose(np.sum(u * y), np.sum(conv_weight(u, x, kernel=kernel, how=how).data * w))


@given(slid(groups=False), st.sampled_from(sorted(LAYOUTS)), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_max_pool_takes_the_first_of_the_largest_and_sends_the_gradient_there(
    case: Any, layout: str, other: str, data: Any
) -> None:
    size, kernel, how, _, batch = case
    few = st.integers(-2, 2)  # so that windows have ties
    x = LAYOUTS[layout](data.draw(arrays(float, (batch, 2, *size), elements=few)))
    seen = patches(x, kernel, how, -np.inf)
    n = len(size)
    flat = np.moveaxis(seen, range(n), range(2, n + 2)).reshape(batch, 2, *seen.shape[:n], -1)
    k = winner(x, kernel=kernel, how=how).data
    assert np.array_equal(max_pool(x, kernel=kernel, how=how).data, flat.max(axis=-1))
    assert np.array_equal(k, flat.argmax(axis=-1))
    u = LAYOUTS[other](np.random.default_rng(0).normal(size=k.shape))
    put = pool_put(u, k, size=size, kernel=kernel, how=how).data
    assert put.shape == x.shape
    assert np.isclose(np.sum(put * x), np.sum(u * pool_take(x, k, kernel=kernel, how=how).data))
    leaf = mx.Tensor(x)
    max_pool(leaf, kernel=kernel, how=how).backward(u)
    assert np.allclose(leaf.grad, put)
