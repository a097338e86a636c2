"""The named examples give the numbers that the lecture, or a pocket calculator, gives."""

import math
from typing import Any

import numpy as np
import pytest

from microgradx.examples import EXAMPLES, Program
from microgradx.examples.xor import HAND, ROWS, TARGETS, matrices, outputs, right
from microgradx.explain import Trace, trace


def traced(program: Program, **options: Any) -> Trace:
    return trace(program.function, **program.arguments, parameters=program.parameters, **options)


def example(name: str, at: dict[str, Any] | None = None, **options: Any) -> Trace:
    return traced(EXAMPLES[name].program(**options).at(at or {}))


def value(found: Trace, name: str) -> Any:
    return next(row.node.data for row in found.rows.values() if row.name == name)


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_xor_is_what_one_computes_by_hand() -> None:
    found = example("xor", seed=0)
    w = {row.name: row.node.data for row in found.rows.values() if row.op is None}
    h1 = logistic(w["w11"] * 1 + w["w12"] * 1 + w["b1"])
    h2 = logistic(w["w21"] * 1 + w["w22"] * 1 + w["b2"])
    y = logistic(w["w31"] * h1 + w["w32"] * h2 + w["b3"])
    d3 = y - 0.0  # sigmoid and binary cross-entropy together: guess minus truth
    d1, d2 = d3 * w["w31"] * h1 * (1 - h1), d3 * w["w32"] * h2 * (1 - h2)
    expected = dict(
        x1=d1 * w["w11"] + d2 * w["w21"], x2=d1 * w["w12"] + d2 * w["w22"],
        w11=d1, w12=d1, b1=d1, w21=d2, w22=d2, b2=d2, w31=d3 * h1, w32=d3 * h2, b3=d3,
    )  # fmt: skip
    assert found.loss == pytest.approx(-math.log(1 - y), rel=1e-12)
    assert found.gradients == pytest.approx(expected, rel=1e-12)


def test_by_default_xor_shows_the_last_row_with_a_gradient_for_every_weight_and_two_paths_into_each_input() -> None:
    found = example("xor")
    assert (value(found, "x1"), value(found, "x2"), value(found, "t")) == (1.0, 1.0, 0.0)
    assert all(found.gradients.values())
    into = [found.rows[step.input].name for step in found.steps]
    assert (into.count("x1"), into.count("x2")) == (2, 2)
    assert "x1" not in [found.rows[i].name for i in found.parameters]


@pytest.mark.parametrize("sample", range(4))
def test_samples_are_the_rows_00_01_10_11_at_both_levels(sample: int) -> None:
    scalar, tensor = example("xor", sample=sample), example("xor", sample=sample, level="tensor")
    assert (value(scalar, "x1"), value(scalar, "x2")) == ROWS[sample]
    assert value(scalar, "t") == TARGETS[sample]
    assert scalar.loss == pytest.approx(float(tensor.loss), rel=1e-12)
    grads = scalar.gradients
    for name, expected in matrices({n: grads[n] for n in HAND}).items():
        np.testing.assert_allclose(tensor.gradients[name], expected, rtol=1e-12, atol=1e-15)


def test_the_batch_averages_its_four_rows() -> None:
    rows = [example("xor", sample=k) for k in range(4)]
    batch = example("xor", level="tensor")
    assert float(batch.loss) == pytest.approx(np.mean([row.loss for row in rows]), rel=1e-12)
    for name, expected in matrices({n: np.mean([row.gradients[n] for row in rows]) for n in HAND}).items():
        np.testing.assert_allclose(batch.gradients[name], expected, rtol=1e-12, atol=1e-15)


def test_the_lectures_weights_solve_xor_with_bias_plus_6_and_answer_about_0_with_minus_6() -> None:
    assert right(outputs(HAND), margin=0.025)
    assert all(y < 0.01 for y in outputs({**HAND, "b3": -6.0}))
    program = EXAMPLES["xor"].program(weights="hand", sample=1)
    assert value(traced(program), "y") == pytest.approx(1, abs=0.02)
    assert value(traced(program.at({"b3": -6})), "y") == pytest.approx(0, abs=0.01)
    assert "−6" in program.notes[0]


def test_training_gets_all_four_rows_right_and_says_so() -> None:
    reported = []
    program = EXAMPLES["xor"].program(weights="trained", progress=lambda done, total: reported.append((done, total)))
    learned = {name: program.arguments[name] for name in HAND}
    assert right(outputs(learned), margin=0.1)
    assert program.notes[0].startswith("trained: ")
    assert reported[0] == (1, 5000)
    assert reported[-1][0] == len(reported) < 5000


@pytest.mark.parametrize(("seed", "epochs"), [(1, 10), (8, 1000)])
def test_training_that_failed_says_so(seed: int, epochs: int) -> None:
    program = EXAMPLES["xor"].program(weights="trained", seed=seed, epochs=epochs)
    assert not right(outputs({name: program.arguments[name] for name in HAND}))
    assert program.notes[0].startswith(f"NOT learned: after {epochs} steps")


@pytest.mark.parametrize("level", ["tensor", "scalar"])
def test_from_zero_one_unit_stays_at_ln_2_for_its_gradients_cancel_exactly(level: str) -> None:
    found = example("xor-zero", level=level)
    assert float(found.loss) == pytest.approx(math.log(2), rel=1e-15)
    assert all(not np.any(grad) for grad in found.gradients.values())
    assert found.loss_after == float(found.loss)
    assert any(np.any(step.contribution) for step in found.steps)


