"""The loop: it learns, measures, stops and tells; an own loop does the same."""

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import microgradx as mx
from microgradx import data, nn, optim, training
from microgradx.training.progress import sparkline


def line(seed: int = 0) -> tuple[nn.Linear, data.TensorDataset]:
    mx.manual_seed(seed)
    return nn.Linear(1, 1), data.linear_regression(40, noise=0.01, seed=seed)


def test_it_learns_and_tells() -> None:
    model, dataset = line()
    train, held = data.train_validation_split(dataset)
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    history = training.fit(model, nn.MSELoss(), optimizer, train, 20, validation=held, batch_size=8)
    assert model.weight.item() == pytest.approx(2, abs=0.02)
    assert list(history) == ["loss", "lr", "validation_loss"]
    assert len(history) == len(history["loss"]) == 20
    assert history["loss"][-1] < history["loss"][0]
    assert history.best() >= 1
    assert "validation_loss" in history
    assert repr(history).startswith("History(20 epochs; loss 0.0")
    assert not model.training


def test_an_own_loop_takes_the_same_steps() -> None:
    model, dataset = line()
    training.fit(model, nn.MSELoss(), optim.Adam(model.parameters()), data.DataLoader(dataset, 8, seed=1), 3)
    own, _ = line()
    optimizer, loss = optim.Adam(own.parameters()), nn.MSELoss()
    for _ in range(3):
        for x, t in data.DataLoader(dataset, 8, seed=1):
            optimizer.zero_grad()
            loss(own(x), t).backward(keep="leaves")
            optimizer.step()
    assert own.weight.data == model.weight.data


def test_the_seed_decides_the_shuffling_too() -> None:
    weights = []
    for _ in range(2):
        model, dataset = line(3)
        training.fit(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), dataset, 2, batch_size=4)
        weights.append(model.weight.item())
    assert weights[0] == weights[1]


def test_means_are_over_samples_whatever_the_batches() -> None:
    model, dataset = line()
    loss = nn.MSELoss()
    whole = training.evaluate(model, loss, dataset, batch_size=40)["loss"]
    assert training.evaluate(model, loss, dataset, batch_size=7)["loss"] == pytest.approx(whole)
    history = training.fit(model, loss, optim.SGD(model.parameters(), lr=0.0), dataset, 1, batch_size=7)
    assert history["loss"] == [pytest.approx(whole)]


def test_measuring_changes_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))
    model[1].eval()
    before = model.state_dict()
    X = np.random.default_rng(0).normal(size=(10, 2))
    training.evaluate(model, nn.MSELoss(), (X, X))
    assert training.predict(model, X, batch_size=3).shape == (10, 2)
    assert [m.training for m in model.modules()] == [True, True, False]
    assert all((a == b).all() for a, b in zip(before.values(), model.state_dict().values(), strict=True))


def test_accuracy() -> None:
    scores = mx.Tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert training.accuracy(scores, mx.Tensor(np.array([1, 0, 0]))) == pytest.approx(2 / 3)
    assert training.accuracy(mx.Tensor([[0.6], [0.4]]), mx.Tensor([[1.0], [1.0]])) == 0.5
    assert training.accuracy(mx.Tensor([[0.6], [-0.4]]), mx.Tensor([[1.0], [0.0]]), threshold=0) == 1.0
    with pytest.raises(mx.OpError, match="do not go with"):
        training.accuracy(mx.Tensor([[0.6], [0.4]]), mx.Tensor([[1.0, 1.0]]))


class Made(training.Callback):
    """Puts a number of our own into the history, before others look."""

    def __init__(self, values: list[float]) -> None:
        self.values = iter(values)

    def on_epoch(self, run: training.Run) -> None:
        run.history.last["made"] = next(self.values)


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ([3.0, 2.0, 2.5, 2.5, 1.0], dict(patience=2), 4),
        ([3.0, 2.0, 2.5, 1.9, 1.0], dict(patience=2), 5),
        ([3.0, 2.0, 1.95, 1.9, 1.0], dict(patience=2, min_delta=0.5), 4),
        ([1.0, 2.0, 1.5, 1.9, 3.0], dict(patience=2, highest=True), 4),
    ],
)
def test_early_stopping(values: list[float], options: dict[str, Any], epochs: int) -> None:
    model, dataset = line()
    weights: list[float] = []

    class Note(training.Callback):
        def on_epoch(self, run: training.Run) -> None:
            weights.append(model.weight.item())

    stopping = training.EarlyStopping("made", **options)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    history = training.fit(model, nn.MSELoss(), optimizer, dataset, 5, callbacks=[Made(values), Note(), stopping])
    assert len(history) == epochs
    if epochs < 5:
        assert "made did not improve for 2 epochs" in history.stopped
        assert model.weight.item() == weights[1]


