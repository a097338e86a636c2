"""Words, vocabularies and sequences."""

from typing import Any

import numpy as np
import pytest

from microgradx.data import DataError, Vocabulary, next_token_streams, next_token_windows, pad_sequences, words

SENTENCE = "You say goodbye and I say hello."


def test_words_and_punctuation() -> None:
    assert words("Don't panic — it's 42!") == ["don't", "panic", "—", "it's", "42", "!"]


def test_the_most_frequent_words_come_first() -> None:
    vocabulary = Vocabulary.of(words(SENTENCE))
    assert vocabulary.tokens == ("say", "you", "goodbye", "and", "i", "hello", ".")
    assert Vocabulary.of(words(SENTENCE), min_count=2).tokens == ("say",)
    assert vocabulary.decode(vocabulary.encode(words(SENTENCE))) == words(SENTENCE)
    assert "say" in vocabulary
    assert "bye" not in vocabulary


@pytest.mark.parametrize(("ids", "seen"), [([0, 99], "99"), ([-1], "-1"), ([0.5], "0.5"), ([[0]], "shape")])
def test_what_is_no_id_is_refused(ids: Any, seen: str) -> None:
    vocabulary = Vocabulary(["a", "b"], oov_buckets=1)
    assert vocabulary.decode([]) == []
    assert vocabulary.decode(np.array([2, 1])) == ["<unknown 0>", "b"]
    with pytest.raises(DataError, match=f"from 0 to 2, not one .*{seen}"):
        vocabulary.decode(ids)


def test_unknown_words_go_to_buckets_and_always_to_the_same() -> None:
    vocabulary = Vocabulary(["a", "b"], oov_buckets=3)
    ids = vocabulary.encode(["x", "y", "z", "x", "a"])
    assert ids[0] == ids[3]
    assert set(ids[:4]) <= {2, 3, 4}
    assert len(vocabulary) == 5
    assert ids.tolist() == Vocabulary(["a", "b"], oov_buckets=3).encode(["x", "y", "z", "x", "a"]).tolist()


def test_without_buckets_an_unknown_word_is_an_error() -> None:
    with pytest.raises(DataError, match="'bye'"):
        Vocabulary(["say"], oov_buckets=0).encode(["bye"])
    with pytest.raises(DataError, match="listed once"):
        Vocabulary(["say", "say"])


def test_sequences_are_filled_up_or_cut() -> None:
    assert pad_sequences([[1, 2, 3], [4]]).tolist() == [[1, 2, 3], [4, 0, 0]]
    assert pad_sequences([[1, 2, 3], [4]], length=2, value=9).tolist() == [[1, 2], [4, 9]]
    assert pad_sequences([]).shape == (0, 0)


def test_windows_are_followed_by_their_targets() -> None:
    x, t = next_token_windows(np.arange(8), steps=3).arrays
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert t.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert len(next_token_windows(np.arange(8), steps=3, stride=1)) == 5


def test_streams_continue_from_block_to_block() -> None:
    x, t = next_token_streams(np.arange(14), batch_size=2, steps=3).arrays
    assert x.tolist() == [[[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]
    assert (t == x + 1).all()
    with pytest.raises(DataError, match="at least 7"):
        next_token_streams(np.arange(6), batch_size=2, steps=3)
