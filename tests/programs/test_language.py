"""Language models know the sentence by heart and say it; on real text they beat counting where they never read."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import manual_seed, optim
from microgradx.data import DataLoader, next_token_streams
from microgradx.functional import cross_entropy
from microgradx.programs import PROGRAMS, Run
from microgradx.programs.corpus import HELLO, counting, source
from microgradx.programs.language import Carry, LanguageModel, parts_of
from microgradx.training import Callback, fit
from tests.cli.run import shown


@pytest.mark.parametrize(
    ("name", "options"),
    [("char-rnn", {"cell": "gru"}), ("word-rnn", {"depth": 2, "dropout": 0.3})],
)
def test_the_sentence_is_known_by_heart(name: str, options: dict[str, Any]) -> None:
    run = PROGRAMS[name].run(**options)
    assert run.reached
    perplexities = {key: number for key, number in run.numbers.items() if key.endswith("perplexity")}
    assert list(perplexities) == (["gru_perplexity"] if "cell" in options else ["rnn_perplexity", "lstm_perplexity"])
    assert max(perplexities.values()) < 1.05
    assert sum("say goodbye and i say hello" in str(block) for block in run.blocks) == len(perplexities)


def test_on_real_text_an_lstm_soon_beats_pairs_of_letters_where_it_never_read() -> None:
    run = PROGRAMS["char-rnn"].run(dtype="float32", text="topics", epochs=1, hidden=48, lr=0.01, steps=16)
    numbers = run.numbers
    assert numbers["lstm_held_out_perplexity"] < numbers["by_pairs"] < numbers["by_counting"]


def test_counting_is_what_it_says() -> None:
    ids = np.array([0, 1, 0, 1, 0, 2])
    single, pairs = counting(ids, np.array([0, 1]), 3)
    assert single == pytest.approx(9 / 3), "token 1 came twice of six; each counts once more"
    by_hand = [(2 + k * 3 / 9) / (3 + k) for k in (1, 3, 10, 30, 100, 300, 1000)]
    assert pairs == pytest.approx(1 / max(by_hand))


def test_the_longer_text_says_nothing_twice() -> None:
    paragraphs = source("topics").split("\n")
    assert len(paragraphs) == len(set(paragraphs)) > 500
    assert source("hello").count(HELLO) == 8


def test_the_state_is_carried_on_and_cut_off_and_in_use_it_is_another() -> None:
    model = LanguageModel(5, 4, "lstm")
    ids = np.array([[0, 1, 2, 3]])
    whole = model(ids).data
    model.forget()
    halves = [model(ids[:, :2]).data, model(ids[:, 2:]).data]
    np.testing.assert_allclose(np.concatenate(halves, axis=2), whole, atol=1e-12)
    assert all(part.is_leaf for part in model.state), "the state is cut off from the graph"
    before = [part.data for part in model.state]
    model.eval()(np.array([[4], [3]]))
    for part, kept in zip(model.state, before, strict=True):
        np.testing.assert_array_equal(part.data, kept)


class CtrlC(Callback):
    """Ends the training in the middle of its second epoch, once."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def on_batch(self, run: Any) -> None:
        if self.wanted and (run.epoch, run.batch) == (1, 7):
            run.stop = "interrupted"


@pytest.mark.parametrize("options", [{"cell": "rnn"}, {"cell": "lstm", "depth": 2, "dropout": 0.4}])
def test_resumed_in_the_middle_of_the_text_it_is_bit_for_bit_the_uninterrupted_one(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    file = tmp_path / "letters.npz"
    whole = PROGRAMS["char-rnn"].run(Run([CtrlC(False)]), epochs=3, **options)
    with pytest.raises(KeyboardInterrupt):
        PROGRAMS["char-rnn"].run(Run([CtrlC(True)], save=file), epochs=3, **options)
    resumed = PROGRAMS["char-rnn"].run(Run([CtrlC(False)], resume=file), epochs=3, **options)
    assert resumed.numbers == whole.numbers
    assert resumed.blocks == whole.blocks
    for name, array in whole.model.state_dict().items():
        np.testing.assert_array_equal(resumed.model.state_dict()[name], array)


def test_words_of_made_sentences_are_told_apart_by_kind_too() -> None:
    run = PROGRAMS["word-vectors"].run(text="made")
    assert run.reached, run.numbers


def test_in_real_text_the_nearest_words_are_of_the_same_kind() -> None:
    run = PROGRAMS["word-vectors"].run(dtype="float32", epochs=2)
    assert run.reached, run.numbers
    table = run.blocks[-2]
    nearest = dict(table.rows)  # type: ignore[union-attr]  # the table before the last sentence
    assert {"are", "was"} & set(nearest["is"].split(", "))
    assert {"must", "may", "will"} & set(nearest["can"].split(", "))


@pytest.mark.parametrize(("text", "columns"), [("made", [9]), ("topics", [8, 8, 4])])
def test_the_matrix_of_similarities_fits_into_80_columns(text: str, columns: list[int]) -> None:
    printed = shown("train", "word-vectors", "--text", text, "--epochs=1", "--hidden=4", "--quiet", COLUMNS="80")
    lines = printed.splitlines()
    starts = [k for k, line in enumerate(lines) if line.startswith("cosine similarity")]
    assert [len(lines[k + 1].split()) for k in starts] == columns
    for k, n in zip(starts, columns, strict=True):
        assert all(re.fullmatch(rf"\w+( +-?[01]\.\d\d){{{n}}} *", row) for row in lines[k + 2 : k + 2 + sum(columns)])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_state_is_carried_on_by_programs_too(cell: str) -> None:
    found = {}
    for compiled in (False, True):
        manual_seed(1)
        model = LanguageModel(7, 4, cell, depth=2)
        x, t = next_token_streams(np.arange(61) * np.arange(61) % 7, 2, 3).arrays
        loader = DataLoader((x.reshape(-1, 3), t.reshape(-1, 3)), 2)
        steps = optim.SGD(model.parameters(), lr=0.5)
        history = fit(model, cross_entropy, steps, loader, epochs=3, callbacks=[Carry()], compile=compiled)
        assert history.compiled == (3 * len(loader) if compiled else 0)
        assert not any(part.data.any() for part in parts_of(model.state)), "the next epoch begins anew"
        found[compiled] = [*history["loss"], *(array.sum() for array in model.state_dict().values())]
    np.testing.assert_allclose(found[True], found[False], rtol=1e-12)