def test_early_stopping_needs_something_to_watch() -> None:
    model, dataset = line()
    with pytest.raises(mx.OpError, match="'validation_loss', but the history has loss, lr"):
        training.fit(
            model, nn.MSELoss(), optim.SGD(model.parameters()), dataset, 2, callbacks=[training.EarlyStopping()]
        )


@pytest.mark.parametrize(("every", "rates"), [("epoch", [0.8, 0.4, 0.2]), ("batch", [0.2, 0.05, 0.0125])])
def test_schedules(every: str, rates: list[float]) -> None:
    model, dataset = line()
    optimizer = optim.SGD(model.parameters(), lr=0.8)
    halving = training.Schedule(optim.lr_scheduler.ExponentialLR(optimizer, 0.5), every)
    history = training.fit(model, nn.MSELoss(), optimizer, dataset, 3, callbacks=[halving], batch_size=20)
    assert history["lr"] == pytest.approx(rates)
    with pytest.raises(mx.OpError, match='"epoch" or "batch"'):
        training.Schedule(halving.scheduler, every="step")


def test_clipped_gradients() -> None:
    model, dataset = line()
    before = model.weight.item()
    clip = training.ClipGradients(norm=1.0, value=0.001)
    training.fit(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1.0), dataset, 1, None, [clip], None, 40)
    assert abs(model.weight.item() - before) <= 0.001 + 1e-15


def test_a_loss_that_explodes_ends_the_training() -> None:
    model, dataset = line()
    with np.errstate(all="ignore"):
        history = training.fit(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e6), dataset, 100)
    assert "smaller learning rate" in history.stopped
    assert len(history) < 100


@pytest.mark.parametrize("epochs", [-1, 1.5, "3"])
def test_epochs_are_a_whole_number_from_0(epochs: Any) -> None:
    model, dataset = line()
    with pytest.raises(mx.OpError, match="fit: epochs is a whole number from 0, not"):
        training.fit(model, nn.MSELoss(), optim.SGD(model.parameters()), dataset, epochs)


def test_another_models_optimizer_is_told_of() -> None:
    (model, dataset), (other, _) = line(), line()
    with pytest.raises(mx.GradientError, match="make it from those of the model that is trained"):
        training.fit(model, nn.MSELoss(), optim.SGD(other.parameters()), dataset)


def test_a_loader_without_end_is_refused() -> None:
    model, dataset = line()
    with pytest.raises(mx.OpError, match="for ever"):
        training.fit(model, nn.MSELoss(), optim.SGD(model.parameters()), data.DataLoader(dataset, repeat=None))


def test_callbacks_see_everything_in_order() -> None:
    seen: list[str] = []

    class Spy(training.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                seen.append(name)
            return super().__getattribute__(name)

    model, dataset = line()
    training.fit(model, nn.MSELoss(), optim.SGD(model.parameters()), dataset, 1, None, [Spy()], None, 20)
    assert seen == ["on_start", *["on_backward", "on_batch"] * 2, "on_epoch", "on_end"]


def test_a_mistake_in_a_callback_still_ends_the_others() -> None:
    ended: list[bool] = []

    class Ends(training.Callback):
        def on_end(self, run: training.Run) -> None:
            ended.append(True)

    class Fails(training.Callback):
        def on_start(self, run: training.Run) -> None:
            raise RuntimeError("no")

    model, dataset = line()
    with pytest.raises(RuntimeError, match="no"):
        training.fit(model, nn.MSELoss(), optim.SGD(model.parameters()), dataset, 1, None, [Ends(), Fails(), Ends()])
    assert ended == [True]


@pytest.mark.parametrize("terminal", [False, True])
def test_progress(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    model, dataset = line()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    training.fit(model, nn.MSELoss(), optimizer, dataset, 3, callbacks=[training.Progress(console)])
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the file is a StringIO
    assert "epoch 3/3" in text
    assert "loss 0." in text
    assert ("█▁" in text) == terminal
    assert text.count("\n") == 3 or terminal


def test_sparklines() -> None:
    assert sparkline([]) == ""
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline([0, 7]) == "▁█"
    assert len(sparkline(list(range(1000)))) == 20


def test_history_of_nothing() -> None:
    history = training.History()
    assert (len(history), history.last, list(history), history["loss"]) == (0, {}, [], [])
    assert training.History([{"a": 1.0}, {"a": 3.0}]).best("a", highest=True) == 2
