"""Rows: windows that slide over a map, for pooling, unfold and fold.

Two families of linear rows that undo each other: `windows` (look at every patch) and `overlap_add` (put patches
back, adding where they overlap); `pool_take` (from each window, the entry at place k) and `pool_put` (into it).
The places inside a window are counted 0, 1, 2 … row by row. Layout: x is (batch, channels, *size).
"""

import math
from functools import reduce
from typing import Any

import numpy as np

from microgradx.rules.contests import larger
from microgradx.rules.convolution import Sizes, Window, alike, core, padded, places, slabs, sliding, window
from microgradx.rules.domains import distinct, labels
from microgradx.rules.op import op


def _windows(x: Any, kernel: Sizes, how: Window) -> Any:
    places(x.shape[2:], kernel, how)  # refuses a kernel larger than the input
    return sliding(padded(x, how), tuple(range(2, x.ndim)), kernel, how.stride, how.dilation)


def _overlap_add(u: Any, size: Sizes, how: Window) -> Any:
    n = len(size)
    kernel, out = u.shape[2 + n :], u.shape[2 : 2 + n]
    x = np.zeros((*u.shape[:2], *(s + sum(p) for s, p in zip(size, how.padding, strict=True))), u.dtype)
    for at, place in slabs(kernel, out, how):
        x[(..., *place)] += u[(..., *at)]
    return x[(..., *core(size, how))]


def _max_pool(x: Any, kernel: Sizes, how: Window) -> Any:
    out = places(x.shape[2:], kernel, how)
    x = padded(x, how, _least(x.dtype))
    for axis in reversed(range(len(kernel))):  # the largest of each row of the window, then of these
        one = slice(axis, axis + 1)
        later = (slice(None),) * (len(kernel) - 1 - axis)
        x = reduce(larger, [x[(..., *place, *later)] for _, place in slabs(kernel[one], out[one], how.only(one))])
    return x


def _winner(x: Any, kernel: Sizes, how: Window) -> Any:
    best, size = _max_pool(x, kernel, how), x.shape[2:]
    x = padded(x, how, _least(x.dtype))
    k: Any = np.zeros_like(best, dtype=np.min_scalar_type(math.prod(kernel)))
    border = padded(np.zeros((1, 1, *size), bool), how, True) if any(map(any, how.padding)) else None
    behind = None
    *others, (_, last) = slabs(kernel, best.shape[2:], how)
    for _, place in others:  # k counts the places before the first of the best
        each = x[(..., *place)]
        less = (each != best) & (each == each) if x.dtype.kind == "f" else each < best  # nan is the best, and no number
        if border is not None:
            less = less | border[(..., *place)]  # it never wins, not even beside -inf
        behind = less if behind is None else behind & less
        k = k + behind
    if border is not None and behind is not None:
        k = k * ~(behind & border[(..., *last)])  # where a window sees nothing but border
    return k


def _least(dtype: Any) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _take(x: Any, k: Any, kernel: Sizes, how: Window) -> Any:
    x = padded(x, how)
    y = np.zeros_like(x, shape=k.shape)
    for number, (_, place) in enumerate(slabs(kernel, k.shape[2:], how)):
        np.copyto(y, x[(..., *place)], where=k == number)
    return y


def _put(u: Any, k: Any, size: Sizes, kernel: Sizes, how: Window) -> Any:
    shape = (*u.shape[:2], *(s + sum(p) for s, p in zip(size, how.padding, strict=True)))
    apart = all(d * (m - 1) < s for d, m, s in zip(how.dilation, kernel, how.stride, strict=True))  # no window overlaps
    tiled = apart and shape[2:] == tuple(n * m for n, m in zip(u.shape[2:], kernel, strict=True))  # and they fill x
    x = (np.empty_like if tiled else np.zeros_like)(k, u.dtype, shape=shape)  # in memory in the order of k, the map's
    u = alike(u, k)
    for number, (_, place) in enumerate(slabs(kernel, u.shape[2:], how)):
        part = (k == number).astype(u.dtype)  # a product with 1 and 0 is many times as fast as np.where
        if apart:
            np.multiply(u, part, out=x[(..., *place)])
        else:
            x[(..., *place)] += u * part
    return x[(..., *core(size, how))]


