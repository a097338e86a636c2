"""Linear algebra of matrices and batches of them (the last two axes), with the names of torch.linalg.

Factorisations leave signs open, and here they are fixed, so that they do not jump: R of `qr` has a positive diagonal,
and of each vector of `eigh` and `svd` the largest entry is positive. Where singular or eigenvalues coincide, only
results that do not depend on the choice of their vectors have a derivative.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from microgradx.functional.arguments import axes_of, bare, constant
from microgradx.functional.indexing import trace
from microgradx.functional.inputs import cast, real
from microgradx.functional.linear_algebra import matmul
from microgradx.functional.norms import matrix_norm, singular_values, vector_norm
from microgradx.graph import OpError
from microgradx.rules import decompositions as rows
from microgradx.rules.arithmetic import where
from microgradx.rules.shaping import concatenate, index, mT, squeeze, unsqueeze
from microgradx.rules.words import both_words

__all__ = [
    "cholesky", "det", "eigh", "eigvalsh", "inv", "matrix_norm", "matrix_power", "multi_dot", "norm", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals", "trace", "vector_norm",
]  # fmt: skip


class QR(NamedTuple):
    """A = Q R: orthonormal columns, and an upper triangle."""

    Q: Any
    R: Any


class Eigh(NamedTuple):
    """A = V diag(w) Vᵀ, w ascending."""

    eigenvalues: Any
    eigenvectors: Any


class SVD(NamedTuple):
    """A = U diag(S) Vh, S descending."""

    U: Any
    S: Any
    Vh: Any


class SlogDet(NamedTuple):
    """det A = sign · e^logabsdet."""

    sign: Any
    logabsdet: Any


def _matrix(name: str, A: Any, square: bool = False) -> Any:
    A = real(name, A)
    if A.ndim < 2 or (square and A.shape[-1] != A.shape[-2]):
        raise OpError(
            f"{name} takes {'square ' * square}matrices (…, n, {'n' if square else 'm'}), not shape {A.shape}."
        )
    return A


def inv(A: Any) -> Any:
    """A⁻¹, for square matrices that have one."""
    return rows.inv(_matrix("inv", A, square=True))


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X with A X = B (or X A = B, with left=False): A (…, n, n), B (…, n, k) or one vector per matrix (…, n)."""
    A, B = _matrix("solve", A, square=True), real("solve", B)
    if B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]):
        if not left:
            raise OpError("solve: with left=False, B must be a matrix; a vector stands on the right of A.")
        return squeeze(rows.solve(A, unsqueeze(B, -1)), -1)
    return rows.solve(A, B) if left else mT(rows.solve(mT(A), mT(B)))


def det(A: Any) -> Any:
    """The determinant of square matrices; its first and second derivatives are right for singular ones too."""
    return rows.det(_matrix("det", A, square=True))


def slogdet(A: Any) -> SlogDet:
    """Sign and log |det A| of square matrices, for determinants too large or small to write."""
    A = _matrix("slogdet", A, square=True)
    return SlogDet(rows.det_sign(A), rows.logabsdet(A))


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """L, a lower triangle with L Lᵀ = A (or its transpose, with `upper`), for symmetric positive definite A.

    Only the symmetric part (A + Aᵀ) / 2 is looked at, where PyTorch looks at one triangle.
    """
    L = rows.cholesky(_matrix("cholesky", A, square=True))
    return mT(L) if upper else L


def _rows_of(y: Any, start: int | None, stop: int | None) -> Any:
    return index(y, key=(..., slice(start, stop), slice(None)))


def qr(A: Any, mode: str = "reduced") -> QR:
    """Q with orthonormal columns and R, an upper triangle, with Q R = A (…, m, n); k = min(m, n) columns.

    mode: "reduced", or "complete" where that is the same (m ≤ n): further columns would be arbitrary.
    """
    A = _matrix("qr", A)
    m, n = A.shape[-2:]
    if mode != "reduced" and (mode != "complete" or m > n):
        raise OpError(f"qr: mode is 'reduced' (or 'complete' for m ≤ n), not {mode!r} for shape {A.shape}.")
    square = A if m >= n else index(A, key=(..., slice(m)))
    stacked = rows.qr(square)
    Q, R = _rows_of(stacked, None, m).named("Q"), mT(_rows_of(stacked, m, None)).named("R")
    if m < n:
        R = concatenate(R, matmul(mT(Q), index(A, key=(..., slice(m, None)))), axis=-1)
    return QR(Q, R)


