"""Convolution against PyTorch, and `convolve`/`correlate` against SciPy and the lecture's numbers.

Decisions, where we differ on purpose:
- Inputs of different float types are allowed (the wider type wins, as in NumPy); PyTorch wants them equal.
- `output_padding` may also exceed what the stride leaves open when the dilation allows it, as in PyTorch; the
  extra border is then zeros plus the bias.
- `channels_last=True` is ours (Keras's layout for maps; weights stay PyTorch's).
"""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import OpError, Tensor
from tests.oracle.compare import agreeing, refusing, table

CONV = [
    *table(dict(x=(2, 3, 7), w=(4, 3, 3), b=(4,)), """
        conv1d(x, w); conv1d(x, w, b); conv1d(x, w, b, 2); conv1d(x, w, None, 1, 2); conv1d(x, w, dilation=2);
        conv1d(x, w, b, padding='same'); conv1d(x, w, padding='valid'); conv1d(x, w, stride=3, padding=1);
        conv1d(x[0], w, b); conv1d(x[:, :, :3], w); conv1d(input=x, weight=w, bias=b, stride=(2,), padding=(1,));
        conv1d(x, w[:, :, :2], padding='same', dilation=2); conv1d(x, w[:, :, :1])
    """),
    *table(dict(x=(2, 4, 5), w=(6, 2, 2)), """
        conv1d(x, w, groups=2); conv1d(x, w, None, 2, 1, 2, 2)
    """),
    *table(dict(x=(2, 3, 5, 6), w=(4, 3, 3, 2), b=(4,)), """
        conv2d(x, w); conv2d(x, w, b); conv2d(x, w, b, 2); conv2d(x, w, b, (2, 1), (1, 2));
        conv2d(x, w, padding='same'); conv2d(x, w, dilation=(1, 3));
        conv2d(x, w, stride=(3, 2), padding=(2, 1), dilation=(2, 2)); conv2d(x[1], w, b)
    """),
    *table(dict(x=(1, 4, 4, 4), w=(4, 1, 2, 2), b=(4,)), """
        conv2d(x, w, b, groups=4); conv2d(x, w, b, padding=1, stride=2, groups=4)
    """),
    *table(dict(x=(0, 3, 4, 4), w=(2, 3, 2, 2)), """
        conv2d(x, w)
    """),
    *table(dict(x=(2, 2, 3, 4, 3), w=(3, 2, 2, 2, 2), b=(3,)), """
        conv3d(x, w, b); conv3d(x, w, b, (1, 2, 1), 1); conv3d(x, w, dilation=(1, 2, 1));
        conv3d(x, w, padding='same'); conv3d(x[0], w);
        conv3d(x, w[:2, :1], groups=2)
    """),
    *table(dict(x=(2, 4, 3, 4), w=(4, 2, 3, 2), b=(2,)), """
        conv_transpose2d(x, w); conv_transpose2d(x, w, b); conv_transpose2d(x, w, b, 2);
        conv_transpose2d(x, w, b, (2, 3), 1); conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1);
        conv_transpose2d(x, w, b, 2, 0, 1); conv_transpose2d(x, w, stride=3, padding=(2, 0), output_padding=(2, 1));
        conv_transpose2d(x, w, dilation=2, output_padding=1);
        conv_transpose2d(x, w, groups=2); conv_transpose2d(x[0], w, b);
        conv_transpose2d(x, w, dilation=(3, 1), padding=1, output_padding=(2, 0))
    """),
    *table(dict(x=(2, 4, 3), w=(4, 2, 3), b=(4,)), """
        conv_transpose1d(x, w, b, groups=2); conv_transpose1d(x, w, b, 2, 1, 1, 2, 1); conv_transpose1d(x, w);
        conv_transpose1d(x, w, stride=3); conv_transpose1d(x, w, None, 4, 0, 3)
    """),
]  # fmt: skip

REFUSED = [
    *table(dict(x=(2, 3, 7), w=(4, 3, 3), b=(3,), z=(2, 3, 5, 5), v=(2, 3, 2, 2)), """
        conv1d(x, w, b); conv1d(x, w[:, :2]); conv1d(x, w, stride=0); conv1d(x, w, padding=-1);
        conv1d(x, w, dilation=0); conv1d(x, w, groups=2); conv1d(x, w, groups=0); conv1d(x, w, padding='full');
        conv1d(x, w, stride=2, padding='same'); conv1d(x[:, :, :2], w); conv1d(z, w); conv1d(x, v);
        conv1d(x, w, stride=(1, 2)); conv1d(x, w[:0]); conv1d(x, w, stride=1.5); conv2d(z, v, b);
        conv2d(z, v, padding=(1, 2, 3)); conv2d(z[0, 0], v); conv_transpose1d(x, w);
        conv_transpose2d(z, v.permute(1, 0, 2, 3), output_padding=1);
        conv_transpose2d(z, v.permute(1, 0, 2, 3), stride=2, output_padding=-1); conv_transpose2d(z, v);
        conv_transpose2d(z, v.permute(1, 0, 2, 3), padding=4); conv_transpose2d(z, v.permute(1, 0, 2, 3), groups=2)
    """),
]  # fmt: skip


