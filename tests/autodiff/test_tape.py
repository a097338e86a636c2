"""`GradientTape`, as TensorFlow's guide uses it."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import GradientError, OpError, Tensor, Value


def constant(data: Any) -> Tensor:
    return Tensor(data, requires_grad=False)


def test_variables_are_watched_by_themselves() -> None:
    w, b = Tensor([[1.0], [2.0]]), Tensor([0.5])
    x = constant([[1.0, 2.0]])
    with mx.GradientTape() as tape:
        loss = ((x @ w + b) ** 2).mean()
    dw, db = tape.gradient(loss, [w, b])
    assert dw.data.tolist() == [[11.0], [22.0]]
    assert db.data.tolist() == [11.0]
    assert not dw.requires_grad
    assert w.grad is None


def test_a_constant_is_watched_when_asked() -> None:
    x = constant(3.0)
    with mx.GradientTape() as tape:
        y = x**2
    assert tape.gradient(y, x) is None
    with mx.GradientTape() as tape:
        tape.watch(x)
        y = x**2
    assert float(tape.gradient(y, x)) == 6.0
    assert not x.requires_grad


def test_watching_ends_with_the_block_even_after_an_error() -> None:
    x = constant(3.0)

    def stumble() -> None:
        with mx.GradientTape() as tape:
            tape.watch([x, {"v": Value(1.0)}])
            assert x.requires_grad
            raise KeyError

    with pytest.raises(KeyError):
        stumble()
    assert not x.requires_grad
    assert not (x * 2).requires_grad


def test_a_result_in_the_middle_can_be_a_source() -> None:
    x = Tensor(2.0)
    with mx.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert float(tape.gradient(z, y)) == 8.0
    assert [float(g) for g in tape.gradient(z, (x, y))] == [32.0, 8.0]


def test_a_constant_in_the_middle_can_be_watched() -> None:
    x = constant(2.0)
    with mx.GradientTape() as tape:
        y = x * x
        tape.watch(y)
        z = y * y
    assert float(tape.gradient(z, y)) == 8.0


def test_a_tape_that_is_not_persistent_answers_once() -> None:
    x = Tensor(2.0)
    with mx.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(GradientError, match="persistent=True"):
        tape.gradient(y, x)


def test_a_persistent_tape_answers_again() -> None:
    x = Tensor([1.0, 3.0])
    with mx.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert tape.gradient(z, x).data.tolist() == [4.0, 108.0]
    assert tape.gradient(y, x).data.tolist() == [2.0, 6.0]
    assert tape.gradient(z, x).data.tolist() == [4.0, 108.0]


def test_the_graph_is_released_by_the_only_gradient() -> None:
    x = Tensor(2.0)
    with mx.GradientTape() as tape:
        y = mx.exp(x) * x
    tape.gradient(y, x)
    assert y.inputs == ()
    with pytest.raises(GradientError, match="released"):
        y.backward()


def test_the_sum_of_a_target_and_of_several_targets_is_differentiated() -> None:
    x = Tensor([1.0, 2.0])
    with mx.GradientTape(persistent=True) as tape:
        y, z = x * x, x * 3.0
    assert tape.gradient(y, x).data.tolist() == [2.0, 4.0]
    assert tape.gradient({"y": y, "z": z}, x).data.tolist() == [5.0, 7.0]
    assert tape.gradient([y, z], x, output_gradients=[np.array([1.0, 0.0]), 10.0]).data.tolist() == [32.0, 30.0]


def test_sources_are_a_tree_and_none_means_no_path() -> None:
    p = {"w": Tensor(2.0), "unused": Tensor(1.0)}
    with mx.GradientTape() as tape:
        y = p["w"] ** 3
    found = tape.gradient(y, p)
    assert (float(found["w"]), found["unused"]) == (12.0, None)


def test_nested_tapes_give_second_derivatives() -> None:
    x = Tensor(1.0)
    with mx.GradientTape() as outer:
        with mx.GradientTape() as inner:
            y = x**3
        dy = inner.gradient(y, x)
    assert float(dy) == 3.0
    assert float(outer.gradient(dy, x)) == 6.0


def test_nested_tapes_over_a_constant_that_both_watch() -> None:
    x = constant(1.0)
    with mx.GradientTape() as outer:
        outer.watch(x)
        with mx.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        dy = inner.gradient(y, x)
    assert float(outer.gradient(dy, x)) == 6.0
    assert not x.requires_grad


def test_a_hessian_by_a_persistent_tape() -> None:
    x = Tensor([1.0, 2.0])
    with mx.GradientTape(persistent=True) as outer:
        with mx.GradientTape() as inner:
            y = (x * x * x).sum() + x[0] * x[1]
        g = inner.gradient(y, x)
        parts = [g[0], g[1]]
    assert [outer.gradient(part, x).data.tolist() for part in parts] == [[6.0, 1.0], [1.0, 12.0]]


def test_a_gradient_inside_its_own_persistent_block_is_recorded() -> None:
    x = Tensor(2.0)
    with mx.GradientTape(persistent=True) as tape:
        y = x**3
        dy = tape.gradient(y, x)
    assert float(tape.gradient(dy, x)) == 12.0


def test_control_flow_is_followed() -> None:
    x = Tensor(2.0)
    with mx.GradientTape() as tape:
        y = x
        for _ in range(3):
            y = y * x if y < 7 else y
    assert float(tape.gradient(y, x)) == 12.0


def test_a_tape_inside_a_function_that_is_differentiated() -> None:
    def slope(x: Any) -> Any:
        with mx.GradientTape() as tape:
            y = mx.sin(x) * x
        return tape.gradient(y, x)

    assert float(mx.grad(slope)(0.5)) == pytest.approx(2 * np.cos(0.5) - 0.5 * np.sin(0.5))


def test_training_with_a_tape() -> None:
    rng = np.random.default_rng(0)
    x, w = constant(rng.normal(size=(20, 2))), Tensor([0.0, 0.0])
    t = x.data @ [2.0, -1.0]
    for _ in range(100):
        with mx.GradientTape() as tape:
            loss = ((mx.matmul(x, w) - t) ** 2).mean()
        w.data -= 0.2 * tape.gradient(loss, w).data
    np.testing.assert_allclose(w.data, [2.0, -1.0], atol=1e-3)


def test_a_tape_can_be_used_again() -> None:
    x, tape = Tensor(2.0), mx.GradientTape()
    for n in (2, 3):
        with tape:
            y = x**n
        assert float(tape.gradient(y, x)) == n * 2.0 ** (n - 1)


def test_errors() -> None:
    tape = mx.GradientTape()
    with pytest.raises(GradientError, match="with block"):
        tape.watch(Tensor(1.0))
    with tape:
        with pytest.raises(GradientError, match="int64"):
            tape.watch(Tensor(np.array([1, 2])))
        with pytest.raises(GradientError, match="not a float"):
            tape.watch(2.0)
        with pytest.raises(GradientError, match="already recording"):
            tape.__enter__()
        y = Tensor([1.0, 2.0]) * 2.0
    with pytest.raises(GradientError, match="not a ndarray"):
        tape.gradient(y, np.ones(2))
    with pytest.raises(OpError, match="output_gradients"):
        tape.gradient([y, y], y, output_gradients=1.0)
    with pytest.raises(OpError, match="shape"):
        tape.gradient(y, y, output_gradients=np.ones(3))
