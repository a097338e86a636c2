"""Operators, comparisons, NumPy's functions and indexing on nodes: what they give, and what they refuse."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import OpError, Tensor, Value

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne]
Operator = Callable[[Any, Any], Any]


@pytest.mark.parametrize("f", ARITHMETIC)
@pytest.mark.parametrize("number", [2, 2.5, np.float64(2.5), np.float32(2.5), np.int64(2)])
def test_a_value_meets_numbers_from_both_sides(f: Operator, number: Any) -> None:
    for got, expected in [
        (f(Value(1.5), number), f(1.5, float(number))),
        (f(number, Value(1.5)), f(float(number), 1.5)),
    ]:
        assert type(got) is Value
        assert type(got.data) is float
        assert got.data == expected
        assert got.requires_grad


@pytest.mark.parametrize("f", ARITHMETIC)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", [2, 2.5])
def test_a_tensor_keeps_its_dtype_beside_python_numbers(f: Operator, dtype: str, number: float) -> None:
    array = np.array([1.5, 3.0], dtype=dtype)
    for got, expected in [(f(Tensor(array), number), f(array, number)), (f(number, Tensor(array)), f(number, array))]:
        assert got.dtype == dtype
        np.testing.assert_array_equal(got.data, expected)
        got.sum().backward()
    x = Tensor(array)
    f(number, x).sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("f", [*ARITHMETIC, operator.matmul])
@pytest.mark.parametrize("other", [np.array([1.5, 2.0]), [1.5, 2.0]])
def test_arrays_and_lists_meet_a_tensor_from_both_sides(f: Operator, other: Any) -> None:
    array, same = np.array([0.5, 3.0]), np.array(other)
    for got, expected in [
        (f(Tensor(array), other), f(array, same)),
        (f(other, Tensor(array)), f(same, array)),
    ]:
        assert type(got) is Tensor  # and not an object array of tensors
        np.testing.assert_allclose(got.data, expected, rtol=1e-15)


def test_a_value_among_tensors_becomes_a_tensor_and_gets_a_float_gradient() -> None:
    v, t = Value(2.0), Tensor([1.0, 3.0])
    for result in (v * t, t * v, v * np.array([1.0, 3.0]), np.array([1.0, 3.0]) * v):
        assert type(result) is Tensor
        np.testing.assert_array_equal(result.data, [2.0, 6.0])
    (v * t).sum().backward()
    assert v.grad == 4.0
    assert type(v.grad) is float
    np.testing.assert_array_equal(t.grad, [2.0, 2.0])


def test_a_value_does_not_widen_a_float32_tensor() -> None:
    assert (Value(2.0) * Tensor(np.float32([1]))).dtype == np.float32


def test_integer_tensors_stay_integers_until_they_are_divided() -> None:
    whole = Tensor(np.array([4, 6]))
    assert (whole + 1).dtype == (2 * whole).dtype == np.int64
    assert (whole / 2).dtype == (whole * 0.5).dtype == np.float64
    assert not (whole + 1).requires_grad


@pytest.mark.parametrize("f", ARITHMETIC)
@pytest.mark.parametrize("other", ["text", None, 1j, {1: 2}])
def test_what_is_no_number_is_a_type_error(f: Operator, other: Any) -> None:
    for node in (Value(1.0), Tensor([1.0])):
        with pytest.raises(TypeError):
            f(node, other)
        with pytest.raises(TypeError):
            f(other, node)


def test_signs() -> None:
    for node in (Value(-1.5), Tensor([-1.5])):
        assert float(-node) == 1.5
        assert float(+node) == -1.5
        assert float(abs(node)) == 1.5


@pytest.mark.parametrize("f", COMPARISONS)
def test_values_compare_to_plain_booleans_and_tensors_to_boolean_tensors(f: Operator) -> None:
    for a, b in [(1.0, 2.0), (2.0, 2.0), (3.0, 2.0)]:
        assert f(Value(a), Value(b)) is f(Value(a), b) is f(a, Value(b)) is f(a, b)
    got = f(Tensor([1.0, 2.0, 3.0]), 2.0)
    assert got.dtype == bool
    assert not got.requires_grad
    np.testing.assert_array_equal(got.data, f(np.array([1.0, 2.0, 3.0]), 2.0))


def test_nodes_can_be_keys_and_are_never_equal_to_none() -> None:
    v, t = Value(1.0), Tensor([1.0, 2.0])
    assert {v: "v", t: "t"}[t] == "t"
    assert v != None  # noqa: E711  (the comparison itself is under test)
    assert (t == None) is False  # noqa: E711  (the comparison itself is tested)
    assert max(Value(1.0), Value(3.0)).data == 3.0
    assert sum([Value(1.0), Value(2.0)]).data == 3.0


def test_numpys_functions_call_the_same_ops() -> None:
    t = Tensor([[1.0, 4.0], [9.0, 16.0]])
    for got, expected in [
        (np.exp(t), np.exp(t.data)),
        (np.sqrt(t), [[1, 2], [3, 4]]),
        (np.add(1.0, t), t.data + 1),
        (np.power(t, 2), t.data**2),
        (np.sum(t, axis=0), [10.0, 20.0]),
        (np.mean(t, axis=1, keepdims=True), [[2.5], [12.5]]),
        (np.var(t), np.var(t.data)),  # NumPy's correction 0, not PyTorch's 1
        (np.max(t), 16.0),
        (np.concatenate([t, t]), np.concatenate([t.data, t.data])),
        (np.where(t > 5, t, 0.0), [[0, 0], [9, 16]]),
        (np.matmul(t, t), t.data @ t.data),
        (np.pad(t, 1), np.pad(t.data, 1)),
        (np.reshape(t, 4), [1, 4, 9, 16]),
        (np.ravel(t), [1, 4, 9, 16]),
    ]:
        assert type(got) is Tensor
        assert got.requires_grad
        np.testing.assert_allclose(got.data, expected, rtol=1e-15)
    assert type(np.exp(Value(1.0))) is Value
    assert np.shape(t) == (2, 2)
    assert np.allclose(t, t.data)


@pytest.mark.parametrize(
    ("call", "say"),
    [
        (lambda t: np.linalg.qr(t, "complete"), "np.linalg.qr"),
        (lambda t: np.spacing(t), "np.spacing is not an op.*node.data"),
        (lambda t: np.add.reduce(t), "np.add.reduce is not an op"),
        (lambda t: np.exp(t, out=np.zeros(2)), "np.exp.*no out"),
        (lambda t: np.unwrap(t), "np.unwrap is not an op"),
    ],
)
def test_numpys_other_functions_say_what_to_do(call: Callable[[Tensor], Any], say: str) -> None:
    with pytest.raises(OpError, match=say):
        call(Tensor([1.0, 2.0]))


@pytest.mark.parametrize(
    "key",
    [
        0, -1, slice(1, None), slice(None, None, -1), (1, 2), (slice(None), 1), Ellipsis, (Ellipsis, 0), None,
        (None, slice(None), 0), [0, 2], np.array([2, 0, 2]), ([0, 1], [1, 1]), np.array([True, False, True]),
        [True, False, True], (slice(None), np.array([0, 0])), np.eye(3, 4) > 0,
    ],
)  # fmt: skip
def test_indexing_is_numpys_and_its_gradient_counts_how_often_an_element_was_read(key: Any) -> None:
    array = np.arange(12.0).reshape(3, 4)
    t = Tensor(array)
    got = t[key]
    np.testing.assert_array_equal(got.data, array[key])
    got.sum().backward()
    expected = np.zeros((3, 4))
    np.add.at(expected, key, 1.0)
    np.testing.assert_array_equal(t.grad, expected)


def test_index_tensors_carry_no_gradient() -> None:
    t = Tensor([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(t[Tensor(np.array([2, 0]))].data, [3.0, 1.0])
    np.testing.assert_array_equal(t[t > 1.5].data, [2.0, 3.0])


@pytest.mark.parametrize("key", [3, -4, 0.5, "a", (0, 0), Tensor([0.0, 1.0]), Value(1.0), slice(0.0, 1.0)])
def test_a_wrong_index_is_an_op_error(key: Any) -> None:
    with pytest.raises(OpError):
        Tensor([1.0, 2.0, 3.0])[key]


def test_nothing_is_changed_in_place() -> None:
    t = kept = Tensor([1.0, 2.0])
    with pytest.raises(OpError, match=r"in place.*mx\.index_put"):
        t[0] = 1.0
    t += 1  # makes a new tensor
    np.testing.assert_array_equal(kept.data, [1.0, 2.0])


MATRICES = [
    ((4, 3), (2, 3), ["inner sizes differ", "(4, 3)", "(2, 3)", "second-to-last", "Did you mean B.T?"]),
    ((4, 3), (4, 5), ["inner sizes differ", "Did you mean A.T?"]),
    ((4, 3), (2, 5), ["inner sizes differ: A is (4, 3), B is (2, 5)"]),
    ((2, 4, 3), (5, 3, 4), ["batch axes (2,) and (5,)", "broadcast"]),
    ((4, 3), (2,), ["(4, 3)", "(2,)"]),
    ((3,), (2,), ["(3,)", "(2,)"]),
    ((3,), (), ["vectors or matrices", "use *"]),
]


@pytest.mark.parametrize(("a", "b", "say"), MATRICES)
def test_matmul_explains_shapes_that_do_not_fit(a: tuple[int, ...], b: tuple[int, ...], say: list[str]) -> None:
    with pytest.raises(OpError) as caught:
        Tensor(np.ones(a)) @ Tensor(np.ones(b))
    for words in say:
        assert words in str(caught.value)


def test_a_hint_is_given_only_when_it_would_help() -> None:
    with pytest.raises(OpError) as caught:
        Tensor(np.ones((4, 3))) @ Tensor(np.ones((2, 5)))
    assert "Did you mean" not in str(caught.value)


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(OpError, match=r"add.*\(2,\).*\(3,\).*broadcast"):
        Tensor([1.0, 2.0]) + Tensor([1.0, 2.0, 3.0])


def test_a_call_that_does_not_fit_shows_the_form() -> None:
    with pytest.raises(OpError, match=r"foo.*sum\(x, axis=None, keepdims=False, \*, dtype=None\)"):
        Tensor([1.0]).sum(foo=1)
    with pytest.raises(OpError, match=r"4 arguments.*sum\(x"):
        Tensor([1.0]).sum(0, True, 3)
    with pytest.raises(OpError, match=r"axis=5"):
        mx.sum(Tensor([1.0]), axis=5)
