"""Rows: losses per sample; `functional` averages them over the batch."""

import math
from typing import Any

import numpy as np

from microgradx.rules.arithmetic import maximum
from microgradx.rules.domains import labels, share, unit
from microgradx.rules.elementary import log, sigmoid
from microgradx.rules.op import op
from microgradx.rules.reductions import exp_over, softmax
from microgradx.rules.shaping import unsqueeze

E100 = math.exp(-100)  # the probability whose logarithm is the floor


def _log_floor(p: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100.0)  # a wrong certainty costs 100, not infinity


def _bce(p: Any, t: Any) -> Any:
    return -(t * _log_floor(p) + (1 - t) * _log_floor(1 - p))


def _bce_scalar(p: float, t: float) -> float:
    def floor(q: float) -> float:
        return max(math.log(q), -100.0) if q > 0 else -100.0 if q == 0 else math.nan

    return -(t * floor(p) + (1 - t) * floor(1 - p))


def _bce_logits(z: Any, t: Any) -> Any:
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


def _bce_logits_scalar(z: float, t: float) -> float:
    return max(z, 0.0) - z * t + math.log1p(math.exp(-math.fabs(z)))


def _check_labels(t: Any, classes: int) -> None:
    if t.dtype.kind not in "iu":
        raise ValueError("labels must be integers")
    if t.size and not (np.minimum.reduce(t, axis=None) >= 0 and np.maximum.reduce(t, axis=None) < classes):
        raise ValueError(f"labels must lie in 0 … {classes - 1}")


def _one_hot(t: Any, classes: int, dtype: Any = "float64") -> Any:
    _check_labels(t, classes)
    flags = np.zeros((t.size, classes), dtype)
    flags[np.arange(t.size), t.reshape(-1)] = 1
    return flags.reshape(*t.shape, classes)


def _cross_entropy(x: Any, t: Any) -> Any:
    if t.shape != x.shape[:-1]:
        raise ValueError("labels need one entry per row of x")
    _check_labels(t, x.shape[-1])
    x = x - np.maximum.reduce(x, axis=-1, keepdims=True)
    guessed = x.reshape(t.size, x.shape[-1])[np.arange(t.size), t.reshape(-1)].reshape(t.shape)
    return np.log(np.add.reduce(exp_over(x), axis=-1)) - guessed


bce = op(
    "bce(p, t)", _bce, _bce_scalar, where=dict(p=unit, t=share),
    p=lambda p, t: (p - t) / maximum(p * (1 - p), 1e-12),
    t=lambda p: log(maximum(1 - p, E100)) - log(maximum(p, E100)),
    words=dict(
        p="guess minus truth, more steeply where the guess is sure of itself (the max avoids 0 / 0; within 1e−12 of 0 "
        "or 1 it flattens the slope, binary_cross_entropy_with_logits does not)",
        t="how much more the other answer would have cost (at most 100: the floor of the logarithm)",
    ),
)  # fmt: skip
bce_with_logits = op(
    "bce_with_logits(z, t)", _bce_logits, _bce_logits_scalar, where=dict(t=share),
    z=lambda z, t: sigmoid(z) - t,
    t=lambda z: -z,
    words=dict(
        z="guess minus truth: the sigmoid's slope and the logarithm's cancel",
        t="how much more the other answer would have cost",
    ),
)  # fmt: skip
one_hot = op(
    "one_hot(t, classes=2, dtype='float64')", _one_hot, shapes="(n)", nondiff="t", where=dict(t=labels("3")),
    cases=(dict(classes=3),),
)  # fmt: skip
softmax_cross_entropy = op(
    "softmax_cross_entropy(x, t) = cross_entropy(x, t)", _cross_entropy, shapes="(...,n,k),(...,n)->(...,n)",
    nondiff="t", where=dict(t=labels("k")),
    x=lambda g, x, t: unsqueeze(g, -1) * (softmax(x) - one_hot(t, x.shape[-1], x.dtype)),
    words=dict(x="a - y: the guessed probabilities minus the truth; the softmax Jacobian and the log's 1/a cancel"),
)  # fmt: skip
