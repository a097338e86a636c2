"""Composites of products: vectors promoted to matrices, einsum in all its spellings."""

import math
from typing import Any

import numpy as np

from microgradx.functional.arguments import axes_of
from microgradx.functional.indexing import diagonal
from microgradx.functional.inputs import node, tensor
from microgradx.graph import Node, OpError, Tensor
from microgradx.graph.state import alone
from microgradx.rules import linear_algebra as rows
from microgradx.rules.linear_algebra import explicit_spec
from microgradx.rules.shaping import broadcast_to, reshape, squeeze, transpose, unsqueeze


def matmul(A: Any, B: Any) -> Any:
    """`A @ B` with NumPy's rules: vectors, matrices, and batches of matrices (leading axes broadcast)."""
    n, m = (x.data.ndim if isinstance(x, Tensor) else np.ndim(x) for x in (A, B))
    if n >= 2 and m >= 2:
        return rows.matmul(A, B)
    if n == 0 or m == 0:
        raise OpError("matmul needs vectors or matrices; to scale by a number use *.")
    if n == m == 1:
        return rows.dot(A, B)
    if n == 2 and m == 1:
        return rows.mv(A, B)
    if m == 1:
        return squeeze(rows.matmul(A, unsqueeze(B, -1)), -1)
    if m == 2:
        return rows.mv(tensor(B).mT, A)
    return squeeze(rows.matmul(unsqueeze(A, 0), B), -2)


def einsum(spec: str, *xs: Any) -> Any:
    """Einstein's summation, as `np.einsum`: `einsum("ij,jk->ik", A, B)`; '...' and implicit outputs too.

    The factors may also come as one list, `einsum("ij,jk->ik", [A, B])`.
    """
    if len(xs) == 1 and isinstance(xs[0], (list, tuple)) and any(isinstance(x, (Node, np.ndarray)) for x in xs[0]):
        xs = tuple(xs[0])
    nodes = [tensor(x) for x in xs]
    try:
        full = explicit_spec(spec, [x.shape for x in nodes])
    except ValueError as problem:
        raise OpError(f"einsum: {problem}.") from None
    left, out = full.split("->")
    terms = left.split(",")
    for k, term in enumerate(terms):
        for c in sorted(set(term)):
            while terms[k].count(c) > 1:  # a diagonal, which becomes the last axis
                first, last = terms[k].index(c), terms[k].rindex(c)
                if nodes[k].shape[first] != nodes[k].shape[last]:
                    raise OpError(f"einsum: {term!r} takes a diagonal, but {nodes[k].shape} has no equal axes there.")
                nodes[k] = diagonal(nodes[k], 0, first, last)
                terms[k] = terms[k].replace(c, "", 1)[::-1].replace(c, "", 1)[::-1] + c
    sizes: dict[str, int] = {}
    for term, each in zip(terms, nodes, strict=True):
        for c, size in zip(term, each.shape, strict=True):
            sizes[c] = size if sizes.get(c, 1) == 1 else sizes[c]
    stretched = [x.broadcast_to(tuple(sizes[c] for c in term)) for x, term in zip(nodes, terms, strict=True)]
    return rows.einsum_row(*stretched, spec=",".join(terms) + "->" + out)


