"""Every program, a short training of it, ends where the same one ends in PyTorch: the whole of it, not its parts."""

from typing import Any

import pytest

pytest.importorskip("torch")

from benchmarks.programs_beside_torch import SHOWN, Ours, Theirs
from microgradx.programs import PROGRAMS, WITH_FILES

SHORT: dict[str, dict[str, Any]] = {
    "neuron": dict(epochs=20), "gates": dict(epochs=20), "xor-zero": dict(epochs=20),
    "linear-regression": dict(epochs=20), "polynomial-regression": dict(epochs=5),
    "logistic-regression": dict(epochs=50), "softmax-regression": dict(epochs=5), "xor": dict(epochs=50),
    "xor-deep": dict(epochs=30), "digit-or-not": dict(epochs=2), "digits-mlp": dict(epochs=2, dropout=0, choosing=True),
    "cnn": dict(epochs=2, dropout=0), "lenet": dict(epochs=1, dropout=0, width=0.5, samples=300),
    "diabetes-regression": dict(epochs=5), "char-rnn": dict(epochs=2), "word-rnn": dict(epochs=3, depth=2),
    "word-vectors": dict(epochs=2, text="made"), "lstm-remember": dict(epochs=1, steps=20),
}  # fmt: skip


def test_all_that_are_compared_are_tested() -> None:
    compared = {row.split()[0] for row in SHOWN}
    assert compared == {*PROGRAMS, *WITH_FILES}
    assert compared - {*SHORT} == {*WITH_FILES}, "the networks of cnn, on pictures from files"


@pytest.mark.parametrize("name", SHORT)
def test_a_program_ends_where_pytorch_ends(name: str) -> None:
    ours, theirs = Ours(), Theirs()
    for run in (ours, theirs):
        PROGRAMS[name].run(run, **SHORT[name])
    assert theirs.numbers == pytest.approx(ours.numbers, rel=1e-6, abs=1e-9)
    for part, history in ours.history.items():
        for key in history:
            assert theirs.history[part][key] == pytest.approx(history[key], rel=1e-6, abs=1e-9), (part, key)
