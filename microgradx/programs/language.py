"""Language models, by letter and by word: which comes next, learned by an RNN or an LSTM that carries its state on."""

import math
from typing import Any, Literal

import numpy as np

from microgradx import functional as F
from microgradx import nn, no_grad
from microgradx.data import DataLoader, Vocabulary, next_token_streams, words
from microgradx.graph import Tensor
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.random import Generator
from microgradx.training import Callback, ClipGradients

Cell = Literal["rnn", "lstm", "gru"]
Text = Literal["hello", "topics"]
CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
HELLO = "you say goodbye and i say hello."
TOPICS = ("assert", "break", "class", "comparisons", "for", "if", "import", "lambda", "return", "while")


def train_letters(
    run: Run, epochs: int = 40, lr: float = 0.01, batch_size: int = 1, optimizer: Optimizer = "adam",
    cell: Cell = "lstm", hidden: int = 32, depth: int = 1, dropout: float = 0.0, steps: int = 8, clip: float = 5.0,
    text: Text = "hello", temperature: float = 0.5, seed: int = 0,
) -> None:  # fmt: skip
    """Letter by letter; `text` topics is Python's own documentation, as it comes with Python."""
    tokens = list(source(text))
    learn(
        run, tokens, "", epochs, lr, batch_size, optimizer, cell, hidden, depth, dropout, steps, clip, temperature, seed
    )


def train_words(
    run: Run, epochs: int = 40, lr: float = 0.01, batch_size: int = 1, optimizer: Optimizer = "adam",
    cell: Cell = "rnn", hidden: int = 32, depth: int = 1, dropout: float = 0.0, steps: int = 4, clip: float = 5.0,
    text: Text = "hello", temperature: float = 0.5, seed: int = 0,
) -> None:  # fmt: skip
    """Word by word; with --cell lstm --depth 2 --dropout 0.3 the two-layer LSTM of the course."""
    tokens = words(source(text))
    learn(
        run,
        tokens,
        " ",
        epochs,
        lr,
        batch_size,
        optimizer,
        cell,
        hidden,
        depth,
        dropout,
        steps,
        clip,
        temperature,
        seed,
    )


class LanguageModel(nn.Module):
    """Embedding, recurrent layers, and a score for every token: ids (batch, time) → (batch, tokens, time).

    The state is carried on to the next call, cut off from the graph: gradients flow through `time` steps only
    (truncated backpropagation through time).
    """

    def __init__(self, tokens: int, hidden: int, cell: str, depth: int = 1, dropout: float = 0.0) -> None:
        self.embedding = nn.Embedding(tokens, hidden)
        nn.init.normal_(self.embedding.weight, std=0.1)  # so that what is learned outweighs the random start
        self.recurrent = CELLS[cell](hidden, hidden, depth, dropout=dropout, batch_first=True)
        self.scores = nn.Linear(hidden, tokens)
        self.state: Any = None

    def forward(self, ids: Any) -> Any:
        """The next token's scores at every place."""
        y, state = self.recurrent(self.embedding(ids), self.state)
        self.state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        return F.transpose(self.scores(y), 1, 2)


class Forget(Callback):
    """A text is read from its beginning in every epoch, so the state starts anew."""

    def on_start(self, run: Any) -> None:
        run.model.state = None

    def on_epoch(self, run: Any) -> None:
        run.model.state = None


def source(text: str) -> str:
    """The sentence of the course eight times over, or some 30,000 letters of English that come with Python."""
    if text == "hello":
        return " ".join([HELLO] * 8)
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in TOPICS if name in topics)[:30_000]


