"""Layers that mix rows: batch normalisation with its three paths, and scaled dot-product attention."""

from math import sqrt
from typing import Any

from microgradx import Tensor, scope
from microgradx.examples.registry import Example, Program
from microgradx.functional import softmax


def batch_norm(x: Any, gamma: Any, beta: Any, mix: Any) -> Any:
    """Each column of x (4, 2) shifted to mean 0 and scaled to variance 1, then to `gamma` and `beta` (2,)."""
    with scope("norm"):
        mean = x.mean(axis=0)
        variance = x.var(axis=0, correction=0)
        deviation = (variance + 1e-5).sqrt()
        scaled = (x - mean) / deviation
    y = gamma * scaled + beta
    L = (mix * y).sum()
    return L


def build_batch_norm() -> Program:
    """Four rows of two features; mix (4, 2) makes the upstream gradients differ."""
    arguments = dict(
        x=[[1.0, 50.0], [2.0, 30.0], [4.0, 20.0], [5.0, 60.0]], gamma=[1.0, 2.0], beta=[0.0, 1.0],
        mix=Tensor([[1.0, 0.5], [-1.0, 1.0], [0.5, -0.5], [2.0, 1.5]], requires_grad=False),
    )  # fmt: skip
    note = (
        "three paths lead into x: straight through x − mean, through the mean, and through the variance. Together they "
        "leave no gradient in the direction of a common shift: each column of ∂L/∂x sums to 0."
    )
    return Program(batch_norm, arguments, ("gamma", "beta"), (note,))


def attention(Q: Any, K: Any, V: Any) -> Any:
    """softmax(Q · Kᵀ / √d) · V for Q (2, 4), K (3, 4), V (3, 2); L is the sum of its squares."""
    with scope("attention"):
        scores = Q @ K.mT / sqrt(Q.shape[-1])
        weights = softmax(scores, axis=-1)
        Y = weights @ V
    L = (Y**2).sum()
    return L


def build_attention() -> Program:
    """Two queries look at three keys. (Vaswani et al., Attention Is All You Need, 2017, equation 1.)"""
    arguments = dict(
        Q=[[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, -1.0]],
        K=[[1.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 1.0]],
        V=[[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]],
    )
    note = (
        "each row of weights sums to 1, so what raises one weight lowers the others: each row of ∂L/∂scores sums to 0."
    )
    return Program(attention, arguments, ("Q", "K", "V"), (note,))


BATCH_NORM = Example("batch-norm", "batch normalisation: three paths into x", build_batch_norm, "tensor")
ATTENTION = Example("attention", "scaled dot-product attention: two queries, three keys", build_attention, "tensor")
