"""Rows: inverses, determinants and factorisations of matrices (the last two axes; leading axes are a batch).

Each rule follows from one line of differentials, such as A A⁻¹ = I, so dA A⁻¹ + A d(A⁻¹) = 0.
(Giles 2008, Collected matrix derivative results for forward and reverse mode algorithmic differentiation;
Golub & Pereyra 1973 for the pseudo-inverse; Townsend 2016, Differentiating the SVD.)

A factorisation has several results. They are one array, the parts stacked one below the other: qr gives [Q; Rᵀ],
eigh [w; V], svd [U; s; V]. So the parts are plain slices of it (`linalg` takes them), and a part that nobody uses
sends back zeros. cholesky and eigh look at the symmetric part of A, so their gradients are symmetric. The signs that
a factorisation leaves open are fixed: R has a positive diagonal, a vector's largest entry is positive.
"""

from typing import Any

import numpy as np

from microgradx.graph import OpError
from microgradx.rules import by_hand
from microgradx.rules.by_hand import scalars_by
from microgradx.rules.domains import near_diagonal, nonzero
from microgradx.rules.op import op
from microgradx.rules.reductions import sum
from microgradx.rules.shaping import index, reshape, sum_to

_INVERTIBLE = near_diagonal("invertible matrices")
_POSITIVE = near_diagonal("positive definite matrices")
_SIMPLE = near_diagonal("matrices whose eigenvalues differ")
_FULL_RANK = near_diagonal("matrices of full rank, singular values apart")


def over_matrix(g: Any) -> Any:
    """One number per matrix, stretched over its rows and columns."""
    return reshape(g, (*g.shape, 1, 1))


def rows_of(y: Any, start: int | None, stop: int | None) -> Any:
    """Some rows of each matrix."""
    return index(y, (..., slice(start, stop), slice(None)))


def identity(like: Any) -> Any:
    """The identity of the size and dtype of square matrices."""
    return np.eye(like.shape[-1], dtype=like.dtype)


def lower_ones(like: Any, diagonal: float = 1.0) -> Any:
    """Ones below the diagonal, `diagonal` on it, zeros above."""
    return (np.tri(like.shape[-1], k=-1) + diagonal * np.eye(like.shape[-1])).astype(like.dtype)


def _over(x: Any) -> Any:
    return np.divide(1.0, x, out=np.zeros_like(x), where=x != 0)


symmetric = op(
    "symmetric(A)", lambda A: 0.5 * (A + A.mT), shapes="(...,n,n)->(...,n,n)", linear="A",
    A=lambda g: symmetric(g),
    words=dict(A="an entry and its mirror image share their gradients evenly"),
)  # fmt: skip
# 1 / x, and 0 at 0: where two eigenvalues coincide, what this multiplies must be 0 for a derivative to exist.
over = op("over(x)", _over, lambda x: 1 / x if x else 0.0, where=dict(x=nonzero), x=lambda y: -(y**2))


def _finite(name: str, A: Any) -> Any:
    if not np.isfinite(A).all():  # some LAPACKs never come back from an infinity
        raise OpError(f"{name}: A holds nan or inf, and only matrices of finite numbers can be taken apart.")
    return A


def _unknown(A: Any, y: Any) -> Any:
    """y, and nan for each matrix A that holds one: by how it picks its pivots, LAPACK may lose sight of it."""
    holes = np.isnan(A).any(axis=(-2, -1), keepdims=True)
    return np.where(holes, np.nan, y).astype(y.dtype) if holes.any() else y


@scalars_by(by_hand.inverse)
def _inv(A: Any) -> Any:
    try:
        return _unknown(A, np.linalg.inv(A))
    except np.linalg.LinAlgError:
        raise OpError(
            f"inv: a matrix (of shape {A.shape}) is singular: its determinant is 0 and it has no inverse. The gradient "
            "of slogdet and the third one of det need that inverse too; det's first two exist even here. "
            "Try A + 1e-6 * np.eye(n)."
        ) from None


@scalars_by(by_hand.solution)
def _solve(A: Any, B: Any) -> Any:
    if A.ndim < 2 or B.ndim < 2:
        raise ValueError("solve takes matrices")
    return _unknown(A, np.linalg.solve(A, B))


@scalars_by(by_hand.determinant)
def _det(A: Any) -> Any:
    return np.linalg.det(A)


def _taken_apart(A: Any) -> tuple[Any, ...]:
    """Which matrices are finite; of those U, s and Vᵀ with A = U diag(s) Vᵀ, and det(U) det(V), 1 or −1."""
    known = np.isfinite(A).all(axis=(-2, -1), keepdims=True)
    U, s, Vh = np.linalg.svd(np.where(known, A, 0))
    return known, U, s, Vh, (np.linalg.det(U) * np.linalg.det(Vh))[..., None, None]


@scalars_by(by_hand.cofactors)
def _cofactor(A: Any) -> Any:
    # det(A) A⁻ᵀ, which is finite even for a singular A: with A = U diag(s) Vᵀ it needs only products of s
    known, U, s, Vh, sign = _taken_apart(A)
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    return np.where(known, sign * ((U * others[..., None, :]) @ Vh), np.nan).astype(A.dtype)


