"""Losses that ask for a distance or an order: margins, ranking, similar and dissimilar pairs."""

from typing import Any

import numpy as np

from microgradx.functional.inputs import node, real
from microgradx.functional.losses import pair, reduced, weighted
from microgradx.functional.norms import vector_norm
from microgradx.graph import Node, OpError
from microgradx.rules.arithmetic import clip, equal, minimum, not_equal, where
from microgradx.rules.elementary import softplus, sqrt
from microgradx.rules.losses import bce_with_logits
from microgradx.rules.reductions import mean, sum


def soft_margin_loss(x: Any, t: Any, reduction: str = "mean") -> Any:
    """log(1 + e^(−t·x)) for targets t of 1 or −1."""
    x, t = pair("soft_margin_loss", x, t)
    return reduced(softplus(-(t * x)), reduction)


def hinge_embedding_loss(x: Any, t: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """The distance x itself where t = 1 (similar), max(0, margin − x) where t = −1. (Hadsell et al. 2006.)"""
    x, t = pair("hinge_embedding_loss", x, t)
    near = where(not_equal(t, -1.0), x, 0.0)
    return reduced(near + where(not_equal(t, 1.0), clip(margin - x, low=0.0), 0.0), reduction)


def multilabel_soft_margin_loss(x: Any, t: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Binary cross-entropy of every class with sigmoid(x), averaged over the classes (the last axis)."""
    x, t = pair("multilabel_soft_margin_loss", x, t)
    return reduced(mean(weighted(bce_with_logits(x, t), weight), -1), reduction)


def margin_ranking_loss(x1: Any, x2: Any, t: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """max(0, margin − t·(x1 − x2)): x1 should rank above x2 where t = 1, below where t = −1."""
    x1, x2 = pair("margin_ranking_loss", x1, x2)
    x1, t = pair("margin_ranking_loss", x1, t)
    return reduced(clip(margin - t * (x1 - x2), low=0.0), reduction)


def cosine_embedding_loss(x1: Any, x2: Any, t: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 − cos(x1, x2) where t = 1, max(0, cos(x1, x2) − margin) where t = −1.

    Args:
        x1, x2: (n, d) with t (n,), or (d,) with a single t.
    """
    x1, x2 = pair("cosine_embedding_loss", real("cosine_embedding_loss", x1), x2)
    t = node(t)
    if x1.ndim not in (1, 2) or t.shape != x1.shape[:-1]:
        raise OpError(
            f"cosine_embedding_loss: the vectors are {x1.shape}, so t must be {x1.shape[:-1]}, not {t.shape}."
        )
    tiny = 1e-12  # keeps the angle of a zero vector defined
    cos = sum(x1 * x2, -1) / sqrt((sum(x1 * x1, -1) + tiny) * (sum(x2 * x2, -1) + tiny))
    loss = where(equal(t, 1), 1 - cos, 0.0) + where(equal(t, -1), clip(cos - margin, low=0.0), 0.0)
    return reduced(loss, reduction)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Any:
    """The p-norm of x1 − x2 + eps along the last axis."""
    return vector_norm(node(x1) - x2 + eps, p, -1, keepdims)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + d(anchor, positive) − d(anchor, negative)): like is to be nearer than unlike.

    `swap` takes the smaller of the two distances to the negative. (Schroff et al. 2015; Balntas et al. 2016.)
    """
    if margin <= 0:
        raise OpError(f"triplet_margin_loss: margin must be positive, not {margin}.")
    axes = [np.ndim(each.data if isinstance(each, Node) else each) for each in (anchor, positive, negative)]
    if len({*axes}) > 1:
        raise OpError(f"triplet_margin_loss: anchor, positive and negative need as many axes, not {axes}.")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(clip(margin + near - far, low=0.0), reduction)
