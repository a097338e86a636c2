"""What the programs that read digits share: data, how weights start, one training and what comes of it."""

from typing import Literal

import numpy as np

from microgradx import nn, optim
from microgradx.data import DataLoader, TensorDataset, digits, fashion_mnist, mnist, train_validation_split
from microgradx.functional import cross_entropy
from microgradx.programs.registry import OPTIMIZERS
from microgradx.programs.run import Run
from microgradx.training import History, Schedule, accuracy, predict

Data = Literal["digits", "mnist", "fashion-mnist"]


def pictures(which: str, seed: int, samples: int | None = None) -> tuple[TensorDataset, TensorDataset]:
    """Pictures (n, 1, height, width) of 0 … 1 with labels (n,): to learn from, and held out.

    digits: 1,437 and 360 pictures of 8×8. mnist and fashion-mnist: 60,000 and 10,000 of 28×28, from their files.
    `samples` keeps only the first so many to learn from.
    """
    if which == "digits":
        X, labels = digits().arrays
        train_set, held_out = train_validation_split((X.reshape(-1, 1, 8, 8), labels), 0.2, seed, stratify=True)
        return train_set.subset(slice(samples)), held_out
    load = mnist if which == "mnist" else fashion_mnist
    return load(True, samples), load(False)


def learn(
    run: Run, model: nn.Module, data: tuple[TensorDataset, TensorDataset], epochs: int, lr: float, batch_size: int,
    optimizer: str, seed: int, part: str = "training",
) -> History:  # fmt: skip
    """Cross-entropy in shuffled batches; accuracy on the held-out pictures after every epoch.

    The learning rate falls to 0 along a cosine, so that the last epochs settle instead of leaping about.
    """
    train_set, held_out = data
    steps = OPTIMIZERS[optimizer](model.parameters(), lr)
    falling = Schedule(optim.lr_scheduler.CosineAnnealingLR(steps, T_max=epochs))
    return run.fit(
        model, cross_entropy, steps, DataLoader(train_set, batch_size, shuffle=True, seed=seed), epochs=epochs,
        validation=held_out, metrics={"accuracy": accuracy}, part=part, callbacks=[falling],
    )  # fmt: skip


def report(run: Run, model: nn.Module, data: tuple[TensorDataset, TensorDataset], promised: float) -> None:
    """The model as a table of layers; what it confuses most; and the result."""
    held_out = data[1]
    summary = model.summary(held_out.arrays[0][:1])
    layers = [(row.name, row.kind, row.shape, f"{row.parameters:,}") for row in summary.rows]
    run.table(f"{summary.total:,} parameters", ("layer", "kind", "output shape", "parameters"), layers)
    answers, truth = predict(model, held_out.arrays[0]).argmax(axis=1), held_out.arrays[1]
    pairs, counts = np.unique(np.stack([truth, answers])[:, truth != answers], axis=1, return_counts=True)
    worst = [f"{a} for {t} ({n}×)" for (t, a), n in sorted(zip(pairs.T, counts), key=lambda each: -each[1])[:4]]
    run.say(
        f"Of {len(truth)} held-out pictures it misreads {int(counts.sum())}: it says {', '.join(worst) or 'nothing'}."
    )
    history = run.history["training"]
    right = float(np.mean(answers == truth))
    run.result(
        right >= promised, held_out_accuracy=right, held_out_loss=history["validation_loss"][-1],
        training_accuracy=history["accuracy"][-1],
    )  # fmt: skip
