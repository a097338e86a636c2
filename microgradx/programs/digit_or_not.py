"""Is this picture a seven, or not: one logistic unit on 64 pixels, then two layers.

The course's slides tell cats from other pictures; those photographs cannot be passed on, the digits can.
"""

from typing import Any

import numpy as np

from microgradx import nn
from microgradx.data import DataLoader, TensorDataset, digits, train_validation_split
from microgradx.functional import binary_cross_entropy
from microgradx.programs.errors import ProgramError
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import accuracy, predict


def train(
    run: Run, epochs: int = 30, lr: float = 0.01, batch_size: int = 32, optimizer: Optimizer = "adam",
    init: Init = "default", digit: int = 7, hidden: int = 8, seed: int = 0,
) -> None:  # fmt: skip
    """The unit, then a network with `hidden` relu units; judged by the fifth of the pictures they never saw."""
    if not 0 <= digit <= 9:
        raise ProgramError(f"digit-or-not: digit is a whole number from 0 to 9, not {digit}.")
    train_set, held_out = data(digit, seed)
    rows = []
    for name, model in (("one unit", unit()), ("two layers", two_layers(hidden))):
        started(model, init)
        history = run.fit(
            model, binary_cross_entropy, OPTIMIZERS[optimizer](model.parameters(), lr),
            DataLoader(train_set, batch_size, shuffle=True, seed=seed), epochs=epochs, validation=held_out,
            metrics={"accuracy": accuracy}, part=name,
        )  # fmt: skip
        said, truth = predict(model, held_out.arrays[0]) > 0.5, held_out.arrays[1] > 0.5
        weights = sum(p.size for p in model.parameters())
        missed, false = int(np.sum(~said & truth)), int(np.sum(said & ~truth))
        rows.append((name, weights, f"{history.final('validation_accuracy'):.4f}", missed, false))
    share = float(np.mean(held_out.arrays[1] < 0.5))
    run.table(f"{len(held_out)} held-out pictures", ("model", "weights", "accuracy", "missed", "false alarms"), rows)
    run.say(
        f"Always saying no would be right for {share:.1%} of them: accuracy alone flatters where one class is rare."
    )
    found = [run.history[name].final("validation_accuracy") for name in ("one unit", "two layers")]
    run.result(min(found) >= 0.97, one_unit_accuracy=found[0], two_layers_accuracy=found[1], always_no=share)


def data(digit: int, seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Pictures (n, 64) and 1 for the digit, 0 for the others (n, 1); to learn from, and held out."""
    X, labels = digits().arrays
    return train_validation_split((X, (labels == digit).astype(float)[:, None]), 0.2, seed)


def unit() -> nn.Module:
    """One weight per pixel."""
    return nn.Sequential({"unit": nn.Linear(64, 1), "sigmoid": nn.Sigmoid()})


def two_layers(hidden: int) -> nn.Module:
    """64 pixels, `hidden` relu units, one output."""
    layers: dict[str, Any] = {"hidden": nn.Linear(64, hidden), "relu": nn.ReLU()}
    return nn.Sequential(layers | {"output": nn.Linear(hidden, 1), "sigmoid": nn.Sigmoid()})


DIGIT_OR_NOT = TrainingProgram(
    "digit-or-not", "a seven or not, from 8×8 pixels", "97 % of the held-out pictures right, both times",
    train, shown="two layers",
)  # fmt: skip
