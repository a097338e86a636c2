"""Three kinds of iris from four lengths: one linear layer, softmax and cross-entropy."""

from typing import Any

import numpy as np

from microgradx import nn
from microgradx.data import DataLoader, TensorDataset, iris, standardise, train_validation_split
from microgradx.functional import cross_entropy
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import accuracy, predict

MEASURES = ("sepal length", "sepal width", "petal length", "petal width")


def train(
    run: Run, epochs: int = 100, lr: float = 0.1, batch_size: int = 16, optimizer: Optimizer = "sgd",
    init: Init = "default", seed: int = 0,
) -> None:  # fmt: skip
    """Learn from 120 flowers, and be judged by the other 30."""
    train_set, held_out, names = data(seed)
    model = started(layer(), init)
    history = run.fit(
        model, cross_entropy, OPTIMIZERS[optimizer](model.parameters(), lr),
        DataLoader(train_set, batch_size, shuffle=True, seed=seed), epochs=epochs, validation=held_out,
        metrics={"accuracy": accuracy},
    )  # fmt: skip
    answers, truth = predict(model, held_out.arrays[0]).argmax(axis=1), held_out.arrays[1]
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (truth, answers), 1)
    run.table(
        "held-out flowers: truth down, answers across", ("", *names), [(n, *row) for n, row in zip(names, counts)]
    )
    weights = model[0].weight.data.round(2)
    run.table("weights, on standardised lengths", ("", *MEASURES), [(n, *row) for n, row in zip(names, weights)])
    found = history.final("validation_accuracy")
    run.result(found >= 0.9, held_out_accuracy=found, held_out_loss=history.final("validation_loss"))


def data(seed: int) -> tuple[TensorDataset, TensorDataset, tuple[str, ...]]:
    """120 and 30 flowers, on the scale of the 120; and the names of the kinds."""
    train_set, held_out = train_validation_split(iris(), 0.2, seed, stratify=True)
    X, scale = standardise(train_set.arrays[0])
    return (
        TensorDataset(X, train_set.arrays[1], names=train_set.names),
        TensorDataset(scale(held_out.arrays[0]), held_out.arrays[1]),
        (train_set.names),
    )


def layer() -> Any:
    """Four inputs, one score per kind; cross-entropy applies the softmax."""
    return nn.Sequential({"scores": nn.Linear(4, 3)})


SOFTMAX_REGRESSION = TrainingProgram(
    "softmax-regression", "three kinds of iris by one linear layer and softmax", "90 % of the held-out flowers right",
    train,
)  # fmt: skip
