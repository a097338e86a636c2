"""From text to numbers: words, their ids, and sequences of them to learn from."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from microgradx.data.datasets import DataError, TensorDataset

Array = np.ndarray[Any, Any]


def words(text: str) -> list[str]:
    """The text in lower case as words and punctuation marks, one by one.

    >>> words("You say goodbye, and I say hello.")
    ['you', 'say', 'goodbye', ',', 'and', 'i', 'say', 'hello', '.']
    """
    return re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", text.lower())


class Vocabulary:
    """Tokens (words, characters …) and their ids: the known ones in the order given, then the buckets for all others.

    Args:
        tokens: the known tokens, each once.
        oov_buckets: an unknown ("out of vocabulary") token gets one of this many ids, always the same one.

    >>> vocabulary = Vocabulary.of(words("to be or not to be"), size=3)
    >>> vocabulary.tokens, len(vocabulary)
    (('to', 'be', 'or'), 4)
    >>> vocabulary.encode(words("to be, to know"))
    array([0, 1, 3, 0, 3])
    >>> vocabulary.decode([0, 1, 3])
    ['to', 'be', '<unknown 0>']
    """

    def __init__(self, tokens: Iterable[str], oov_buckets: int = 1) -> None:
        self.tokens, self.oov_buckets = tuple(tokens), oov_buckets
        self._ids = {token: k for k, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens) or oov_buckets < 0:
            raise DataError("a Vocabulary needs tokens that are listed once, and oov_buckets of 0 or more.")

    @classmethod
    def of(
        cls, tokens: Iterable[str], size: int | None = None, min_count: int = 1, oov_buckets: int = 1
    ) -> "Vocabulary":
        """The most frequent tokens (at most `size`, each seen `min_count` times); of equals, the first seen."""
        frequent = Counter(tokens).most_common(size)
        return cls([token for token, count in frequent if count >= min_count], oov_buckets)

    def __len__(self) -> int:
        """How many ids there are."""
        return len(self.tokens) + self.oov_buckets

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def encode(self, tokens: Iterable[str]) -> Array:
        """The ids of the tokens, as whole numbers.

        Raises:
            DataError: an unknown token, when there are no buckets.
        """
        return np.array([self._ids[t] if t in self._ids else self._bucket(t) for t in tokens], np.int64)

    def decode(self, ids: Any) -> list[str]:
        """The tokens with these ids; those of a bucket cannot be told apart.

        Raises:
            DataError: an id that is not a whole number from 0 up to, but not including, len(self).
        """
        known = [*self.tokens, *(f"<unknown {k}>" for k in range(self.oov_buckets))]
        array = np.asarray(ids)
        wrong = array[~((array >= 0) & (array < len(known)) & (array % 1 == 0))]
        if array.ndim != 1 or wrong.size:
            seen = f"of shape {array.shape}" if array.ndim != 1 else f"with {wrong[0]} among them"
            raise DataError(f"decode takes a sequence of ids, from 0 to {len(known) - 1}, not one {seen}.")
        return [known[int(k)] for k in array]

    def _bucket(self, token: str) -> int:
        if not self.oov_buckets:
            raise DataError(f"{token!r} is not in the vocabulary, which has no buckets for unknown tokens.")
        return len(self.tokens) + zlib.crc32(token.encode()) % self.oov_buckets  # hash() changes from run to run


def pad_sequences(sequences: Sequence[Any], length: int | None = None, value: int = 0) -> Array:
    """Id sequences as one array (sequences, length): short ones filled up with `value`, long ones cut, at the end."""
    length = max((len(s) for s in sequences), default=0) if length is None else length
    padded = np.full((len(sequences), length), value, np.int64)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence[:length]
    return padded


def next_token_windows(ids: Any, steps: int, stride: int | None = None) -> TensorDataset:
    """Pieces of `steps` ids, and the ids that follow each: x and t are (pieces, steps), t one place further on."""
    ids = _long_enough(ids, steps + 1)
    starts = np.arange(0, len(ids) - steps, steps if stride is None else stride)
    at = starts[:, None] + np.arange(steps)
    return TensorDataset(ids[at], ids[at + 1])


def next_token_streams(ids: Any, batch_size: int, steps: int) -> TensorDataset:
    """For truncated backpropagation through time with carried state: (blocks, batch_size, steps) twice.

    The text is cut into `batch_size` streams that are read side by side: row k of a block continues row k of the
    block before. The rest that does not fill a block is left out.
    """
    ids = _long_enough(ids, batch_size * steps + 1)
    blocks = (len(ids) - 1) // (batch_size * steps)
    used = batch_size * blocks * steps
    x, t = (part.reshape(batch_size, blocks, steps).swapaxes(0, 1) for part in (ids[:used], ids[1 : used + 1]))
    return TensorDataset(x, t)


def _long_enough(ids: Any, least: int) -> Array:
    array: Array = np.asarray(ids)
    if array.ndim != 1 or len(array) < least:
        raise DataError(
            f"a sequence of at least {least} ids is needed, but its shape is {array.shape}; fewer steps, or fewer "
            "streams (the batch size), need less."
        )
    return array
