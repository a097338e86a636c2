"""The LSTM remembers what came first and the RNN does not; and the gradients by time step are the right ones."""

import numpy as np
import pytest

from microgradx import manual_seed, no_grad
from microgradx.functional import cross_entropy
from microgradx.graph import Tensor
from microgradx.programs import PROGRAMS, Run, Table
from microgradx.programs.remember import KINDS, Reader, by_time, sequences


@pytest.fixture(scope="module", params=[1, 2])  # the test of all promises has seed 0
def run(request: pytest.FixtureRequest) -> Run:
    return PROGRAMS["lstm-remember"].run(seed=request.param)


def test_the_lstm_solves_what_the_rnn_does_not(run: Run) -> None:
    assert run.reached, run.numbers
    assert run.numbers["lstm_accuracy"] >= 0.95
    assert run.numbers["rnn_accuracy"] <= 0.6


def test_before_training_the_gradient_reaches_the_first_step_of_the_lstm_only(run: Run) -> None:
    assert run.numbers["rnn_first_to_last"] < 1e-6
    assert run.numbers["lstm_first_to_last"] > 1e-2
    (table,) = (block for block in run.blocks if isinstance(block, Table))
    assert table.columns[1:] == ("rnn before", "rnn after", "lstm before", "lstm after")


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_gradient_by_time_step_is_what_differences_say(cell: str) -> None:
    manual_seed(0)
    model, data = Reader(cell, 3, steps=4), sequences(2, 4, seed=0)
    X, t = data.arrays
    slopes = np.zeros_like(X)
    with no_grad():
        for place in np.ndindex(X.shape):
            step = np.zeros_like(X)
            step[place] = 1e-6
            up, down = (cross_entropy(model(Tensor(X + s, False)), Tensor(t, False)).item() for s in (step, -step))
            slopes[place] = (up - down) / 2e-6
    np.testing.assert_allclose(by_time(model, data), np.linalg.norm(slopes, axis=(0, 2)), rtol=1e-4, atol=1e-9)


def test_only_the_first_symbol_says_which_it_is() -> None:
    X, first = sequences(50, 6, seed=0).arrays
    assert (X.argmax(axis=2)[:, 0] == first).all()
    assert (X.argmax(axis=2)[:, 1:] >= KINDS).all()


def test_equal_seeds_give_equal_numbers() -> None:
    one, two = (PROGRAMS["lstm-remember"].run(epochs=1, steps=5, seed=3).numbers for _ in range(2))
    assert one == two
