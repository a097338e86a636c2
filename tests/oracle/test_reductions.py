"""Reductions, scans, orders and norms against PyTorch; see DECISIONS for where we differ."""

import re
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import agree, agreeing, ints, mask, refusing, table, within

DECISIONS = """median of everything: where several elements tie, one of them gets the gradient; PyTorch shares it.
sum, mean and others over dim=(): nothing is reduced, as in NumPy; PyTorch reduces everything.
sort is always stable, and topk always in order.
median of nothing is refused; PyTorch says nan. all and any are booleans; PyTorch's of uint8 are uint8.
topk: of equal elements the first; in PyTorch any. std: where it is 0, its second gradient is not promised.
index_add, addcmul and others with a fraction as factor give real numbers of whole ones; PyTorch cuts the fraction.
prod takes several axes, as in NumPy; PyTorch one.
norm of order below 2: at 0, where a higher slope is infinite, the second gradient is 0; PyTorch has nan."""

EVERYTHING = """
    sum(x); mean(x); prod(x); amax(x); amin(x); max(x); min(x); median(x); norm(x); norm(x, 1); norm(x, p=3);
    norm(x, inf); norm(x, 'fro'); all(x); any(x); argmax(x); argmin(x); x.sum(); x.mean(); x.prod(); x.max(); x.min();
    x.amax(); x.amin(); x.median(); x.norm(); x.all(); x.any(); x.argmax(); x.argmin()
"""
SPREAD = "var(x); std(x); var(x, False); std(x, unbiased=False); x.var(); x.std()"
# Over one axis d, or several; k: keep it.
OVER = """
    sum(x, d, k); mean(x, d, k); amax(x, d, k); amin(x, d, keepdim=k); var(x, dim=d, keepdim=k); var(x, d, False, k);
    var(x, d, correction=0, keepdim=k); std(x, dim=d, keepdim=k); std(x, d, correction=0.5, keepdim=k);
    logsumexp(x, d, k); norm(x, 2, dim=d, keepdim=k); norm(x, 1, d, k); norm(x, 3, d, k); norm(x, 1.5, d, k);
    norm(x, 0.5, d, k); norm(x, -2.0, d, k); norm(x, 0, d, k); norm(x, inf, d, k); norm(x, -inf, d, k);
    all(x > 0, d, k); any(x > 2.5, d, k); x.sum(d, k); x.mean(d, keepdim=k); x.amax(d, k); x.logsumexp(d, k)
"""
OVER_ONE = """
    prod(x, d, k); max(x, d, k); min(x, d, keepdim=k); median(x, d, k); argmax(x, d, k); argmin(x, d, k); x.prod(d, k);
    x.max(d, k); x.argmax(d, k)
"""
ALONG = """
    cumsum(x, d); cumprod(x, d); cummax(x, d); cummin(x, d); logcumsumexp(x, d); sort(x, d); argsort(x, d);
    sort(x, dim=d, descending=True); sort(x, dim=d, stable=True); argsort(x, d, descending=True); topk(x, 1, dim=d);
    argsort(x, dim=d, stable=True); topk(x, 2, dim=d); topk(x, 2, dim=d, largest=False); topk(x, 2, d, True, True);
    x.cumsum(d); x.sort(d); x.topk(2, d)
"""
OF_ONE = """
    mean(x, d); mean(x, d, True); prod(x, d); median(x, d); cumsum(x, d); cumprod(x, d); cummax(x, d); cummin(x, d);
    logcumsumexp(x, d); sort(x, d); argsort(x, d); argsort(x); sort(x); topk(x, 1); topk(x, 1, d); topk(x, 1, dim=d);
    var(x, d, correction=0); x.mean(d); x.sort(d); x.cumsum(d); sum(x, d); max(x, d); logsumexp(x, d); softmax(x, d)
"""
ZEROS = np.array([[0.0, 2.0, -1.5, 0.5, 3.0], [1.0, 0.0, 2.0, 4.0, 0.0], [0.0, 2.5, 0.0, 0.0, 1.0]])
DTYPES = """
    sum(x, dtype=f.dtype); mean(x, dtype=f.dtype); prod(x, dtype=f.dtype); cumsum(x, 0, dtype=f.dtype);
    cumprod(x, 1, dtype=f.dtype); softmax(x, 1, dtype=f.dtype); log_softmax(x, 0, dtype=f.dtype);
    softmin(x, 1, dtype=f.dtype); sum(x, 0, dtype=f.dtype); mean(x, 1, True, dtype=f.dtype);
    prod(x, 1, dtype=f.dtype); x.sum(dtype=f.dtype); x.mean(0, dtype=f.dtype); x.softmax(1, f.dtype);
    x.cumsum(0, dtype=f.dtype)
"""
NORMS = """
    norm(x, dtype=f.double().dtype); linalg.vector_norm(x, dtype=f.double().dtype);
    linalg.norm(x, dtype=f.double().dtype); linalg.matrix_norm(x, 'nuc', dtype=f.double().dtype)
"""
KINDS = """
    sum(i); sum(i, 1); prod(i, 1); cumsum(i, 1); cumprod(i, 0); amax(i, 1); argmax(i, 1); max(i, 1); any(i, 1);
    all(i, 1); sort(i, 1); topk(i, 2); median(i); cummax(i, 1); sum(b); sum(b, 1); prod(b, 1); cumsum(b, 1);
    cumprod(b, 1); amax(b, 1); max(b, 1); any(b); all(b, 1); sort(b, 1); argsort(i, 0); min(i); amin(i, 0);
    argmin(i, 0); cummin(i, 0); max(i, i * 2); cummin(u, 1); cummin(b, 1); sum(u); sum(u, 1); prod(u, 1); cumsum(u, 0);
    sum(i, dtype=u.dtype); prod(u, dtype=u.dtype); cumsum(b, 1, dtype=u.dtype); cumprod(i, 0, dtype=u.dtype);
    sum(i, dtype=b.dtype); trace(u)
"""


