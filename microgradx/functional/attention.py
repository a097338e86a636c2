"""Composites of attention: look-up tables, similarity, and the weighted mean that attention is."""

import math
from typing import Any

import numpy as np

from microgradx.functional.arguments import constant, integers
from microgradx.functional.inputs import axis_of, real, tensor
from microgradx.functional.linear_algebra import matmul
from microgradx.functional.normalization import dropout
from microgradx.graph import Node, OpError, Tensor, scope
from microgradx.random import Generator
from microgradx.rules.arithmetic import equal, maximum, where
from microgradx.rules.reductions import any, norm2, softmax, sum
from microgradx.rules.shaping import lookup, mT, unsqueeze


def embedding(x: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The rows of `weight` (words, size) listed by the integers x (…): shape (…, size).

    A row collects the gradient of every place that used it; the row `padding_idx` collects none.
    """
    weight, ids = tensor(weight), integers("embedding", x.data if isinstance(x, Tensor) else x)
    if weight.ndim != 2 or (ids.size and not (ids.min() >= 0 and ids.max() < weight.shape[0])):
        raise OpError(f"embedding: indices must lie in 0 … {weight.shape[0] - 1}, the rows of weight {weight.shape}.")
    places = x if isinstance(x, Tensor) else constant(ids)
    rows = lookup(weight, places)
    if padding_idx is None:
        return rows
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise OpError(f"embedding: padding_idx {padding_idx} is not a row of weight {weight.shape}.")
    return where(unsqueeze(equal(places, padding_idx % weight.shape[0]), -1), rows.detach(), rows)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along `dim`: x1 · x2 / (|x1| |x2|), each length at least eps."""
    x1, x2 = real("cosine_similarity", x1), real("cosine_similarity", x2)
    if eps < 0:
        raise OpError(f"cosine_similarity: eps is the least length, 0 or more, not {eps}.")
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
    except ValueError:
        raise OpError(f"cosine_similarity: {x1.shape} and {x2.shape} do not broadcast together.") from None
    axis = axis_of("cosine_similarity", constant(np.empty(shape)), dim) - len(shape)
    one, two = (x / maximum(norm2(x, axis, keepdims=True), eps) for x in (x1, x2))
    return sum(one * two, axis)


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, *, generator: Generator | None = None,
) -> Any:  # fmt: skip
    """softmax(Q Kᵀ · scale) V: every query gets the mean of the values, weighed by how well their keys fit it.

    Args:
        query: (…, L, E). key: (…, S, E). value: (…, S, D). The leading axes broadcast.
        attn_mask: (…, L, S); booleans say who may be looked at, numbers are added to the scores.
        dropout_p: the share of weights to drop. is_causal: a query sees only keys up to its own position.
        scale: 1 / √E when left out.

    A query that may look at nothing gets zeros. (Vaswani et al. 2017, Attention is all you need, equation 1.)
    """
    return attention(query, key, value, attn_mask, dropout_p, is_causal, scale, generator)[0]


def attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, generator: Generator | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """`scaled_dot_product_attention`, and the weights of its mean: (…, L, D) and (…, L, S)."""
    q, k, v = (real("scaled_dot_product_attention", each) for each in (query, key, value))
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise OpError(
            f"scaled_dot_product_attention: query (…, L, E), key (…, S, E) and value (…, S, D) do not fit: "
            f"{q.shape}, {k.shape}, {v.shape}."
        )
    if is_causal and attn_mask is not None:
        raise OpError("scaled_dot_product_attention: is_causal is a mask of its own; pass one of the two.")
    if is_causal:
        attn_mask = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
    with scope("attention"):
        scores = matmul(q, mT(k)) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
        if attn_mask is None:
            weights = softmax(scores.named("scores"), axis=-1)
        else:
            weights = _masked(scores, attn_mask)
        weights = dropout(weights.named("weights"), dropout_p, generator=generator)
        return matmul(weights, v), weights


def _masked(scores: Any, attn_mask: Any) -> Any:
    mask = tensor(attn_mask)
    if mask.dtype.kind != "b":
        return softmax((scores + mask).named("scores"), axis=-1)
    if isinstance(attn_mask, Node):  # it may differ from call to call, so ops look at it
        seen = any(mask, axis=-1, keepdims=True)
        hidden = where(seen, -np.inf, 0.0).astype(scores.dtype)
    else:
        seen = constant(np.any(mask.data, axis=-1, keepdims=True))
        hidden = constant(np.where(seen.data, -np.inf, 0).astype(scores.dtype))
    weights = softmax(where(mask, scores, hidden).named("scores"), axis=-1)  # a row of −∞ alone has no softmax
    return where(seen, weights, 0.0)
