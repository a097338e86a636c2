"""Losses that compare a guess with a target, number by number; `reduction` makes one number of them.

Every loss refuses a target whose shape differs from the guess (a single number is fine).
"""

import math
from typing import Any

import numpy as np

from microgradx.functional.elementwise import xlogy
from microgradx.functional.inputs import node, same_shape
from microgradx.graph import Node, OpError, Value
from microgradx.graph.notes import may_refuse
from microgradx.rules import losses as rows
from microgradx.rules.arithmetic import abs, clip, maximum, square, where
from microgradx.rules.elementary import exp, log, softplus
from microgradx.rules.reductions import mean, sum


def reduced(loss: Any, reduction: str) -> Any:
    """ "mean" over all entries, "sum" of them, or "none" to keep them apart."""
    if reduction not in ("mean", "sum", "none"):
        raise OpError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}.")
    if reduction == "none" or isinstance(loss, Value):
        return loss
    return mean(loss) if reduction == "mean" else sum(loss)


def pair(name: str, x: Any, t: Any) -> tuple[Any, Any]:
    """Guess and target as nodes of one shape; a plain number is a target for every guess.

    Raises:
        OpError: the shapes differ, or the guess is not made of real numbers.
    """
    x, number = node(x), isinstance(t, (int, float))
    t = node(t)
    if x.dtype.kind != "f":
        raise OpError(f"{name}: the guess has dtype {x.dtype}; a loss needs real numbers, x.astype('float64').")
    if not number:
        same_shape(name, x, t)
    return x, t if number or t.dtype.kind == "f" else t.astype(x.dtype)


def weighted(loss: Any, weight: Any) -> Any:
    """The loss times `weight`, where one is given."""
    return loss if weight is None else loss * weight


def _each_weighted(name: str, loss: Any, weight: Any) -> Any:
    if weight is not None and np.shape(weight) != loss.shape:
        raise OpError(f"{name}: weight must have the guess's shape {loss.shape}, not {np.shape(weight)}.")
    return weighted(loss, weight)


def _by_weight(name: str, loss: Any, weight: Any, reduction: str) -> Any:
    """As `reduced`, but "mean" is the weighted mean: it divides by the sum of the weights."""
    loss = _each_weighted(name, loss, weight)
    if weight is None or reduction != "mean":
        return reduced(loss, reduction)
    return reduced(loss, "sum") / reduced(node(weight), "sum")


