"""Every program keeps its promise with its default options, and tells a person who asks wrongly what is right."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import default_dtype
from microgradx.graph import MicrogradxError
from microgradx.programs import PROGRAMS, ProgramError, Run, Table, find
from microgradx.programs.cnn import network
from microgradx.programs.pictures import pictures
from microgradx.training import CheckpointError, save


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_reaches_what_it_promises(name: str) -> None:
    run = PROGRAMS[name].run()
    assert run.reached, run.numbers
    assert run.blocks
    assert tuple(run.figures) == PROGRAMS[name].figures


def test_equal_seeds_give_equal_numbers_and_others_do_not() -> None:
    first, again, other = (PROGRAMS["gates"].run(seed=seed, epochs=5).numbers for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epohs": 3}, "Did you mean epochs"),
        ({"noise": 3}, "takes no option noise"),
        ({"epochs": 0}, "above 0"),
        ({"epochs": "few"}, "a whole number"),
        ({"lr": float("nan")}, "above 0"),
        ({"seed": -1}, "from 0"),
        ({"optimizer": "magic"}, "one of sgd, momentum"),
    ],
)
def test_a_wrong_option_is_told_what_is_right(options: dict[str, object], told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        PROGRAMS["gates"].run(**options)


def test_an_unknown_program_is_told_what_is_near() -> None:
    with pytest.raises(ProgramError, match="Did you mean gates"):
        find("gate", PROGRAMS)


def test_a_program_of_several_models_keeps_each_and_resumes_all(tmp_path: Path) -> None:
    whole = PROGRAMS["gates"].run(epochs=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microgradx.training.Checkpoint.on_epoch", _ctrl_c_in_or)
        with pytest.raises(KeyboardInterrupt):
            PROGRAMS["gates"].run(Run(save=tmp_path / "gates.npz"), epochs=6)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["gates-or.npz"]
    PROGRAMS["gates"].run(Run(save=tmp_path / "gates.npz"), epochs=6)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["gates-and.npz", "gates-or.npz", "gates-xor.npz"]
    (tmp_path / "gates-xor.npz").unlink()
    resumed = PROGRAMS["gates"].run(Run(resume=tmp_path / "gates.npz"), epochs=6)
    assert resumed.numbers == whole.numbers
    assert resumed.blocks == whole.blocks


def _ctrl_c_in_or(checkpoint: Any, run: Any) -> None:
    if (run.name, run.epoch) == ("or", 3):
        run.stop = "interrupted"


COMMON = {"epochs", "lr", "batch_size", "optimizer", "init", "seed"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_takes_the_common_options(name: str) -> None:
    assert set(PROGRAMS[name].options) >= COMMON


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    file = tmp_path / "digits.npz"
    options = dict(dropout=0.3, hidden=16, lr=0.01)
    whole = PROGRAMS["cnn"].run(epochs=3, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microgradx.training.Checkpoint.on_epoch", _stop_after_the_first)
        PROGRAMS["cnn"].run(Run(save=file), epochs=3, **options)
    resumed = PROGRAMS["cnn"].run(Run(resume=file), epochs=3, **options)
    assert resumed.numbers == whole.numbers
    for name, array in whole.model.state_dict().items():
        np.testing.assert_array_equal(resumed.model.state_dict()[name], array)


def _stop_after_the_first(checkpoint: Any, run: Any) -> None:
    save(checkpoint.path, run.state_dict())
    run.stop = "enough for a test"


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("xor-zero", {}, r"program xor, .*program xor-zero"),
        ("xor", {"optimizer": "adagrad"}, r"with optimizer .* has optimizer adagrad"),
        ("xor", {"optimizer": "momentum"}, r"with optimizer .* has optimizer momentum"),
        ("xor", {"batch_size": 3}, "with batch_size 4, and this one has batch_size 3"),
        ("xor", {"seed": 8}, "with seed 0, and this one has seed 8"),
        ("xor", {"dtype": "float32"}, "with dtype float64, and this one has dtype float32"),
    ],
)
def test_a_file_of_another_training_is_refused(name: str, options: Any, told: str, tmp_path: Path) -> None:
    file = tmp_path / "xor.npz"
    PROGRAMS["xor"].run(Run(save=file), epochs=2)
    with pytest.raises(CheckpointError, match=told):
        PROGRAMS[name].run(Run(resume=file), epochs=4, **options)
    assert len(PROGRAMS["xor"].run(Run(resume=file), epochs=4).history["training"]) == 4


def test_there_must_be_a_file_to_resume_from(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="there is no file"):
        PROGRAMS["cnn"].run(Run(resume=tmp_path / "none.npz"), epochs=1)


def test_the_courses_network_has_the_courses_number_of_parameters() -> None:
    summary = network(28, 10, 100, 0.0, "he").summary(np.zeros((1, 1, 28, 28)))
    assert [row.parameters for row in summary.rows if row.parameters] == [100, 196_100, 1_010]
    assert summary.total == 197_210


def test_the_sweep_is_a_table_of_five_models() -> None:
    run = PROGRAMS["digits-mlp"].run(sweep=True, epochs=2)
    table, best = run.blocks
    assert isinstance(table, Table) and isinstance(best, str)
    assert len(table.rows) == 5
    on_validation = {row[0]: float(row[4]) for row in table.rows}
    named = next(name for name in on_validation if f": {name}." in best)
    assert on_validation[named] == max(on_validation.values()), "what is tested was chosen on the validation pictures"


def test_the_test_pictures_are_in_no_other_part() -> None:
    parts = [part for choosing in (False, True) for part in pictures("digits", choosing)[:2]]
    whole, test, train, validation = (set(map(bytes, part.arrays[0])) for part in parts)
    assert not whole & test and not train & validation and train | validation == whole
    assert (len(whole), len(test), len(train), len(validation)) == (1438, 359, 1151, 287)


def test_lenet_reads_digits_drawn_larger_and_learns_them_moved_too() -> None:
    plain, large = pictures("digits"), pictures("digits", size=32)
    X, labels = large.train.arrays
    n = len(plain.train)
    assert X.shape == (9 * n, 1, 32, 32) and large.held_out.arrays[0].shape == (359, 1, 32, 32)
    for first, moved in enumerate(itertools.product((0, 1, -1), repeat=2)):
        rows, columns = (slice(8 + by, 24 + by) for by in moved)
        part = X[first * n : (first + 1) * n]
        for corner in (slice(0, None, 2), slice(1, None, 2)):  # every pixel is there 2×2 times
            assert (part[:, :, rows, columns][:, :, corner, corner] == plain.train.arrays[0]).all()
        assert part.sum() == 4 * plain.train.arrays[0].sum(), "and all else is empty"
        assert (labels[first * n : (first + 1) * n] == plain.train.arrays[1]).all()


def test_settings_are_chosen_without_the_test_pictures() -> None:
    run, final = (PROGRAMS["digits-mlp"].run(epochs=2, choosing=choosing) for choosing in (True, False))
    assert "validation_accuracy" in run.numbers and "test_accuracy" not in run.numbers
    assert "test_accuracy" in final.numbers and "validation_accuracy" not in final.numbers
    assert "validation_loss" not in final.history["training"], "the test pictures are looked at once"


def test_without_its_files_mnist_says_where_to_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADX_DATA", str(tmp_path))
    monkeypatch.setattr("microgradx.data.library.urlopen", _no_network)
    with pytest.raises(MicrogradxError, match=str(tmp_path / "mnist" / "train-images")):
        PROGRAMS["cnn"].run(data="mnist")


def _no_network(*_: object, **__: object) -> None:
    raise OSError("no network")


def test_float32_trains_in_float32() -> None:
    run = PROGRAMS["cnn"].run(dtype="float32", epochs=1)
    assert {p.dtype.name for p in run.model.parameters()} == {"float32"}
    assert default_dtype() == np.float64


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, {"0.1": "arrives", "0.4": "arrives, leaping from side to side", "0.51": "diverges: each step"}),
        ({"init": "zero"}, {"0.1": "arrives", "0.4": "arrives, leaping from side to side", "0.51": "diverges: each"}),
        ({"batch_size": 1}, {"0.01": "arrives", "0.4": "is still on its way, leaping", "0.51": "diverges: it ends"}),
        ({"init": "zero", "batch_size": 1}, {"0.1": "arrives", "0.4": "is still on its way, leaping"}),
    ],
)
def test_how_w_moves_is_told_from_the_steps_it_took(options: Any, told: dict[str, str]) -> None:
    """A step multiplies the error by 1 − lr · mean x² over its samples: below 0 means a leap to the other side."""
    table = next(block for block in PROGRAMS["linear-regression"].run(**options).blocks if isinstance(block, Table))
    said = {row[0]: row[-1] for row in table.rows}
    for rate, words in told.items():
        assert said[rate] == words if "leap" not in words and ":" not in words else said[rate].startswith(words)


def test_the_set_that_is_not_used_and_why_is_told() -> None:
    first = PROGRAMS["diabetes-regression"].run(epochs=1).blocks[0]
    assert isinstance(first, str) and "Boston" in first and "withdrawn" in first


@pytest.mark.parametrize(
    ("name", "said"), [("gates", ("0.00", "0.00", "0.00")), ("logistic-regression", "·x2 − 14.45 = 0")]
)
def test_what_was_learned_has_no_minus_zero_and_no_plus_minus(name: str, said: Any) -> None:
    run = PROGRAMS[name].run()
    table = run.blocks[0]
    assert isinstance(table, Table)
    assert said in [row[1:4] for row in table.rows] or any(said in block for block in run.blocks if block is not table)
