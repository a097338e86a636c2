"""Language models know the sentence by heart and say it; on real text they are less puzzled than letter counts."""

from typing import Any

import numpy as np
import pytest

from microgradx.programs import PROGRAMS
from microgradx.programs.language import source


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("char-rnn", {"cell": "rnn"}),
        ("char-rnn", {"cell": "lstm"}),
        ("word-rnn", {"cell": "rnn"}),
        ("word-rnn", {"cell": "lstm", "depth": 2, "dropout": 0.3}),
    ],
)
def test_the_sentence_is_known_by_heart(name: str, options: dict[str, Any]) -> None:
    run = PROGRAMS[name].run(**options)
    assert run.reached
    assert run.numbers["perplexity"] < 1.05
    assert "goodbye and i say hello" in str(run.blocks[-1])


def test_on_real_text_it_beats_the_counts_of_letters() -> None:
    run = PROGRAMS["char-rnn"].run(text="topics", epochs=3, batch_size=32, steps=16)
    counts = np.unique(list(source("topics")), return_counts=True)[1]
    shares = counts / counts.sum()
    by_counts = float(np.exp(-(shares * np.log(shares)).sum()))
    assert run.numbers["perplexity"] < 0.8 * by_counts
