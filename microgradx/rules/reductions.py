"""Rows: sums, means, extremes and softmax along axes.

`sum` and `spread` are one family: the gradient of a sum is spread to every summed element, and back.
"""

import math
from typing import Any

import numpy as np

from microgradx.rules.arithmetic import equal, where
from microgradx.rules.contests import largest, smallest
from microgradx.rules.domains import Domain, distinct
from microgradx.rules.elementary import exp
from microgradx.rules.op import op

Axis = int | tuple[int, ...] | None
_AXES = (
    dict(axis=None), dict(axis=0), dict(axis=-1, keepdims=True), dict(axis=(0, 2)), dict(axis=None, keepdims=True),
)  # fmt: skip
_ONE_AXIS: tuple[dict[str, Any], ...] = (dict(axis=-1), dict(axis=0))


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements a reduction over `axis` combines into one."""
    if axis is None:
        return math.prod(shape)
    return math.prod(shape[a] for a in ((axis,) if isinstance(axis, int) else axis))


def _sum(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return np.add.reduce(x, axis=axis, keepdims=keepdims)  # np.sum without its detour


def _spread(x: Any, shape: tuple[int, ...], axis: Axis = None, keepdims: bool = False) -> Any:
    if axis is not None and not keepdims:
        x = np.expand_dims(x, axis)
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)  # a view takes a few µs and no memory; a small copy is made sooner
    out = np.empty(shape, dtype=x.dtype)
    out[...] = x
    return out


def per_freedom(shape: tuple[int, ...], axis: Axis, correction: float) -> float:
    """1 / (n - correction): the weight of one squared distance in the variance; inf when nothing is left."""
    left = count(shape, axis) - correction
    return 1 / left if left > 0 else math.inf


def _mean(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    return np.add.reduce(x, axis=axis, keepdims=keepdims) / count(x.shape, axis)


def _variance(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.sum(centred * centred, axis=axis, keepdims=keepdims) * per_freedom(np.shape(x), axis, correction)


def _norm2(x: Any, axis: Axis, keepdims: bool) -> Any:
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def _winners(x: Any, axis: Axis = None) -> Any:
    best = x == np.max(x, axis=axis, keepdims=True)
    return best.astype(x.dtype) / np.sum(best, axis=axis, keepdims=True).astype(x.dtype)


def _top(x: Any, axis: Axis) -> Any:
    if not x.size:
        return np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.max(x, axis=axis, keepdims=True)


def _logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    top = _top(x, axis)
    if x.dtype.kind == "f":
        top = np.where(np.isfinite(top), top, 0).astype(x.dtype)  # all -inf: log 0 = -inf
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


def exp_over(x: Any) -> Any:
    """e^x, written over x where that holds floats: fresh memory for a large array costs as much as the arithmetic."""
    return np.exp(x, out=x if x.ndim and x.dtype.kind == "f" else None)


def _softmax(x: Any, axis: int = -1) -> Any:
    raised = exp_over(x - _top(x, axis))
    raised /= np.sum(raised, axis=axis, keepdims=True)
    return raised


def _log_softmax(x: Any, axis: int = -1) -> Any:
    x = x - _top(x, axis)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


sum = op(
    "sum(x, axis=None, keepdims=False)", _sum, shapes="(n,m,k)", cases=_AXES, linear="x",
    x=lambda g, x, axis, keepdims: spread(g, x.shape, axis, keepdims),
    words=dict(x="every summed element moves the sum one for one, so each gets the whole gradient"),
)  # fmt: skip
spread = op(
    "spread(x, shape=(), axis=None, keepdims=False)", _spread, shapes="(m)", linear="x",
    cases=(dict(shape=(3, "m"), axis=0), dict(shape=(2, "m", 3), axis=(0, 2))),
    x=lambda g, axis, keepdims: sum(g, axis, keepdims=keepdims),
    words=dict(x="one value was copied to many places, so their gradients add up"),
)  # fmt: skip
mean = op(
    "mean(x, axis=None, keepdims=False)", _mean, shapes="(n,m,k)", cases=_AXES, linear="x",
    x=lambda g, x, axis, keepdims: spread(g, x.shape, axis, keepdims) / count(x.shape, axis),
    words=dict(x="spread copies the gradient to all n averaged elements; each gets one n-th of it"),
)  # fmt: skip
var = op(
    "var(x, axis=None, correction=1, keepdims=False)", _variance, shapes="(3,2,4)",
    cases=(*_AXES, dict(axis=0, correction=0)),
    x=lambda g, x, axis, correction, keepdims: (
        spread(g, x.shape, axis, keepdims) * (2 * per_freedom(x.shape, axis, correction))
        * (x - mean(x, axis, keepdims=True))
    ),
    words=dict(x="an element counts by its distance from the mean; the mean's own share cancels"),
)  # fmt: skip
norm2 = op(
    "norm2(x, axis=None, keepdims=False)", _norm2, shapes="(n,m,k)", cases=_AXES,
    where=dict(x=Domain("not all elements 0", kinks=(0.0,))),
    x=lambda g, x, y, axis, keepdims: spread(g / where(equal(y, 0.0), 1.0, y), x.shape, axis, keepdims) * x,
    words=dict(x="a vector grows fastest along itself: the gradient points where {x} points (and is 0 where {x} is 0)"),
)  # fmt: skip

winners = op("winners(x, axis=None)", _winners, shapes="(n,m)", nondiff="x", cases=_ONE_AXIS)
amax = op(
    "amax(x, axis=None, keepdims=False) = max(x)", largest, shapes="(n,m,k)", cases=_AXES, where=dict(x=distinct),
    x=lambda g, x, axis, keepdims: spread(g, x.shape, axis, keepdims) * winners(x, axis),
    words=dict(x="the gradient goes to the winner; winners that tie share it evenly"),
)  # fmt: skip
amin = op(
    "amin(x, axis=None, keepdims=False) = min(x)", smallest, shapes="(n,m,k)", cases=_AXES, where=dict(x=distinct),
    x=lambda g, x, axis, keepdims: spread(g, x.shape, axis, keepdims) * winners(-x, axis),
    words=dict(x="the gradient goes to the smallest; elements that tie share it evenly"),
)  # fmt: skip

# Which one wins, and yes-or-no questions: whole numbers and booleans have no slope.
_FEW = (dict(axis=None), dict(axis=1), dict(axis=0, keepdims=True))
argmax = op("argmax(x, axis=None, keepdims=False)", np.argmax, shapes="(n,m)", nondiff="x", cases=_FEW)
argmin = op("argmin(x, axis=None, keepdims=False)", np.argmin, shapes="(n,m)", nondiff="x", cases=_FEW)
all = op("all(x, axis=None, keepdims=False)", np.all, shapes="(n,m)", nondiff="x", cases=_FEW)
any = op("any(x, axis=None, keepdims=False)", np.any, shapes="(n,m)", nondiff="x", cases=_FEW)

logsumexp = op(
    "logsumexp(x, axis=None, keepdims=False)", _logsumexp, shapes="(n,m,k)", cases=_AXES,
    x=lambda g, x, y, axis, keepdims: (
        spread(g, x.shape, axis, keepdims) * exp(x - spread(y, x.shape, axis, keepdims))
    ),
    words=dict(x="each element gets its softmax share of the gradient"),
)  # fmt: skip
softmax = op(
    "softmax(x, axis=-1)", _softmax, shapes="(n,m)", cases=_ONE_AXIS,
    x=lambda g, y, axis: y * (g - sum(g * y, axis, keepdims=True)),
    words=dict(
        x="raising one input takes share from all others, the Jacobian is diag({y}) − {y} · {y}ᵀ: subtract the average "
        "gradient, weigh by the share"
    ),
)  # fmt: skip
log_softmax = op(
    "log_softmax(x, axis=-1)", _log_softmax, shapes="(n,m)", cases=_ONE_AXIS,
    x=lambda g, y, axis: g - exp(y) * sum(g, axis, keepdims=True),
    words=dict(x="the own gradient, less the softmax share of all gradients together"),
)  # fmt: skip
