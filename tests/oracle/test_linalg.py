"""Products and linear algebra against PyTorch.

Decisions, where we differ on purpose:
- `qr`, `eigh` and `svd` fix the signs that are open (see `microgradx.linalg`); PyTorch leaves them to LAPACK. So the
  tests compare what signs cannot change: squares of the vectors, and products of factors.
- `cholesky` and `eigh` look at the symmetric part of A and give symmetric gradients; PyTorch looks at one triangle.
  On symmetric arguments, as here, the two agree. Hence no `UPLO`.
- `qr(mode="complete")` is offered where it equals "reduced"; `svd`'s filling columns carry no gradient.
- the gradient of `slogdet` at a singular matrix is refused; PyTorch's is made of infinities. `det` has its first two
  derivatives there; the second of a matrix of zeros is nan in PyTorch. The third is refused.
- `einsum` of small whole numbers keeps their dtype, as in NumPy; in PyTorch it depends on whether a sum is left to do.
- `bilinear` at infinities: inf - inf comes up in another order of summation, so nan where PyTorch has inf.
- of matrices with nan or inf, singular values, eigenvalues and Cholesky factors are refused (some LAPACKs never come
  back from an infinity); PyTorch gives nan, refuses, or hangs. The sign of a determinant that is nan is nan, as that of
  a number; PyTorch says 0. Where sums meet infinities, nan and inf depend on the order of summation.
- the gradient of `qr` at a matrix without full rank is refused where R has no inverse; PyTorch's is nan.
- at a kink (a singular value of 0, two that coincide, a norm of 0) the second gradient has no value: PyTorch's is nan,
  or depends on the signs that LAPACK chose; ours is one of the finite answers.
- `matmul` of a matrix and a number is refused, as in PyTorch; `F.dot`, `mv`, `outer` want exactly vectors and matrices.
"""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import Tensor, linalg
from tests.oracle.compare import agree, agreeing, invertible, refusing, table, torch

PRODUCTS = [
    *table(dict(A=(2, 3), B=(3, 4), x=(3,), z=(2,), C=(5, 2, 3), D=(5, 3, 4), E=(1, 3, 2)), """
        matmul(A, B); matmul(A, x); matmul(z, A); matmul(x, x); matmul(C, D); matmul(C, B); matmul(A, D);
        matmul(C, x); matmul(x, D); A @ B; C @ E; bmm(C, D); mv(A, x); dot(x, x * x); outer(x, z); A.matmul(B);
        A.mv(x); C.bmm(D); x.dot(x); x.outer(z); tensordot(A, B, 1); tensordot(C, D, dims=([0, 2], [0, 1]));
        tensordot(A, B, 0); tensordot(C, A, ([1, 2], [0, 1])); tensordot(A, A, 2); addmm(z[:, None], A, B);
        addmm(x.sum(), A, B, beta=2, alpha=0.5); z[:, None].addmm(A, B, alpha=-1)
    """),
    *table(dict(x=(4, 3), W=(2, 3), b=(2,), v=(3,), y=(5, 4, 3)), """
        linear(x, W); linear(x, W, b); linear(y, W, b); linear(v, W, b); linear(x, v);
        linear(input=x, weight=W, bias=b)
    """),
    *table(dict(x=(4, 3), z=(4, 2), W=(5, 3, 2), b=(5,), u=(2, 4, 3), v=(2, 4, 2)), """
        bilinear(x, z, W); bilinear(x, z, W, b); bilinear(u, v, W, b); bilinear(x[0], z[0], W)
    """),
    *table(dict(A=(2, 3), B=(3, 4), C=(2, 3, 3), x=(3,)), """
        einsum('ij,jk->ik', A, B); einsum('ij,jk', A, B); einsum('ij->ji', A); einsum('ij->', A);
        einsum('bii->b', C); einsum('bii->bi', C); einsum('...j,j->...', C, x); einsum('i,i,i->', x, x, x);
        einsum('bij,jk->bik', C, B); einsum('i,j->ij', x, x); einsum('ij,kj,j->ik', A, A, x);
        einsum('...ij->...ji', C); einsum('ij', A); einsum('ij,jk->ik', [A, B]);
        einsum('bii', C); einsum('bij,j->i', C, x)
    """),
    *table(dict(A=np.array([[1.0, np.nan], [np.inf, 2.0]])), """
        linalg.inv(A); linalg.det(A); einsum('ii->i', A); einsum('ii', A)
    """),
    *table(dict(A=(5, 2, 0), B=(0, 4), x=(0,)), "matmul(A, B); linear(A, B.mT); matmul(A, x)"),
    *table(dict(x=np.array([np.nan, np.inf]), A=(3, 2), B=(2, 2)), "addmm(x, A, B, beta=0)"),
]  # fmt: skip

