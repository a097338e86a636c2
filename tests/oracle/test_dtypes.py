"""Which dtype comes out when dtypes meet: PyTorch's, for every pair, as arrays, single numbers and plain numbers."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import OURS, THEIRS, plain, run, torch

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
CALLS = """
    a + b; a * b; a / b; maximum(a, b); atan2(a, b); pow(1 * a, 1 * b); where(a > b, a, b); a == b; a < b;
    hypot(a * 1.0, b * 1.0); stack([a.sum(), b.sum()]); cat([a.reshape(-1), b.reshape(-1)]); logical_and(a, b);
    a.prod() + b.prod(); a.reshape(-1).cumsum(0)
""".replace("\n", "")
NUMBERS: list[Any] = [True, 2, 2.5, np.float32(2.5), np.float64(2.5), np.int64(2), np.int8(2)]


@pytest.mark.parametrize("call", [call.strip() for call in CALLS.split(";")])
def test_of_two_tensors(call: str) -> None:
    for (p, q), (n, m) in product(product(DTYPES, DTYPES), [((2,), (2,)), ((2,), ()), ((), ())]):
        arrays = dict(a=np.ones(n).astype(p), b=np.ones(m).astype(q))
        found = [plain(run(lib, call, {k: lib.tensor(x, False) for k, x in arrays.items()})) for lib in (OURS, THEIRS)]
        assert found[0].dtype == found[1].dtype, f"{call} of {p} {n} and {q} {m}"
        np.testing.assert_allclose(*found, rtol=1e-3, err_msg=f"{call} of {p} {n} and {q} {m}")


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__}-{n}")
@pytest.mark.parametrize("dtype", DTYPES)
def test_beside_a_plain_number(dtype: str, number: Any) -> None:
    for shape, call in product([(2,), ()], ["x + n", "n + x", "x * n", "n / x", "where(x > 0, x, n)", "x <= n"]):
        x = np.ones(shape).astype(dtype)
        found = [plain(run(library, call, dict(x=library.tensor(x, False), n=number))) for library in (OURS, THEIRS)]
        assert found[0].dtype == found[1].dtype, call
        np.testing.assert_array_equal(*found, err_msg=call)


def test_settings_that_are_numpys_numbers_widen_nothing() -> None:
    x = mx.Tensor(np.float32([-1.0, 2.0]))
    for y in (
        mx.leaky_relu(x, np.float64(0.1)),
        mx.clamp(x, np.float64(1.5)),
        mx.elu(x, np.float64(2.0)),
        x ** np.float64(2),
    ):
        assert y.dtype == np.float32


@pytest.mark.parametrize("call", ["x * s", "s * x", "where(x > 0, x, s)", "maximum(x, s)", "x / s", "x ** s"])
@pytest.mark.parametrize(("p", "q"), list(product(["float32", "float64"], repeat=2)))
def test_each_gradient_is_of_its_inputs_dtype(call: str, p: str, q: str) -> None:
    for create_graph in (False, True):
        found = []
        for library in (OURS, THEIRS):
            x, s = library.tensor(np.array([0.5, 1.5], p), True), library.tensor(np.array(1.25, q), True)
            y = run(library, call, dict(x=x, s=s))
            found.append([y, *library.grad(y.sum(), [x, s], create_graph=create_graph)])
        for a, b in zip(*found, strict=True):
            assert plain(a).dtype == plain(b).dtype
            np.testing.assert_allclose(plain(a), plain(b), rtol=1e-6)


def test_the_conversion_is_a_node_of_the_graph() -> None:
    """So trace, picture and compiled program show where a number lost its digits; nothing is added where none do."""
    x, s = mx.Tensor(np.float32([1.0, 2.0])), mx.Tensor(np.array(3.0))
    assert [each.op and each.op.name for each in (x * s).inputs] == [None, "astype"]
    assert all(each.op is None for each in (x * mx.Tensor(np.float32(3.0))).inputs)


def test_compiled_programs_keep_the_dtypes() -> None:
    x, s, i = mx.Tensor(np.float32([1.0, 2.0])), mx.Tensor(np.array(3.0)), mx.Tensor(np.array([1, 2]))

    def f(x: Any, s: Any, i: Any) -> Any:
        return x * s + i * x

    for _ in range(2):
        assert mx.compile(f)(x, s, i).dtype == f(x, s, i).dtype == np.float32


def test_the_default_dtype_of_whole_numbers(request: pytest.FixtureRequest) -> None:
    mx.set_default_dtype("float32")
    request.addfinalizer(lambda: mx.set_default_dtype("float64"))
    i = mx.Tensor(np.array([1, 2]))
    assert {y.dtype for y in (i / 2, i * 0.5, i / i, mx.sin(i), 1 / i, mx.rsqrt(i))} == {np.dtype(np.float32)}
    torch.testing.assert_close(torch.tensor([1, 2]) / 2, torch.tensor((i / 2).data))