def test_a_gradient_step_makes_the_loss_smaller() -> None:
    for name in ("xor", "xor-deep", "neuron", "softmax-ce", "lstm-cell", "rnn-cell", "attention", "batch-norm"):
        found = example(name)
        assert found.loss_after is not None
        assert found.loss_after < float(found.loss), name


def test_two_paths_add_up() -> None:
    found = example("two-paths")
    assert [step.contribution for step in found.steps if found.rows[step.input].name == "x"] == [36, 18]
    assert found.gradients == {"x": 54}


@pytest.mark.parametrize(("x", "gradient"), [(1, 5), (2, 14), (3, 29)])
def test_the_polynomial_at_1_2_3(x: int, gradient: int) -> None:
    assert example("polynomial", {"x": x}).gradients == {"x": gradient}
    assert example("polynomial", level="tensor").gradients["x"][x - 1] == gradient


@pytest.mark.parametrize(("n", "gradient"), [(6, 12), (5, 12), (4, 4)])
def test_the_loop_is_what_it_did(n: int, gradient: int) -> None:
    assert example("control-flow", {"n": n}).gradients == {"x": gradient}


@pytest.mark.parametrize(("x", "n", "slope", "bend"), [(1, 3, 3, 6), (3, 4, 108, 108)])
def test_second_derivatives(x: int, n: int, slope: float, bend: float) -> None:
    found = example("second-derivative", {"x": x, "n": n})
    assert (found.loss, found.gradients) == (slope, {"x": bend})


@pytest.mark.parametrize(
    ("padding", "expected"),
    [("valid", [[12, 16], [24, 28]]), ("same", [[12, 16, 9], [24, 28, 15], [15, 17, 9]])],
)
def test_the_lectures_convolution(padding: str, expected: list[list[int]]) -> None:
    found = example("conv2d", {"padding": padding})
    assert value(found, "y")[0, 0].tolist() == expected
    if padding == "valid":
        assert found.gradients["kernel"][0, 0].tolist() == [[12, 16], [24, 28]]
        assert found.gradients["image"][0, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_three_filters_see_one_image() -> None:
    found = example("three-filters")
    plain = np.array([[12, 16], [24, 28]])
    np.testing.assert_array_equal(value(found, "y")[0], [plain, 10 * plain, -plain])
    np.testing.assert_array_equal(found.gradients["kernels"][:, 0], [plain] * 3)


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [([2, 1, 5, 3], [48, 57, 24, 25, 16, 39]), ([3, 5, 1, 2], [63, 48, 49, 28, 21, 20])],
)
def test_the_lectures_signal(kernel: list[int], expected: list[int]) -> None:
    assert value(example("conv1d", {"w": [[kernel]]}), "y")[0, 0].tolist() == expected


def test_max_pooling_hands_the_gradient_to_the_winners() -> None:
    found = example("max-pool")
    assert value(found, "y")[0, 0].tolist() == [[6, 4], [8, 9]]
    assert found.gradients["image"][0, 0].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


def test_pooling_with_padding_same_keeps_the_image() -> None:
    found = example("pool-same")
    assert value(found, "y")[0, 0].tolist() == [[4, 3], [2, 1]]
    assert found.gradients["image"][0, 0].tolist() == [[1, 1], [1, 1]]


def test_softmax_with_cross_entropy_is_guess_minus_truth_at_both_levels() -> None:
    scores = np.array([2.0, 1.0, 0.1])
    guess = np.exp(scores) / np.exp(scores).sum()
    expected = guess - [1, 0, 0]
    np.testing.assert_allclose(list(example("softmax-ce", level="scalar").gradients.values()), expected, rtol=1e-12)
    np.testing.assert_allclose(example("softmax-ce").gradients["scores"][0], expected / 2, rtol=1e-12)


def test_the_lstm_hands_its_cell_on_through_the_forget_gate_alone() -> None:
    found = example("lstm-cell", level="scalar")
    names = {row.name: row for row in found.rows.values()}
    assert {"i", "f", "g", "o", "c", "h"} <= set(names)
    c, f = names["c"].node, names["f"].node
    assert found.gradients["c0"] == pytest.approx(c.grad * f.data, rel=1e-15)
    assert {"i", "f", "g", "o"} <= {row.name for row in example("lstm-cell").rows.values()}


def test_batch_norm_leaves_no_gradient_for_a_common_shift() -> None:
    np.testing.assert_allclose(example("batch-norm").gradients["x"].sum(axis=0), 0, atol=1e-12)


def test_where_a_gradient_step_says_w_no_constant_is_called_so() -> None:
    assert "(w ← w − lr · gradient)" in str(example("batch-norm"))
    assert "w" not in {row.name for row in example("batch-norm").rows.values()}


def test_attention_weights_share_what_there_is() -> None:
    found = example("attention")
    scores = next(row.node for row in found.rows.values() if row.name == "scores")
    np.testing.assert_allclose(value(found, "weights").sum(axis=-1), 1, rtol=1e-15)
    np.testing.assert_allclose(scores.grad.sum(axis=-1), 0, atol=1e-15)
