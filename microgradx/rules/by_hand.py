"""Matrix algorithms one number at a time, as on paper: what zoom finds inside inv, det, qr and their kin.

They use only + − × ÷ and √ on the entries, so they run on object arrays of scalar nodes. For arrays of numbers LAPACK
gives the same results. (Golub & Van Loan, Matrix Computations, sections 3.4, 4.2, 5.2 and 8.5.)
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np


def scalars_by(by_hand: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give an array function a second form for object arrays: `by_hand`, applied to each matrix of the batch."""

    def decorate(library: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(library)
        def run(*arrays: Any, **static: Any) -> Any:
            if all(a.dtype != object for a in arrays):
                return library(*arrays, **static)
            batch = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
            whole = [np.broadcast_to(a, batch + a.shape[-2:]) for a in arrays]
            results = [np.asarray(by_hand(*(a[at] for a in whole)), dtype=object) for at in np.ndindex(batch)]
            return np.stack(results).reshape(batch + results[0].shape)

        return run

    return decorate


def eliminated(A: Any, B: Any) -> tuple[Any, Any]:
    """A⁻¹ B and (det A,) by Gauss and Jordan: each column is cleared by the row with its largest entry."""
    A, B, det = A.copy(), B.astype(object), np.array([1.0], dtype=object)
    for k in range(len(A)):
        pivot = max(range(k, len(A)), key=lambda i: abs(float(A[i, k])))
        if pivot != k:
            A[[k, pivot]], B[[k, pivot]], det = A[[pivot, k]], B[[pivot, k]], -det
        top = A[k, k : k + 1]  # as an array of one: a node times an object array would make a tensor of it
        det, A[k], B[k] = det * top, A[k] / top, B[k] / top
        for i in range(len(A)):
            if i != k:
                A[i], B[i] = A[i] - A[i, k : k + 1] * A[k], B[i] - A[i, k : k + 1] * B[k]
    return B, det


def inverse(A: Any) -> Any:
    """A⁻¹."""
    return eliminated(A, np.eye(len(A)))[0]


def solution(A: Any, B: Any) -> Any:
    """A⁻¹ B."""
    return eliminated(A, B)[0]


def determinant(A: Any) -> Any:
    """The product of the pivots."""
    return eliminated(A, A)[1][0]


def cofactors(A: Any) -> Any:
    """det(A) A⁻ᵀ."""
    found, det = eliminated(A, np.eye(len(A)))
    return det * found.T


def minors(A: Any, G: Any) -> Any:
    """(⟨G, C⟩ I − C Gᵀ) A⁻ᵀ with C = det(A) A⁻ᵀ."""
    found, det = eliminated(A, np.eye(len(A)))
    C = det * found.T
    return (np.sum(G * C, keepdims=True) * np.eye(len(A)) - C @ G.T) @ found.T


def log_of_determinant(A: Any) -> Any:
    """log |det A|."""
    return np.log(np.abs(np.asarray(determinant(A), dtype=object)))


def cholesky(A: Any) -> Any:
    """L with L Lᵀ = A, column by column; A's symmetric part counts."""
    A, L = 0.5 * (A + A.T), np.zeros(A.shape, dtype=object)
    for k in range(len(A)):
        L[k, k] = np.sqrt(A[k, k] - L[k, :k] @ L[k, :k])
        for i in range(k + 1, len(A)):
            L[i, k] = (A[i, k] - L[i, :k] @ L[k, :k]) / L[k, k]
    return L


def stacked_qr(A: Any) -> Any:
    """[Q; Rᵀ] by Gram and Schmidt: from each column take its shares along the earlier ones, then its length."""
    Q, Rt = A.copy(), np.zeros((A.shape[1], A.shape[1]), dtype=object)
    for k in range(A.shape[1]):
        for j in range(k):
            Rt[k, j] = Q[:, j] @ Q[:, k]
            Q[:, k] = Q[:, k] - Rt[k, j : j + 1] * Q[:, j]
        Rt[k, k] = np.sqrt(Q[:, k] @ Q[:, k])
        Q[:, k] = Q[:, k] / Rt[k, k : k + 1]
    return np.concatenate([Q, Rt])


def pseudo_inverse(A: Any) -> Any:
    """(AᵀA)⁻¹ Aᵀ for a tall matrix of full rank, Aᵀ (A Aᵀ)⁻¹ for a wide one."""
    return solution(A.T @ A, A.T) if A.shape[0] >= A.shape[1] else solution(A @ A.T, A).T


def stacked_eigh(A: Any) -> Any:
    """[w; V] by Jacobi: rotations in one plane after the other, each clearing one entry beside the diagonal."""
    A, V = 0.5 * (A + A.T), np.eye(len(A)).astype(object)
    planes = [(p, q) for q in range(len(A)) for p in range(q)]
    beside = np.inf
    while beside > 1e-12:  # every round squares the rest; that of the last one is far below rounding
        beside = max((abs(float(A[p, q])) for p, q in planes), default=0.0)
        for p, q in planes:
            gap = A[q, q] - A[p, p]
            if float(gap) == 0 == float(A[p, q]):
                continue  # equal eigenvalues, already apart: no plane to turn in
            far = np.sqrt(gap * gap + 4 * A[p, q] * A[p, q])
            tangent = 2 * A[p, q] / (gap + far if float(gap) >= 0 else gap - far)
            cosine = 1 / np.sqrt(tangent * tangent + 1)
            turn = np.eye(len(A)).astype(object)
            turn[p, p] = turn[q, q] = cosine
            turn[p, q], turn[q, p] = tangent * cosine, -(tangent * cosine)
            A, V = turn.T @ A @ turn, V @ turn
    order = np.argsort([float(w) for w in A.diagonal()])
    V = V[:, order]
    return np.concatenate([A.diagonal()[None, order], V * _signs(V)])


def stacked_svd(A: Any) -> Any:
    """[U; s; V] from the eigenvectors of AᵀA (of A Aᵀ when A is wide): s² are the eigenvalues, U = A V / s."""
    small = A.T @ A if len(A) >= A.shape[1] else A @ A.T
    found = stacked_eigh(small)[:, ::-1]
    s, one = np.sqrt(found[:1]), found[1:]
    if len(A) < A.shape[1]:
        return np.concatenate([one, s, (A.T @ one) / s])
    U = (A @ one) / s
    signs = _signs(U)
    return np.concatenate([U * signs, s, one * signs])


def _signs(V: Any) -> Any:
    """What makes the largest entry of each column positive."""
    top = np.argmax(np.abs(V.astype(float)), axis=0)
    return np.array([[-1.0 if float(v[k]) < 0 else 1.0 for v, k in zip(V.T, top, strict=True)]], dtype=object)
