"""A straight line through (1, 1), (2, 2), (3, 3): what the learning rate does, number by number."""

from typing import Any, Literal

import numpy as np

from microgradx import Tensor, manual_seed, nn
from microgradx.examples.registry import Example, Program
from microgradx.functional import mse_loss
from microgradx.programs.registry import TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.views import step_of

X = np.array([[1.0], [2.0], [3.0]])
T = X.copy()
RATES = (0.01, 0.1, 0.4, 0.51)
START = 5.0  # w before the first step
CLOSE = 0.01


@np.errstate(all="ignore")  # what diverges long enough becomes infinite
def train(run: Run, epochs: int = 50, lr: float = 0.1) -> None:
    """`lr` is the learning rate with which one sample a step is compared with all three."""
    for bias in (False, True):
        paths = {rate: descend(rate, epochs, bias) for rate in sorted({*RATES, lr})}
        run.table(
            f"from w = {START:g}, {epochs} epochs of gradient descent on ½ · mean (w·x{' + b' * bias} − t)²",
            ("learning rate", "w after 1", "w", "b", "cost", "what happens"),
            [(f"{rate:g}", *described(path), judged(path)) for rate, path in paths.items()],
        )
        explain(run, bias)
        if not bias:
            compare(run, epochs, lr)
            without = {rate: [w for w, _ in path] for rate, path in paths.items()}
    run.figure = lambda: figure({f"lr {rate:g}": path for rate, path in without.items()})
    slow, fast, wild = (abs(without[rate][-1] - 1) for rate in (0.01, 0.4, 0.51))
    numbers = {f"w_at_{rate:g}": path[-1] for rate, path in without.items()}
    run.result(fast < CLOSE < slow and not wild <= START - 1, **numbers)


def loss(w: Any, b: Any, x: Any = X, t: Any = T) -> Any:
    """½ · mean (w·x + b − t)²; the half cancels the 2 of the derivative."""
    return 0.5 * mse_loss(Tensor(x, False) * w + b, Tensor(t, False))


def descend(rate: float, epochs: int, bias: bool, x: Any = X, t: Any = T) -> list[tuple[float, float]]:
    """(w, b) before the first step and after every epoch; each row of x (steps, …) is the data of one step."""
    w, b = Tensor(START), Tensor(0.0, requires_grad=bias)
    path = [(START, 0.0)]
    for _ in range(epochs):
        for inputs, targets in zip(x.reshape(-1, *x.shape[-2:]), t.reshape(-1, *t.shape[-2:]), strict=True):
            L = loss(w, b, inputs, targets)
            L.backward()
            for parameter in (w, b)[: 1 + bias]:
                parameter.data = parameter.data - rate * parameter.grad
                parameter.zero_grad()
        path.append((w.item(), b.item()))
    return path


def judged(path: list[tuple[float, float]]) -> str:
    """In words, how w moves towards 1."""
    errors = [w - 1 for w, _ in path]
    if not abs(errors[-1]) <= abs(errors[0]):  # nan included
        return "diverges: each step lands further away"
    if abs(errors[-1]) < CLOSE:
        return "arrives" + (" leaping from side to side" if errors[1] < 0 else "")
    return "is still on its way"


def described(path: list[tuple[float, float]]) -> tuple[str, ...]:
    """w after one epoch; w, b and the cost at the end."""
    w, b = path[-1]
    return f"{path[1][0]:.3f}", f"{w:.4g}", f"{b:.4g}", f"{loss(w, b).item():.3g}"


def explain(run: Run, bias: bool) -> None:
    """Why there is a largest learning rate, and what algebra says without any steps."""
    columns = np.hstack([X, np.ones_like(X)]) if bias else X
    curvature = float(np.linalg.eigvalsh(columns.T @ columns / len(X)).max())
    if bias:
        run.say(
            "With a bias the cost is a valley over w and b, and its steepest direction sets the limit: the largest "
            f"eigenvalue of XᵀX / 3 (with a column of ones for b) is {curvature:.3f}, so the border is at "
            f"2 / {curvature:.3f} = {2 / curvature:.3f}. Now even 0.4 is too much."
        )
    else:
        by = {rate: f"{1 - rate * curvature:.3f}" for rate in (0.01, 0.4, 0.51)}
        run.say(
            "Why 0.51 is too much: the slope of the cost is (w − 1) · mean x², and mean x² is (1 + 4 + 9) / 3 = "
            f"{curvature:.3f}. So each step multiplies the error w − 1 by 1 − lr · {curvature:.3f}: by {by[0.01]} at "
            f"0.01 (slow), by {by[0.4]} at 0.4 (faster, though it leaps across), by {by[0.51]} at 0.51: more than 1 in "
            f"size, so the error grows. The border is at 2 / {curvature:.3f} = {2 / curvature:.3f}."
        )
    exact = np.linalg.solve(columns.T @ columns, columns.T @ T).ravel().round(12) + 0.0
    run.say(
        "The normal equation XᵀX · w = Xᵀt needs no steps: " + ", ".join(map("{} = {:g}".format, "wb", exact)) + "."
    )


def compare(run: Run, epochs: int, lr: float) -> None:
    """One sample a step against all three."""
    batch, single = (descend(lr, epochs, False, x, t) for x, t in ((X, T), (X[:, None], T[:, None])))
    run.table(
        f"w at learning rate {lr:g}: all three samples in one step, or one sample a step (three steps an epoch)",
        ("epoch", "batch", "per sample"),
        [(k, f"{batch[k][0]:.6f}", f"{single[k][0]:.6f}") for k in (1, 2, 3, 5, 10, 20) if k <= epochs],
    )


def figure(paths: dict[str, list[float]]) -> Any:
    """The cost over w, and the steps on it."""
    from microgradx import plots

    return plots.descent(lambda w: loss(w, 0.0).item(), paths, -6.0, 8.0)


def one_step(sample: Literal[0, 1, 2] | None = None, seed: int = 0) -> Program:
    """w and b on all three points, or on one of them."""
    manual_seed(seed)
    rows = slice(None) if sample is None else slice(sample, sample + 1)
    return step_of(nn.Sequential({"line": nn.Linear(1, 1)}), mse_loss, X[rows], T[rows])


LINEAR_REGRESSION = TrainingProgram(
    "linear-regression", "a line through three points, at four learning rates",
    "w reaches 1 ± 0.01 at learning rate 0.4, is still on its way at 0.01, and diverges at 0.51", train,
    view=Example("linear-regression", "a line through three points: one step", one_step, "tensor"),
)  # fmt: skip
