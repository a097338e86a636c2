"""How an illness goes on, from ten measurements: linear regression on 442 patients.

The course uses house prices in Boston. That set has been withdrawn: one of its columns was built on the share of Black
residents, with the assumption that segregation raises prices. Diabetes is of like size and asks no such thing.
"""

from typing import Any

import numpy as np

from microgradx import nn
from microgradx.data import DataLoader, TensorDataset, diabetes, standardise, train_validation_split
from microgradx.functional import mse_loss
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import predict

MEASURES = ("age", "sex", "body mass", "blood pressure", "s1", "s2", "s3", "s4", "s5", "s6")


def train(
    run: Run, epochs: int = 100, lr: float = 0.01, batch_size: int = 32, optimizer: Optimizer = "sgd",
    init: Init = "default", seed: int = 0,
) -> None:  # fmt: skip
    """Inputs and target on standard scale; judged on 88 patients it never saw, beside the normal equation."""
    train_set, held_out = data(seed)
    model = started(line(), init)
    history = run.fit(
        model, mse_loss, OPTIMIZERS[optimizer](model.parameters(), lr),
        DataLoader(train_set, batch_size, shuffle=True, seed=seed), epochs=epochs, validation=held_out,
    )  # fmt: skip
    run.say(
        "The course learns from house prices in Boston. That set has been withdrawn: one of its columns was built on "
        "the share of Black residents, with the assumption that segregation raises prices. 442 patients take its place."
    )
    (X, t), (X_new, t_new) = train_set.arrays, held_out.arrays
    exact = np.linalg.lstsq(np.hstack([X, np.ones_like(t)]), t, rcond=None)[0]
    ours = explained(predict(model, X_new), t_new)
    best = explained(np.hstack([X_new, np.ones_like(t_new)]) @ exact, t_new)
    learned = model[0].weight.data[0]
    rows = [(m, f"{w:.3f}", f"{e:.3f}") for m, w, e in zip(MEASURES, learned, exact[:-1, 0], strict=True)]
    run.table("weights, on standardised inputs", ("measurement", "gradient descent", "normal equation"), rows)
    run.say(
        "Body mass and s5 weigh most. s1 and s2 rise and fall together, so their weights can be traded against each "
        "other: gradient descent and the normal equation may split them differently and predict equally well. Both "
        "explain about half of the variance: what ten numbers tell about a year to come is limited."
    )
    run.result(
        ours > best - 0.02 and ours > 0.25, explained_variance=ours, normal_equation=best,
        held_out_loss=history.final("validation_loss"),
    )  # fmt: skip


def data(seed: int) -> tuple[TensorDataset, TensorDataset]:
    """354 and 88 patients, X (n, 10) and t (n, 1) on the standard scale of the 354."""
    train_set, held_out = train_validation_split(diabetes(), 0.2, seed)
    scaled = [standardise(array) for array in train_set.arrays]
    return TensorDataset(*(numbers for numbers, _ in scaled)), TensorDataset(
        *(scale(array) for (_, scale), array in zip(scaled, held_out.arrays, strict=True))
    )


def line() -> Any:
    """One weight per measurement, and a bias."""
    return nn.Sequential({"line": nn.Linear(10, 1)})


def explained(y: Any, t: Any) -> float:
    """The share of the variance of t that y explains (R²)."""
    return float(1 - np.mean((y - t) ** 2) / np.var(t))


DIABETES_REGRESSION = TrainingProgram(
    "diabetes-regression", "how an illness goes on, from ten measurements",
    "explains a quarter of the held-out variance, and within 0.02 what the normal equation explains", train,
)  # fmt: skip
