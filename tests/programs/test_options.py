"""Every program takes every common option on the command line: short trainings, drawn, watched, broken off, resumed."""

import json
from pathlib import Path
from typing import Any

import pytest

from microgradx.programs import PROGRAMS, WITH_FILES, ProgramError
from microgradx.training import Checkpoint
from tests.cli.run import run

# The common options at values that differ from every default, and what keeps the test short.
OPTIONS = dict(epochs=2, lr=0.002, batch_size=8, optimizer="rmsprop", init="xavier", seed=5)
SMALL = {
    "lstm-remember": ("--steps=60", "--batch-size=128"), "word-vectors": ("--text=made",),
    "lenet": ("--width=0.1", "--samples=150"),
}  # fmt: skip


def words(name: str, *more: str) -> tuple[str, ...]:
    """The command line of a short training."""
    common = [f"--{key.replace('_', '-')}={value}" for key, value in OPTIONS.items()]
    return "train", name, *common, *SMALL.get(name, ()), "--dtype=float32", "--quiet", "--json", *more


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_common_option_works_and_a_seed_fixes_every_number(name: str) -> None:
    written = run(*words(name, "--plot", "learned.png", "--tensorboard", "whole")).stdout
    whole = json.loads(written)
    assert whole["program"] == name
    assert {**OPTIONS, "batch_size": whole["options"]["batch_size"]}.items() <= whole["options"].items()
    assert Path("learned.png").stat().st_size > 1000
    assert len(list(Path("whole").iterdir())) == len(whole["history"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch", ctrl_c)
        stopped = run(*words(name, "--save", "kept.npz", "--tensorboard", "events"))
    assert stopped.exit_code == 130 and "everything is saved in kept" in stopped.stderr
    resumed = run(*words(name, "--resume", "kept.npz", "--tensorboard", "events"))
    assert resumed.stdout == written
    assert run(*words(name, "--resume", "kept.npz")).stdout == written, "a training at its end has nothing left to do"


def ctrl_c(checkpoint: Checkpoint, training: Any) -> None:
    """As if a person had broken off after the first epoch."""
    training.stop = "interrupted"


@pytest.mark.parametrize("lr", ["1e4", "1e6", "1e300"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_far_too_large_learning_rate_leaves_is_reported(name: str, lr: str) -> None:
    """Infinite, not a number, or no epoch at all: it is said, in JSON as null."""
    told = run("train", name, f"--lr={lr}", "--optimizer=sgd", "--epochs=2", *SMALL.get(name, ()), "--quiet", "--json")
    assert (told.exit_code, told.stderr) == (0, ""), told.output
    assert json.loads(told.stdout)["numbers"]


@pytest.mark.parametrize("option", ["lr", "hidden", "depth", "steps", "clip", "temperature"])
def test_what_counts_or_divides_is_above_zero(option: str) -> None:
    with pytest.raises(ProgramError, match=f"{option} is above 0, not 0"):
        PROGRAMS["char-rnn"].run(**{option: 0})


@pytest.mark.parametrize(
    ("name", "option", "value", "told"),
    [
        ("lenet", "width", 0, "width is above 0, not 0"),
        ("lenet", "width", -1, "width is above 0, not -1"),
        ("digits-mlp", "samples", -5, "samples is a whole number from 0, not -5"),
        ("mnist", "samples", -5, "samples is a whole number from 0, not -5"),
        ("digit-or-not", "digit", 11, "digit is a whole number from 0 to 9, not 11"),
        ("digit-or-not", "digit", -1, "digit is a whole number from 0 to 9, not -1"),
        ("polynomial-regression", "noise", -1, "noise is a number from 0, not -1"),
        ("polynomial-regression", "noise", "nan", "noise is a number from 0, not nan"),
        ("xor", "seed", -1, "seed is a whole number from 0, not -1"),
    ],
)
def test_what_lies_outside_its_range_is_refused(name: str, option: str, value: Any, told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        {**PROGRAMS, **WITH_FILES}[name].run(**{option: value})
