"""Losses that compare scores or log-probabilities with class labels, or with a distribution over the classes.

Classes lie on axis 1 of a batch (n, classes, …), on axis 0 of a single sample (classes,), as in PyTorch.
"""

from typing import Any

import numpy as np

from microgradx.functional.arguments import bare
from microgradx.functional.inputs import node, real, same_shape
from microgradx.functional.losses import reduced, weighted
from microgradx.functional.shaping import movedim
from microgradx.graph import OpError, Tensor, Value
from microgradx.rules import losses as rows
from microgradx.rules.arithmetic import not_equal, where
from microgradx.rules.elementary import relu
from microgradx.rules.reductions import log_softmax, sum
from microgradx.rules.shaping import broadcast_to


def cross_entropy(
    x: Any,
    t: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Softmax cross-entropy: −log of the probability that the scores `x` give to the true class.

    Its gradient is a − y: the softmax of x less the truth. (Goodfellow, Bengio & Courville, Deep Learning, 6.2.2.3.)

    Args:
        x: scores (n, classes), (n, classes, d1, …) or (classes,).
        t: integer labels of x's shape without the class axis; or probabilities of x's shape.
        weight: (classes,): how much each class counts; "mean" divides by the weights of the labels.
        ignore_index: entries with this label count nothing.
        label_smoothing: this share of the truth is spread evenly over all classes. (Szegedy et al. 2016.)

    Raises:
        OpError: shapes do not fit, labels outside 0 … classes-1, label_smoothing outside [0, 1].
    """
    x, t, weight, axis = _prepared("cross_entropy", x, t, weight)
    if not 0 <= label_smoothing <= 1:
        raise OpError(f"cross_entropy: label_smoothing must lie between 0 and 1, not {label_smoothing}.")
    classes = x.shape[-1]
    if t.dtype.kind == "f":
        t = _last(t, axis)
        same_shape("cross_entropy", x, t)
        if label_smoothing:
            t = t * (1 - label_smoothing) + label_smoothing / classes
        return reduced(-sum(weighted(t * log_softmax(x), weight), -1), reduction)
    keep, t = _kept(t, ignore_index)
    if weight is None and not label_smoothing:
        return _averaged(rows.softmax_cross_entropy(x, t), keep, None, t, reduction)
    logs = weighted(log_softmax(x), weight)
    loss = (1 - label_smoothing) * _picked(logs, t)
    if label_smoothing:
        loss = loss - label_smoothing / classes * sum(logs, -1)
    return _averaged(loss, keep, weight, t, reduction)


def nll_loss(x: Any, t: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """−x[t]: what `cross_entropy` does after log_softmax; arguments as there, `x` are log-probabilities."""
    x, t, weight, _ = _prepared("nll_loss", x, t, weight)
    if t.dtype.kind == "f":
        raise OpError("nll_loss takes integer labels; for probabilities use cross_entropy or kl_div.")
    keep, t = _kept(t, ignore_index)
    return _averaged(_picked(weighted(x, weight), t), keep, weight, t, reduction)


def _prepared(name: str, x: Any, t: Any, weight: Any) -> tuple[Any, Any, Any, int]:
    """Scores with the class axis last, labels as a tensor, weights checked; and where the class axis was."""
    x = real(name, x)
    if not x.ndim:
        raise OpError(f"{name}: the scores need an axis of classes, (classes,) or (n, classes).")
    axis = 1 if x.ndim > 1 else 0
    classes = x.shape[axis]
    if not isinstance(t, (Tensor, Value)):
        label = np.asarray(t)
        t = Tensor(label if label.dtype.kind in "iu" else t, requires_grad=False)
    if t.dtype.kind == "f" and t.shape == x.shape[:axis] + x.shape[axis + 1 :]:
        raise OpError(f"{name}: labels are whole numbers, these are {t.dtype}; write Tensor(labels, dtype='int64').")
    if weight is not None:
        weight = node(weight)
        if weight.shape != (classes,):
            raise OpError(f"{name}: weight has shape {weight.shape}; it needs one number per class: ({classes},).")
    return _last(x, axis), t, weight, axis


def _last(x: Any, axis: int) -> Any:
    return x if x.ndim - 1 <= axis else movedim(x, axis, -1)


def _kept(t: Any, ignore_index: int) -> tuple[Any, Any]:
    """A mask of the labels that count (None when all do), and the labels with the others replaced by 0."""
    # Where it is no class, a batch that has none is the usual one: the rows refuse it, should it come up later.
    if ignore_index < 0 and not np.logical_or.reduce(t.data == ignore_index, axis=None):  # np.any without its detour
        return None, t
    keep = not_equal(t, ignore_index)
    return keep, where(keep, t, 0)


def _picked(x: Any, t: Any) -> Any:
    """−x at the labels; the choice by `where` lets a -inf of another class pass unnoticed."""
    if t.shape != x.shape[:-1]:
        raise OpError(f"labels need one entry per row: the scores are {x.shape} (classes last), the labels {t.shape}.")
    return -sum(where(rows.one_hot(t, x.shape[-1], "bool"), x, 0.0), -1)


def _averaged(loss: Any, keep: Any, weight: Any, t: Any, reduction: str) -> Any:
    """As `reduced`, but "mean" divides by what counts: the number of labels kept, or their weights."""
    if keep is not None:
        loss = where(keep, loss, 0.0)
    if reduction != "mean" or (keep is None and weight is None):
        return reduced(loss, reduction)
    counts = keep.astype(loss.dtype) if weight is None else _weight_of(t, weight)
    if weight is not None and keep is not None:
        counts = where(keep, counts, 0.0)
    return sum(loss) / sum(counts)


def _weight_of(t: Any, weight: Any) -> Any:
    return -_picked(broadcast_to(weight, shape=(*t.shape, weight.size)), t)


def multi_margin_loss(
    x: Any, t: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Σ over the wrong classes of max(0, margin − x[t] + x[j])^p, divided by the number of classes.

    Args:
        x: scores (n, classes) or (classes,); t: labels (n,) or a single one.
        p: 1 or 2. weight: (classes,), by the true class.
    """
    if p not in (1, 2):
        raise OpError(f"multi_margin_loss: p must be 1 or 2, not {p}.")
    x, t, weight, _ = _prepared("multi_margin_loss", x, t, weight)
    classes = x.shape[-1]
    gap = (margin + _picked(x, t)).unsqueeze(-1) + x
    true = rows.one_hot(t, classes, "bool")
    loss = relu(gap) ** p
    if weight is not None:
        loss = loss * _weight_of(t, weight).unsqueeze(-1)
    return reduced(sum(where(true, 0.0, loss), -1) / classes, reduction)


def multilabel_margin_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """Σ over true classes i and other classes j of max(0, 1 − x[i] + x[j]), divided by the number of classes.

    Args:
        x: scores (n, classes) or (classes,).
        t: x's shape: in each row the true classes, then -1; what follows the first -1 is not read.
    """
    x, t = real("multilabel_margin_loss", x), node(t)
    same_shape("multilabel_margin_loss", x, t)
    if t.dtype.kind not in "iu" or np.any(t.data < -1) or np.any(t.data >= x.shape[-1]):
        raise OpError(f"multilabel_margin_loss: labels must be integers in -1 … {x.shape[-1] - 1}.")
    valid = np.minimum.accumulate(bare(t) >= 0, axis=-1)
    chosen = (t.data[..., None] == np.arange(x.shape[-1])) & valid[..., None]  # (…, label, class)
    other = ~chosen.any(-2)
    own = sum(where(chosen, x.unsqueeze(-2), 0.0), -1)
    gaps = relu(1 - own.unsqueeze(-1) + x.unsqueeze(-2))
    loss = sum(where(valid[..., None] & other[..., None, :], gaps, 0.0), (-2, -1)) / x.shape[-1]
    return reduced(loss, reduction)
