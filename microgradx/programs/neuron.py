"""One neuron, one sample: gradient descent step by step, with every number that a step is made of."""

from itertools import pairwise
from typing import Any

from microgradx import nn
from microgradx.data import DataLoader
from microgradx.examples.one_number import NEURON as VIEW
from microgradx.functional import sigmoid, square
from microgradx.graph import Tensor
from microgradx.programs.registry import OPTIMIZERS, Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.training import Callback

SHOWN = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500)


def train(
    run: Run, epochs: int = 100, lr: float = 0.5, batch_size: int = 1, optimizer: Optimizer = "sgd",
    init: Init = "default", seed: int = 0,
) -> None:  # fmt: skip
    """From the weights of the example, so that step 1 is what `microgradx trace neuron` shows; --init draws others."""
    given = VIEW.program().arguments
    model = started(Neuron([[given["w1"], given["w2"]]], [given["b"]]), init)
    x, t = [[given["x1"], given["x2"]]], [[given["t"].item()]]
    steps = Steps()
    history = run.fit(
        model, squared_error, OPTIMIZERS[optimizer](model.parameters(), lr), DataLoader((x, t), batch_size),
        epochs=epochs, callbacks=[steps],
    )  # fmt: skip
    rows = [steps.rows[k - 1] for k in sorted({*SHOWN, len(steps.rows)}) if k <= len(steps.rows)]
    run.table(
        f"x = {x[0]}, target {t[0][0]:g}: y = σ(w1·x1 + w2·x2 + b), L = (y − t)²; the gradients are ∂L/∂…",
        ("step", "w1", "w2", "b", "y", "L", "∂w1", "∂w2", "∂b"), rows,
    )  # fmt: skip
    run.say(
        f"Each step takes {lr:g} times its gradient off a weight (with plain gradient descent). All three gradients "
        "are ∂L/∂z times what the weight was multiplied by: x1, x2, and 1 for b. As y comes near the target, the error "
        "y − t shrinks, and σ' = y · (1 − y) with it, so the steps become smaller and smaller. Step 1 in every detail: "
        "microgradx trace neuron."
    )
    y = model(Tensor(x, False)).item()
    losses = history["loss"]
    falls = all(after < before for before, after in pairwise(losses))
    run.result(abs(y - t[0][0]) < 0.1 and falls, output=y, first_loss=losses[0], loss=losses[-1])


def squared_error(y: Any, t: Any) -> Any:
    """(y − t)², as in the example; the mean over samples, of which there is one."""
    return square(y - t).mean()


class Neuron(nn.Module):
    """A logistic unit: x (samples, inputs) → σ(x · wᵀ + b), (samples, 1)."""

    def __init__(self, weight: Any, bias: Any) -> None:
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x: Any) -> Any:
        """A number between 0 and 1 for each sample."""
        return sigmoid(x @ self.weight.mT + self.bias)


class Steps(Callback):
    """Keeps weights, loss and gradients of every step, as rows of a table."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def on_backward(self, run: Any) -> None:
        (w1, w2), (b,) = (p.data.ravel() for p in run.model.parameters())
        (g1, g2), (gb,) = (p.grad.ravel() for p in run.model.parameters())
        x, t = (Tensor(array, False) for array in run.data.dataset.arrays)
        y = run.model(x)
        numbers = (w1, w2, b, y.item(), run.loss(y, t).item(), g1, g2, gb)
        self.rows.append((len(self.rows) + 1, *(f"{number:.4g}" for number in numbers)))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state: Any) -> None:
        self.rows = [tuple(row) for row in state["rows"]]


NEURON = TrainingProgram(
    "neuron", "one neuron learns one sample, step by step",
    "the output comes within 0.1 of the target, and the loss falls in every step", train,
)  # fmt: skip
