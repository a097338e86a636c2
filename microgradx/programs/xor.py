"""XOR learned: by two hidden units (2-2-1), by three hidden layers (2-10-10-10-1), and not at all from zero weights."""

from itertools import pairwise
from typing import Any

import numpy as np

from microgradx import Tensor, nn
from microgradx.data import DataLoader, gate
from microgradx.functional import binary_cross_entropy
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import predict


def train_small(
    run: Run, epochs: int = 1000, lr: float = 1.0, batch_size: int = 4, optimizer: Optimizer = "sgd",
    init: Init = "normal", seed: int = 0,
) -> None:  # fmt: skip
    """Two hidden sigmoid units; some seeds stick, where rows with different targets share one answer."""
    learn(run, network((2, 2, 1), init), epochs, lr, batch_size, optimizer)


def train_deep(
    run: Run, epochs: int = 500, lr: float = 0.05, batch_size: int = 4, optimizer: Optimizer = "adam",
    init: Init = "xavier", seed: int = 0,
) -> None:  # fmt: skip
    """Three hidden layers of ten sigmoid units; plain gradient descent (--optimizer sgd) hardly moves them."""
    learn(run, network((2, 10, 10, 10, 1), init), epochs, lr, batch_size, optimizer)


def train_zero(
    run: Run, epochs: int = 100, lr: float = 1.0, batch_size: int = 4, optimizer: Optimizer = "sgd",
    init: Init = "zero", seed: int = 0,
) -> None:  # fmt: skip
    """Every weight starts at zero: the two hidden units stay equal for ever, and the loss at ln 2."""
    model = network((2, 2, 1), init)
    learn(run, model, epochs, lr, batch_size, optimizer)
    if init == "zero":
        run.say(
            "From zero weights every hidden unit computes the same and gets the same gradient, so they stay equal; and "
            "what the rows with target 1 ask for, those with target 0 take back. Random weights break the tie."
        )
    run.result(abs(run.numbers["loss"] - np.log(2)) < 1e-6)


def learn(run: Run, model: nn.Module, epochs: int, lr: float, batch_size: int, optimizer: str) -> None:
    """Train; then what the network answers, and how large the gradients were, layer by layer."""
    data = gate("xor")
    steps = OPTIMIZERS[optimizer](model.parameters(), lr)
    history = run.fit(model, binary_cross_entropy, steps, DataLoader(data, batch_size), epochs=epochs)
    X, t = data.arrays
    answers = predict(model, X)[:, 0]
    rows = [(f"{x1:.0f}{x2:.0f}", f"{y:.4f}", f"{target:.0f}") for (x1, x2), y, target in zip(X, answers, t[:, 0])]
    run.table("what the network says", ("row", "output", "target"), rows)
    model.zero_grad()  # measured anew: a training that was at its end already when it was resumed took no step
    binary_cross_entropy(model(Tensor(X, False)), Tensor(t, False)).backward()
    norms = [(n, f"{np.linalg.norm(p.grad):.3g}") for n, p in model.named_parameters() if "weight" in n]
    run.table("size of the gradient where it ended", ("weights", "norm"), norms)
    run.figures["boundary"] = lambda: figure(model, X, t)
    worst = float(np.abs(answers - t[:, 0]).max())
    run.result(worst < 0.1, right=int(np.sum(np.abs(answers - t[:, 0]) < 0.5)), worst=worst, loss=history.final("loss"))


def network(sizes: tuple[int, ...], init: Init) -> nn.Module:
    """Linear and sigmoid layers; the "normal" start has standard deviation 1 here."""
    parts: dict[str, nn.Module] = {}
    for k, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        parts[f"layer{k}"] = nn.Linear(inputs, outputs)
        parts[f"sigmoid{k}"] = nn.Sigmoid()
    return started(nn.Sequential(parts), init, std=1.0)


def figure(model: nn.Module, X: Any, t: Any) -> Any:
    """What the network says over the plane."""
    from microgradx import plots

    return plots.boundary(plots.of_model(model), X, t)


FIGURES = ("boundary",)
XOR = TrainingProgram(
    "xor", "XOR by two hidden units, 2-2-1", "every output within 0.1 of its target", train_small, figures=FIGURES
)
XOR_DEEP = TrainingProgram(
    "xor-deep", "XOR by three hidden layers of ten sigmoid units", "every output within 0.1 of its target",
    train_deep, figures=FIGURES,
)  # fmt: skip
XOR_ZERO = TrainingProgram(
    "xor-zero",
    "XOR from zero weights: nothing is learned",
    "the loss stays at ln 2 = 0.6931",
    train_zero,
    figures=FIGURES,
)