test_agrees_with_pytorch = agreeing(CONV)


test_refuses_what_pytorch_refuses = refusing(REFUSED)


X, W = [2.0, 8, 3, 7, 1, 2, 0, 4, 5], [2.0, 1, 5, 3]  # the lecture's signal and kernel


def test_the_lectures_true_convolution_and_correlation() -> None:
    assert mx.convolve(X, W, "valid").data.tolist() == [63, 48, 49, 28, 21, 20]
    assert mx.correlate(X, W, "valid").data.tolist() == [48, 57, 24, 25, 16, 39]
    assert mx.conv1d(np.array([[X]]), np.array([[W]])).data.ravel().tolist() == [48, 57, 24, 25, 16, 39]


def test_the_lectures_image() -> None:
    image, ones = np.arange(1.0, 10).reshape(3, 3), np.ones((2, 2))
    assert mx.correlate(image, ones, "valid").data.tolist() == [[12, 16], [24, 28]]
    same = mx.conv2d(image[None, None], ones[None, None], padding="same").data[0, 0]
    assert same.tolist() == [[12, 16, 9], [24, 28, 15], [15, 17, 9]]


SIZES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    *(((n,), (k,)) for n in (1, 4, 5, 9) for k in (1, 2, 3, 4, 5, 6)), ((3,), (9,)),
    *(((n, 5), (k, m)) for n in (4, 5) for k in (1, 2, 3, 4) for m in (1, 2, 3, 4, 5)), ((2, 3), (5, 6)),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("size", "kernel"), SIZES)
def test_convolve_and_correlate_follow_scipy(size: tuple[int, ...], kernel: tuple[int, ...], mode: str) -> None:
    """Odd and even kernels; of correlate2d, which disagrees with SciPy's own correlate, all but "same" of even ones."""
    signal = pytest.importorskip("scipy.signal", reason="SciPy, whose borders these follow, is not installed")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=size), rng.normal(size=kernel)
    pairs = [(mx.convolve, signal.convolve), (mx.correlate, signal.correlate)]
    if len(size) == 2:
        pairs.append((mx.convolve, signal.convolve2d))
        if mode != "same" or all(k % 2 for k in kernel):
            pairs.append((mx.correlate, signal.correlate2d))
    for ours, theirs in pairs:
        got, want = ours(Tensor(x), Tensor(w), mode), theirs(x, w, mode)
        np.testing.assert_allclose(got.data, want, rtol=1e-12, atol=1e-12)


def test_for_even_kernels_same_keeps_the_middle_of_scipys_correlate() -> None:
    signal = pytest.importorskip("scipy.signal", reason="SciPy, whose borders these follow, is not installed")
    x, w = np.arange(9.0).reshape(3, 3), np.array([[1.0, 2.0], [3.0, 4.0]])
    ours = mx.correlate(x, w, "same").data
    np.testing.assert_allclose(ours, signal.correlate(x, w, "same"))
    assert not np.allclose(ours, signal.correlate2d(x, w, "same"))
    padded = mx.conv2d(x[None, None], w[None, None], padding="same").data[0, 0]
    np.testing.assert_allclose(padded, signal.correlate2d(x, w, "same"))


def test_the_gradient_of_convolve_is_correlate() -> None:
    x, w = Tensor(X), Tensor(W)
    mx.convolve(x, w, "full").backward(g := np.cos(np.arange(12.0)))
    np.testing.assert_allclose(x.grad, mx.correlate(g, W, "valid").data)
    np.testing.assert_allclose(w.grad, mx.correlate(g, X, "valid").data)


@pytest.mark.parametrize(
    "wrong", [([1.0], [[1.0]]), ([], [1.0]), ([1.0], [1.0], "some"), (np.ones((3, 2)), np.ones((2, 3)), "valid"),
              (np.ones((1, 2, 3)), np.ones((1, 1, 1)))],
)  # fmt: skip
def test_convolve_refuses(wrong: Any) -> None:
    with pytest.raises(OpError, match="convolve and correlate"):
        mx.convolve(*wrong)
