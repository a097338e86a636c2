"""Language models, by letter and by word: which comes next, learned by an RNN or an LSTM that carries its state on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from microgradx import functional as F
from microgradx import manual_seed, nn, no_grad, optim
from microgradx.data import DataLoader, TensorDataset, Vocabulary, next_token_streams, words
from microgradx.graph import Tensor
from microgradx.graph.notes import changes
from microgradx.programs.corpus import Text, counting, source
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.random import Generator
from microgradx.training import Callback, ClipGradients, Schedule

Cell = Literal["rnn", "lstm", "gru", "both"]
CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class Settings:
    """What fits a text, where the person says nothing else; `known` is how many different words are told apart."""

    cell: Cell
    epochs: int
    lr: float
    batch_size: int
    steps: int
    hidden: int
    depth: int = 1
    dropout: float = 0.0
    known: int | None = None


# Held out, with --dtype float32: 5.9 by letters, where counting pairs gives 11.8; and 21.8 by words, where counting
# pairs gives 27.3. benchmarks/PROGRAMS.md has the seconds.
LETTERS = {
    "hello": Settings("both", epochs=40, lr=0.01, batch_size=1, steps=8, hidden=32),
    "topics": Settings("lstm", epochs=6, lr=0.005, batch_size=64, steps=32, hidden=96),
}
WORDS = {
    "hello": Settings("both", epochs=40, lr=0.01, batch_size=1, steps=4, hidden=32),
    "topics": Settings("lstm", 12, lr=0.005, batch_size=32, steps=20, hidden=96, depth=2, dropout=0.4, known=2000),
}


def training(
    by_text: Mapping[str, Settings], tokens: Callable[[str], list[str]], between: str, promised: float
) -> Callable[..., None]:
    """The `train` function for such tokens of a text."""

    def train(
        run: Run, epochs: int | None = None, lr: float | None = None, batch_size: int | None = None,
        optimizer: Optimizer = "adam", init: Init = "default", text: Text = "hello", cell: Cell | None = None,
        hidden: int | None = None, depth: int | None = None, dropout: float | None = None, steps: int | None = None,
        clip: float = 5.0, temperature: float = 0.5, seed: int = 0,
    ) -> None:  # fmt: skip
        """What is left open is chosen to fit the text (see LETTERS and WORDS)."""
        settings = fitting(
            by_text[text], epochs=epochs, lr=lr, batch_size=batch_size, cell=cell, hidden=hidden, depth=depth,
            dropout=dropout, steps=steps,
        )  # fmt: skip
        learn(run, tokens(source(text)), between, settings, optimizer, init, clip, temperature, seed, promised)

    return train


def fitting(settings: Settings, **given: Any) -> Settings:
    """The settings with what the person said."""
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


class LanguageModel(nn.Module):
    """Embedding, recurrent layers, and a score for every token: ids (batch, time) → (batch, tokens, time).

    The state is carried on to the next call, cut off from the graph: gradients flow through `time` steps only
    (truncated backpropagation through time). While it is used, not trained, it carries a state of its own.
    Dropout is on every connection in depth, none in time (Zaremba, Sutskever & Vinyals 2014).
    """

    def __init__(self, tokens: int, hidden: int, cell: str, depth: int = 1, dropout: float = 0.0) -> None:
        self.embedding = nn.Embedding(tokens, hidden)
        nn.init.normal_(self.embedding.weight, std=0.1)  # so that what is learned outweighs the random start
        self.recurrent = CELLS[cell](hidden, hidden, depth, dropout=dropout, batch_first=True)
        self.scores = nn.Linear(hidden, tokens)
        self.drop = nn.Dropout(dropout)
        self.forget()

    def forget(self) -> None:
        """Begin a new text."""
        self.state: Any = None
        self.state_in_use: Any = None

    def begin(self, streams: int) -> None:
        """Begin a text that is learned from in so many streams; a state that fits goes back to 0 and stays the same."""
        shape = (self.recurrent.num_layers, streams, self.recurrent.hidden_size)
        if self.state is None or any(part.shape != shape for part in parts_of(self.state)):
            several = isinstance(self.recurrent, nn.LSTM)
            made = tuple(Tensor(np.zeros(shape, self.embedding.weight.dtype), False) for _ in range(1 + several))
            self.state = made if several else made[0]
        for part in parts_of(self.state):
            part.data = np.zeros_like(part.data)
        self.state_in_use = None

    def forward(self, ids: Any) -> Any:
        """The next token's scores at every place."""
        here = "state" if self.training else "state_in_use"
        before = getattr(self, here)
        y, state = self.recurrent(self.drop(self.embedding(ids)), before)
        noted = changes()
        if noted is not None and before is not None:  # a program gives the same tensors their next numbers
            noted.new.extend(zip(parts_of(before), parts_of(state), strict=True))
        else:
            setattr(self, here, tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach())
        return F.transpose(self.scores(self.drop(y)), 1, 2)


def parts_of(state: Any) -> tuple[Any, ...]:
    """h and c of an LSTM, h of the others."""
    return state if isinstance(state, tuple) else (state,)


