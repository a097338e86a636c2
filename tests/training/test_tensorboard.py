"""Events are read back with TensorBoard's own reader where it is installed, else as the records they are."""

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import manual_seed, nn, optim
from microgradx.data import MissingExtraError, TensorDataset
from microgradx.functional import cross_entropy
from microgradx.training import Callback, fit
from microgradx.training.looking import look
from microgradx.training.tensorboard import TensorBoard
from tests.training.models import Training, same


def read(folder: Path) -> dict[str, list[Any]]:
    """The values of every tag, by step: numbers, and histograms."""
    (file,) = folder.glob("events*")
    found: dict[str, list[Any]] = {}
    for event in events(file):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value))
    return found


def events(file: Path) -> Any:
    """TensorBoard's reader; without it, records of length, check, content, check, as TensorFlow defines them."""
    try:
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    except ImportError:
        from tensorboardX.proto.event_pb2 import Event

        content, records = file.read_bytes(), []
        while content:
            (size,) = struct.unpack("<Q", content[:8])
            records.append(Event.FromString(content[12 : 12 + size]))
            content = content[12 + size + 4 :]
        return records
    return LegacyEventFileLoader(str(file)).Load()


def test_numbers_and_histograms_are_read_back(tmp_path: Path) -> None:
    training = Training()
    training.stopping.restore = False
    history = training.fit(3, TensorBoard(tmp_path))
    found = read(tmp_path / "training-1")
    assert [step for step, _ in found["loss"]] == [1, 2, 3]
    np.testing.assert_allclose([v.simple_value for _, v in found["loss"]], history["loss"], rtol=1e-6)
    for tag in (
        "weights/body.0.weight", "biases/body.0.bias", "activations/body.2", "activation_gradients/body.2",
        "gradients/body.4.weight",
    ):  # fmt: skip
        assert len(found[tag]) == 3, tag
    weights = training.model.body[0].weight.data
    histogram = found["weights/body.0.weight"][-1][1].histo
    assert histogram.num == weights.size
    np.testing.assert_allclose([histogram.min, histogram.max], [weights.min(), weights.max()])
    np.testing.assert_allclose(histogram.sum, weights.sum())


def test_a_watched_training_takes_the_same_steps(tmp_path: Path) -> None:
    watched = Training()
    first = watched.fit(3, TensorBoard(tmp_path))
    alone = Training()  # which seeds dropout anew
    second = alone.fit(3)
    assert first.rows == second.rows
    assert same(watched, alone)


def test_each_training_has_a_folder_of_its_own(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    Training().fit(1, board)
    Training().fit(1, board)
    assert [read(tmp_path / f"training-{k}")["loss"][0][0] for k in (1, 2)] == [1, 1]


def test_without_tensorboardx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"microgradx\[tensorboard\]"):
        TensorBoard(tmp_path)


class _Reader(nn.Module):
    def __init__(self) -> None:
        self.recurrent = nn.RNN(2, 3, num_layers=2, batch_first=True)
        self.hidden, self.relu, self.scores = nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        y, self.last = self.recurrent(x)
        return self.scores(self.relu(self.hidden(y[:, -1])))


def test_a_look_sees_every_time_step_and_dead_units_and_leaves_no_trace() -> None:
    manual_seed(0)
    model = _Reader()
    model.hidden.bias.data[:3] = -100  # three of four units are dead
    data = TensorDataset(np.random.default_rng(0).normal(size=(6, 5, 2)), np.arange(6) % 2)
    seen: list[Any] = []

    class Looking(Callback):
        def on_start(self, run: Any) -> None:
            before = vars(model).copy()
            seen.append(look(run))
            assert vars(model) == before and all(p.grad is None for p in model.parameters())

    fit(model, cross_entropy, optim.SGD(model.parameters(), lr=0.1), data, epochs=1, callbacks=[Looking()])
    (found,) = seen
    assert found.dead == {"relu": 0.75}
    assert {layer: len(norms) for layer, norms in found.times.items()} == {"recurrent.layer0": 5, "recurrent.layer1": 5}
    through = found.arriving["relu"] * (found.outputs["relu"] > 0)
    np.testing.assert_allclose(found.gradients["hidden.bias"], through.sum(axis=0))