def bmm(A: Any, B: Any) -> Any:
    """Products of the matrices of two batches, (b, n, k) and (b, k, m); nothing broadcasts."""
    A, B = tensor(A), tensor(B)
    if A.ndim != 3 or B.ndim != 3 or A.shape[0] != B.shape[0]:
        raise OpError(
            f"bmm takes two batches of as many matrices, (b, n, k) and (b, k, m), not {A.shape} and {B.shape}."
        )
    return rows.matmul(A, B)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Sums of products over shared axes.

    dims: how many of a's last axes meet b's first ones; or two lists, which axes of a meet which of b.
    """
    a, b = tensor(a), tensor(b)
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise OpError(f"tensordot: {dims} axes cannot meet in shapes {a.shape} and {b.shape}.")
        dims = range(a.ndim - dims, a.ndim), range(dims)
    left, right = axes_of("tensordot", a, tuple(dims[0])), axes_of("tensordot", b, tuple(dims[1]))
    if [a.shape[k] for k in left] != [b.shape[k] for k in right]:
        raise OpError(f"tensordot: the axes {left} of {a.shape} and {right} of {b.shape} differ in size.")
    free = [[k for k in range(t.ndim) if k not in used] for t, used in ((a, left), (b, right))]
    n = math.prod(a.shape[k] for k in left)
    A = reshape(transpose(a, axes=(*free[0], *left)), shape=(math.prod(a.shape[k] for k in free[0]), n))
    B = reshape(transpose(b, axes=(*right, *free[1])), shape=(n, math.prod(b.shape[k] for k in free[1])))
    return reshape(rows.matmul(A, B), shape=tuple(t.shape[k] for t, kept in zip((a, b), free) for k in kept))


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """A layer of neurons, x Wᵀ + b: x (…, inputs), weight (outputs, inputs), bias (outputs,) or None."""
    if type(x) is type(weight) is type(bias) is Tensor and alone():  # the usual layer, asked no more than it must be
        inputs, shape = x.data.shape, weight.data.shape
        if len(inputs) > 1 and len(shape) == 2 and inputs[-1] == shape[1] and bias.data.shape == shape[:1]:
            return rows.affine(x, weight, bias)
    x, weight = tensor(x), tensor(weight)
    if not x.ndim or weight.ndim not in (1, 2) or x.shape[-1] != weight.shape[-1]:
        raise OpError(f"linear: x {x.shape} and weight {weight.shape} must end in the same number of inputs.")
    bias = bias if bias is None else node(bias)
    if bias is not None and bias.shape not in ((), weight.shape[:-1]):
        raise OpError(f"linear: the bias must have one entry per output, {weight.shape[:-1]}, not {bias.shape}.")
    if bias is not None and alone() and x.ndim > 1 and weight.ndim == 2:  # a bias of shape (), or lists
        return rows.affine(x, weight, bias)
    y = rows.linear(x, weight) if x.ndim > 1 and weight.ndim == 2 else matmul(weight, x) if x.ndim == 1 else x @ weight
    return y if bias is None else y + bias


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
    """x1ᵀ W_o x2 for every output o: x1 (…, n), x2 (…, m), weight (outputs, n, m), bias (outputs,) or None."""
    x1, x2, weight = tensor(x1), tensor(x2), tensor(weight)
    if weight.ndim != 3 or x1.shape[:-1] != x2.shape[:-1] or (*x1.shape[-1:], *x2.shape[-1:]) != weight.shape[1:]:
        raise OpError(
            f"bilinear: x1 {x1.shape}, x2 {x2.shape} and weight {weight.shape} must be (…, n), (…, m), (o, n, m)."
        )
    if bias is not None and np.shape(bias) != weight.shape[:1]:
        raise OpError(f"bilinear: the bias must have one entry per output, {weight.shape[:1]}, not {np.shape(bias)}.")
    y = einsum("...i,oij,...j->...o", x1, weight, x2)
    return y if bias is None else y + bias


def addmm(x: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta · x + alpha · mat1 @ mat2, for matrices; x broadcasts, and is not looked at where beta is 0."""
    x, A, B = tensor(x), tensor(mat1), tensor(mat2)
    if A.ndim != 2 or B.ndim != 2:
        raise OpError(f"addmm takes the product of two matrices, not of {A.shape} and {B.shape}.")
    product = rows.matmul(A, B)
    try:
        x = broadcast_to(x, shape=product.shape)
    except OpError:
        raise OpError(f"addmm: {x.shape} does not broadcast to the product's {product.shape}.") from None
    product = product if alpha == 1 else alpha * product
    return product if beta == 0 else (x if beta == 1 else beta * x) + product