class Carry(Callback):
    """A text is read from its beginning in every epoch; in between, the state is carried on, by checkpoints too."""

    def on_start(self, run: Any) -> None:
        self.model = run.model
        self.model.forget()
        self.model.begin(run.data.batch_size)

    def on_epoch(self, run: Any) -> None:
        self.model.begin(run.data.batch_size)

    def state_dict(self) -> dict[str, Any]:
        state = self.model.state
        several = isinstance(state, tuple)
        return {"several": several, "state": [s.data for s in (state if several else [state]) if s is not None]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        parts = [Tensor(array, False) for array in state["state"]]
        self.model.state = (tuple(parts) if state["several"] else parts[0]) if parts else None


def learn(
    run: Run, tokens: list[str], between: str, settings: Settings, optimizer: str, init: Init, clip: float,
    temperature: float, seed: int, promised: float,
) -> Vocabulary:  # fmt: skip
    """Train each cell that is asked for; say how puzzled it still is, and let it speak. Returns the known tokens.

    A sentence that repeats can be known by heart. Of a longer text a tenth is held out, and the perplexity there is to
    be below `promised` times that of counting pairs.
    """
    by_heart = len(tokens) < 1000
    cut = len(tokens) if by_heart else len(tokens) * 9 // 10
    vocabulary = Vocabulary.of(tokens[:cut], settings.known, oov_buckets=0 if by_heart else 1)
    ids, held_out = vocabulary.encode(tokens[:cut]), vocabulary.encode(tokens[cut:])
    run.say(
        f"{cut:,} tokens to learn from, {len(held_out):,} held out; {len(vocabulary):,} different ones. Read "
        f"{settings.epochs} times in {settings.batch_size} streams, with gradients {settings.steps} steps back, by "
        f"{settings.depth} layer{'' if settings.depth == 1 else 's'} of {settings.hidden} units."
    )
    rows: list[tuple[Any, ...]] = []
    single, pairs = (math.nan, math.nan) if by_heart else counting(ids, held_out, len(vocabulary))
    if not by_heart:
        rows += [("how often each came", "", f"{single:.2f}"), ("how often each pair came", "", f"{pairs:.2f}")]
    found: dict[str, float] = {}
    for cell in ("rnn", "lstm") if settings.cell == "both" else (settings.cell,):
        manual_seed(seed)
        model = started(LanguageModel(len(vocabulary), settings.hidden, cell, settings.depth, settings.dropout), init)
        read = streams(ids, settings, vocabulary.tokens)
        steps = OPTIMIZERS[optimizer](model.parameters(), settings.lr)
        falling = optim.lr_scheduler.CosineAnnealingLR(steps, T_max=settings.epochs * len(read))
        history = run.fit(
            model, F.cross_entropy, steps, read, epochs=settings.epochs,
            part=cell if settings.cell == "both" else "training",
            validation=None if by_heart else streams(held_out, settings),
            callbacks=[ClipGradients(norm=clip), Carry(), Schedule(falling, every="batch")],
        )  # fmt: skip
        last = {name: float(np.exp(history.final(name))) for name in ("loss", "validation_loss")}
        rows.append((cell, f"{last['loss']:.3f}", f"{last['validation_loss']:.2f}" if not by_heart else ""))
        found |= {f"{cell}_perplexity": last["loss"]}
        found |= {} if by_heart else {f"{cell}_held_out_perplexity": last["validation_loss"]}
        spoken = sample(model, vocabulary, tokens[:1], min(200, len(tokens) // 4), temperature, seed)
        run.say(f"The {cell} says, from {tokens[0]!r} on (temperature {temperature:g}): {between.join(spoken)}")
    run.table(
        "perplexity (e to the loss: among how many equally likely tokens one wavers)",
        ("guessing by", "while learning", "held out"), rows,
    )  # fmt: skip
    if not by_heart:
        better = max(n for name, n in found.items() if "held_out" in name) < pairs
        run.say(
            "Of the text it has not seen, it guesses the next one better than counting pairs does."
            if better
            else "Of the text it has not seen, counting pairs still guesses the next one better: the training is short."
        )
    judged = [n for name, n in found.items() if by_heart or "held_out" in name]
    baselines = {} if by_heart else {"by_counting": single, "by_pairs": pairs}
    run.result(max(judged) < (1.2 if by_heart else promised * pairs), **found, **baselines)
    return vocabulary


def streams(ids: Any, settings: Settings, tokens: tuple[str, ...] = ()) -> DataLoader:
    """Blocks of `steps` ids in `batch_size` streams, in order: row k of a batch goes on where row k left off."""
    blocks = next_token_streams(ids, settings.batch_size, settings.steps)
    rows = (a.reshape(-1, settings.steps) for a in blocks.arrays)
    return DataLoader(TensorDataset(*rows, names=tokens), settings.batch_size)


def sample(
    model: LanguageModel, vocabulary: Vocabulary, begin: list[str], more: int, temperature: float, seed: int
) -> list[str]:
    """`begin`, and `more` tokens drawn from what the model says; low temperatures keep to the likeliest."""
    chance = Generator(seed)
    model.eval().forget()
    spoken = list(begin)
    ids = vocabulary.encode(begin)
    with no_grad():
        for _ in range(more):
            scores = model(Tensor(ids[None], False)).data[0, :, -1] / temperature
            likely = np.exp(scores - scores.max()).cumsum()
            if not math.isfinite(likely[-1]):
                break  # it diverged, and says nothing
            found = int(np.searchsorted(likely, chance.uniform(0, float(likely[-1]), ())))
            ids = np.array([found])
            spoken += vocabulary.decode(ids)
    model.forget()
    return spoken


CHAR_RNN = TrainingProgram(
    "char-rnn", "the next letter, by an RNN and an LSTM that carry their state",
    "perplexity below 1.2 on the sentence; with --text topics, held out, below 0.6 of what counting pairs gives",
    training(LETTERS, list, "", promised=0.6), shown="lstm", usual={text: vars(s) for text, s in LETTERS.items()},
)  # fmt: skip
WORD_RNN = TrainingProgram(
    "word-rnn", "the next word, by an RNN and an LSTM that carry their state",
    "perplexity below 1.2 on the sentence; with --text topics, held out, below 0.9 of what counting pairs gives",
    training(WORDS, words, " ", promised=0.9), shown="lstm", usual={text: vars(s) for text, s in WORDS.items()},
)  # fmt: skip