_HOLE = np.array([[[2.0, 1.0, 0.5], [0.25, 3.0, 1.0], [1.0, 0.5, 4.0]], [[np.nan, 1, 0.5], [1.0, 3, 2], [0, 1, 4]]])
UNKNOWN = table(
    dict(A=_HOLE, B=(2, 3, 2), b=(2, 3)),
    """
    linalg.inv(A); linalg.solve(A, B); linalg.solve(A, b); linalg.solve(A, B.mT, left=False); linalg.slogdet(A)[1];
    linalg.matrix_power(A, -2)
""",
)
EMPTY = [
    case for shape in ((0, 0), (0, 3), (3, 0), (2, 0, 0), (0, 2, 2)) for case in table(dict(A=shape), """
        linalg.svdvals(A); linalg.svd(A, False)[1]; linalg.pinv(A); linalg.norm(A, 2, (-2, -1));
        linalg.norm(A, 1, (-2, -1)); linalg.norm(A, inf, (-2, -1)); linalg.matrix_norm(A, 'nuc');
        linalg.matrix_norm(A, 2, keepdim=True); norm(A, 'nuc', (-2, -1)); norm(A, 1); norm(A, 0.5)
    """)
]  # fmt: skip
EMPTY += [
    case for shape in ((0, 0), (2, 0, 0)) for case in table(dict(A=shape), """
        linalg.eigvalsh(A); linalg.eigh(A)[1]; linalg.inv(A); linalg.det(A); linalg.cholesky(A)
    """)
]  # fmt: skip