_PAIRS, _OVERLAP = window(2, stride=2), window(2, padding=((1, 0), (1, 1)))
_LINE = window(1, stride=2, padding=1, dilation=2)

windows = op(
    "windows(x, kernel=(), how=None)", _windows, shapes="(2,1,4,5)", linear="x",
    cases=(
        dict(kernel=(2, 2), how=_PAIRS), dict(kernel=(2, 3), how=_OVERLAP),
        dict(kernel=(3,), how=_LINE, shapes="(1,2,7)"),
    ),
    x=lambda g, x, how: overlap_add(g, x.shape[2:], how),
    words=dict(x="an element takes back its gradient from every window that looked at it"),
)  # fmt: skip
overlap_add = op(
    "overlap_add(u, size=(), how=None)", _overlap_add, shapes="(2,1,2,2,2,2)", linear="u",
    cases=(
        dict(size=(4, 5), how=_PAIRS), dict(size=(2, 2), how=_OVERLAP, shapes="(1,2,2,2,2,3)"),
        dict(size=(7,), how=_LINE, shapes="(1,2,3,3)"),
    ),
    u=lambda g, u, size, how: windows(g, u.shape[2 + len(size):], how),
    words=dict(u="each entry of a window reads the gradient of the place it was added to"),
)  # fmt: skip

winner = op(
    "winner(x, kernel=(), how=None)", _winner, shapes="(1,2,4,4)", nondiff="x", where=dict(x=distinct),
    cases=(dict(kernel=(2, 2), how=_PAIRS), dict(kernel=(2, 2), how=_OVERLAP)),
)  # fmt: skip
max_pool = op(
    "max_pool(x, kernel=(), how=None)", _max_pool, shapes="(1,2,4,5)", where=dict(x=distinct),
    cases=(
        dict(kernel=(2, 2), how=_PAIRS), dict(kernel=(2, 3), how=_OVERLAP),
        dict(kernel=(3,), how=_LINE, shapes="(1,2,7)"),
    ),
    x=lambda g, x, kernel, how: pool_put(g, winner(x, kernel, how), x.shape[2:], kernel, how),
    words=dict(x="the gradient goes to the winner; the rest of its window gets 0 (of equals, the first wins)"),
)  # fmt: skip
pool_take = op(
    "pool_take(x, k, kernel=(), how=None)", _take, shapes="(1,2,4,5),(1,2,2,2)", nondiff="k", linear="x",
    where=dict(k=labels("4")),
    cases=(
        dict(kernel=(2, 2), how=_PAIRS), dict(kernel=(2, 3), how=_OVERLAP, shapes="(2,1,2,3),(2,1,2,3)"),
    ),
    x=lambda g, x, k, kernel, how: pool_put(g, k, x.shape[2:], kernel, how),
    words=dict(x="the gradient returns to the place it was taken from"),
)  # fmt: skip
pool_put = op(
    "pool_put(u, k, size=(), kernel=(), how=None)", _put, shapes="(1,2,2,2),(1,2,2,2)", nondiff="k", linear="u",
    where=dict(k=labels("4")),
    cases=(
        dict(size=(4, 5), kernel=(2, 2), how=_PAIRS),
        dict(size=(2, 3), kernel=(2, 3), how=_OVERLAP, shapes="(2,1,2,3),(2,1,2,3)"),
    ),
    u=lambda g, k, kernel, how: pool_take(g, k, kernel, how),
    words=dict(u="each entry reads the gradient of the place it was put into"),
)  # fmt: skip