@scalars_by(by_hand.minors)
def _minors(A: Any, G: Any) -> Any:
    # (⟨G, C⟩ I − C Gᵀ) A⁻ᵀ with C the cofactors: written with A = U diag(s) Vᵀ, every 1 / s cancels
    known, U, s, Vh, sign = _taken_apart(A)
    turned, one = U.mT @ G @ Vh.mT, np.eye(s.shape[-1], dtype=bool)
    others = np.where(one[:, None] | one, 1, s[..., None, None, :]).prod(axis=-1)  # i, j: all s but these two
    moved = one * (others @ np.diagonal(turned, axis1=-2, axis2=-1)[..., None]) - others * turned.mT
    return np.where(known, sign * (U @ moved @ Vh), np.nan).astype(A.dtype)


def _minors_pull(g: Any, A: Any, G: Any, y: Any) -> Any:
    inverse = inv(A)
    h = g @ inverse
    return minors(A, sum(h * identity(h), (-2, -1), keepdims=True) * G - h @ G) - inverse.mT @ g.mT @ y


@scalars_by(by_hand.log_of_determinant)
def _log_abs_det(A: Any) -> Any:
    return np.linalg.slogdet(A)[1]


def _det_sign(A: Any) -> Any:
    sign, size = np.linalg.slogdet(A)
    return np.where(np.isnan(size), size, sign)


@scalars_by(by_hand.cholesky)
def _cholesky(A: Any) -> Any:
    return np.linalg.cholesky(0.5 * (_finite("cholesky", A) + A.mT))


def _cholesky_pull(g: Any, y: Any) -> Any:
    inverse = inv(y)
    return symmetric(inverse.mT @ (lower_ones(y, 0.5) * (y.mT @ g)) @ inverse)


@scalars_by(by_hand.stacked_qr)
def _qr(A: Any) -> Any:
    if A.shape[-2] < A.shape[-1]:
        raise ValueError("qr takes matrices with at least as many rows as columns")
    Q, R = np.linalg.qr(A)
    up = np.where(np.diagonal(R, axis1=-2, axis2=-1) < 0, -1, 1).astype(A.dtype)[..., None, :]
    return np.concatenate([Q * up, R.mT * up], axis=-2)


def _qr_pull(g: Any, A: Any, y: Any) -> Any:
    m = A.shape[-2]
    Q, Rt, g_Q, g_Rt = rows_of(y, None, m), rows_of(y, m, None), rows_of(g, None, m), rows_of(g, m, None)
    M = Rt.mT @ g_Rt - g_Q.mT @ Q
    return (g_Q + Q @ (lower_ones(M) * M + (lower_ones(M, 0.0) * M).mT)) @ inv(Rt)


def _signs(V: Any) -> Any:
    """What makes the largest entry of each column positive: LAPACK's own signs may jump from matrix to matrix."""
    if not V.size:
        return np.ones((*V.shape[:-2], 1, V.shape[-1]), V.dtype)
    at = np.argmax(np.abs(V), axis=-2, keepdims=True)
    return np.where(np.take_along_axis(V, at, axis=-2) < 0, -1, 1).astype(V.dtype)


@scalars_by(by_hand.stacked_eigh)
def _eigh(A: Any) -> Any:
    w, V = np.linalg.eigh(0.5 * (_finite("eigh", A) + A.mT))
    return np.concatenate([w[..., None, :], V * _signs(V)], axis=-2)


def _eigh_pull(g: Any, y: Any) -> Any:
    w, V, g_w, g_V = rows_of(y, 0, 1), rows_of(y, 1, None), rows_of(g, 0, 1), rows_of(g, 1, None)
    return symmetric(V @ (identity(V) * g_w + (V.mT @ g_V) * over(w - w.mT)) @ V.mT)


@scalars_by(by_hand.stacked_svd)
def _svd(A: Any) -> Any:
    U, s, Vh = np.linalg.svd(_finite("svd", A), full_matrices=False)
    signs = _signs(U)
    return np.concatenate([U * signs, s[..., None, :], Vh.mT * signs], axis=-2)


def _svd_pull(g: Any, A: Any, y: Any) -> Any:
    m = A.shape[-2]
    U, s, V = rows_of(y, None, m), rows_of(y, m, m + 1), rows_of(y, m + 1, None)
    g_U, g_s, g_V = rows_of(g, None, m), rows_of(g, m, m + 1), rows_of(g, m + 1, None)
    apart, over_s = over((s - s.mT) * (s + s.mT)), over(s)
    turn_U, turn_V = apart * (U.mT @ g_U - g_U.mT @ U), apart * (V.mT @ g_V - g_V.mT @ V)
    inside = U @ (identity(turn_U) * g_s + turn_U * s + s.mT * turn_V) @ V.mT
    outside_U = ((g_U - U @ (U.mT @ g_U)) * over_s) @ V.mT
    outside_V = (U * over_s) @ (g_V - V @ (V.mT @ g_V)).mT
    return inside + outside_U + outside_V


