"""Rows: products of vectors and matrices.

For Y = A @ B, a change dA moves L by <G, dA @ B> = <G @ B^T, dA>: the other factor, transposed, from the
same side. (Petersen & Pedersen, The Matrix Cookbook, section 2.5.)
"""

from typing import Any

import numpy as np

from microgradx.rules.op import op
from microgradx.rules.shaping import reshape, sum_to


def _dot(a: Any, b: Any) -> Any:
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError("dot takes two vectors")
    return np.dot(a, b)


def _mv(A: Any, x: Any) -> Any:
    if A.ndim != 2 or x.ndim != 1:
        raise ValueError("mv takes a matrix and a vector")
    return np.matmul(A, x)


def _outer(a: Any, b: Any) -> Any:
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError("outer takes two vectors")
    return np.multiply.outer(a, b)


def _product(A: Any, B: Any) -> Any:
    if B.ndim != 2 or A.ndim < 2 or not A.size:
        return np.matmul(A, B)
    if A.ndim == 2:
        return A.dot(B)  # dot starts sooner, for small matrices twice as fast
    return A.reshape(-1, A.shape[-1]).dot(B).reshape(*A.shape[:-1], B.shape[-1])  # one long product, not a batch


def _affine(x: Any, W: Any, b: Any) -> Any:
    y = _product(x, W.mT)
    return np.add(y, b, out=y) if b.dtype is y.dtype else y + b


def _over_batch(A: Any, g: Any, B: Any) -> Any:
    """The sum of A.mT @ g over the batch that one matrix (B, or what has its shape) served: one long product again."""
    if B.ndim == 2 < A.ndim == g.ndim and 0 not in B.shape:
        return matmul(reshape(A, (-1, A.shape[-1])).mT, reshape(g, (-1, g.shape[-1])))
    return sum_to(matmul(A.mT, g), B.shape)


matmul = op(
    "matmul(A, B) = A @ B", _product, shapes="(...,n,k),(...,k,m)->(...,n,m)", linear="A B",
    A=lambda g, A, B: sum_to(matmul(g, B.mT), A.shape),
    B=lambda g, A, B: _over_batch(A, g, B),
    words=dict(
        A="each entry of {A} met one row of {B}: its gradient sums over that row, a product with {B} transposed",
        B="each entry of {B} met one column of {A}: its gradient sums over that column, a product with {A} transposed",
    ),
)  # fmt: skip
linear = op(
    "linear(x, W) = x @ W.mT", lambda x, W: _product(x, W.mT), shapes="(n,k),(m,k)", linear="x W",
    cases=({}, dict(shapes="(2,n,k),(m,k)"), dict(shapes="(2,1,n,k),(m,k)")),
    x=lambda g, W: matmul(g, W),
    W=lambda g, x, W: _over_batch(g, x, W),
    words=dict(
        x="each neuron sends its gradient back along its own weights",
        W="each weight's gradient: its neuron's gradient times its input, summed over the batch",
    ),
)  # fmt: skip
affine = op(
    "affine(x, W, b) = x @ W.mT + b", _affine, shapes="(n,k),(m,k),(m)",
    cases=({}, dict(shapes="(2,n,k),(m,k),(m)"), dict(shapes="(n,k),(m,k),()"), dict(shapes="(n,k),(m,k),(n,m)")),
    x=lambda g, W: matmul(g, W),
    W=lambda g, x, W: _over_batch(g, x, W),
    b=lambda g, b: sum_to(g, b.shape),
    words=dict(
        x="each neuron sends its gradient back along its own weights",
        W="each weight's gradient: its neuron's gradient times its input, summed over the batch",
        b="a bias moves its neuron's sum one for one, in every sample of the batch",
    ),
)  # fmt: skip
mv = op(
    "mv(A, x) = A @ x", _mv, shapes="(n,k),(k)->(n)", linear="A x",
    A=lambda g, x: outer(g, x),
    x=lambda g, A: mv(A.mT, g),
    words=dict(A="row i meets x, scaled by the gradient of output i", x="each output sends back its row of A"),
)  # fmt: skip
dot = op(
    "dot(a, b) = a @ b", _dot, shapes="(n),(n)->()", linear="a b",
    a=lambda g, b: g * b,
    b=lambda g, a: g * a,
    words=dict(a="each element is multiplied by its partner", b="each element is multiplied by its partner"),
)  # fmt: skip
outer = op(
    "outer(a, b)", _outer, shapes="(n),(m)->(n,m)", linear="a b",
    a=lambda g, b: mv(g, b),
    b=lambda g, a: mv(g.mT, a),
    words=dict(a="each element meets all of b", b="each element meets all of a"),
)  # fmt: skip


def einsum_parts(spec: str, i: int, shapes: list[tuple[int, ...]]) -> tuple[str, tuple[int, ...] | None]:
    """The einsum that pulls a gradient back to input i: swap its letters with the output's.

    Letters that only input i has were summed away: a block of ones of that shape brings them back.
    """
    left, out = spec.split("->")
    terms = left.split(",")
    others = [t for k, t in enumerate(terms) if k != i]
    lost = "".join(c for c in terms[i] if c not in out and all(c not in t for t in others))
    ones = tuple(shapes[i][terms[i].index(c)] for c in lost) if lost else None
    return ",".join([out, *others, *([lost] if lost else [])]) + "->" + terms[i], ones


def _einsum_pull(g: Any, xs: list[Any], i: int, spec: str) -> Any:
    back, ones = einsum_parts(spec, i, [x.shape for x in xs])
    others = [x for k, x in enumerate(xs) if k != i]
    return einsum_row(g, *others, *([np.ones(ones, dtype=g.dtype)] if ones else []), spec=back)


einsum_row = op(
    "einsum_row(*xs, spec='')", lambda *xs, spec: np.einsum(spec, *xs, optimize=len(xs) > 2), linear="xs",
    shapes="(2,3),(3,4)",
    cases=(
        dict(spec="ij,jk->ik"), dict(spec="ij,jk->ki"), dict(spec="ij,jk->"), dict(spec="ij,kl->jl"),
        dict(spec="ij->j", shapes="(2,3)"), dict(spec="bij,bjk->bik", shapes="(2,3,2),(2,2,3)"),
        dict(spec="i,j,k->ijk", shapes="(2),(3),(2)"), dict(spec="ij,ij->i", shapes="(2,3),(2,3)"),
    ),
    xs=lambda g, xs, i, spec: _einsum_pull(g, xs, i, spec),
    words=dict(xs="sum the gradient against all the other factors over the letters this input lacks"),
)  # fmt: skip


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def explicit_spec(spec: str, shapes: list[tuple[int, ...]]) -> str:
    """An einsum spec with its output written out and '...' spelled in letters.

    Raises:
        ValueError: the number of terms or axes does not fit the shapes.
    """
    left, arrow, out = spec.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"{spec!r} names {len(terms)} inputs, but {len(shapes)} were given")
    spare = [c for c in _LETTERS if c not in spec]
    most = 0
    for k, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        extra = len(shape) - len(term.replace("...", ""))
        if extra < 0 or (extra and "..." not in term):
            raise ValueError(f"{term!r} does not fit an input of shape {shape}")
        most = max(most, extra)
        terms[k] = term.replace("...", "".join(spare[:extra][::-1]))
    batch = "".join(spare[:most][::-1])
    if not arrow:
        letters = "".join(terms)
        out = ("..." if "..." in left else "") + "".join(
            sorted(c for c in set(letters) - set(batch) if letters.count(c) == 1)
        )
    return ",".join(terms) + "->" + out.replace("...", batch)
