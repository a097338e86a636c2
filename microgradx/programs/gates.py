"""Logic gates by one logistic unit: AND and OR are learned, XOR cannot be, for one unit draws one straight line."""

from functools import partial
from typing import Any

import numpy as np

from microgradx import nn
from microgradx.data import DataLoader, gate
from microgradx.functional import binary_cross_entropy
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import predict

ROWS = ("00", "01", "10", "11")


def train(
    run: Run, epochs: int = 300, lr: float = 1.0, batch_size: int = 4, optimizer: Optimizer = "sgd",
    init: Init = "default", seed: int = 0,
) -> None:  # fmt: skip
    """The same unit, the same settings, three gates; all four rows in every step, unless batch_size is less."""
    rows, right = [], {}
    for name in ("and", "or", "xor"):
        data = gate(name)
        model = started(unit(), init)
        steps = OPTIMIZERS[optimizer](model.parameters(), lr)
        history = run.fit(model, binary_cross_entropy, steps, DataLoader(data, batch_size), epochs=epochs, part=name)
        run.figures[name] = partial(figure, model, *data.arrays)
        answers, targets = predict(model, data.arrays[0])[:, 0], data.arrays[1][:, 0]
        right[name] = int(np.sum((answers > 0.5) == (targets > 0.5)))
        w1, w2, b = (f"{round(float(each), 2) + 0:.2f}" for p in model.parameters() for each in p.data.ravel())
        outputs = "  ".join(f"{row} → {y:.2f}" for row, y in zip(ROWS, answers, strict=True))
        rows.append((name, w1, w2, b, outputs, f"{right[name]} of 4", f"{history.final('loss'):.4f}"))
    run.table(
        "one logistic unit, y = σ(w1·x1 + w2·x2 + b)", ("gate", "w1", "w2", "b", "outputs", "right", "loss"), rows
    )
    run.say(
        "A unit says yes on one side of the line w1·x1 + w2·x2 + b = 0. For AND and OR there is such a line. For XOR "
        "there is none: 01 and 10 must lie on one side, 00 and 11 on the other, and no line parts them. So the best it "
        "can do is to answer 0.5 everywhere, with the loss ln 2 = 0.6931. A hidden layer helps: microgradx train xor."
    )
    loss = run.history["xor"].final("loss")
    run.result(
        right["and"] == right["or"] == 4 and right["xor"] < 4,
        and_right=right["and"], or_right=right["or"], xor_right=right["xor"], xor_loss=loss,
    )  # fmt: skip


def figure(model: nn.Module, X: Any, t: Any) -> Any:
    """What the unit says over the plane."""
    from microgradx import plots

    return plots.boundary(plots.of_model(model), X, t)


def unit() -> nn.Module:
    """Two inputs, one output between 0 and 1."""
    return nn.Sequential({"unit": nn.Linear(2, 1), "sigmoid": nn.Sigmoid()})


GATES = TrainingProgram(
    "gates", "AND, OR and XOR by one logistic unit", "AND and OR: 4 of 4 rows right; XOR: at most 3", train,
    shown="or", figures=("and", "or", "xor"),
)  # fmt: skip
