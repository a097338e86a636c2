"""A parabola through 100 noisy points of ½x² + x + 2: linear regression on x and x²."""

from typing import Any

import numpy as np

from microgradx import nn
from microgradx.data import DataLoader, polynomial_regression
from microgradx.functional import mse_loss
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started

TRUTH = (2.0, 1.0, 0.5)  # of 1, x, x²


def train(
    run: Run, epochs: int = 200, lr: float = 0.02, batch_size: int = 20, optimizer: Optimizer = "sgd",
    init: Init = "default", noise: float = 1.0, seed: int = 0,
) -> None:  # fmt: skip
    """Gradient descent, beside the normal equation and the numbers that the data was made with."""
    x, t = polynomial_regression(100, TRUTH, noise, seed).arrays
    features = powers(x)
    line = started(model(), init)
    loader = DataLoader((features, t), batch_size, shuffle=True, seed=seed)
    run.fit(line, mse_loss, OPTIMIZERS[optimizer](line.parameters(), lr), loader, epochs=epochs)
    w1, w2, c = (float(v) for p in line.parameters() for v in p.data.ravel())
    columns = np.hstack([np.ones_like(x), features])
    best = np.linalg.lstsq(columns, t, rcond=None)[0].ravel()
    learned = np.array([c, w1, w2])
    rows = [
        (name, f"{found:.3f}", f"{exact:.3f}", f"{true:g}")
        for name, found, exact, true in zip(("1", "x", "x²"), learned, best, TRUTH, strict=True)
    ]
    run.table("coefficients", ("of", "gradient descent", "normal equation", "made with"), rows)
    run.say(
        "The curve is bent, yet the model is linear in its weights: x² is just another input. What noise did to the "
        "data separates the normal equation's answer from the true numbers; what gradient descent has not yet done, "
        "or does over and over in small batches, separates it from the normal equation."
    )
    run.figures["fit"] = lambda: figure(line, x, t)
    off = float(np.abs(learned - best).max())
    run.result(off < 0.15, constant=c, x=w1, x_squared=w2, furthest_from_normal_equation=off)


def powers(x: Any) -> Any:
    """x (n, 1) as the columns x and x² (n, 2)."""
    return np.hstack([x, x**2])


def model() -> nn.Module:
    """One weight per power, and a bias."""
    return nn.Sequential({"line": nn.Linear(2, 1)})


def figure(line: Any, x: Any, t: Any) -> Any:
    """The points and the parabola."""
    from microgradx import plots

    return plots.fitted(x, t, lambda grid: plots.of_model(line)(powers(grid)))


POLYNOMIAL_REGRESSION = TrainingProgram(
    "polynomial-regression", "½x² + x + 2 from noisy points",
    "every coefficient within 0.15 of the normal equation's", train,
    figures=("fit",),
)  # fmt: skip