@scalars_by(by_hand.pseudo_inverse)
def _pinv(A: Any, rtol: Any = None) -> Any:
    return np.linalg.pinv(_finite("pinv", A), rtol=rtol)


def _pinv_pull(g: Any, A: Any, y: Any) -> Any:
    from_rows, from_columns = g.mT @ y @ y.mT, y.mT @ y @ g.mT
    return from_rows - A @ (y @ from_rows) + from_columns - (from_columns @ y) @ A - y.mT @ g @ y.mT


inv = op(
    "inv(A)", _inv, shapes="(...,n,n)->(...,n,n)", where=dict(A=_INVERTIBLE),
    A=lambda g, y: -(y.mT @ g @ y.mT),
    words=dict(A="to keep A times its inverse at I, a push on A moves the inverse by minus inverse · push · inverse"),
)  # fmt: skip
solve = op(
    "solve(A, B)", _solve, shapes="(...,n,n),(...,n,m)->(...,n,m)", where=dict(A=_INVERTIBLE), linear="B",
    A=lambda g, A, y: -sum_to(solve(A.mT, g) @ y.mT, A.shape),
    B=lambda g, A, B: sum_to(solve(A.mT, g), B.shape),
    words=dict(
        A="the gradient of the right side, against the solution it met", B="the same system, transposed, solved for g",
    ),
)  # fmt: skip
det = op(
    "det(A)", _det, shapes="(...,n,n)->(...)", where=dict(A=_INVERTIBLE),
    A=lambda g, A: over_matrix(g) * cofactor(A),
    words=dict(A="the determinant is linear in each entry, and the entry's cofactor is the slope"),
)  # fmt: skip
cofactor = op(
    "cofactor(A)", _cofactor, shapes="(...,n,n)->(...,n,n)", where=dict(A=_INVERTIBLE),
    A=lambda g, A: minors(A, g),
    words=dict(A="cofactors are determinants of smaller matrices, whose slopes are the determinants one size below"),
)  # fmt: skip
minors = op(
    "minors(A, G)", _minors, shapes="(n,n),(n,n)", linear="G", where=dict(A=_INVERTIBLE),
    cases=({}, dict(shapes="(2,n,n),(2,n,n)"), dict(shapes="(4,4),(4,4)")),
    A=lambda g, A, G, y: _minors_pull(g, A, G, y),
    G=lambda g, A: minors(A, g),
    words=dict(
        A="minors are sums of products of A's entries, seen here through the cofactors and A⁻ᵀ",
        G="two entries of A share one minor, each as the slope of the other's cofactor: the same map leads back",
    ),
)  # fmt: skip
logabsdet = op(
    "logabsdet(A)", _log_abs_det, shapes="(...,n,n)->(...)", where=dict(A=_INVERTIBLE),
    A=lambda g, A: over_matrix(g) * inv(A).mT,
    words=dict(A="the slope of the determinant, divided by the determinant: the transposed inverse"),
)  # fmt: skip
det_sign = op("det_sign(A)", _det_sign, shapes="(...,n,n)->(...)", nondiff="A", where=dict(A=_INVERTIBLE))
cholesky = op(
    "cholesky(A)", _cholesky, shapes="(...,n,n)->(...,n,n)", where=dict(A=_POSITIVE),
    A=lambda g, y: _cholesky_pull(g, y),
    words=dict(A="a push on A, seen from inside the factors: its lower half, half its diagonal, moves L"),
)  # fmt: skip
qr = op(
    "qr(A)", _qr, shapes="(...,3,2)", cases=({}, dict(shapes="(2,2)"), dict(shapes="(2,4,3)")),
    where=dict(A=_FULL_RANK),
    A=lambda g, A, y: _qr_pull(g, A, y),
    words=dict(A="a push on A turns Q and stretches R; Q may only turn, R has only its upper half"),
)  # fmt: skip
eigh = op(
    "eigh(A)", _eigh, shapes="(...,n,n)", where=dict(A=_SIMPLE),
    A=lambda g, y: _eigh_pull(g, y),
    words=dict(A="an eigenvalue moves by the push along its own vector; vectors turn towards each other, the faster "
                 "the closer their eigenvalues are"),
)  # fmt: skip
svd = op(
    "svd(A)", _svd, shapes="(...,n,n)", cases=({}, dict(shapes="(3,2)"), dict(shapes="(2,2,3)")),
    where=dict(A=_FULL_RANK),
    A=lambda g, A, y: _svd_pull(g, A, y),
    words=dict(A="a singular value moves by the push between its two vectors; vectors turn, the faster the closer "
                 "their singular values are"),
)  # fmt: skip
pinv = op(
    "pinv(A, rtol=None)", _pinv, shapes="(...,3,2)",
    cases=({}, dict(shapes="(2,3)"), dict(shapes="(2,2)"), dict(rtol=1e-4)), where=dict(A=_FULL_RANK),
    A=lambda g, A, y: _pinv_pull(g, A, y),
    words=dict(A="as for the inverse, and two terms for what A does not reach on either side"),
)  # fmt: skip
