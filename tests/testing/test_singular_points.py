"""Points at which a right function has no derivative, or loses it: told as such, and no rule is accused."""

from contextlib import suppress

import numpy as np
import pytest

import microgradx as mx
from microgradx.rules.domains import labels
from microgradx.testing import CheckError, check_grads, check_rule, gradcheck

L = mx.linalg
ZERO, EYE, RANK_ONE, WIDE = np.zeros((2, 2)), np.eye(2), [[1.0, 2.0], [2.0, 4.0]], [[1.0, 1.0, 2.0], [2.0, 1.0, 1.0]]


def rebuilt(A):
    U, s, Vh = L.svd(A, full_matrices=False)
    return (U * s) @ Vh


def through_vectors(A):
    w, V = L.eigh(A.mT @ A)
    return (V * w) @ V.mT


SINGULAR = {
    "singular values of zeros": (L.svdvals, ZERO),
    "equal singular values, second order": (lambda A: L.matrix_norm(A, "nuc"), np.eye(3)),
    "a matrix through its svd": (rebuilt, ZERO),
    "a matrix through its eigenvectors": (through_vectors, EYE),
    "a vector of equal eigenvalues": (lambda A: L.eigh(A)[0], np.eye(3)),
    "the least singular value of zeros": (lambda A: L.matrix_norm(A, -2), np.zeros((2, 3))),
    "pseudo-inverse at lower rank": (L.pinv, RANK_ONE),
    "vectors to the singular value 0": (lambda A: L.svd(A, full_matrices=False)[0] ** 2, RANK_ONE),
    "qr of zeros": (lambda A: L.qr(A)[0] @ L.qr(A)[1], ZERO),
    "determinant of zeros, second order": (L.det, ZERO),
    "a determinant that is 0 all round": (lambda A: mx.log(L.det(A.mT @ A) + 1.0), WIDE),
    "singular values that are 0 all round": (lambda A: L.svdvals(A.mT @ A), WIDE),
    "sign and log of a determinant": (lambda A: L.slogdet(A)[0] * mx.exp(L.slogdet(A)[1]), ZERO),
    "a norm squared, second order": (lambda x: mx.norm(x) ** 2, np.zeros(3)),
    "a norm of products": (lambda A: mx.norm(mx.kron(A, A)), ZERO),
    "norm of order 3, second order": (lambda x: L.vector_norm(x, 3), [1.0, 0.0]),
    "norm of order a half": (lambda x: L.vector_norm(x, 0.5), [1.0, 0.0]),
    "cosine of zeros": (lambda x: mx.cosine_similarity(x, 2.0 * x, dim=1), [[1.06, 0.0], [0.0, 0.0]]),
    "the largest of products": (lambda x: mx.amax(mx.outer(x, x)), np.zeros(3)),
    "abs of products": (lambda x: mx.abs(x * mx.flip(x, [0])), np.zeros(3)),
    "root of abs": (lambda x: mx.sqrt(mx.abs(x)), [0.0]),
    "x to the x": (lambda x: mx.abs(x) ** x, np.zeros(3)),
    "x² log x², second order": (lambda x: mx.xlogy(x * x, x * x), [0.0, 1.0]),
    "nan of an op, mended after it": (lambda x: mx.nan_to_num(mx.sqrt(x)), [-1.0, 2.0]),
    "kinks that do not fit together": (lambda x: mx.relu(x) - mx.relu(-x), [0.0]),
    "a result that grows": (lambda x: mx.masked_select(x, x > 0), [0.0, 1.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGULAR)
def test_no_rule_is_accused_at_a_singular_point(name):
    f, x = SINGULAR[name]
    for check in (check_grads, gradcheck):
        with np.errstate(all="ignore"), suppress(mx.OpError):  # which is no CheckError
            check(f, np.array(x))


def test_what_is_told_names_the_numbers_and_the_op():
    with pytest.raises(mx.OpError, match=r"for A\[1, 1\] is .*, and 0 by differences.* no rule is wrong.*svd\(A\)"):
        check_grads(L.svdvals, ZERO)
    with pytest.raises(mx.OpError, match=r"sqrt\(x\) on its way is not finite.*before, not after"):
        check_grads(lambda x: mx.nan_to_num(mx.sqrt(x)), np.array([-1.0]))
    with pytest.raises(mx.OpError, match=r"shape \(1,\) here and \(2,\) close by"):
        check_grads(lambda x: mx.masked_select(x, x > 0), np.array([0.0, 1.0]))


def test_single_precision_on_the_way_is_no_mistake():
    with pytest.raises(mx.RuleError, match="computes in float32"):
        check_grads(lambda x: mx.exp(x.to(np.float32)), np.array([1.0, 2.0]))


def test_forward_and_reverse_mode_may_round_differently_where_large_numbers_cancel():
    check_grads(lambda x: x / (x * x + 1e-6), np.array([0.001, -0.001, 5.0]))


WRONG = {
    "hidden, at a tie": (lambda x: mx.amax(x) * x.detach(), [1.0, 1.0]),
    "hidden, at zero": (lambda x: mx.norm(x) ** 2 * mx.exp(mx.sum(x).detach()), np.ones(3)),
    "hidden, in equal singular values": (lambda A: L.svdvals(A) * mx.sum(A).detach(), EYE),
    "hidden, in a small region": (lambda x: mx.where(mx.abs(x) < 0.05, x * x.detach(), x * x), [0.02]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_function_is_accused_even_there(name):
    f, x = WRONG[name]
    with pytest.raises(CheckError):
        check_grads(f, np.array(x))


def det_rule(g, A, y):
    return g * y * L.inv(A).mT


RIGHT_ROWS = {
    "determinant": dict(form="right(A)", run=np.linalg.det, A=det_rule, shapes="(n,n)->()"),
    "spectral norm": dict(
        form="right(A)", run=lambda A: np.linalg.norm(A, 2), shapes="(n,m)->()",
        A=lambda g, A: g * (lambda U, s, Vh: U[:, :1] @ Vh[:1, :])(*L.svd(A, full_matrices=False)),
    ),
    "root of abs": dict(form="right(x)", run=lambda x: np.sqrt(np.abs(x)), x=lambda x, y: mx.sign(x) / (2 * y)),
    "standard deviation": dict(
        form="right(x)", run=np.std, x=lambda g, x, y: g * (x - mx.mean(x)) / (y * x.size), shapes="(n)->()"
    ),
    "single precision": dict(form="right(x)", run=lambda x: np.float32(x) * 2, x=lambda: 2.0),
    "repeats": dict(
        form="right(x, t)", run=lambda x, t: x[t], shapes="(n),(k)->(k)", nondiff="t", where=dict(t=labels("n")),
        x=lambda g, x, t: mx.index_add(mx.Tensor(np.zeros(x.shape), requires_grad=False), 0, t, g),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_ROWS)
def test_a_right_row_is_never_accused(name):
    row = mx.op(**RIGHT_ROWS[name])
    try:
        for seed in range(3):
            with np.errstate(all="ignore"), suppress(mx.RuleError):  # which is no CheckError
                check_rule(row, seed=seed)
    finally:
        mx.rules.forget("right")
