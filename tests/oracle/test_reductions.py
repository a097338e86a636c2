"""Reductions, scans, orders and norms against PyTorch; see DECISIONS for where we differ."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import Function, agree, by_name, draw, first, names, ours, refuses

DECISIONS = """median of everything: where several elements tie, one of them gets the gradient; PyTorch shares it.
sum, mean and others over dim=(): nothing is reduced, as in NumPy; PyTorch reduces everything.
sort is always stable, and topk always in order.
norm of order below 2: at 0, where a higher slope is infinite, the second gradient is 0; PyTorch has nan."""
INF = float("inf")

EVERYTHING: dict[str, tuple[Any, ...]] = {
    **by_name("sum mean prod amax amin max min median var std norm all any argmax argmin"),
    "var unbiased": (lambda F, x: F.var(x, False),),
    "std unbiased": (lambda F, x: F.std(x, unbiased=False),),
    "norm 1": (lambda F, x: F.norm(x, 1),),
    "norm 3": (lambda F, x: F.norm(x, p=3),),
    "norm inf": (lambda F, x: F.norm(x, INF),),
    "norm fro": (lambda F, x: F.norm(x, "fro"),),
}
# Over one axis d, or several; k: keep it.
OVER: dict[str, Function] = {
    "sum": lambda F, x, d, k: F.sum(x, d, k),
    "mean": lambda F, x, d, k: F.mean(x, d, k),
    "amax": lambda F, x, d, k: F.amax(x, d, k),
    "amin": lambda F, x, d, k: F.amin(x, d, keepdim=k),
    "var": lambda F, x, d, k: F.var(x, dim=d, keepdim=k),
    "var unbiased": lambda F, x, d, k: F.var(x, d, False, k),
    "var correction": lambda F, x, d, k: F.var(x, d, correction=0, keepdim=k),
    "std": lambda F, x, d, k: F.std(x, dim=d, keepdim=k),
    "std correction": lambda F, x, d, k: F.std(x, d, correction=0.5, keepdim=k),
    "logsumexp": lambda F, x, d, k: F.logsumexp(x, d, k),
    "norm": lambda F, x, d, k: F.norm(x, 2, dim=d, keepdim=k),
    "norm 1": lambda F, x, d, k: F.norm(x, 1, d, k),
    "norm 3": lambda F, x, d, k: F.norm(x, 3, d, k),
    "norm 1.5": lambda F, x, d, k: F.norm(x, 1.5, d, k),
    "norm half": lambda F, x, d, k: F.norm(x, 0.5, d, k),
    "norm -2": lambda F, x, d, k: F.norm(x, -2.0, d, k),
    "norm 0": lambda F, x, d, k: F.norm(x, 0, d, k),
    "norm inf": lambda F, x, d, k: F.norm(x, INF, d, k),
    "norm -inf": lambda F, x, d, k: F.norm(x, -INF, d, k),
}
OVER_ONE: dict[str, Function] = {
    "prod": lambda F, x, d, k: F.prod(x, d, k),
    "max": lambda F, x, d, k: F.max(x, d, k),
    "min": lambda F, x, d, k: F.min(x, d, keepdim=k),
    "median": lambda F, x, d, k: F.median(x, d, k),
    "all": lambda F, x, d, k: F.all(x > 0, d, k),
    "any": lambda F, x, d, k: F.any(x > 2.5, d, k),
    "argmax": lambda F, x, d, k: F.argmax(x, d, k),
    "argmin": lambda F, x, d, k: F.argmin(x, d, k),
    "max's indices": lambda F, x, d, k: F.max(x, d, k)[1],
    "min's indices": lambda F, x, d, k: F.min(x, d, k)[1],
    "median's indices": lambda F, x, d, k: F.median(x, d, k)[1],
}
ALONG: dict[str, tuple[Any, ...]] = {
    **by_name("cumsum cumprod cummax cummin logcumsumexp sort argsort"),
    "sort descending": (lambda F, x, d: F.sort(x, dim=d, descending=True),),
    "argsort descending": (lambda F, x, d: F.argsort(x, d, descending=True),),
    "topk 1": (lambda F, x, d: F.topk(x, 1, dim=d),),
    "topk 2": (lambda F, x, d: F.topk(x, 2, dim=d),),
    "topk smallest": (lambda F, x, d: F.topk(x, 2, dim=d, largest=False),),
    "sort's indices": (lambda F, x, d: F.sort(x, d)[1],),
    "topk's indices": (lambda F, x, d: F.topk(x, 2, d)[1],),
    "cummax's indices": (lambda F, x, d: F.cummax(x, d)[1],),
    "cummin's indices": (lambda F, x, d: F.cummin(x, d)[1],),
}


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("name", EVERYTHING)
def test_over_everything(name: str, shape: tuple[int, ...]) -> None:
    (function,) = EVERYTHING[name]
    if shape == () and name.startswith(("var", "std")):
        return  # of a single number: see test_spread_of_one_number
    agree(function, [draw(shape)])


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1, (0, 1), (2, 0), [1, 2], (0, 1, 2)], ids=str)
@pytest.mark.parametrize("name", OVER)
def test_over_some_axes(name: str, dim: Any, keep: bool) -> None:
    agree(lambda F, x: OVER[name](F, x, dim, keep), [draw((3, 4, 2))])


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("name", OVER_ONE)
def test_over_one_axis(name: str, dim: int, keep: bool) -> None:
    agree(lambda F, x: OVER_ONE[name](F, x, dim, keep), [draw((3, 4, 2))])


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("name", ALONG)
def test_along_an_axis(name: str, dim: int) -> None:
    (function,) = ALONG[name]
    agree(lambda F, x: function(F, x, dim), [draw((3, 4, 2))])
    agree(lambda F, x: function(F, x, dim), [draw((7, 2, 5))], order=1)


@pytest.mark.parametrize("zeros", [(), (0,), (1, 4), (0, 2, 3)])
@pytest.mark.parametrize("name", ["prod", "cumprod"])
def test_products_are_right_at_zeros(name: str, zeros: tuple[int, ...]) -> None:
    x = draw((5,))
    x[list(zeros)] = 0.0
    agree(lambda F, x: getattr(F, name)(x, 0), [x])
    agree(lambda F, x: getattr(F, name)(x, 1), [np.stack([x, x[::-1]])])


TIES = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0]])


@pytest.mark.parametrize("name", names("amax amin max min"))
def test_ties_share_the_gradient_over_everything(name: str) -> None:
    agree(lambda F, x: getattr(F, name)(x), [TIES], order=1)


@pytest.mark.parametrize("name", names("amax amin max min cummax cummin sort"))
def test_ties_along_an_axis(name: str) -> None:
    agree(lambda F, x: getattr(F, name)(x, 1), [TIES], order=1)
    if name in ("cummax", "cummin"):
        agree(lambda F, x: getattr(F, name)(x, 1)[1], [TIES])
    if name == "sort":
        agree(lambda F, x: F.sort(x, dim=1, stable=True, descending=True)[1], [TIES])


@pytest.mark.parametrize("name", ["sort", "topk", "max", "min", "median", "cummax", "cummin", "amax", "amin"])
def test_nan_counts_as_the_largest_and_spreads(name: str) -> None:
    x = np.array([[1.0, np.nan, 3.0, 0.0], [2.0, 5.0, -2.0, -INF], [INF, 0.0, -INF, 1.0]])
    more = (2,) if name == "topk" else ()
    with np.errstate(invalid="ignore"):
        agree(lambda F, x: getattr(F, name)(x, *more, 1), [x], order=0)


@pytest.mark.parametrize("p", [2, 1, 3, 1.5, 0.5, INF])
def test_the_norm_of_zeros_has_gradient_zero(p: float) -> None:
    agree(lambda F, x: F.norm(x, p), [np.zeros(3)], order=1)
    agree(lambda F, x: F.norm(x, p, 1), [np.array([[0.0, 0.0], [0.0, 2.0]])], order=1)


def test_a_constant_tensor_has_standard_deviation_zero_and_gradient_zero() -> None:
    agree(lambda F, x: F.std(x), [np.full(4, 2.5)], order=1)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("name", ["var", "std"])
def test_spread_of_one_number(name: str) -> None:
    agree(lambda F, x: getattr(F, name)(x), [np.array([3.0])], order=0)
    agree(lambda F, x: getattr(F, name)(x, dim=0, correction=2), [draw((2, 3))], order=0)


@pytest.mark.parametrize("scale", [1.0, 700.0, 1e4])
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "logcumsumexp"])
def test_large_exponents_do_not_overflow(name: str, scale: float) -> None:
    with np.errstate(over="raise"):
        agree(lambda F, x: getattr(F, name)(x, dim=1), [draw((2, 5)) * scale])


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "logcumsumexp"])
def test_minus_infinity_stands_for_nothing(name: str) -> None:
    x = np.array([[0.5, -INF, 2.0], [1.0, 2.0, -INF]])
    agree(lambda F, x: getattr(F, name)(x, dim=1), [x], order=0 if "log" in name else 1)


@pytest.mark.parametrize("name", names("sum prod cumsum cumprod amax argmax max any all sort"))
@pytest.mark.parametrize("kind", ["int64", "int32", "bool"])
def test_integers_and_booleans(name: str, kind: str) -> None:
    x = np.array([[1, 0, 3], [2, 2, 1]]).astype(kind)
    if name == "argmax" and kind == "bool":
        return  # not in PyTorch
    agree(lambda F, x: getattr(F, name)(x, 1), [x])


@pytest.mark.parametrize("name", [*OVER, "prod", "max", "median"])
def test_float32_stays_float32(name: str) -> None:
    function = OVER.get(name) or OVER_ONE[name]
    for row in ours(lambda F, x: function(F, x, 1, False), [draw((3, 4), 0.3, 2.0, dtype="float32")]):
        assert all(x is None or x.dtype == np.float32 for x in row)


def test_values_and_indices_have_names() -> None:
    for pair in (mx.max(mx.Tensor([1.0, 2.0]), 0), mx.sort(mx.Tensor([1.0])), mx.topk(mx.Tensor([1.0]), 1)):
        assert pair.values is pair[0]
        assert pair.indices.dtype == np.int64
        assert not pair.indices.requires_grad


@pytest.mark.filterwarnings("ignore:.*(empty slice|divide)")
@pytest.mark.parametrize("name", names("sum prod mean any all"))
def test_over_nothing(name: str) -> None:
    agree(lambda F, x: getattr(F, name)(x), [np.zeros((0, 3))], order=0)


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
    x = draw((3, 4))
    result = function(mx.Tensor(x), **options)
    assert isinstance(result, mx.Tensor)
    assert result.requires_grad
    np.testing.assert_allclose(first(result).data, function(x, **options), rtol=1e-14)


REFUSED: dict[str, Function] = {
    **{f"{name}: no such axis": (lambda F, x, name=name: getattr(F, name)(x, 5)) for name in names(
        "sum mean prod amax var std logsumexp max argmax median all any cumsum cumprod cummax logcumsumexp sort argsort"
    )},
    "norm: no such axis": lambda F, x: F.norm(x, 2, 7),
    "sum: an axis twice": lambda F, x: F.sum(x, (0, 0)),
    "topk: more than there are": lambda F, x: F.topk(x, 9),
    "topk: a negative number": lambda F, x: F.topk(x, -1),
    "topk: no such axis": lambda F, x: F.topk(x, 1, 4),
    "mean of integers": lambda F, x: F.mean(F.argsort(x)),
    "var of integers": lambda F, x: F.var(F.argsort(x)),
    "norm of integers": lambda F, x: F.norm(F.argsort(x)),
    "norm: unknown word": lambda F, x: F.norm(x, "euclid"),
    "amax of nothing": lambda F, x: F.amax(x[:0], 0),
    "argmax of nothing": lambda F, x: F.argmax(x[:0]),
    "max of nothing": lambda F, x: F.max(x[:0]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_pytorch(name: str) -> None:
    refuses(REFUSED[name], draw((2, 3)))
