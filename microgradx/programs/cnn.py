"""Handwritten digits by convolution: the course's small network, and LeNet with the slides' wide head."""

from typing import Any

import numpy as np

from microgradx import Tensor, manual_seed, nn, no_grad
from microgradx.examples.registry import Example, Program
from microgradx.functional import cross_entropy
from microgradx.programs.pictures import Data, learn, pictures, report
from microgradx.programs.registry import Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init, started
from microgradx.programs.views import step_of

PROMISED = {"digits": 0.98, "mnist": 0.98, "fashion-mnist": 0.89}


def train(
    run: Run, epochs: int = 15, lr: float = 0.003, batch_size: int = 32, optimizer: Optimizer = "adam",
    init: Init = "he", filters: int = 10, hidden: int = 100, dropout: float = 0.0, data: Data = "digits", seed: int = 0,
) -> None:  # fmt: skip
    """`filters` kernels of 3×3, relu, pooling by 2, `hidden` units, ten scores."""
    sets = pictures(data, seed)
    model = network(sets[0].arrays[0].shape[-1], filters, hidden, dropout, init)
    learn(run, model, sets, epochs, lr, batch_size, optimizer, seed)
    report(run, model, sets, PROMISED[data])
    run.figures["filters"] = lambda: figure(model[0], sets[1].arrays[0][0])


def network(size: int, filters: int, hidden: int, dropout: float, init: Init) -> Any:
    """On 28×28 pictures it has 100 + 196,100 + 1,010 = 197,210 parameters."""
    parts: dict[str, nn.Module] = {
        "conv": nn.Conv2d(1, filters, 3, padding="same"), "relu1": nn.ReLU(), "pool": nn.MaxPool2d(2),
        "flatten": nn.Flatten(), "hidden": nn.Linear(filters * (size // 2) ** 2, hidden), "relu2": nn.ReLU(),
    }  # fmt: skip
    parts |= {"dropout": nn.Dropout(dropout)} if dropout else {}
    return started(nn.Sequential(parts | {"scores": nn.Linear(hidden, 10)}), init)


def train_lenet(
    run: Run, epochs: int = 30, lr: float = 0.003, batch_size: int = 32, optimizer: Optimizer = "adam",
    init: Init = "he", width: float = 1.0, dropout: float = 0.2, data: Data = "digits", seed: int = 0,
) -> None:  # fmt: skip
    """Two rounds of 5×5 convolution and pooling, then the head; `width` makes the head wider or narrower.

    So many weights learn 1,437 digits by heart; dropout before the head and in it is what brings 98 % on others.
    """
    sets = pictures(data, seed)
    model = lenet(sets[0].arrays[0].shape[-1], width, dropout, init)
    learn(run, model, sets, epochs, lr, batch_size, optimizer, seed)
    report(run, model, sets, PROMISED[data])
    run.figures["filters"] = lambda: figure(model[0], sets[1].arrays[0][0])


def lenet(size: int, width: float, dropout: float, init: Init) -> Any:
    """6 and 16 kernels of 5×5, each padded, with relu and pooling; then 400-120-80-26 units and ten scores.

    Padding keeps 8×8 digits large enough for two rounds of pooling. (After LeCun et al. 1998.)
    """
    parts: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(1, 6, 5, padding=2), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6, 16, 5, padding=2), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2), "flatten": nn.Flatten(),
    }  # fmt: skip
    inputs = 16 * (size // 4) ** 2
    for k, full in enumerate((400, 120, 80, 26), start=1):
        units = max(1, round(full * width))
        parts |= {f"dropout{k}": nn.Dropout(dropout)} if dropout and k < 3 else {}
        parts |= {f"head{k}": nn.Linear(inputs, units), f"relu{k + 2}": nn.ReLU()}
        inputs = units
    return started(nn.Sequential(parts | {"scores": nn.Linear(inputs, 10)}), init)


def figure(conv: Any, picture: Any) -> Any:
    """The first layer's kernels, and the maps that they make of a picture."""
    from microgradx import plots

    with no_grad():
        maps = conv(Tensor(picture[None], False)).data[0]
    return plots.filters(conv.weight.data, picture[0], np.maximum(maps, 0))


def one_step(sample: int = 0, seed: int = 0) -> Program:
    """Two kernels and six hidden units, on one picture."""
    manual_seed(seed)
    return step_of(network(8, 2, 6, 0.0, "he"), cross_entropy, *pictures("digits", seed)[0][sample : sample + 1])


def one_lenet_step(sample: int = 0, seed: int = 0) -> Program:
    """LeNet with a narrow head, on one picture."""
    manual_seed(seed)
    return step_of(lenet(8, 0.05, 0.0, "he"), cross_entropy, *pictures("digits", seed)[0][sample : sample + 1])


CNN = TrainingProgram(
    "cnn", "8×8 handwritten digits by ten 3×3 kernels", "98 % of the held-out digits right", train,
    view=Example("cnn", "a digit through two kernels and six units: one step", one_step, "tensor"),
)  # fmt: skip
LENET = TrainingProgram(
    "lenet", "8×8 handwritten digits by LeNet", "98 % of the held-out digits right", train_lenet,
    view=Example("lenet", "a digit through LeNet with a narrow head: one step", one_lenet_step, "tensor"),
)  # fmt: skip
