"""Word vectors that a language model learned: words used alike point alike."""

from typing import Any, Literal

import numpy as np

from microgradx.data import words
from microgradx.programs.corpus import source
from microgradx.programs.language import LanguageModel, Settings, fitting, learn
from microgradx.programs.registry import Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init

Text = Literal["topics", "made"]
ANIMALS, VERBS, THINGS = ("cat", "dog", "bird"), ("sees", "finds", "takes"), ("ball", "stone", "bread")
KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "made": (ANIMALS, VERBS, THINGS),
    "topics": (
        ("is", "are", "was", "has"), ("a", "an", "the", "this"), ("can", "may", "must", "will"),
        ("string", "list", "tuple", "dictionary"), ("in", "of", "for", "with"),
    ),
}  # fmt: skip
SETTINGS = {
    "made": Settings("rnn", epochs=30, lr=0.01, batch_size=4, steps=8, hidden=16),
    "topics": Settings("lstm", epochs=3, lr=0.01, batch_size=64, steps=16, hidden=32, known=1000),
}


def train(
    run: Run, epochs: int | None = None, lr: float | None = None, batch_size: int | None = None,
    optimizer: Optimizer = "adam", init: Init = "default", text: Text = "topics",
    cell: Literal["rnn", "lstm", "gru"] | None = None, hidden: int | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """The word-by-word model of word-rnn on Python's topics; or, --text made, on sentences of three kinds of word."""
    settings = fitting(SETTINGS[text], epochs=epochs, lr=lr, batch_size=batch_size, cell=cell, hidden=hidden)
    tokens = made() if text == "made" else words(source(text))
    vocabulary = learn(run, tokens, " ", settings, optimizer, init, 5.0, temperature=0.5, seed=seed, promised=1.5)
    near = alike(run.model)
    chosen = [word for kind in KINDS[text] for word in kind]
    at = vocabulary.encode(chosen)
    size = len(KINDS[text][0])
    across_page = 9 // size * size  # whole kinds, as many as fit into 80 columns of text
    for k in range(0, len(chosen), across_page):
        part = slice(k, k + across_page)
        rows = [(w, *(f"{near[i, j]:.2f}" for j in at[part])) for w, i in zip(chosen, at, strict=True)]
        run.table("cosine similarity of the vectors", ("", *chosen[part]), rows)
    run.table(
        "the nearest words", ("", "nearest first"),
        [(w, ", ".join(vocabulary.decode(np.argsort(-near[i])[1:6]))) for w, i in zip(chosen, at, strict=True)],
    )  # fmt: skip
    kind = np.repeat(np.arange(len(KINDS[text])), [len(kind) for kind in KINDS[text]])
    matrix, same = near[np.ix_(at, at)], (kind[:, None] == kind) & ~np.eye(len(kind), dtype=bool)
    within, across = float(matrix[same].mean()), float(matrix[kind[:, None] != kind].mean())
    run.say(
        "Words of one kind stand in the same places, so what predicts well after one predicts well after the other."
    )
    run.result(within > across + 0.2, within_kind=within, across_kinds=across)


def made() -> list[str]:
    """27 sentences with every animal, verb and thing."""
    return words(
        " ".join(f"the {animal} {verb} the {thing} ." for animal in ANIMALS for verb in VERBS for thing in THINGS)
    )


def alike(model: LanguageModel) -> Any:
    """Cosine similarity of every two tokens' vectors: (tokens, tokens)."""
    vectors = model.embedding.weight.data
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


WORD_VECTORS = TrainingProgram(
    "word-vectors", "which words are alike, from the vectors of a language model of real text",
    "vectors of one kind are more alike, by 0.2 in cosine, than across kinds", train,
    usual={text: vars(settings) for text, settings in SETTINGS.items()},
)  # fmt: skip
