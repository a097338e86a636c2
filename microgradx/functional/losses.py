"""Losses over a batch: the rows give one loss per sample, `reduction` makes one number of them."""

from typing import Any

import numpy as np

from microgradx.graph import Node, OpError, Tensor, Value
from microgradx.rules import losses as rows
from microgradx.rules.arithmetic import square, sub
from microgradx.rules.reductions import log_softmax, mean, sum


def reduced(loss: Any, reduction: str) -> Any:
    """ "mean" over all entries, "sum" of them, or "none" to keep them apart."""
    if reduction not in ("mean", "sum", "none"):
        raise OpError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}.")
    if reduction == "none" or isinstance(loss, Value):
        return loss
    return mean(loss) if reduction == "mean" else sum(loss)


def mse_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """Squared error (x − t)², averaged."""
    return reduced(square(sub(x, t)), reduction)


def binary_cross_entropy(p: Any, t: Any, reduction: str = "mean") -> Any:
    """−t·log p − (1 − t)·log(1 − p) for probabilities p in [0, 1]; logarithms stop at −100, as in PyTorch."""
    _same_shapes("binary_cross_entropy", p, t)
    return reduced(rows.bce(p, t), reduction)


def binary_cross_entropy_with_logits(z: Any, t: Any, reduction: str = "mean") -> Any:
    """The same for p = sigmoid(z), in one stable step: max(z, 0) − z·t + log(1 + e^−|z|)."""
    _same_shapes("binary_cross_entropy_with_logits", z, t)
    return reduced(rows.bce_with_logits(z, t), reduction)


def cross_entropy(x: Any, t: Any, reduction: str = "mean") -> Any:
    """Softmax cross-entropy of logits x (…, classes) with integer labels t (…), or probabilities of x's shape.

    Its gradient is a − y: the softmax of x less the truth. (Goodfellow, Bengio & Courville, Deep Learning, 6.2.2.3.)
    """
    label = t.data if isinstance(t, Node) else np.asarray(t)
    if isinstance(t, (list, tuple, int)) and label.dtype.kind == "i":
        t = Tensor(label, requires_grad=False)
    if np.asarray(label).dtype.kind in "iu":
        return reduced(rows.softmax_cross_entropy(x, t), reduction)
    _same_shapes("cross_entropy", x, t)
    return reduced(-sum(t * log_softmax(x), axis=-1), reduction)


def _same_shapes(name: str, x: Any, t: Any) -> None:
    a, b = np.shape(getattr(x, "data", x)), np.shape(getattr(t, "data", t))
    if a != b:
        raise OpError(f"{name}: the guess is {a} but the target is {b}; they must have the same shape.")
