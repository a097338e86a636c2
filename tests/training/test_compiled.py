"""Compiled steps inside `fit`: the same training as an eager one, with whatever goes with it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import data, nn, optim, training
from microgradx.compiler.joint import CompileError
from microgradx.training.steps import EAGER_STEPS

RNG = np.random.default_rng(0)


class Reader(nn.Module):
    def __init__(self) -> None:
        self.recurrent = nn.LSTM(3, 4, batch_first=True)
        self.scores = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.scores(self.recurrent(x)[0][:, -1])


def layers() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)
    )  # fmt: skip


def normed() -> nn.Module:
    # Without biases: those before batch norm have no gradient but rounding errors, which Adam would blow up.
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 6, bias=False),
        nn.BatchNorm1d(6), nn.Linear(6, 3),
    )  # fmt: skip


class Twice(nn.Module):
    def __init__(self) -> None:
        self.first, self.norm, self.scores = nn.Linear(5, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.scores(self.norm(mx.tanh(self.norm(self.first(x)))))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "layers": (layers, (5,)), "convolutions": (convolutions, (1, 6, 6)), "recurrent": (Reader, (6, 3)),
    "batch norm": (normed, (1, 6, 6)), "one batch norm twice": (Twice, (5,)),
}  # fmt: skip
LABELS = RNG.integers(3, size=22)
INPUTS = {name: RNG.normal(size=(22, *shape)) for name, (_, shape) in MODELS.items()}


class Halves(training.Callback):
    """Adds up the gradients of two batches; the first weights change after the second only."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def on_backward(self, run: training.Run) -> None:
        parameters = list(run.model.parameters())
        if run.batch % 2 == 0:
            self.kept = [np.array(p.grad) for p in parameters]
            parameters[0].grad = None
            return
        for p, before in zip(parameters, self.kept, strict=True):
            p.grad = p.grad + before


class Thaw(training.Callback):
    """Puts another momentum and other weights in place between backward and step."""

    def on_backward(self, run: training.Run) -> None:
        if (run.epoch, run.batch) == (2, 1):
            run.optimizer.param_groups[0]["weight_decay"] = 0.1
            for p in run.model.parameters():
                p.data = p.data * 0.5


class Trained:
    """One training, built anew from the same seed."""

    def __init__(self, name: str, optimizer: str = "Adam") -> None:
        mx.set_default_dtype("float64")
        mx.manual_seed(4)
        self.name, self.model = name, MODELS[name][0]()
        settings = {"momentum": 0.9} if optimizer == "SGD" else {}
        self.optimizer: Any = getattr(optim, optimizer)(self.model.parameters(), lr=0.05, **settings)
        self.loader = data.DataLoader((INPUTS[name], LABELS), 8, shuffle=True, seed=1)  # 8, 8 and 6
        self.falling = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 30)

    def fit(self, how: bool | None, *callbacks: training.Callback, epochs: int = 5) -> training.History:
        mx.manual_seed(5)  # of the dropout
        schedule = training.Schedule(self.falling, every="batch")
        return training.fit(
            self.model, nn.CrossEntropyLoss(), self.optimizer, self.loader, epochs, (INPUTS[self.name], LABELS),
            [*callbacks, schedule], {"accuracy": training.accuracy}, compile=how,
        )  # fmt: skip

    def numbers(self) -> list[Any]:
        remembered = [each for s in self.optimizer.state_dict()["state"].values() for each in s.values()]
        return [
            *self.model.state_dict().values(),
            *remembered,
            *(p.grad for p in self.model.parameters() if p.grad is not None),
        ]


@pytest.fixture(autouse=True)
def usual_dtype() -> Any:
    before = mx.default_dtype()
    yield
    mx.set_default_dtype(before)


CALLBACKS: dict[str, Callable[[], list[training.Callback]]] = {
    "nothing": list,
    "clipping": lambda: [training.ClipGradients(norm=0.2), training.ClipGradients(value=0.05)],
    "early stopping": lambda: [training.EarlyStopping(patience=1, min_delta=0.1)],
    "gradients of two batches": lambda: [Halves()],
    "changes in between": lambda: [Thaw()],
}