LINALG = [
    *table(dict(A=invertible(3, 3), B=(3, 2), b=(3,)), """
        linalg.inv(A); linalg.solve(A, B); linalg.solve(A, b); linalg.solve(A, B.mT, left=False); linalg.det(A);
        linalg.slogdet(A); linalg.slogdet(-A)[1]; linalg.pinv(A); linalg.matrix_power(A, 3);
        linalg.matrix_power(A, 0); linalg.matrix_power(A, -2); linalg.matrix_power(A, 1); linalg.cholesky(A @ A.mT);
        linalg.cholesky(A @ A.mT, upper=True); linalg.eigvalsh(A + A.mT); linalg.eigh(A + A.mT)[1] ** 2;
        linalg.eigh(A + A.mT)[0] ** 2; linalg.svdvals(A); linalg.svd(A)[0] ** 2; linalg.svd(A)[2] ** 2;
        linalg.qr(A)[0] ** 2; linalg.qr(A).R ** 2; linalg.qr(A, mode='complete')[0] ** 2
    """),
    *table(dict(A=invertible(2, 3, 3), B=(2, 3, 2), b=(2, 3), C=invertible(1, 3, 3)), """
        linalg.inv(A); linalg.solve(A, B); linalg.solve(A, b); linalg.solve(C, B); linalg.solve(C[0], B);
        linalg.det(A); linalg.slogdet(A); linalg.pinv(A); linalg.cholesky(A @ A.mT); linalg.eigvalsh(A @ A.mT);
        linalg.svdvals(A); linalg.eigh(A @ A.mT)[1] ** 2; linalg.qr(A)[0] ** 2; linalg.matrix_power(A, -3);
        linalg.matrix_power(A, 0)
    """),
    *table(dict(A=(4, 3)), """
        linalg.pinv(A); linalg.qr(A)[0] ** 2; linalg.qr(A)[1] ** 2; linalg.svd(A, full_matrices=False)[0] ** 2;
        linalg.svd(A, False)[2] ** 2; linalg.svdvals(A); linalg.pinv(A, rtol=1e-3); linalg.norm(A);
        linalg.norm(A, 'fro'); linalg.norm(A, 'nuc'); linalg.norm(A, 2); linalg.norm(A, -2); linalg.norm(A, 1);
        linalg.norm(A, -1); linalg.norm(A, inf); linalg.norm(A, -inf); linalg.norm(A, 3, dim=0);
        linalg.norm(A, dim=1, keepdim=True); linalg.norm(A, 'fro', (1, 0), True); linalg.norm(A, None, (0, 1));
        linalg.norm(A, keepdim=True); linalg.matrix_norm(A); linalg.matrix_norm(A, 'nuc', keepdim=True);
        linalg.matrix_norm(A, 2, (1, 0)); linalg.vector_norm(A); linalg.vector_norm(A, 1, 0);
        linalg.vector_norm(A, 3.5, dim=-1, keepdim=True); linalg.vector_norm(A, inf, 1);
        linalg.vector_norm(A, 2, (0, 1)); linalg.svd(A)[1]
    """),
    *table(dict(A=(3, 4), B=(2, 3, 4)), """
        linalg.pinv(A); linalg.qr(A)[0] ** 2; linalg.qr(A)[1] ** 2; linalg.svd(A, False)[0] ** 2;
        linalg.svd(A, False)[2] ** 2; linalg.svdvals(B); linalg.pinv(B); linalg.qr(B, 'complete')[1] ** 2;
        linalg.norm(B, 'nuc', (0, 2)); linalg.matrix_norm(B, 1, (2, 0), True); linalg.matrix_norm(B, -2);
        linalg.norm(B, 2, 1); linalg.norm(B); norm(A, 'nuc'); norm(A, 'nuc', keepdim=True); norm(B, 'nuc', (0, 2));
        norm(B, p='nuc', dim=(-2, -1), keepdim=True); norm(A, p='fro', dim=(0, 1)); norm(B, 'fro', 1)
    """),
    *table(dict(a=(5,), A=(5, 2), B=(2, 4), C=(4, 3), c=(3,)), """
        linalg.multi_dot([A, B]); linalg.multi_dot([A, B, C]); linalg.multi_dot([a, A, B, C]); linalg.norm(a, 3);
        linalg.multi_dot([A, B, C, c]); linalg.multi_dot([a, A, B, C, c]); linalg.norm(a); linalg.norm(a, 0)
    """),
]  # fmt: skip

REFUSED = [
    *table(dict(A=(2, 3), B=(3, 4), x=(3,), C=(5, 2, 3), s=(), b=(3,), W=(2, 3)), """
        matmul(A, A); matmul(A, B.mT); matmul(A, s); matmul(s, s); bmm(A, B); bmm(C, C); bmm(C[:2], C.mT); mv(A, A);
        mv(x, A); dot(A, A); dot(x, x[:2]); outer(A, x); tensordot(A, B, 3); tensordot(A, B, 2);
        tensordot(A, B, ([0], [0])); tensordot(A, A, ([0, 0], [0, 1])); linear(x, B); linear(x, W, b);
        bilinear(x, x, A); addmm(C, A, B); addmm(A, A, B); addmm(x, C, B); einsum('ij,jk->ik', A);
        einsum('ij,ij->i', A, B); einsum('ijk->i', A); einsum('ii', A)
    """),
    *table(dict(A=(2, 3), S=lambda rng: np.zeros((2, 2)), T=lambda rng: -np.eye(2), x=(3,), C=(5, 2, 3)), """
        linalg.inv(A); linalg.inv(S); linalg.inv(x); linalg.solve(A, x); linalg.solve(S, x[:2]); linalg.solve(T, x);
        linalg.solve(T, x[:2], left=False); linalg.det(A); linalg.slogdet(x); linalg.cholesky(T); linalg.cholesky(A);
        linalg.qr(x); linalg.qr(A, 'economic'); linalg.eigh(A); linalg.svd(x); linalg.pinv(x);
        linalg.matrix_power(A, 2); linalg.matrix_power(T, 0.5); linalg.matrix_power(S, -1); linalg.multi_dot([A]);
        linalg.multi_dot([A, A]); linalg.multi_dot([A, x, x]); linalg.multi_dot([C, A]); linalg.norm(C, 2);
        linalg.norm(x, 'fro'); linalg.norm(A, 'max'); linalg.norm(A, 3); linalg.matrix_norm(x);
        linalg.matrix_norm(A, 5); linalg.matrix_norm(A, 'fro', (0, 0)); linalg.norm(A, 1, 2);
        norm(x, 'nuc'); norm(C, 'nuc'); norm(C, 'nuc', 0); norm(C, 'nuc', (0, 1, 2)); norm(C, 'fro', (0, 1, 2));
        norm(A[:0], -1); linalg.norm(A[:, :0], -1.5, -1); linalg.matrix_norm(A[:, :0], -1)
    """),
]  # fmt: skip


