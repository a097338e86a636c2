"""Saving and resuming: bit for bit, also in the middle of an epoch; damaged and foreign files."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import data, nn, training
from microgradx.data import MissingExtraError
from microgradx.optim import lr_scheduler as lrs
from microgradx.programs import PROGRAMS, Run
from microgradx.training import Checkpoint, CheckpointError
from tests.training.models import Noisy, Training, same


@pytest.fixture(params=[".npz", ".safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == ".safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"run{request.param}"


ROOT = Path(__file__).resolve().parents[2]


class StopAt(training.Callback):
    """What Ctrl-C does, at a chosen batch."""

    def __init__(self, epoch: int, batch: int) -> None:
        self.at = epoch, batch

    def on_batch(self, run: training.Run) -> None:
        if (run.epoch, run.batch) == self.at:
            run.stop = "interrupted"


@pytest.mark.parametrize("optimizer", ["SGD", "Adagrad", "RMSprop", "Adadelta", "AdamW", "Adamax", "NAdam", "RAdam"])
def test_a_resumed_training_is_the_uninterrupted_one(path: Path, optimizer: str) -> None:
    options = dict(momentum=0.9) if optimizer == "SGD" else {}
    straight, first, second = (Training(optimizer, **options) for _ in range(3))
    whole = straight.fit(4, Checkpoint(path.with_stem("other")))
    half = Training(optimizer, **options)
    half.fit(2, Checkpoint(path))
    history = second.fit(4, Checkpoint(path, resume=True))
    assert same(straight, second)
    assert not same(straight, first)
    assert history.rows == whole.rows


@pytest.mark.parametrize(("epoch", "batch"), [(0, 1), (1, 3), (2, 7)])  # an epoch has 7 batches
def test_also_in_the_middle_of_an_epoch(path: Path, epoch: int, batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    straight = Training()
    whole = straight.fit(4, StopAt(9, 9), Checkpoint(path.with_stem("other")))
    history = Training().fit(4, StopAt(epoch, batch), Checkpoint(path))
    assert history.stopped == "interrupted"
    assert len(history) == epoch
    assert f'Checkpoint("{path}", resume=True)' in capsys.readouterr().err
    resumed = Training()
    after = resumed.fit(4, StopAt(9, 9), Checkpoint(path, resume=True))
    assert same(straight, resumed)
    assert after.rows == whole.rows
    assert after.stopped == ""


SCHEDULES: dict[str, Any] = {
    "StepLR": lambda o: lrs.StepLR(o, 5), "MultiStepLR": lambda o: lrs.MultiStepLR(o, [4, 9, 15], 0.5),
    "ExponentialLR": lambda o: lrs.ExponentialLR(o, 0.9), "ConstantLR": lambda o: lrs.ConstantLR(o, 0.5, 12),
    "LinearLR": lambda o: lrs.LinearLR(o, 0.1, total_iters=15), "PolynomialLR": lambda o: lrs.PolynomialLR(o, 25, 2.0),
    "CosineAnnealingWarmRestarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, 4, 2),
    "OneCycleLR": lambda o: lrs.OneCycleLR(o, 0.1, total_steps=28),
    "LambdaLR": lambda o: lrs.LambdaLR(o, lambda t: 1 / (1 + t)),
    "ChainedScheduler": lambda o: lrs.ChainedScheduler([lrs.ConstantLR(o, 0.5, 12), lrs.ExponentialLR(o, 0.9)]),
    "SequentialLR": lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o), lrs.CosineAnnealingLR(o, 9)], [8]),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_with_every_schedule(tmp_path: Path, name: str) -> None:
    def begun() -> Training:
        made = Training()
        made.schedule = training.Schedule(SCHEDULES[name](made.optimizer), every="batch")
        return made

    path, straight = tmp_path / "run.npz", begun()
    whole = straight.fit(4, StopAt(9, 9), Checkpoint(path.with_stem("other")))
    begun().fit(4, StopAt(1, 5), Checkpoint(path))
    resumed = begun()
    assert resumed.fit(4, StopAt(9, 9), Checkpoint(path, resume=True)).rows == whole.rows
    assert same(straight, resumed)
    assert resumed.optimizer.param_groups[0]["lr"] == straight.optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("batch", [3, 7, 8, 12, 14])  # in the first repetition, at its end, in the second, at its end
def test_also_in_the_middle_of_an_epoch_that_goes_over_the_data_twice(path: Path, batch: int) -> None:
    straight, resumed = Training(repeat=2), Training(repeat=2)
    whole = straight.fit(3, StopAt(9, 9), Checkpoint(path.with_stem("other")))
    Training(repeat=2).fit(3, StopAt(1, batch), Checkpoint(path))
    after = resumed.fit(3, StopAt(9, 9), Checkpoint(path, resume=True))
    assert same(straight, resumed)
    assert after.rows == whole.rows


def test_ctrl_c_finishes_the_batch_and_saves(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    code = "import sys; from tests.training.models import interrupted_run; interrupted_run(sys.argv[1])"
    command = [sys.executable, "-c", code, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Stopped after epoch 1, batch 3 of the next" in errors
    assert training.load(path)["progress"]["batch"] == 3


def test_every_so_many_epochs_and_at_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    monkeypatch.setattr(Checkpoint, "_save", lambda self, run: kept.append(run.epoch))
    Training().fit(5, Checkpoint(path, every=2))
    assert kept == [2, 4, 5]


def test_a_program_of_many_short_epochs_does_not_spend_its_time_on_writing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(Checkpoint, "_save", lambda self, run: kept.append(run.epoch))
    PROGRAMS["neuron"].run(Run(save=path), epochs=250)
    assert len(kept) == 125 and kept[-1] == 250


def test_how_often_and_where_are_checked(path: Path) -> None:
    with pytest.raises(CheckpointError, match="every"):
        Checkpoint(path, every=0)
    with pytest.raises(CheckpointError, match=r"\.safetensors or \.npz"):
        Checkpoint("run.pickle")


def test_what_is_saved_is_loaded(path: Path) -> None:
    state: dict[str, Any] = {
        "numbers": [1, 2.5, 2**100, float("inf"), True, None, "text"],
        "arrays": [np.array(1.5, "float32"), np.arange(6).reshape(2, 3).T, np.zeros((0, 2)), np.array([True])],
        "scalar": np.float32(0.1),
        "empty": {},
    }
    training.save(path, state)
    loaded = training.load(path)
    assert loaded["numbers"] == state["numbers"]
    assert loaded["empty"] == {}
    assert loaded["scalar"].dtype == np.float32
    for a, b in zip(loaded["arrays"], state["arrays"], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert (a == b).all()
    with pytest.raises(CheckpointError, match="only numbers"):
        training.save(path, {"f": print})
    with pytest.raises(CheckpointError, match="object"):
        training.save(path, {"a": np.array([{}], object)})
    assert training.load(path)["empty"] == {}  # the failed writes left it whole


def test_a_models_weights_are_stored_under_their_own_names(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    training.save(tmp_path / "model.safetensors", model.state_dict())
    arrays = library.load_file(tmp_path / "model.safetensors")
    assert arrays.keys() == model.state_dict().keys()
    library.save_file(arrays, tmp_path / "foreign.safetensors")
    np.savez(tmp_path / "foreign.npz", **arrays)
    for name in ("model.safetensors", "foreign.safetensors", "foreign.npz"):
        other = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        other.load_state_dict(training.load(tmp_path / name))
        assert (other[0].weight.data == model[0].weight.data).all()


def test_truncated_files_are_refused(path: Path) -> None:
    training.save(path, Noisy().state_dict())
    whole = path.read_bytes()
    for size in (0, 4, 8, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=f"cannot load .*{path.name}"):
            training.load(path)
    path.write_bytes(b"something else entirely, of no format at all")
    with pytest.raises(CheckpointError, match="cannot load"):
        training.load(path)
    with pytest.raises(CheckpointError, match=r"missing[.]\w+: No such file or directory[.]$"):  # it is not cut off
        training.load(path.with_stem("missing"))
    with pytest.raises(CheckpointError, match=r"^\S+model.pt: the name must end in .safetensors or .npz.$"):
        training.load(path.with_name("model.pt"))


def test_changed_files_are_refused(path: Path) -> None:
    training.save(path, {"weights": np.zeros(100), "note": "text"})
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        changed = whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :]
        path.write_bytes(changed)
        try:
            loaded = training.load(path)
        except CheckpointError:
            continue
        assert path.suffix == ".npz", at  # a zip holds bytes that do not matter, such as dates
        assert loaded["note"] == "text"
        assert (loaded["weights"] == 0).all()


def test_another_models_checkpoint_is_refused_with_its_names(path: Path) -> None:
    Training().fit(1, Checkpoint(path))
    other = Training()
    other.model.body = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 2))
    with pytest.raises(nn.StateError) as caught:
        other.fit(2, Checkpoint(path, resume=True))
    message = str(caught.value)
    assert "unexpected: body.1.running_mean" in message
    assert "shapes: body.0.weight is (8, 2), not (5, 2)" in message
    with pytest.raises(CheckpointError, match=r"had 2 callbacks.*this one has 3"):
        Training().fit(2, training.ClipGradients(norm=1.0), Checkpoint(path, resume=True))
    training.save(path, Noisy().state_dict())
    with pytest.raises(CheckpointError, match="no training to go on with"):
        Training().fit(2, Checkpoint(path, resume=True))


def test_a_training_set_up_otherwise_is_told_what_differs(path: Path) -> None:
    Training().fit(1, Checkpoint(path, setup={"width": 8, "program": "moons"}))
    saved = path.read_bytes()
    other = Training("AdamW")
    other.loader = data.DataLoader(data.moons(40, seed=1), batch_size=5, shuffle=True, seed=2)
    told = "training training, samples 50, optimizer Adam, batch_size 8, width 8, and this one has "
    told += "training other, samples 40, optimizer AdamW, batch_size 5, width 9"
    with pytest.raises(CheckpointError, match=told):
        other.fit(2, Checkpoint(path, resume=True, setup={"width": 9, "program": "moons"}), name="other")
    assert path.read_bytes() == saved
    assert len(Training().fit(2, Checkpoint(path, resume=True, setup={"width": 8}))) == 2


def test_what_only_watches_may_come_and_go(path: Path, tmp_path: Path) -> None:
    straight, resumed = Training(), Training()
    straight.fit(3)
    Training().fit(2, training.Progress(), Checkpoint(path))
    resumed.fit(3, Checkpoint(path, resume=True))
    assert same(straight, resumed)


def test_resume_without_a_file_starts_afresh(path: Path) -> None:
    assert len(Training().fit(1, Checkpoint(path, resume=True))) == 1


def test_without_safetensors_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingExtraError, match=r"microgradx\[train\].*npz"):
        training.save(tmp_path / "a.safetensors", {})