def close(one: Trained, other: Trained) -> None:
    for a, b in zip(one.numbers(), other.numbers(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("callbacks", CALLBACKS)
@pytest.mark.parametrize("name", MODELS)
def test_compiled_is_eager(name: str, callbacks: str) -> None:
    eager, compiled = Trained(name), Trained(name)
    wanted = eager.fit(False, *CALLBACKS[callbacks]())
    found = compiled.fit(True, *CALLBACKS[callbacks]())
    close(eager, compiled)
    assert (wanted.compiled, found.compiled) == (0, 3 * len(found))
    assert found.stopped == wanted.stopped
    for name in wanted:
        assert found[name] == pytest.approx(wanted[name], rel=1e-11)


@pytest.mark.parametrize("optimizer", ["SGD", "RMSprop", "AdamW", "RAdam"])
def test_with_every_kind_of_memory(optimizer: str) -> None:
    eager, compiled = Trained("layers", optimizer), Trained("layers", optimizer)
    eager.fit(False, training.ClipGradients(norm=0.1), Halves())
    compiled.fit(True, training.ClipGradients(norm=0.1), Halves())
    close(eager, compiled)


def test_by_default_the_first_steps_are_eager() -> None:
    assert Trained("layers").fit(None, epochs=10).compiled == 0
    assert Trained("layers").fit(None, epochs=EAGER_STEPS // 3 + 5).compiled == 3 * (EAGER_STEPS // 3 + 5) - EAGER_STEPS


class Stop(training.Callback):
    only_watches = True

    def __init__(self, epoch: int, batch: int) -> None:
        self.at = epoch, batch

    def on_batch(self, run: training.Run) -> None:
        if (run.epoch, run.batch) == self.at:
            run.stop = "interrupted"


@pytest.mark.parametrize("how", [None, True])
@pytest.mark.parametrize("at", [(20, 1), (33, 1), (33, 2), (36, 1)])
def test_resumed_bit_for_bit(tmp_path: Path, how: bool | None, at: tuple[int, int]) -> None:
    path = tmp_path / "run.npz"
    clip = training.ClipGradients(norm=0.2)
    straight, resumed = Trained("layers"), Trained("layers")
    whole = straight.fit(how, clip, epochs=40)
    Trained("layers").fit(how, clip, Stop(*at), training.Checkpoint(path), epochs=38)
    after = resumed.fit(how, clip, training.Checkpoint(path, resume=True), epochs=40)
    assert all(np.array_equal(a, b) for a, b in zip(straight.numbers(), resumed.numbers(), strict=True))
    assert after.rows == whole.rows
    assert after.compiled == whole.compiled


class Loud(nn.Module):
    def __init__(self) -> None:
        self.body = nn.Linear(5, 3)
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return self.body(x)


class Counts(Loud):
    def __init__(self) -> None:
        super().__init__()
        self.counted = np.zeros(1)

    def forward(self, x: Any) -> Any:
        self.counted[0] += 1
        return self.body(x)


class Own(optim.SGD):  # type: ignore[valid-type,misc]  # a class, typed by its signature
    def step(self) -> None:
        for p in self.param_groups[0]["params"]:
            p.data = p.data - np.sign(p.grad) * 0.01


CANNOT: dict[str, tuple[Callable[[], nn.Module], Any, str]] = {
    "a plain mean of batches": (
        lambda: nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3, momentum=None)),
        optim.SGD,
        "num_batches_tracked",
    ),
    "a number that it keeps": (Loud, optim.SGD, "effect"),
    "an array that it keeps": (Counts, optim.SGD, "effect"),
    "a step of its own": (lambda: nn.Linear(5, 3), Own, "Own"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_be_compiled_runs_eagerly_and_silently(case: str) -> None:
    make, optimizer, words = CANNOT[case]
    trained = []
    for how in (False, None):
        mx.manual_seed(0)
        model = make()
        steps = optimizer(model.parameters(), lr=0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            history = training.fit(
                model, nn.CrossEntropyLoss(), steps, (INPUTS["layers"], LABELS), 60, batch_size=11, compile=how
            )
        trained.append((model, history))
    (eager, wanted), (other, history) = trained
    assert history.compiled == 0
    assert words in history.eager
    assert history.rows == wanted.rows
    for name, array in eager.state_dict().items():
        np.testing.assert_array_equal(array, other.state_dict()[name])
    assert getattr(eager, "calls", 0) == getattr(other, "calls", 0)
    np.testing.assert_array_equal(getattr(eager, "counted", 0), getattr(other, "counted", 0))
    with pytest.raises(CompileError, match=words):
        training.fit(model, nn.CrossEntropyLoss(), steps, (INPUTS["layers"], LABELS), compile=True)


def test_who_watches_the_layers_sees_every_step() -> None:
    trained, seen = Trained("layers"), []
    with nn.watching(lambda path, *_: seen.append(path)):
        trained.fit(True, epochs=1)
    assert seen.count("0") == 3 + 1  # and once when it was measured
