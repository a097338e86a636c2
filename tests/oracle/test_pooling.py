"""Pooling and resampling against PyTorch.

Decisions, where we differ on purpose:
- `padding="same"` and `channels_last=True` are ours; they follow Keras (its average does not count the border).
- `interpolate` offers nearest, linear and bilinear; `antialias`, `recompute_scale_factor` and the other modes are not
  offered. PyTorch asks for `scale_factor` or `size` and allows neither; so do we.
- The average of whole numbers is a real number; PyTorch's `avg_pool` rounds it down to one of them, for int64 only.
- Linear `interpolate` refuses whole numbers, uint8 too, which PyTorch rounds.
- `adaptive_avg_pool` and linear `interpolate` are products with a matrix of shares: a nan or inf in a map reaches all
  of its row and column, in PyTorch only its neighbours.
- Where several elements of a window are equal, the first one wins and takes the gradient, as in PyTorch.
"""

import numpy as np

import microgradx as mx
from microgradx import Tensor
from tests.oracle.compare import agree, agreeing, apart, ints, refusing, table

POOL = [
    *table(dict(x=apart(2, 3, 7)), """
        max_pool1d(x, 2); max_pool1d(x, 3, 1); max_pool1d(x, kernel_size=2, stride=3, padding=1);
        max_pool1d(x[0], 3); max_pool1d(x, 3, 2, 1, 2); max_pool1d(x, 2, ceil_mode=True);
        max_pool1d(x, 3, 3, 1, ceil_mode=True); max_pool1d(x, 2, return_indices=True);
        max_pool1d(x, 3, 2, 1, 1, True, True); max_pool1d(x, (7,))
    """),
    *table(dict(x=(2, 3, 7)), """
        avg_pool1d(x, 2); avg_pool1d(x, 3, 1); avg_pool1d(x, 3, 2, 1); avg_pool1d(x, 3, 2, 1, True);
        avg_pool1d(x, 3, padding=1, count_include_pad=False); avg_pool1d(x, 2, 2, 1, True, False);
        avg_pool1d(x[1], 2)
    """),
    *table(dict(x=apart(2, 3, 5, 6)), """
        max_pool2d(x, 2); max_pool2d(x, (2, 3)); max_pool2d(x, 3, 1, 1);
        max_pool2d(x, 2, stride=(2, 1), padding=(0, 1)); max_pool2d(x, 2, dilation=(2, 1));
        max_pool2d(x, 2, ceil_mode=True); max_pool2d(x, 3, 2, 1, 2, True);
        max_pool2d(x, (3, 2), return_indices=True); max_pool2d(x, 3, 2, 1, return_indices=True); max_pool2d(x[0], 2)
    """),
    *table(dict(x=(2, 3, 5, 6)), """
        avg_pool2d(x, 2); avg_pool2d(x, (2, 3)); avg_pool2d(x, 3, 1, 1); avg_pool2d(x, 3, 2, 1, ceil_mode=True);
        avg_pool2d(x, 2, 2, (1, 0), False, False); avg_pool2d(x, 3, 2, 1, True, False); avg_pool2d(x[0], 2, 3);
        avg_pool2d(x, 2, divisor_override=3); avg_pool2d(x, 4, 4, 2, True);
        avg_pool2d(x, 2, stride=3, ceil_mode=True)
    """),
    *table(dict(x=apart(2, 3, 5, 7)), """
        adaptive_avg_pool1d(x[0], 3); adaptive_avg_pool1d(x[:, 0], (4,)); adaptive_avg_pool1d(x[0], 10);
        adaptive_avg_pool2d(x, 1); adaptive_avg_pool2d(x, (2, 3)); adaptive_avg_pool2d(x, (None, 4));
        adaptive_avg_pool2d(x, (8, 2)); adaptive_avg_pool2d(x[1], 3); adaptive_max_pool1d(x[0], 3);
        adaptive_max_pool1d(x[0], 4, True); adaptive_max_pool2d(x, 2); adaptive_max_pool2d(x[:0], 2);
        adaptive_max_pool2d(x, (3, 4));
        adaptive_max_pool2d(x, (3, None), return_indices=True); adaptive_max_pool2d(x[0], (1, 9), True)
    """),
]  # fmt: skip

