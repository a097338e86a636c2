"""The forward result, held against NumPy or against the definition written out the naive way."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import microgradx as mx
from microgradx.rules.op import Op
from microgradx.testing import OpCall, op_calls

UFUNCS = [row for row in mx.BOOK.values() if isinstance(row.run, np.ufunc)]

# The definitions as a textbook writes them: without the care that large numbers need.
NAIVE: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "relu": lambda x: (x + np.abs(x)) / 2,
    "power": lambda x, n: np.exp(n * np.log(x)),
    "var": lambda x, axis, correction, keepdims: np.var(x, axis, ddof=correction, keepdims=keepdims),
    "logsumexp": lambda x, axis, keepdims: np.log(np.exp(x).sum(axis, keepdims=keepdims)),
    "softmax": lambda x, axis: np.exp(x) / np.exp(x).sum(axis, keepdims=True),
    "log_softmax": lambda x, axis: np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True)),
    "bce": lambda p, t: -t * np.log(p) - (1 - t) * np.log(1 - p),
    "bce_with_logits": lambda z, t: -t * np.log(1 / (1 + np.exp(-z))) - (1 - t) * np.log(1 / (1 + np.exp(z))),
    "softmax_cross_entropy": lambda x, t: (
        -np.log(np.take_along_axis(np.exp(x) / np.exp(x).sum(-1, keepdims=True), t[..., None], -1)[..., 0])
    ),
    "dot": lambda a, b: sum(p * q for p, q in zip(a, b, strict=True)),
    "outer": lambda a, b: a[:, None] * b[None, :],
    "mv": lambda A, x: np.array([sum(row * x) for row in A]),
    "matmul": lambda A, B: (A[..., :, :, None] * B[..., None, :, :]).sum(-2),
    "conv": lambda x, w, how: _conv(x, w, how),
}


def _conv(x: Any, w: Any, how: Any) -> Any:
    """Cross-correlation, one product at a time."""
    x = np.pad(x, ((0, 0), (0, 0), *how.padding))
    reach = [d * (k - 1) + 1 for d, k in zip(how.dilation, w.shape[2:], strict=True)]
    size = [(n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, how.stride, strict=True)]
    y = np.zeros((len(x), len(w), *size))
    per_group = len(w) // how.groups
    for b, o, *at in np.ndindex(y.shape):
        for c, *k in np.ndindex(w.shape[1:]):
            place = [a * s + j * d for a, s, j, d in zip(at, how.stride, k, how.dilation, strict=True)]
            y[b, o, *at] += w[o, c, *k] * x[b, c + o // per_group * w.shape[1], *place]
    return y


@pytest.mark.parametrize("name", NAIVE)
def test_the_result_is_the_definition(name: str) -> None:
    @given(op_calls(mx.BOOK[name], scalar=False))
    def check(call: OpCall) -> None:
        wanted = NAIVE[name](*call.inputs, **call.static)
        np.testing.assert_allclose(call.on(*call.leaves()).data, wanted, rtol=1e-10, atol=1e-12)

    check()


@pytest.mark.parametrize("row", UFUNCS, ids=lambda row: row.name)
def test_numpys_function_on_tensors_is_the_row(row: Op) -> None:
    @given(op_calls(row, scalar=False))
    def check(call: OpCall) -> None:
        nodes = call.leaves()
        ours, plain = row.run(*nodes), row.run(*call.inputs)
        assert isinstance(ours, mx.Tensor) or not row.smooth  # np.isnan(t) and the like answer with plain booleans
        np.testing.assert_allclose(np.asarray(ours), plain, rtol=1e-15)
        assert np.shape(ours) == plain.shape

    check()
