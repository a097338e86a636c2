"""Yes or no from two numbers: a logistic unit on six points, and why it minimises cross-entropy."""

from typing import Any

import numpy as np

from microgradx import Tensor, nn
from microgradx.data import DataLoader
from microgradx.functional import binary_cross_entropy, mse_loss, sigmoid
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import predict

X = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 1.0], [4.0, 3.0], [5.0, 3.0], [6.0, 2.0]])
T = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
COSTS = {"cross-entropy": binary_cross_entropy, "squared error": mse_loss}
GRID = np.linspace(-10, 10, 201)


def train(
    run: Run, epochs: int = 2000, lr: float = 0.5, batch_size: int = 6, optimizer: Optimizer = "sgd",
    init: Init = "default", seed: int = 0,
) -> None:  # fmt: skip
    """All six points in every step, unless batch_size is less."""
    model = started(unit(), init)
    steps = OPTIMIZERS[optimizer](model.parameters(), lr)
    run.fit(model, binary_cross_entropy, steps, DataLoader((X, T), batch_size), epochs=epochs)
    answers = predict(model, X)[:, 0]
    rows = [(*x, f"{y:.3f}", "yes" if y > 0.5 else "no", "yes" if t else "no") for x, y, t in zip(X, answers, T[:, 0])]
    run.table("what the unit says", ("x1", "x2", "probability", "says", "truth"), rows)
    w1, w2, b = (float(v) for p in model.parameters() for v in p.data.ravel())
    line = f"{w1:.2f}·x1 + {w2:.2f}·x2 + {b:.2f}".replace("+ -", "− ").replace("-", "−")
    run.say(f"The decision boundary is the line where it says 0.5: {line} = 0.")
    bends = {name: bend(cost_of(loss)) for name, loss in COSTS.items()}
    run.table(
        "the cost of one weight w (y = σ(w · (x1 − 3.5)), no bias), w from −10 to 10",
        ("cost", "at −10", "at 0", "at 10", "slope at −10", "convex"),
        [(name, *facts(cost_of(loss)), "yes" if bends[name] > -1e-9 else "no") for name, loss in COSTS.items()],
    )
    run.say(
        "Why not squared error: its curve flattens where the unit is most wrong. Far left every answer is wrong, and "
        "yet the slope is nearly 0, for σ' = y · (1 − y) vanishes there: gradient descent would hardly move. The "
        "curve bends downwards on its way there, so it is not convex. Cross-entropy is steepest where the unit is most "
        "wrong (its slope is y − t, without σ'), and it is convex: every step leads towards the one lowest place."
    )
    run.figures["boundary"] = lambda: figure(model)
    run.figures["costs"] = cost_curves
    right = int(np.sum((answers > 0.5) == (T[:, 0] > 0.5)))
    run.result(
        right == 6 and bends["cross-entropy"] > -1e-9 and bends["squared error"] < -0.001,
        right=right, loss=run.history["training"].final("loss"),
    )  # fmt: skip


def cost_of(loss: Any) -> Any:
    """The mean loss as a function of one weight alone."""
    x, t = Tensor(X[:, :1] - 3.5, False), Tensor(T, False)
    return lambda w: loss(sigmoid(x * w), t)


def facts(cost: Any) -> tuple[str, ...]:
    """Its value at −10, 0 and 10, and its slope at −10."""
    w = Tensor(-10.0)
    cost(w).backward()
    return (*(f"{cost(at).item():.3f}" for at in (-10.0, 0.0, 10.0)), f"{w.grad:.4f}")


def bend(cost: Any) -> float:
    """The smallest second difference over −10 … 10: below 0, the curve is not convex."""
    return float(np.diff([cost(w).item() for w in GRID], 2).min())


def unit() -> nn.Module:
    """Two inputs, one probability."""
    return nn.Sequential({"unit": nn.Linear(2, 1), "sigmoid": nn.Sigmoid()})


def figure(model: Any) -> Any:
    """The probability over the plane, with the line where it is 0.5."""
    from microgradx import plots

    return plots.boundary(plots.of_model(model), X, T)


def cost_curves() -> Any:
    """The cost of one weight by cross-entropy, which is convex, and by squared error, which is not."""
    from microgradx import plots

    return plots.costs({name: cost_of(loss) for name, loss in COSTS.items()}, -10, 10)


LOGISTIC_REGRESSION = TrainingProgram(
    "logistic-regression", "yes or no from two numbers, by one logistic unit",
    "6 of 6 right; the cost curve of cross-entropy is convex, that of squared error is not", train,
    figures=("boundary", "costs"),
)  # fmt: skip