def with_words(calls: str, d: Any, k: bool = False) -> str:
    """The calls with an axis, or several, written in for d, and True or False for k."""
    for word, value in (("d", d), ("k", k)):
        calls = re.sub(rf"(?<=[ (=]){word}(?=[,)])", repr(value), calls)
    return calls


BOX = dict(x=within(-3, 3, 3, 4, 2))
CASES = [
    *(case for shape in ((), (5,), (3, 4), (2, 1, 3)) for case in table(dict(x=within(-3, 3, *shape)), EVERYTHING)),
    *(case for shape in ((5,), (3, 4), (2, 1, 3)) for case in table(dict(x=within(-3, 3, *shape)), SPREAD)),
    *(case for d in (0, 1, -1, (0, 1), (2, 0), [1, 2], (0, 1, 2)) for k in (False, True)
      for case in table(BOX, with_words(OVER, d, k))),
    *(case for d in (0, 1, 2, -1, -3) for k in (False, True) for case in table(BOX, with_words(OVER_ONE, d, k))),
    *(case for d in (0, 1, 2, -1, -3) for case in table(BOX, with_words(ALONG, d))),
    *(case for d in (0, 1) for case in table(dict(x=within(-3, 3, 7, 5)), with_words(ALONG, d))),
    *(case for d in (0, -1) for case in table(dict(x=within(-3, 3)), with_words(OF_ONE, d))),
    *table(dict(x=ZEROS), "prod(x); prod(x, 0); prod(x, 1); cumprod(x, 0); cumprod(x, dim=1)"),
    *table(dict(x=ints(7, 2, 3), f=(1,)), DTYPES),
    *table(dict(x=within(0.2, 3, 2, 3), f=(1,)), DTYPES.replace("f.dtype", "f.double().dtype") + ";" + NORMS),
    *table(dict(i=ints(4, 2, 3), b=mask(2, 3), u=np.array([[0, 3, 255], [7, 0, 1]], np.uint8)), KINDS),
]  # fmt: skip


test_agrees_with_pytorch = agreeing(CASES)


TIES = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0]])


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
def test_ties_share_the_gradient_over_everything(name: str) -> None:
    agree(dict(x=TIES), f"{name}(x)", order=1)


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min", "cummax", "cummin", "sort"])
def test_ties_along_an_axis(name: str) -> None:
    if name == "sort":
        agree(dict(x=TIES), "sort(x, dim=1, stable=True, descending=True)", order=1)
    elif name in ("max", "min"):
        agree(dict(x=TIES), f"{name}(x, 1)[0]", order=1)
    else:
        agree(dict(x=TIES), f"{name}(x, 1)", order=1)


@pytest.mark.parametrize("name", ["sort", "topk", "max", "min", "median", "cummax", "cummin", "amax", "amin"])
def test_nan_counts_as_the_largest_and_spreads(name: str) -> None:
    x = np.array([[1.0, np.nan, 3.0, 0.0], [2.0, 5.0, -2.0, -np.inf], [np.inf, 0.0, -np.inf, 1.0]])
    one = name.startswith("am")
    agree(dict(x=x), f"{name}(x, {'2, ' if name == 'topk' else ''}1){'' if one else '[0]'}", order=0)


@pytest.mark.parametrize("p", ["2", "1", "3", "1.5", "0.5", "inf"])
def test_the_norm_of_zeros_has_gradient_zero(p: str) -> None:
    agree(dict(x=np.zeros(3)), f"norm(x, {p})", order=1)
    agree(dict(x=np.array([[0.0, 0.0], [0.0, 2.0]])), f"norm(x, {p}, 1)", order=1)


def test_a_constant_tensor_has_standard_deviation_zero_and_gradient_zero() -> None:
    agree(dict(x=np.full(4, 2.5)), "std(x)", order=1)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("name", ["var", "std"])
