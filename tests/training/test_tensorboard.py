"""Events are read back with TensorBoard's own reader; and looking at a training leaves it as it was."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import manual_seed, nn, optim
from microgradx.data import DataLoader, MissingExtraError, TensorDataset
from microgradx.files import FileError
from microgradx.functional import cross_entropy
from microgradx.training import Callback, fit
from microgradx.training.looking import dead_units, look
from microgradx.training.tensorboard import TensorBoard
from tests.training.models import Training, same


def read(folder: Path) -> Any:
    """TensorBoard's own view of one training's folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0}).Reload()


def test_numbers_and_histograms_are_read_back(tmp_path: Path) -> None:
    training = Training()
    training.stopping.restore = False
    history = training.fit(3, TensorBoard(tmp_path))
    found = read(tmp_path / "training")
    assert [each.step for each in found.Scalars("loss")] == [1, 2, 3]
    for name in history:
        np.testing.assert_allclose([each.value for each in found.Scalars(name)], history[name], rtol=1e-6)
    parameters = {name for name, _ in training.model.named_parameters()}
    assert {tag.partition("/")[2] for tag in found.Tags()["histograms"] if tag.startswith("gradients/")} == parameters
    for tag in (
        "weights/body.0.weight", "biases/body.0.bias", "activations/body.2", "activation_gradients/body.2",
        "gradients/body.4.weight",
    ):  # fmt: skip
        assert [each.step for each in found.Histograms(tag)] == [1, 2, 3], tag
    weights = training.model.body[0].weight.data
    histogram = found.Histograms("weights/body.0.weight")[-1].histogram_value
    assert histogram.num == weights.size
    np.testing.assert_allclose([histogram.min, histogram.max], [weights.min(), weights.max()])
    np.testing.assert_allclose(histogram.sum, weights.sum())


def test_the_histograms_are_those_of_the_gradients(tmp_path: Path) -> None:
    """A line on one batch: ∂L/∂w is 2 · mean (w·x + b − t) · x, by hand."""
    model = nn.Sequential(nn.Linear(1, 1))
    x, t = np.array([[1.0], [2.0]]), np.array([[3.0], [-1.0]])
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    fit(model, nn.MSELoss(), optimizer, (x, t), 1, callbacks=[TensorBoard(tmp_path)], batch_size=2)
    weight, bias = model[0].weight.item(), model[0].bias.item()
    by_hand = {"0.weight": np.mean(2 * (weight * x + bias - t) * x), "0.bias": np.mean(2 * (weight * x + bias - t))}
    for name, gradient in by_hand.items():
        (event,) = read(tmp_path / "training").Histograms(f"gradients/{name}")
        np.testing.assert_allclose(event.histogram_value.sum, gradient)
    (event,) = read(tmp_path / "training").Histograms("activations/0")
    np.testing.assert_allclose(event.histogram_value.sum, np.sum(weight * x + bias))


def test_the_graph_is_the_recorded_one(tmp_path: Path) -> None:
    Training().fit(1, TensorBoard(tmp_path))
    nodes = {node.name: node for node in read(tmp_path / "training").Graph().node}
    assert all(name in nodes for node in nodes.values() for name in node.input), "every arrow comes from a node"
    assert [nodes[name].op for name in ("input", "target")] == ["Constant", "Constant"]
    weight = nodes["body/0/weight"]
    assert weight.op == "Parameter"
    assert [d.size for d in weight.attr["_output_shapes"].list.shape[0].dim] == [8, 2]
    users = [node for node in nodes.values() if "body/0/weight" in node.input]
    assert [node.name.rpartition("/")[0] for node in users] == ["body/0"]
    (end,) = set(nodes) - {name for node in nodes.values() for name in node.input}
    assert [d.size for d in nodes[end].attr["_output_shapes"].list.shape[0].dim] == [], "all leads to the loss"


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
    Training().fit(1, board, name="five, and more")
    folders = ("training", "training-2", "five-and-more")
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(folders)
    assert [len(read(tmp_path / name).Scalars("loss")) for name in folders] == [1, 1, 1]


def test_a_training_that_never_starts_leaves_no_folder(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path / "runs" / "today")
    assert list(tmp_path.iterdir()) == []
    Training().fit(1, board)
    assert (tmp_path / "runs" / "today" / "training").is_dir()


def test_without_tensorboardx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"microgradx\[tensorboard\]"):
        TensorBoard(tmp_path)


@pytest.mark.parametrize("folder", ["a file", "a file/inside", "/proc/tb"])
def test_a_place_for_no_folder_is_refused_before_the_training(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a file").write_text("")
    with pytest.raises(FileError, match=rf"into {folder}: .*choose another one"):
        TensorBoard(folder)


class _Reader(nn.Module):
    def __init__(self) -> None:
        self.recurrent = nn.RNN(2, 3, num_layers=2, batch_first=True)
        self.hidden, self.relu, self.scores = nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        y, self.last = self.recurrent(x)
        return self.scores(self.relu(self.hidden(y[:, -1])))


def test_a_look_sees_every_time_step_and_leaves_no_trace() -> None:
    manual_seed(0)
    model = _Reader()
    data = TensorDataset(np.random.default_rng(0).normal(size=(6, 5, 2)), np.arange(6) % 2)
    seen: list[Any] = []

    class Looking(Callback):
        def on_start(self, run: Any) -> None:
            before = vars(model).copy()
            seen.append(look(run))
            assert vars(model) == before and all(p.grad is None for p in model.parameters())

    fit(model, cross_entropy, optim.SGD(model.parameters(), lr=0.1), data, epochs=1, callbacks=[Looking()])
    (found,) = seen
    assert {layer: len(norms) for layer, norms in found.times.items()} == {"recurrent.layer0": 5, "recurrent.layer1": 5}
    through = found.arriving["relu"] * (found.outputs["relu"] > 0)
    np.testing.assert_allclose(found.gradients["hidden.bias"], through.sum(axis=0))


def test_a_unit_is_dead_that_gives_0_for_every_sample_of_the_training_data() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
    model[0].weight.data[:] = np.diag([1.0, 1.0, 0.0, -1.0])
    X = np.eye(4)[[0, 0, 0, 0, 1, 3]]  # unit 1 answers the fifth sample only, which is in the last batch
    before, seen = model.state_dict(), []

    class Looking(Callback):
        def on_start(self, run: Any) -> None:
            seen.append(dead_units(run))
            assert model[2].training and all(p.grad is None for p in model.parameters())

    data = DataLoader((X, np.arange(6) % 2), batch_size=4)
    fit(model, cross_entropy, optim.SGD(model.parameters(), lr=0.0), data, epochs=1, callbacks=[Looking()])
    assert seen == [{"1": 0.5}]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