def learn(
    run: Run, tokens: list[str], between: str, epochs: int, lr: float, batch_size: int, optimizer: str, cell: str,
    hidden: int, depth: int, dropout: float, steps: int, clip: float, temperature: float, seed: int,
) -> None:  # fmt: skip
    """Train, then say how puzzled the model still is and let it speak."""
    vocabulary = Vocabulary.of(tokens, oov_buckets=0)
    ids = vocabulary.encode(tokens)
    model = LanguageModel(len(vocabulary), hidden, cell, depth, dropout)
    blocks = next_token_streams(ids, batch_size, steps)
    loader = DataLoader(tuple(a.reshape(-1, steps) for a in blocks.arrays), batch_size)  # block by block, in order
    history = run.fit(
        model, F.cross_entropy, OPTIMIZERS[optimizer](model.parameters(), lr), loader, epochs=epochs,
        callbacks=[ClipGradients(norm=clip), Forget()],
    )  # fmt: skip
    first, last = (math.exp(history["loss"][k]) for k in (0, -1))
    run.say(
        f"{len(tokens)} tokens, {len(vocabulary)} different ones. Perplexity (e to the loss: among how many equally "
        f"likely tokens the model wavers) {first:.2f} after the first epoch, {last:.3f} after the last."
    )
    begin = tokens[:1]
    spoken = sample(model, vocabulary, begin, min(60, max(len(tokens), 10)) - 1, temperature, seed)
    run.say(f"It says, from {begin[0]!r} on (temperature {temperature:g}): {between.join(spoken)}")
    few = len(vocabulary) < 20  # a sentence that repeats can be known by heart; of longer text, a part is guessed
    run.result(last < (1.2 if few else first / 2), perplexity=last, first_perplexity=first, tokens=len(vocabulary))


def sample(
    model: LanguageModel, vocabulary: Vocabulary, begin: list[str], more: int, temperature: float, seed: int
) -> list[str]:
    """`begin`, and `more` tokens drawn from what the model says; low temperatures keep to the likeliest."""
    chance = Generator(seed)
    model.eval()
    model.state = None
    spoken = list(begin)
    ids = vocabulary.encode(begin)
    with no_grad():
        for _ in range(more):
            scores = model(Tensor(ids[None], False)).data[0, :, -1] / temperature
            likely = np.exp(scores - scores.max()).cumsum()
            found = int(np.searchsorted(likely, chance.uniform(0, float(likely[-1]), ())))
            ids = np.array([found])
            spoken += vocabulary.decode(ids)
    model.state = None
    return spoken


def alike(model: LanguageModel) -> Any:
    """Cosine similarity of every two tokens' vectors: (tokens, tokens)."""
    vectors = model.embedding.weight.data
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def train_vectors(run: Run, epochs: int = 30, lr: float = 0.01, optimizer: Optimizer = "adam", seed: int = 0) -> None:
    """Word vectors that a language model learned: words used alike point alike."""
    text = " ".join(f"the {animal} {verb} the {thing} ." for animal in ANIMALS for verb in VERBS for thing in THINGS)
    tokens = words(text)
    learn(run, tokens, " ", epochs, lr, 4, optimizer, "rnn", 16, 1, 0.0, 8, 5.0, 0.5, seed)
    vocabulary, near = Vocabulary.of(tokens, oov_buckets=0), alike(run.model)
    chosen = [*ANIMALS, *VERBS, *THINGS]
    at = vocabulary.encode(chosen)
    rows = [(w, *(f"{near[i, j]:.2f}" for j in at)) for w, i in zip(chosen, at, strict=True)]
    run.table("cosine similarity of the vectors", ("", *chosen), rows)
    kind = np.repeat([0, 1, 2], [len(ANIMALS), len(VERBS), len(THINGS)])
    matrix, same = near[np.ix_(at, at)], (kind[:, None] == kind) & ~np.eye(len(kind), dtype=bool)
    within, across = float(matrix[same].mean()), float(matrix[kind[:, None] != kind].mean())
    run.say(
        "Words of one kind stand in the same places, so what predicts well after one predicts well after the other."
    )
    run.result(within > across + 0.2, within_kind=within, across_kinds=across)


ANIMALS, VERBS, THINGS = ("cat", "dog", "bird"), ("sees", "finds", "takes"), ("ball", "stone", "bread")

CHAR_RNN = TrainingProgram(
    "char-rnn", "the next letter, by an LSTM that carries its state", "perplexity below 1.2 on the sentence",
    train_letters,
)  # fmt: skip
WORD_RNN = TrainingProgram(
    "word-rnn", "the next word, by an RNN that carries its state", "perplexity below 1.2 on the sentence",
    train_words,
)  # fmt: skip
WORD_VECTORS = TrainingProgram(
    "word-vectors", "which words are alike, from a language model's vectors",
    "vectors of one kind are more alike, by 0.2 in cosine, than across kinds", train_vectors,
)  # fmt: skip
