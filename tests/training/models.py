"""A small training with everything in it that has a state: dropout, running statistics, momentum, a schedule."""

import time
from typing import Any

import numpy as np

import microgradx as mx
from microgradx import data, nn, optim, training


class Noisy(nn.Module):
    """A network with a random generator of its own besides dropout's."""

    def __init__(self) -> None:
        self.generator = mx.Generator(5)
        self.body = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2)
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        if self.training:
            x = x + self.generator.normal(0.0, 0.1, x.shape)
        return self.body(x)


class Training:
    """Everything that `fit` takes, built anew from the same seed."""

    def __init__(self, optimizer: str = "Adam", repeat: int = 1, **options: Any) -> None:
        mx.manual_seed(1)
        self.model = Noisy()
        self.optimizer = getattr(optim, optimizer)(self.model.parameters(), lr=0.05, **options)
        self.loader = data.DataLoader(data.moons(50, seed=1), batch_size=8, shuffle=True, seed=2, repeat=repeat)
        self.schedule = training.Schedule(optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 20), every="batch")
        self.stopping = training.EarlyStopping(patience=100)

    def fit(self, epochs: int, *callbacks: training.Callback, name: str = "training") -> training.History:
        """Train, measuring on other moons."""
        return training.fit(
            self.model, nn.CrossEntropyLoss(), self.optimizer, self.loader, epochs, data.moons(30, seed=9),
            [*callbacks, self.schedule, self.stopping], {"accuracy": training.accuracy}, name=name,
        )  # fmt: skip

    def numbers(self) -> list[np.ndarray[Any, Any]]:
        """All that training changed in model and optimizer."""
        remembered = [each for s in self.optimizer.state_dict()["state"].values() for each in s.values()]
        return [*self.model.state_dict().values(), *map(np.asarray, remembered)]


def same(one: Training, other: Training) -> bool:
    """Bit for bit."""
    pairs = zip(one.numbers(), other.numbers(), strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def interrupted_run(path: str) -> None:
    """For a process of its own: train for long, and say when it has begun."""

    class Say(training.Callback):
        def on_batch(self, run: training.Run) -> None:
            if (run.epoch, run.batch) == (1, 3):
                print("begun", flush=True)
                time.sleep(1)

    Training().fit(10_000, Say(), training.Checkpoint(path))
