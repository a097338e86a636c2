"""MNIST and Fashion-MNIST by their own names: the networks of the digits, on 28×28 pictures from files."""

from collections.abc import Callable
from typing import Any, Literal

from microgradx.programs import cnn, digits_mlp
from microgradx.programs.pictures import Data
from microgradx.programs.registry import Optimizer, TrainingProgram
from microgradx.programs.run import Run
from microgradx.programs.starts import Init

Model = Literal["cnn", "mlp", "lenet"]
TRAININGS: dict[Model, Any] = {"cnn": cnn.train, "mlp": digits_mlp.train, "lenet": cnn.train_lenet}


def training(data: Data) -> Callable[..., None]:
    """The `train` function for these pictures."""

    def train(
        run: Run, epochs: int = 5, lr: float = 0.003, batch_size: int = 128, optimizer: Optimizer = "adam",
        init: Init = "he", model: Model = "cnn", dropout: float = 0.2, samples: int = 0,
        choosing: bool = False, seed: int = 0,
    ) -> None:  # fmt: skip
        """`samples` is how many pictures to learn from; 0 for all 60,000."""
        TRAININGS[model](
            run, epochs, lr, batch_size, optimizer, init, dropout=dropout, data=data, samples=samples,
            choosing=choosing, seed=seed,
        )  # fmt: skip

    return train


MNIST = TrainingProgram(
    "mnist",
    "28×28 handwritten digits, once their files are there",
    "97 % of the test pictures right",
    training("mnist"),
)
FASHION_MNIST = TrainingProgram(
    "fashion-mnist", "28×28 photographs of clothes, once their files are there", "87 % of the test pictures right",
    training("fashion-mnist"),
)  # fmt: skip
