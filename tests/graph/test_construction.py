"""What a Value and a Tensor accept, which dtype they get, and what they say to data they cannot hold."""

from collections.abc import Iterator

import numpy as np
import pytest

import microgradx as mx
from microgradx import GradientError, MicrogradxError, OpError, Tensor, Value


@pytest.mark.parametrize("data", [2, 2.0, True, np.float32(2), np.int64(2), np.array(2.0), "2.5", Value(2.0)])
def test_a_value_holds_one_python_float(data: object) -> None:
    node = Value(data)
    assert type(node.data) is float
    assert node.requires_grad
    assert node.grad is None
    assert node.is_leaf
    assert (node.shape, node.ndim, node.size, node.dtype) == ((), 0, 1, np.float64)


@pytest.mark.parametrize("data", ["x", 1j, None, [1.0], np.ones(2), 10**400])
def test_a_value_refuses_what_is_not_one_real_number(data: object) -> None:
    with pytest.raises(OpError, match=r"one real number.*Tensor for arrays"):
        Value(data)


@pytest.mark.parametrize(
    ("data", "shape"), [(3, ()), ([1, 2], (2,)), ([[1.5], [2]], (2, 1)), ([], (0,)), (range(3), (3,)), (Value(1.0), ())]
)
def test_python_numbers_become_float64(data: object, shape: tuple[int, ...]) -> None:
    tensor = Tensor(data)
    assert tensor.dtype == np.float64
    assert tensor.shape == shape
    assert tensor.requires_grad


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"])
def test_arrays_keep_their_dtype_and_only_floats_collect_gradients(dtype: str) -> None:
    array = np.ones((2, 3), dtype=dtype)
    tensor = Tensor(array)
    assert tensor.dtype == dtype
    assert tensor.numpy() is tensor.data
    assert tensor.requires_grad == (array.dtype.kind == "f")
    assert Tensor(array, dtype="float32").dtype == np.float32
    assert Tensor(array[0, 0]).dtype == dtype  # NumPy's own scalars are arrays too


def test_booleans_stay_booleans() -> None:
    assert Tensor([True, False]).dtype == bool


@pytest.mark.parametrize(
    ("data", "say"),
    [
        ([[1, 2], [3]], "ragged"),
        ("abc", "real numbers"),
        ([1, "a"], "real numbers"),
        ([1j], "complex"),
        (np.array([1 + 2j]), "complex"),
        (None, "real numbers"),
        ([1.0, None], "real numbers"),
        ([Value(1.0), Value(2.0)], "stack"),
    ],
)
def test_a_tensor_refuses_other_data(data: object, say: str) -> None:
    with pytest.raises(OpError, match=say):
        Tensor(data)


@pytest.mark.parametrize("data", [np.array([1, 2]), np.array([True]), [True, False]])
def test_integers_asked_for_a_gradient_are_told_why_not(data: object) -> None:
    with pytest.raises(GradientError, match=r"real numbers.*float64"):
        Tensor(data, requires_grad=True)
    with pytest.raises(GradientError, match="real numbers"):
        Tensor(data).requires_grad_()


def test_requires_grad_can_be_switched_on_leaves_only() -> None:
    leaf = Tensor([1.0]).requires_grad_(False)
    assert not (leaf * 2).requires_grad
    assert leaf.requires_grad_() is leaf
    with pytest.raises(GradientError, match=r"leaves only.*detach"):
        (leaf * 2).requires_grad_(False)


@pytest.fixture
def single_precision() -> Iterator[None]:
    mx.set_default_dtype("float32")
    yield
    mx.set_default_dtype("float64")


@pytest.mark.usefixtures("single_precision")
def test_the_default_dtype_is_for_python_numbers_only() -> None:
    assert mx.default_dtype() == np.float32
    assert Tensor([1, 2.5]).dtype == np.float32
    assert Tensor(np.ones(2)).dtype == np.float64
    assert Value(0.1).data == 0.1  # a Value is always a Python float


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_the_default_dtype_must_be_a_float(dtype: str) -> None:
    with pytest.raises(OpError, match="float type"):
        mx.set_default_dtype(dtype)
    assert mx.default_dtype() == np.float64


def test_names_and_text() -> None:
    assert Value(1.5, name="w").name == "w"
    assert Value(1.5).named("w").name == "w"
    assert "1.5" in repr(Value(1.5, name="w"))
    assert "name='w'" in repr(Value(1.5, name="w"))
    assert "float32" in repr(Tensor(np.float32([1])))
    w = Value(3.0)
    (w * w).backward()
    assert "grad=6.0" in repr(w)


def test_numbers_come_out_again() -> None:
    assert Value(2.5).item() == float(Value(2.5)) == Tensor([[2.5]]).item() == float(Tensor(2.5)) == 2.5
    assert int(Value(2.5)) == 2
    assert [t.item() for t in Tensor([1.0, 2.0])] == [1.0, 2.0]
    np.testing.assert_array_equal(np.asarray(Tensor([1.0, 2.0])), [1.0, 2.0])
    with pytest.raises(OpError, match=r"single number.*\(2,\)"):
        Tensor([1.0, 2.0]).item()
    with pytest.raises(OpError, match="no length"):
        len(Tensor(1.0))


def test_truth_needs_a_single_number() -> None:
    assert Tensor([[1.0]])
    assert not Value(0.0)
    with pytest.raises(OpError, match="ambiguous"):
        bool(Tensor([1.0, 2.0]))


def test_every_error_is_of_the_family_and_also_pythons_own() -> None:
    for ours, pythons in [(OpError, ValueError), (mx.RuleError, TypeError), (GradientError, RuntimeError)]:
        assert issubclass(ours, MicrogradxError)
        assert issubclass(ours, pythons)
