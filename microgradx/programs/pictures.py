"""What the programs that read pictures share: data, one training and what comes of it."""

from typing import Any, Literal, NamedTuple

import numpy as np

from microgradx import nn, optim
from microgradx.data import DataLoader, TensorDataset, digits, fashion_mnist, mnist, train_validation_split
from microgradx.functional import cross_entropy
from microgradx.programs.registry import OPTIMIZERS
from microgradx.programs.run import Run
from microgradx.training import History, Schedule, accuracy, evaluate, predict

Data = Literal["digits", "mnist", "fashion-mnist"]
PROMISED = {"digits": 0.97, "mnist": 0.97, "fashion-mnist": 0.87}  # of the test pictures, at the least


class Pictures(NamedTuple):
    """Pictures (n, 1, height, width) of 0 … 1 with labels (n,): to learn from, and held out.

    While settings are chosen, what is held out is a part of the training pictures, looked at after every epoch.
    Else it is the test pictures, looked at once, when the training is over: numbers that helped to choose flatter.
    """

    train: TensorDataset
    held_out: TensorDataset
    choosing: bool


def pictures(which: Data, choosing: bool = False, samples: int = 0, size: int = 0) -> Pictures:
    """The same pictures in the same parts, whatever the seed of the training.

    Args:
        which: digits are 1,438 pictures of 8×8 and 359 to test. mnist and fashion-mnist: 60,000 and 10,000 of 28×28,
            from their files.
        choosing: hold out a fifth of the training pictures (of mnist's a twelfth), and leave the test alone.
        samples: keep only so many to learn from; 0 for all.
        size: smaller pictures are drawn larger, up to half of so many pixels a side, and get a border of zeros; of
            digits, which are few, every picture to learn from is there moved by one pixel too, in eight directions.
    """
    if which == "digits":
        X, labels = digits().arrays
        train, held_out = train_validation_split((X.reshape(-1, 1, 8, 8), labels), 0.2, stratify=True)
    else:
        load = mnist if which == "mnist" else fashion_mnist
        train = load()
        held_out = train if choosing else load(train=False)
    if choosing:
        train, held_out = train_validation_split(train, 0.2 if which == "digits" else 1 / 12, stratify=True)
    train = bordered(train.subset(slice(samples or None)), size)
    return Pictures(moved(train) if size and which == "digits" else train, bordered(held_out, size), choosing)


def usual(epochs_for_digits: int) -> dict[str, dict[str, Any]]:
    """What suits so many pictures, where the person says nothing else."""
    many = {"epochs": 5, "batch_size": 128}
    return {"digits": {"epochs": epochs_for_digits, "batch_size": 32}, "mnist": many, "fashion-mnist": many}


def bordered(data: TensorDataset, size: int) -> TensorDataset:
    """The pictures in the middle of size×size pixels, or as they are when they are as large.

    Every pixel becomes 2×2, 3×3 … as long as they fill no more than half of it: kernels made for strokes of several
    pixels find little in strokes of one.
    """
    X, labels = data.arrays
    times = max(1, size // (2 * X.shape[-1]))
    X = X.repeat(times, axis=2).repeat(times, axis=3)
    border = size - X.shape[-1]
    if border <= 0:
        return data
    ends = (border // 2, border - border // 2)
    return TensorDataset(np.pad(X, ((0, 0), (0, 0), ends, ends)), labels, names=data.names)


def moved(data: TensorDataset) -> TensorDataset:
    """All pictures as they are, then all of them moved by one pixel, in eight directions; their border is empty."""
    X, labels = data.arrays
    ways = [(down, right) for down in (0, 1, -1) for right in (0, 1, -1)]
    return TensorDataset(
        np.concatenate([np.roll(X, way, (2, 3)) for way in ways]), np.tile(labels, len(ways)), names=data.names
    )


def learn(
    run: Run, model: nn.Module, data: Pictures, epochs: int, lr: float, batch_size: int, optimizer: str, seed: int,
    part: str = "training",
) -> History:  # fmt: skip
    """Cross-entropy in shuffled batches; while choosing, accuracy on the held-out pictures after every epoch.

    The learning rate falls to 0 along a cosine, so that the last epochs settle instead of leaping about.
    """
    steps = OPTIMIZERS[optimizer](model.parameters(), lr)
    falling = Schedule(optim.lr_scheduler.CosineAnnealingLR(steps, T_max=epochs))
    return run.fit(
        model, cross_entropy, steps, DataLoader(data.train, batch_size, shuffle=True, seed=seed), epochs=epochs,
        validation=data.held_out if data.choosing else None, metrics={"accuracy": accuracy}, part=part,
        callbacks=[falling],
    )  # fmt: skip


def report(run: Run, model: nn.Module, data: Pictures, promised: float) -> None:
    """The model as a table of layers; what it confuses most; and the result."""
    X, truth = data.held_out.arrays
    summary = model.summary(X[:1])
    layers = [(row.name, row.kind, row.shape, f"{row.parameters:,}") for row in summary.rows]
    run.table(f"{summary.total:,} parameters", ("layer", "kind", "output shape", "parameters"), layers)
    answers = predict(model, X).argmax(axis=1)
    pairs, counts = np.unique(np.stack([truth, answers])[:, truth != answers], axis=1, return_counts=True)
    names = data.held_out.names or tuple(map(str, range(10)))
    said = [*names, *("something else" for _ in range(len(names), 1 + int(answers.max())))]
    worst = [
        f"{said[a]} for {names[t]} ({n}×)"
        for (t, a), n in sorted(zip(pairs.T, counts), key=lambda each: -each[1])[:4]
    ]  # fmt: skip
    kind = "validation" if data.choosing else "test"
    known = "held out to choose settings by" if data.choosing else "which it did not learn from"
    run.say(
        f"Of {len(truth):,} {kind} pictures, {known}, it misreads {int(counts.sum())}: it says "
        f"{', '.join(worst) or 'nothing'}."
    )
    right, history = float(np.mean(answers == truth)), run.history["training"]
    numbers: dict[str, Any] = {
        f"{kind}_accuracy": right, f"{kind}_loss": evaluate(model, cross_entropy, data.held_out)["loss"],
        "training_accuracy": history.final("accuracy"),
    }  # fmt: skip
    run.result(right >= promised, **numbers)
