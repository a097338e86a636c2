"""Attention layers: many heads side by side, and the encoder layer of the Transformer. Names are PyTorch's."""

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from microgradx import functional as F
from microgradx.functional.attention import attention
from microgradx.graph import Node, OpError, Tensor
from microgradx.nn import init
from microgradx.nn.layers import Dropout, Linear, fresh
from microgradx.nn.module import Module
from microgradx.nn.normalisation import LayerNorm


class MultiheadAttention(Module):
    """Several attentions side by side, each on its own share of the features. (Vaswani et al. 2017, section 3.2.2.)

    Args:
        embed_dim: features of queries and outputs, a multiple of num_heads.
        dropout: the share of attention weights to drop, while training.
        add_bias_kv: one more key and value, the same for every sequence, that are learned.
        add_zero_attn: one more key and value of zeros: to look at them is to look at nothing.
        kdim, vdim: features of keys and of values; embed_dim when left out.
        batch_first: inputs are (batch, length, features) rather than (length, batch, features).

    Parameters: in_proj_weight (3 · embed_dim, embed_dim), for query, key and value one below the other, or with kdim or
    vdim q_proj_weight, k_proj_weight and v_proj_weight; in_proj_bias; bias_k and bias_v; and out_proj, a Linear.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
    ) -> None:  # fmt: skip
        if num_heads < 1 or embed_dim % num_heads:
            raise OpError(f"MultiheadAttention: embed_dim {embed_dim} does not fall into {num_heads} heads.")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.add_zero_attn, self.add_bias_kv = add_zero_attn, add_bias_kv
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = init.xavier_uniform_(fresh(3 * embed_dim, embed_dim))
        else:
            self.q_proj_weight = init.xavier_uniform_(fresh(embed_dim, embed_dim))
            self.k_proj_weight = init.xavier_uniform_(fresh(embed_dim, self.kdim))
            self.v_proj_weight = init.xavier_uniform_(fresh(embed_dim, self.vdim))
        self.in_proj_bias = fresh(3 * embed_dim) if bias else None
        self.bias_k = init.xavier_normal_(fresh(1, 1, embed_dim)) if add_bias_kv else None
        self.bias_v = init.xavier_normal_(fresh(1, 1, embed_dim)) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """(outputs, attention weights).

        Args:
            query: (L, batch, embed_dim). key: (S, batch, kdim). value: (S, batch, vdim). Or all without the batch axis.
            key_padding_mask: (batch, S): True for keys that nobody may look at; numbers are added to the scores.
            need_weights: whether the weights are wanted, (batch, L, S); else None.
            attn_mask: (L, S) or (batch · num_heads, L, S), as key_padding_mask.
            average_attn_weights: their mean over the heads; else (batch, num_heads, L, S).
            is_causal: a query sees only keys up to its own position.
        """
        inputs = [x if isinstance(x, Tensor) else Tensor(x, False) for x in (query, key, value)]
        sizes = (self.embed_dim, self.kdim, self.vdim)
        if len({x.ndim for x in inputs}) > 1 or inputs[0].ndim not in (2, 3) or _last(inputs) != sizes:
            raise OpError(
                f"MultiheadAttention: query, key and value must all be (length, batch, features), (batch, length, "
                f"features) with batch_first, or (length, features), with {', '.join(map(str, sizes))} features; not "
                f"{', '.join(str(x.shape) for x in inputs)}."
            )
        single = inputs[0].ndim == 2
        axis = 0 if self.batch_first or single else 1
        if single:
            inputs = [x.unsqueeze(0) for x in inputs]
        q, k, v = (self._projected(x if axis == 0 else F.transpose(x, 0, 1), n) for n, x in enumerate(inputs))
        mask = self._mask(attn_mask, key_padding_mask, q.shape[-2], k.shape[-2], is_causal)
        if self.bias_k is not None:
            k, v, mask = self._longer(k, self.bias_k), self._longer(v, self.bias_v), _open(mask)
        if self.add_zero_attn:
            nothing = Tensor(np.zeros((1, 1, self.embed_dim), k.dtype), False)
            k, v, mask = self._longer(k, nothing), self._longer(v, nothing), _open(mask)
        q, k, v = map(self._heads, (q, k, v))
        y, weights = attention(q, k, v, mask, self.dropout if self.training else 0.0)
        y = self.out_proj(F.flatten(F.transpose(y, 1, 2), -2))  # (batch, L, embed_dim)
        weights = F.mean(weights, 1) if average_attn_weights else weights
        if single:
            y, weights = y.squeeze(0), weights.squeeze(0)
        return (y if axis == 0 else F.transpose(y, 0, 1)), (weights if need_weights else None)

    def _projected(self, x: Any, n: int) -> Any:
        """Projection n (query, key, value) of x (batch, length, features): (batch, length, embed_dim)."""
        own = slice(n * self.embed_dim, (n + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[own]
        apart = getattr(self, f"{'qkv'[n]}_proj_weight", None)
        return F.linear(x, self.in_proj_weight[own] if apart is None else apart, bias)

    def _longer(self, x: Any, last: Any) -> Any:
        """x (batch, length, embed_dim), and behind each the same row `last` (1, 1, embed_dim)."""
        return F.concatenate([x, F.broadcast_to(last, (x.shape[0], 1, self.embed_dim))], 1)

    def _heads(self, x: Any) -> Any:
        """x (batch, length, embed_dim) as (batch, num_heads, length, share)."""
        return F.transpose(F.unflatten(x, -1, (self.num_heads, self.embed_dim // self.num_heads)), 1, 2)

    def _mask(self, attn_mask: Any, key_padding_mask: Any, length: int, keys: int, is_causal: bool) -> Any:
        """All masks as one that broadcasts to (batch, num_heads, L, S): True where one may look, or numbers to add."""
        masks = []
        if attn_mask is not None:
            shape = (-1, self.num_heads, length, keys) if np.ndim(attn_mask) == 3 else (1, 1, length, keys)
            masks.append(F.reshape(attn_mask, shape))
        elif is_causal:
            masks.append(Tensor(~np.tri(length, keys, dtype=bool)))
        if key_padding_mask is not None:
            masks.append(F.reshape(key_padding_mask, (-1, 1, 1, keys)))
        if all(mask.dtype.kind == "b" for mask in masks):
            if isinstance(attn_mask, Node) or isinstance(key_padding_mask, Node):
                return F.logical_not(reduce(F.logical_or, masks))
            return ~np.logical_or.reduce(np.broadcast_arrays(*(m.data for m in masks))) if masks else None
        added = [F.where(mask, -math.inf, 0.0) if mask.dtype.kind == "b" else mask for mask in masks]
        return added[0] + added[1] if len(added) > 1 else added[0]


def _last(inputs: list[Any]) -> tuple[int, ...]:
    return tuple(x.shape[-1] for x in inputs)


def _open(mask: Any) -> Any:
    """The mask with one more key, which everybody may look at."""
    if mask is None:
        return None
    free = np.ones((*mask.shape[:-1], 1), bool) if mask.dtype.kind == "b" else np.zeros((*mask.shape[:-1], 1))
    return F.concatenate([mask, Tensor(free.astype(mask.dtype), False)], -1)


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then two linear layers; each added to its input and normalised.

    Args:
        d_model: features. nhead: attention heads. dim_feedforward: neurons between the linear layers.
        activation: "relu", "gelu" or a function, between them.
        norm_first: normalise before attention and linear layers instead of after.
        The others: see MultiheadAttention and LayerNorm.

    (Vaswani et al. 2017, section 3.1; norm_first: Xiong et al. 2020.)
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True,
    ) -> None:  # fmt: skip
        known: dict[str, Callable[[Any], Any]] = {"relu": F.relu, "gelu": F.gelu}
        if isinstance(activation, str) and activation not in known:
            raise OpError(f"TransformerEncoderLayer: activation is 'relu', 'gelu' or a function, not {activation!r}.")
        self.activation = known[activation] if isinstance(activation, str) else activation
        self.norm_first = norm_first
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.linear1 = Linear(d_model, dim_feedforward, bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """src (length, batch, d_model), of the same shape; the masks are those of MultiheadAttention."""

        def attend(x: Any) -> Any:
            y, _ = self.self_attn(x, x, x, src_key_padding_mask, False, src_mask, is_causal=is_causal)
            return self.dropout1(y)

        def think(x: Any) -> Any:
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        if self.norm_first:
            x = src + attend(self.norm1(src))
            return x + think(self.norm2(x))
        x = self.norm1(src + attend(src))
        return self.norm2(x + think(x))
