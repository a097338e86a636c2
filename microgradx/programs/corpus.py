"""Text to learn a language from, and how far counting alone gets with it."""

from typing import Any, Literal

import numpy as np

Text = Literal["hello", "topics"]
HELLO = "you say goodbye and i say hello."
_SMOOTHING = (1, 3, 10, 30, 100, 300, 1000)


def source(text: Text) -> str:
    """The sentence of the course eight times over; or some 350,000 letters of English, which come with Python.

    The topics of Python's own help repeat each other, so every paragraph is kept once: else what is held out would
    have been read before. Their number differs a little from one version of Python to the next.
    """
    if text == "hello":
        return " ".join([HELLO] * 8)
    from pydoc_data.topics import topics

    paragraphs = (" ".join(each.split()) for topic in topics.values() for each in topic.split("\n\n"))
    return "\n".join(dict.fromkeys(each for each in paragraphs if each))


def counting(ids: Any, held_out: Any, tokens: int) -> tuple[float, float]:
    """The perplexity on `held_out` of guessing by how often each token came in `ids`, and of guessing by pairs.

    Each token counts once more than it came. Pairs are mixed with that, P(b | a) = (n(a, b) + k · P(b)) / (n(a) + k)
    (MacKay & Peto 1995), with the k that suits the held-out text best: a favour to counting.
    """
    single = (np.bincount(ids, minlength=tokens) + 1) / (len(ids) + tokens)
    pairs = np.bincount(ids[:-1] * tokens + ids[1:], minlength=tokens**2).reshape(tokens, tokens)
    a, b = held_out[:-1], held_out[1:]
    mixed = ((pairs[a, b] + k * single[b]) / (pairs.sum(axis=1)[a] + k) for k in _SMOOTHING)
    return perplexity(single[b]), min(perplexity(shares) for shares in mixed)


def perplexity(shares: Any) -> float:
    """e to the mean of −log p: among how many equally likely tokens the guesser wavers."""
    return float(np.exp(-np.mean(np.log(shares))))