test_agrees_with_pytorch = agreeing([*PRODUCTS, *LINALG, *EMPTY])


@pytest.mark.parametrize(("inputs", "call"), UNKNOWN)
def test_what_is_unknown_stays_unknown(inputs: Any, call: str) -> None:
    """In a batch with one nan, in the matrix that holds it, every number of the inverse is nan, as are its slopes."""
    agree(inputs, call, order=1)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["svd", "svdvals", "eigh", "eigvalsh", "pinv", "cholesky"])
def test_a_matrix_that_is_not_finite_is_refused_before_lapack_can_hang(name: str, hole: float) -> None:
    A = np.diag([4.0, 5.0, 6.0])
    A[2, 0] = A[0, 2] = hole
    with pytest.raises(mx.OpError, match="nan or inf"):
        getattr(linalg, name)(A)


def test_the_gradient_of_a_determinant_is_unknown_only_where_its_matrix_is() -> None:
    A = Tensor(_HOLE)
    linalg.det(A).sum().backward()
    np.testing.assert_allclose(A.grad[0], np.linalg.det(_HOLE[0]) * np.linalg.inv(_HOLE[0]).T, atol=1e-14)
    assert np.isnan(A.grad[1]).all()


test_refuses_what_pytorch_refuses = refusing(REFUSED)


def _leibniz(A: Any) -> Any:
    """det A as the sum over permutations of signed products."""
    total: Any = 0.0
    for order in permutations(range(len(A.data))):
        sign = np.linalg.det(np.eye(len(order))[list(order)])
        total = total + sign * mx.prod(A[range(len(order)), order])
    return total


@pytest.mark.parametrize("rank", [2, 1, 0])
def test_the_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient(rank: int) -> None:
    rng = np.random.default_rng(rank)
    A = Tensor(rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3)))
    linalg.det(A).backward()
    minors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(A.data, i, 0), j, 1)) for j in range(3)] for i in range(3)
    ]
    np.testing.assert_allclose(A.grad, minors, atol=1e-12)


