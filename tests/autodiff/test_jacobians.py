"""`jacobian` and `hessian`: both modes, every layout."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import GradientError, OpError, Tensor, Value

MODES = ["reverse", "forward", None]


@pytest.mark.parametrize("mode", MODES)
def test_a_linear_map_has_its_matrix_as_jacobian(mode: Any) -> None:
    a = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(mx.jacobian(lambda x: mx.matmul(a, x), mode=mode)(np.ones(3)).data, a)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("inside", "outside"), [((2, 3), (3, 2)), ((), (2,)), ((2,), ()), ((1, 2), (1,)), ((0,), (2,))]
)
def test_the_shape_is_the_results_and_then_the_arguments(mode: Any, inside: Any, outside: Any) -> None:
    weights = np.arange(float(np.prod(inside) * np.prod(outside))).reshape(*outside, *inside)
    f = lambda x: (Tensor(weights, requires_grad=False) * x).sum(tuple(range(len(outside), weights.ndim)))
    if not inside:
        f = lambda x: Tensor(weights, requires_grad=False) * x
    found = mx.jacobian(f, mode=mode)(np.ones(inside))
    assert found.shape == (*outside, *inside)
    assert found.data.tolist() == weights.tolist()


@pytest.mark.parametrize("mode", MODES)
def test_values_and_tensors_in_all_combinations(mode: Any) -> None:
    v, t = 2.0, np.array([3.0, 4.0])
    of_value = mx.jacobian(lambda v: (v * v, v * Tensor(t, requires_grad=False)), mode=mode)(v)
    assert repr(of_value) == "(Value(4.0), Tensor([3., 4.]))"
    of_both = mx.jacobian(lambda v, t: {"y": v * t}, (0, 1), mode)(v, t)
    assert repr(of_both) == "{'y': (Tensor([3., 4.]), Tensor([[2., 0.],\n        [0., 2.]]))}"


@pytest.mark.parametrize("mode", MODES)
def test_trees_are_nested_result_first(mode: Any) -> None:
    f = lambda p: [p["a"] * p["b"], p["a"]]
    found = mx.jacobian(f, mode=mode)({"a": 2.0, "b": 3.0})
    assert repr(found) == "[{'a': Value(3.0), 'b': Value(2.0)}, {'a': Value(1.0), 'b': Value(0.0)}]"


def test_the_mode_with_fewer_passes_is_taken() -> None:
    from microgradx.autodiff import jacobians

    used = []

    def spy(name: str) -> Any:
        original = getattr(jacobians, name)
        return lambda run: used.append(name) or original(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jacobians, "_by_rows", spy("_by_rows"))
        patch.setattr(jacobians, "_by_columns", spy("_by_columns"))
        mx.jacobian(lambda x: x.sum())(np.ones(3))
        mx.jacobian(lambda x: mx.stack([x, x, x]))(np.array(1.0))
        mx.hessian(lambda x: x.sum())(np.ones(3))
    assert used == ["_by_rows", "_by_columns", "_by_rows", "_by_columns"]


def test_hessian_of_a_quadratic_form_is_its_symmetric_part_twice() -> None:
    a = np.random.default_rng(1).normal(size=(3, 3))
    f = lambda x: mx.dot(x, mx.matmul(a, x))
    np.testing.assert_allclose(mx.hessian(f)(np.ones(3)).data, a + a.T)


def test_hessian_of_several_arguments_has_a_block_for_each_pair() -> None:
    f = lambda a, b: a * a * b.sum() + (b * b * b).sum()
    (aa, ab), (ba, bb) = mx.hessian(f, (0, 1))(2.0, np.array([1.0, 3.0]))
    assert (aa.shape, float(aa)) == ((), 8.0)
    assert ab.data.tolist() == ba.data.tolist() == [4.0, 4.0]
    assert bb.data.tolist() == [[6.0, 0.0], [0.0, 18.0]]


def test_hessian_of_a_dict() -> None:
    found = mx.hessian(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 3.0})
    assert repr(found) == "{'a': {'a': Value(0.0), 'b': Value(1.0)}, 'b': {'a': Value(1.0), 'b': Value(0.0)}}"


def test_hessian_of_a_vector_has_one_more_axis() -> None:
    found = mx.hessian(lambda x: x**3)(np.array([1.0, 2.0]))
    assert found.shape == (2, 2, 2)
    assert found.data[1, 1, 1] == 12.0
    assert np.count_nonzero(found.data) == 2


def test_a_jacobian_is_differentiable() -> None:
    x = Tensor([1.0, 2.0])
    mx.jacobian(lambda x: x**3)(x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_errors() -> None:
    with pytest.raises(OpError, match="'backward'"):
        mx.jacobian(lambda x: x, mode="backward")
    with pytest.raises(GradientError, match="no numbers"):
        mx.jacobian(lambda x: Value(1.0))(())
    with pytest.raises(GradientError, match="node itself"):
        mx.jacobian(lambda x: x.data)(1.0)