def test_spread_of_one_number(name: str) -> None:
    agree(dict(x=np.array([3.0])), f"{name}(x)", order=0)
    agree(dict(x=(2, 3)), f"{name}(x, dim=0, correction=2)", order=0)


@pytest.mark.parametrize("scale", [1.0, 700.0, 1e4])
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "logcumsumexp"])
def test_large_exponents_do_not_overflow(name: str, scale: float) -> None:
    x = within(-3, 3, 2, 5)(np.random.default_rng(0)) * scale
    agree(dict(x=x), f"{name}(x, dim=1)")
    with np.errstate(over="raise"):
        getattr(mx, name)(mx.Tensor(x), dim=1)


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "logcumsumexp"])
def test_minus_infinity_stands_for_nothing(name: str) -> None:
    x = np.array([[0.5, -np.inf, 2.0], [1.0, 2.0, -np.inf]])
    agree(dict(x=x), f"{name}(x, dim=1)", order=0 if "log" in name else 1)


def test_values_and_indices_have_names() -> None:
    for pair in (mx.max(mx.Tensor([1.0, 2.0]), 0), mx.sort(mx.Tensor([1.0])), mx.topk(mx.Tensor([1.0]), 1)):
        assert pair.values is pair[0]
        assert pair.indices.dtype == np.int64
        assert not pair.indices.requires_grad


@pytest.mark.filterwarnings("ignore:.*(empty slice|divide)")
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "any", "all"])
def test_over_nothing(name: str) -> None:
    agree(dict(x=np.zeros((0, 3))), f"{name}(x)", order=0)


NUMPY = {
    "median": (np.median, {}), "median axis": (np.median, {"axis": 1}), "prod": (np.prod, {"axis": 0}),
    "cumsum": (np.cumsum, {}), "cumsum axis": (np.cumsum, {"axis": 0}), "cumprod": (np.cumprod, {}),
    "sort": (np.sort, {}), "var": (np.var, {}), "std ddof": (np.std, {"axis": 1, "ddof": 1}),
    "mean": (np.mean, {"axis": 0}), "max": (np.max, {"axis": 1}),
    "clip": (np.clip, {"a_min": 0.0, "a_max": 1.0}), "sinc": (np.sinc, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMPY)
def test_numpys_functions_on_tensors_follow_numpy(name: str) -> None:
    function, options = NUMPY[name]
    x = np.random.default_rng(0).normal(size=(3, 4))
    result = function(mx.Tensor(x), **options)
    assert isinstance(result, mx.Tensor)
    assert result.requires_grad
    np.testing.assert_allclose(result.data, function(x, **options), rtol=1e-14)


REFUSED = [
    *table(dict(x=(2, 3), i=ints(5, 2, 3)), """
        sum(x, 5); mean(x, 5); prod(x, 5); amax(x, 5); var(x, 5); std(x, 5); logsumexp(x, 5); max(x, 5); argmax(x, 5);
        median(x, 5); all(x, 5); any(x, 5); cumsum(x, 5); cumprod(x, 5); cummax(x, 5); logcumsumexp(x, 5); sort(x, 5);
        argsort(x, 5); norm(x, 2, 7); amin(x, -3); min(x, 2); argmin(x, 2); cummin(x, -3); softmax(x, 2);
        topk(x, 1, 4); sum(x, (0, 0)); mean(x, (1, -1)); amax(x, (0, 0)); var(x, (0, 0)); std(x, (1, 1));
        norm(x, 2, (0, 0)); sum(x, 0.5); mean(x, 'a'); max(x, 0.5); argmax(x, 1.0); cumsum(x, 0.0); sort(x, 1.0);
        prod(x, 0.5); max(x, (0, 1)); median(x, (0, 1)); cumsum(x, (0, 1)); argmax(x, (0, 1));
        argsort(x, 1.5); sort(x, (0, 1)); topk(x, 9); topk(x, -1); topk(x, 1.5); topk(x); cumsum(x); cumprod(x);
        cummax(x); cummin(x); logcumsumexp(x); mean(i); mean(i, 0); var(i); std(i); norm(i); softmax(i, 1);
        log_softmax(i, 1); norm(x, 'euclid'); norm(x, 'nuclear'); amax(x[:0], 0); amin(x[:0]); argmax(x[:0]);
        argmin(x[:0]); max(x[:0]); min(x[:0]); median(x[:0], 0); max(x[:, :0], 1); sum(x, 0, True, 3);
        sum(x, dtype='no such'); x.to('no such'); linalg.norm(i, dtype=x.dtype); mean(x, dtype=i.dtype); sum(x, axes=0);
        sum(x, dim=0, axis=0); max(x, x[:, :2]);
        sum(x, dim=0, dims=1); all(x, dims=0); std(x, 0, ddof=1); norm(x, ord=2); x.sum(5); x.topk(7); x.max(3)
    """),
]  # fmt: skip


test_refuses_what_pytorch_refuses = refusing(REFUSED)