@pytest.mark.parametrize(("size", "rank"), [(n, r) for n in (1, 2, 3, 4) for r in range(n + 1)])
def test_a_determinant_has_its_second_derivatives_at_every_rank(size: int, rank: int) -> None:
    """It is a polynomial, so the sum over permutations has them too; PyTorch gives nan where A is all zeros."""
    rng = np.random.default_rng(rank)
    A = rng.normal(size=(size, rank)) @ rng.normal(size=(rank, size))
    expected = mx.hessian(_leibniz)(A).data
    np.testing.assert_allclose(mx.hessian(linalg.det)(A).data, expected, atol=1e-12)
    if rank:
        theirs = torch.autograd.functional.hessian(torch.linalg.det, torch.tensor(A))
        np.testing.assert_allclose(theirs.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_factors_multiply_to_the_matrix_and_have_their_shapes(shape: tuple[int, ...]) -> None:
    A = Tensor(np.random.default_rng(0).normal(size=shape))
    Q, R = linalg.qr(A)
    np.testing.assert_allclose((Q @ R).data, A.data, atol=1e-12)
    np.testing.assert_allclose(np.tril(R.data, -1), 0)
    assert (np.diagonal(R.data, axis1=-2, axis2=-1) > 0).all()
    U, S, Vh = linalg.svd(A, full_matrices=False)
    np.testing.assert_allclose(((U * S[..., None, :]) @ Vh).data, A.data, atol=1e-12)
    full = linalg.svd(A)
    for one in (full.U, full.Vh):
        np.testing.assert_allclose((one @ one.mT).data, np.broadcast_to(np.eye(one.shape[-1]), one.shape), atol=1e-12)
    k = S.shape[-1]
    np.testing.assert_allclose(full.U.data[..., :k], U.data)
    np.testing.assert_allclose(full.Vh.data[..., :k, :], Vh.data)


def test_a_singular_matrix_has_no_slope_of_slogdet_and_hears_so_in_words() -> None:
    """PyTorch's gradient is made of inf there; the value, -inf, is the same."""
    A = Tensor(np.array([[1.0, 2.0], [2.0, 4.0]]))
    value = linalg.slogdet(A).logabsdet
    assert value.data == -np.inf
    with pytest.raises(mx.OpError, match=r"singular.*slogdet"):
        value.backward()
    with pytest.raises(mx.OpError, match="singular"):
        linalg.inv(A)
    linalg.det(A).backward()
    np.testing.assert_allclose(A.grad, [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


def test_eigenvectors_are_upright() -> None:
    A = Tensor(np.random.default_rng(0).normal(size=(4, 4)))
    w, V = linalg.eigh(A + A.mT)
    np.testing.assert_allclose((V @ (w[:, None] * V.mT)).data, (A + A.mT).data, atol=1e-12)
    assert (np.take_along_axis(V.data, np.abs(V.data).argmax(0)[None], 0) > 0).all()


def test_the_sum_of_eigenvalues_has_a_gradient_where_they_coincide() -> None:
    A = Tensor(np.eye(3))
    linalg.eigvalsh(A).sum().backward()
    np.testing.assert_allclose(A.grad, np.eye(3))
    B = Tensor(2 * np.eye(3))
    linalg.norm(B, "nuc").backward()
    np.testing.assert_allclose(B.grad, np.eye(3))


def test_the_power_0_moves_with_nothing_and_can_be_differentiated() -> None:
    A = Tensor([[1.0, np.inf], [0.0, 2.0]])
    power = linalg.matrix_power(A, 0)
    power.sum().backward()
    np.testing.assert_array_equal(power.data, np.eye(2))
    np.testing.assert_array_equal(A.grad, np.zeros((2, 2)))


def test_the_gradients_of_symmetric_functions_are_symmetric() -> None:
    A = Tensor(np.random.default_rng(0).normal(size=(3, 3)) + 9 * np.eye(3))
    (linalg.cholesky(A).sum() + linalg.eigh(A).eigenvectors[0].sum()).backward()
    np.testing.assert_allclose(A.grad, A.grad.T)


def test_numpy_functions_reach_the_same_rows() -> None:
    A = Tensor(np.random.default_rng(0).normal(size=(3, 3)) + 3 * np.eye(3))
    for ours, theirs in ((np.linalg.inv(A), linalg.inv(A)), (np.linalg.det(A), linalg.det(A)),
                         (np.linalg.solve(A, A), linalg.solve(A, A)), (np.linalg.norm(A), linalg.norm(A)),
                         (np.kron(A, A), mx.kron(A, A)), (np.trace(A), A.trace()),
                         (np.roll(A, 1, axis=0), A.roll(1, 0)),
                         (np.tensordot(A, A, 1), A @ A), (np.linalg.matrix_power(A, 2), A @ A)):  # fmt: skip
        assert isinstance(ours, Tensor) and ours.requires_grad
        np.testing.assert_allclose(ours.data, theirs.data)