def eigh(A: Any) -> Eigh:
    """Eigenvalues (…, n), ascending, and eigenvectors (…, n, n), in columns, of symmetric matrices.

    Only the symmetric part (A + Aᵀ) / 2 is looked at, so the gradient is symmetric.
    """
    stacked = rows.eigh(_matrix("eigh", A, square=True))
    return Eigh(index(stacked, key=(..., 0, slice(None))).named("w"), _rows_of(stacked, 1, None).named("V"))


def eigvalsh(A: Any) -> Any:
    """The eigenvalues of symmetric matrices, ascending."""
    return eigh(A).eigenvalues


def svd(A: Any, full_matrices: bool = True) -> SVD:
    """U, S and Vh with U diag(S) Vh = A (…, m, n): S (…, k) descending, k = min(m, n).

    With `full_matrices`, U and Vh are square; the columns that fill them up carry no gradient.
    """
    A = _matrix("svd", A)
    m, n = A.shape[-2:]
    stacked = rows.svd(A)
    U, V = _rows_of(stacked, None, m), _rows_of(stacked, m + 1, None)
    S = index(stacked, key=(..., m, slice(None)))
    if full_matrices and m != n:
        u, _, vh = np.linalg.svd(bare(A))
        k = min(m, n)
        U, V = (
            part if rest.shape[-1] == 0 else concatenate(part, constant(rest), axis=-1)
            for part, rest in ((U, u[..., k:]), (V, vh.mT[..., k:]))
        )
    return SVD(U.named("U"), S.named("S"), mT(V).named("Vh"))


def svdvals(A: Any) -> Any:
    """The singular values, descending."""
    return singular_values(_matrix("svdvals", A)).named("S")


def pinv(A: Any, *, rtol: float | None = None) -> Any:
    """The pseudo-inverse (…, n, m) of A (…, m, n); singular values up to rtol · the largest count as 0.

    rtol: max(m, n) · eps of the dtype when left out. The derivative holds while the rank stays the same.
    """
    return rows.pinv(_matrix("pinv", A), rtol=rtol)


def matrix_power(A: Any, n: int) -> Any:
    """A · A · … · A, n times, by repeated squaring; the identity for n = 0, powers of the inverse for n < 0."""
    A = _matrix("matrix_power", A, square=True)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise OpError(f"matrix_power: n must be a whole number, not {n!r}.")
    if n < 0:
        A, n = rows.inv(A), -n
    result = None
    while n:
        if n % 2:
            result = A if result is None else matmul(result, A)
        n //= 2
        A = matmul(A, A) if n else A
    if result is None:  # the identity, with a path to A: its gradient is 0, also where A is infinite
        return where(np.zeros(A.shape, bool), A, np.eye(A.shape[-1], dtype=A.dtype))
    return result


def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of several matrices, in the order that takes the fewest multiplications.

    The first and the last may be vectors. (Cormen et al., Introduction to Algorithms, section 15.2.)
    """
    parts = [real("multi_dot", t) for t in tensors]
    if len(parts) < 2 or any(p.ndim != 2 for p in parts[1:-1]) or any(p.ndim not in (1, 2) for p in parts):
        raise OpError("multi_dot takes two or more matrices; only the first and the last may be vectors.")
    first, last = parts[0].ndim == 1, parts[-1].ndim == 1
    parts[0] = unsqueeze(parts[0], 0) if first else parts[0]
    parts[-1] = unsqueeze(parts[-1], -1) if last else parts[-1]
    sizes = [parts[0].shape[0], *(p.shape[1] for p in parts)]

    @cache
    def cheapest(i: int, j: int) -> tuple[int, int]:
        """The cost of the product of parts i … j, and after which part to split it."""
        if i == j:
            return 0, i
        return min(
            (cheapest(i, k)[0] + cheapest(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
        )

    def product(i: int, j: int) -> Any:
        if i == j:
            return parts[i]
        k = cheapest(i, j)[1]
        return matmul(product(i, k), product(k + 1, j))

    y = product(0, len(parts) - 1)
    y = squeeze(y, axis=-1) if last else y
    return squeeze(y, axis=0) if first else y


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`vector_norm` over one axis or all, `matrix_norm` over two; without `ord`, the root of the sum of squares."""
    A = cast(real("norm", A), dtype)
    axes = tuple(range(A.ndim)) if dim is None else axes_of("norm", A, dim)
    if ord is None:
        return vector_norm(A, 2, axes, keepdim)
    if len(axes) == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, axes, keepdim)
    if len(axes) != 2:
        raise OpError(
            f"norm: ord={ord!r} needs a vector or a matrix (dim names one axis or two), not {len(axes)} axes."
        )
    return matrix_norm(A, ord, axes, keepdim)


for _name in __all__:
    globals()[_name] = both_words(globals()[_name])