RESAMPLE = [
    *table(dict(x=(2, 3, 5)), """
        interpolate(x, 7); interpolate(x, scale_factor=2); interpolate(x, 3); interpolate(x, 8, mode='linear');
        interpolate(x, size=(3,), mode='linear', align_corners=True); interpolate(x, scale_factor=1.7);
        interpolate(x, scale_factor=0.6, mode='linear'); interpolate(x, 1, mode='linear', align_corners=True)
    """),
    *table(dict(x=(2, 3, 4, 5)), """
        interpolate(x, (8, 3)); interpolate(x, scale_factor=(2, 3)); interpolate(x, scale_factor=0.5);
        interpolate(x, (7, 9), mode='bilinear'); interpolate(x, scale_factor=2.0, mode='bilinear');
        interpolate(x, (3, 11), None, 'bilinear', True);
        interpolate(x, scale_factor=1.5, mode='bilinear', align_corners=True);
        interpolate(x, (2, 2), mode='bilinear', align_corners=False); interpolate(x, 9)
    """),
    *table(dict(x=(2, 8, 3, 4)), """
        pixel_shuffle(x, 2); pixel_shuffle(x[0], 2); pixel_shuffle(x, upscale_factor=1)
    """),
    *table(dict(x=(2, 3, 5, 6)), """
        unfold(x, 2); unfold(x, (2, 3)); unfold(x, 3, padding=1, stride=2); unfold(x, 2, dilation=(2, 3));
        unfold(x[0], 3)
    """),
    *table(dict(x=(2, 12, 12)), """
        fold(x, (4, 5), 2); fold(x, (5, 4), (2, 2)); fold(x[0], (4, 5), (2, 2));
        fold(x, (6, 4), (3, 2), padding=0, dilation=1);
        fold(x, (7, 5), 2, stride=(2, 1), padding=0)
    """),
]  # fmt: skip

REFUSED = [
    *table(dict(i=ints(4, 2, 3, 4, 4)), """
        adaptive_avg_pool2d(i, 2); adaptive_avg_pool1d(i[0], 2); interpolate(i, 3, mode='bilinear')
    """),
    *table(dict(x=(2, 3, 5, 6)), """
        max_pool2d(x, 0); max_pool2d(x, 2, 0); max_pool2d(x, 2, 2, 2); max_pool2d(x, 8); max_pool2d(x, (2, 2, 2));
        max_pool2d(x, 2, padding=-1); max_pool2d(x[0, 0], 2); max_pool1d(x, 2); avg_pool2d(x, 2, 2, 2);
        avg_pool2d(x, 7); avg_pool2d(x, 2, divisor_override=0); avg_pool2d(x, 0); avg_pool1d(x, 2);
        max_pool2d(x, 2, dilation=0); adaptive_avg_pool2d(x, (1, 2, 3)); adaptive_avg_pool2d(x, -1);
        adaptive_avg_pool1d(x, 2); interpolate(x); interpolate(x, 3, 2.0); interpolate(x, (3, 3, 3));
        interpolate(x, 3, mode='linear'); interpolate(x[0], 3, mode='bilinear'); interpolate(x, 0);
        interpolate(x, 3, align_corners=True); interpolate(x, 3, mode='cubic'); pixel_shuffle(x, 2);
        pixel_shuffle(x, 0); pixel_shuffle(x[0, 0], 1); unfold(x, 9); unfold(x, 0); unfold(x[0, 0], 2);
        fold(x, (4, 5), 2); fold(x[0], (4, 5), 2); fold(x[0], (2, 2), 3)
    """),
]  # fmt: skip


test_agrees_with_pytorch = agreeing([*POOL, *RESAMPLE])


test_refuses_what_pytorch_refuses = refusing(REFUSED)


def test_of_equal_elements_the_first_wins() -> None:
    agree(dict(x=lambda rng: np.zeros((1, 1, 4, 4))), "max_pool2d(x, 2)")
    agree(dict(x=lambda rng: np.ones((1, 1, 3, 3))), "max_pool2d(x, 2, 1)")
    agree(dict(x=lambda rng: np.ones((1, 1, 5))), "adaptive_max_pool1d(x, 2)")


def test_the_border_never_wins() -> None:
    low = np.array([[[-np.inf, -np.inf, 3.0, -np.inf, -np.inf]]])
    agree(dict(x=low), "max_pool1d(x, 3, 1, 1, return_indices=True)", order=1)
    agree(dict(x=np.zeros((1, 1, 4, 3), np.uint8)), "max_pool2d(x, 2, 1, 1, return_indices=True)")


def test_a_nan_wins_its_windows() -> None:
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    x[0, 0, 1, 2] = np.nan
    agree(dict(x=x), "max_pool2d(x, 2, 1, return_indices=True)", order=1)


def test_same_follows_keras() -> None:
    x = Tensor([[4.0, 3.0], [2.0, 1.0]]).reshape(1, 1, 2, 2)
    assert mx.max_pool2d(x, 2, 1, padding="same").data[0, 0].tolist() == [[4, 3], [2, 1]]
    assert mx.avg_pool2d(x, 2, 1, padding="same").data[0, 0].tolist() == [[2.5, 2], [1.5, 1]]
    counted = mx.avg_pool2d(x, 2, 1, padding="same", count_include_pad=True)
    assert counted.data[0, 0].tolist() == [[2.5, 1], [0.75, 0.25]]
    assert mx.max_pool1d(np.arange(7.0)[None], 3, 2, padding="same").data.tolist() == [[1, 3, 5, 6]]


def test_fold_undoes_unfold_where_windows_do_not_overlap() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
    np.testing.assert_allclose(mx.fold(mx.unfold(x, 2, stride=2), (4, 6), 2, stride=2).data, x)