def mse_loss(x: Any, t: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Squared error (x − t)²; with `weight`, of x's shape, "mean" divides by the sum of the weights."""
    x, t = pair("mse_loss", x, t)
    return _by_weight("mse_loss", square(x - t), weight, reduction)


def l1_loss(x: Any, t: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Absolute error |x − t|, its slope at 0 being 0; `weight` as in `mse_loss`."""
    x, t = pair("l1_loss", x, t)
    return _by_weight("l1_loss", abs(x - t), weight, reduction)


def huber_loss(x: Any, t: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """½e² for a small error e = x − t, δ(|e| − ½δ) for a large one. (Huber 1964.)

    With c = e clipped to [−δ, δ], both are c · (e − ½c).
    """
    if delta <= 0:
        raise OpError(f"huber_loss: delta must be positive, not {delta}.")
    x, t = pair("huber_loss", x, t)
    return reduced(_each_weighted("huber_loss", _huber(x - t, delta), weight), reduction)


def smooth_l1_loss(x: Any, t: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """The Huber loss divided by β: slope ±1 outside; β = 0 gives the absolute error. (Girshick 2015.)"""
    if beta < 0:
        raise OpError(f"smooth_l1_loss: beta must be 0 or more, not {beta}.")
    x, t = pair("smooth_l1_loss", x, t)
    return reduced(abs(x - t) if beta == 0 else _huber(x - t, beta) / beta, reduction)


def _huber(e: Any, delta: float) -> Any:
    c = clip(e, low=-delta, high=delta)
    return c * (e - 0.5 * c)


def binary_cross_entropy(x: Any, t: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """−t·log x − (1 − t)·log(1 − x) for probabilities x in [0, 1]; logarithms stop at −100, as in PyTorch.

    Also as there, the slope divides by x·(1 − x) or by 1e−12, whichever is larger: where a sigmoid is surer than that
    of a wrong answer (beyond ±28), the gradient fades. `binary_cross_entropy_with_logits` is right everywhere.

    Raises:
        OpError: a probability outside [0, 1]; did you mean binary_cross_entropy_with_logits?
    """
    x, t = pair("binary_cross_entropy", x, t)
    may_refuse("probabilities outside 0 … 1")
    if not np.all((x.data >= 0) & (x.data <= 1)):  # a nan is no probability either
        raise OpError(
            "binary_cross_entropy takes probabilities between 0 and 1; apply sigmoid first, "
            "or use binary_cross_entropy_with_logits."
        )
    loss = weighted(rows.bce(x, t), weight)
    if loss.shape != x.shape:
        raise OpError(f"binary_cross_entropy: weight {np.shape(weight)} must broadcast to the guess's {x.shape}.")
    return reduced(loss, reduction)


def binary_cross_entropy_with_logits(
    x: Any, t: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """The same for probabilities sigmoid(x), in one stable step: max(x, 0) − x·t + log(1 + e^−|x|).

    `pos_weight` counts the targets 1 more (or less): pos_weight · t · softplus(−x) + (1 − t) · softplus(x).
    """
    x, t = pair("binary_cross_entropy_with_logits", x, t)
    if pos_weight is None:
        return reduced(weighted(rows.bce_with_logits(x, t), weight), reduction)
    return reduced(weighted(pos_weight * t * softplus(-x) + (1 - t) * softplus(x), weight), reduction)


def kl_div(x: Any, t: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """The Kullback-Leibler divergence t·(log t − x) of log-probabilities x from t (or from log t).

    reduction "batchmean" sums and divides by the first axis, which is the divergence of a batch of distributions.
    """
    x, t = pair("kl_div", x, t)
    loss = exp(t) * (t - x) if log_target else xlogy(t, t) - t * x
    if reduction == "batchmean":
        return sum(loss) / (x.shape[0] if x.ndim else 1)
    return reduced(loss, reduction)


def poisson_nll_loss(
    x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """−log of the Poisson probability of the counts t at rate e^x (or x): e^x − t·x, without the term log t!.

    `full` adds Stirling's t·log t − t + ½·log(2πt) for t > 1.
    """
    x, t = pair("poisson_nll_loss", x, t)
    loss = exp(x) - t * x if log_input else x - t * log(x + eps)
    if full:
        large = t > 1
        n = where(large, t, 1.0)
        loss = loss + where(large, n * log(n) - n + 0.5 * log(2 * math.pi * n), 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Any:
    """−log of the normal density of t: ½(log var + (x − t)² / var); `full` adds ½·log 2π.

    Args:
        x, t: of one shape.
        var: that shape, or one variance per row (last axis 1 or left out), or a number; none negative. It is
            raised to `eps` where smaller; as in PyTorch, the gradient does not notice.
    """
    x, t = pair("gaussian_nll_loss", x, t)
    var = node(var)
    if var.ndim and var.shape == x.shape[:-1]:
        var = var.unsqueeze(-1)
    elif var.ndim and var.shape not in (x.shape, (*x.shape[:-1], 1)):
        raise OpError(f"gaussian_nll_loss: var has shape {var.shape}, but the guess has {x.shape}.")
    may_refuse("negative variances")
    if np.any(var.data < 0):
        raise OpError("gaussian_nll_loss: a variance cannot be negative.")
    var = var + where(var < 0, 0.0, maximum(eps - var, 0.0)).detach()  # in a program, a negative one gives nan
    loss = 0.5 * (log(var) + square(x - t) / var)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def l1_penalty(params: Any, strength: float = 1.0) -> Any:
    """strength · Σ |w| over a tensor or a list of them: pulls every weight to 0 with the same force."""
    return strength * _total(abs, params)


def l2_penalty(params: Any, strength: float = 1.0) -> Any:
    """strength · Σ w² over a tensor or a list of them: pulls a weight to 0 the harder the larger it is."""
    return strength * _total(square, params)


def _total(size: Any, params: Any) -> Any:
    listed = [params] if isinstance(params, (Node, np.ndarray)) else list(params)
    if not listed:
        raise OpError("a penalty needs at least one weight.")
    parts = [size(w) if isinstance(w, Value) else sum(size(w)) for w in listed]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
