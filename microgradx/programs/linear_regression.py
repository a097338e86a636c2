"""A straight line through (1, 1), (2, 2), (3, 3): what the learning rate does, number by number."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from microgradx import Tensor, nn
from microgradx.data import DataLoader
from microgradx.functional import mse_loss
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import started
from microgradx.training import Callback

X = np.array([[1.0], [2.0], [3.0]])
T = X.copy()
RATES = (0.01, 0.1, 0.4, 0.51)
START = 5.0  # w before the first step
CLOSE = 0.01
Path = list[tuple[float, float]]  # (w, b) before the first step and after every epoch
Start = Literal["five", "default", "normal", "xavier", "he", "zero"]


def train(
    run: Run, epochs: int = 50, lr: float = 0.1, batch_size: int = 3, optimizer: Optimizer = "sgd",
    init: Start = "five", seed: int = 0,
) -> None:  # fmt: skip
    """`lr` is the learning rate with which one sample a step is compared with all three; w starts at five."""
    plain = optimizer == "sgd" and batch_size >= len(X)
    walks: dict[bool, dict[float, Steps]] = {}
    for bias in (False, True):
        found = {
            rate: descend(run, rate, epochs, bias, batch_size, optimizer, init) for rate in sorted({*RATES, lr})
        }  # fmt: skip
        run.table(
            f"{epochs} epochs of gradient descent on ½ · mean (w·x{' + b' * bias} − t)²",
            ("learning rate", "w at first", "after 1", "at last", "b", "cost", "what happens"),
            [(f"{rate:g}", *described(walk.path), judged(walk.w)) for rate, walk in found.items()],
        )
        if plain:
            explain(run, bias)
        normal_equation(run, bias)
        if not bias:
            by_size = {
                size: found[lr]
                if size == min(batch_size, 3)
                else descend(run, lr, epochs, False, size, optimizer, init)
                for size in (3, 1)
            }
            compare(run, lr, by_size[3].path, by_size[1].path)
        walks[bias] = found
    paths = {bias: {rate: walk.path for rate, walk in found.items()} for bias, found in walks.items()}
    run.figures["cost"] = lambda: figure(paths[False])
    run.figures["contours"] = lambda: contours(paths[True])
    last = {rate: path[-1][0] for rate, path in paths[False].items()}
    slow, fast, wild = (abs(last[rate] - 1) for rate in (0.01, 0.4, 0.51))
    run.result(
        fast < CLOSE < slow and not wild <= abs(paths[False][0.51][0][0] - 1),
        **{f"w_at_{rate:g}": w for rate, w in last.items()},
    )


def cost(y: Any, t: Any) -> Any:
    """½ · mean (y − t)²; the half cancels the 2 of the derivative."""
    return 0.5 * mse_loss(y, t)


def line(bias: bool, init: Start = "five") -> Any:
    """w · x, or w · x + b."""
    model = nn.Sequential({"line": nn.Linear(1, 1, bias)})
    if init != "five":
        return started(model, init)
    nn.init.constant_(model[0].weight, START)
    if bias:
        nn.init.zeros_(model[0].bias)
    return model


@dataclass
class Steps(Callback):
    """Keeps the path, and w before the first step and after every single one (an epoch may have several)."""

    path: Path = field(default_factory=list)
    w: list[float] = field(default_factory=list)

    def on_start(self, run: Any) -> None:
        self.on_epoch(run)
        self.on_batch(run)

    def on_epoch(self, run: Any) -> None:
        self.path.append(numbers(run.model))

    def on_batch(self, run: Any) -> None:
        self.w.append(numbers(run.model)[0])

    def state_dict(self) -> dict[str, Any]:
        return {"path": self.path, "w": self.w}

    def load_state_dict(self, state: Any) -> None:
        self.path, self.w = [(w, b) for w, b in state["path"]], list(state["w"])


def numbers(model: Any) -> tuple[float, float]:
    """w and b; b is 0 where there is none."""
    return model[0].weight.item(), 0.0 if model[0].bias is None else model[0].bias.item()


def descend(run: Run, rate: float, epochs: int, bias: bool, batch_size: int, optimizer: str, init: Start) -> Steps:
    """A training, and what its steps did to w and b."""
    model, steps = line(bias, init), Steps()
    name = f"{'w and b' if bias else 'w'} at {rate:g} by {min(batch_size, len(X))}"
    run.fit(
        model, cost, OPTIMIZERS[optimizer](model.parameters(), rate), DataLoader((X, T), batch_size), epochs=epochs,
        part=name, callbacks=[steps],
    )  # fmt: skip
    return steps


def judged(walk: list[float]) -> str:
    """In words, how w moves towards 1, step by step."""
    errors = [w - 1 for w in walk]
    far = [(a, b) for a, b in pairwise(errors) if min(abs(a), abs(b)) >= CLOSE]  # what is closer counts as there
    leaps = sum(a * b < 0 for a, b in far)
    leaping = (
        ", leaping from side to side" if leaps and 3 * leaps >= len(far) else ""
    )  # one of three: one sample's step
    if not abs(errors[-1]) <= abs(errors[0]):  # nan included
        always = all(abs(b) > abs(a) for a, b in pairwise(errors) if abs(b) < np.inf)
        return "diverges: each step lands further away" if always else "diverges: it ends further away than it began"
    return ("arrives" if abs(errors[-1]) < CLOSE else "is still on its way") + leaping


def described(path: Path) -> tuple[str, ...]:
    """w at first and after one epoch; w, b and the cost at the end."""
    w, b = path[-1]
    return f"{path[0][0]:.3g}", f"{path[min(1, len(path) - 1)][0]:.3f}", f"{w:.4g}", f"{b:.4g}", f"{cost_at(w, b):.3g}"


def cost_at(w: float, b: float = 0.0) -> float:
    """The cost of a line with these weights."""
    return float(cost(Tensor(w * X + b, False), Tensor(T, False)).item())


def explain(run: Run, bias: bool) -> None:
    """Why there is a largest learning rate."""
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


def normal_equation(run: Run, bias: bool) -> None:
    """What algebra says without any steps."""
    columns = np.hstack([X, np.ones_like(X)]) if bias else X
    exact = np.linalg.solve(columns.T @ columns, columns.T @ T).ravel().round(12) + 0.0
    run.say(
        "The normal equation XᵀX · w = Xᵀt needs no steps: " + ", ".join(map("{} = {:g}".format, "wb", exact)) + "."
    )


def compare(run: Run, lr: float, batch: Path, single: Path) -> None:
    """One sample a step against all three."""
    run.table(
        f"w at learning rate {lr:g}: all three samples in one step, or one sample a step (three steps an epoch)",
        ("epoch", "batch", "per sample"),
        [(k, f"{batch[k][0]:.6f}", f"{single[k][0]:.6f}") for k in (1, 2, 3, 5, 10, 20) if k < len(single)],
    )


def figure(paths: dict[float, Path]) -> Any:
    """The cost over w, and the steps on it."""
    from microgradx import plots

    return plots.descent(cost_at, {f"lr {rate:g}": [w for w, _ in path] for rate, path in paths.items()}, -7.0, 9.0)


def contours(paths: dict[float, Path]) -> Any:
    """Lines of equal cost over w and b, and the steps on them."""
    from microgradx import plots

    return plots.contours(cost_at, {f"lr {rate:g}": path for rate, path in paths.items()}, (-9.0, 11.0), (-6.0, 6.0))


LINEAR_REGRESSION = TrainingProgram(
    "linear-regression", "a line through three points, at four learning rates",
    "w reaches 1 ± 0.01 at learning rate 0.4, is still on its way at 0.01, and diverges at 0.51", train,
    shown="w and b at {lr:g} by", figures=("cost", "contours"),
)  # fmt: skip
