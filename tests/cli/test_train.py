"""`microgradx train`: report, JSON, plot, events, and what a person is told who asks wrongly."""

import json
from pathlib import Path

import pytest

from tests.cli.run import refusal, run, shown


def test_without_a_name_the_programs_are_listed() -> None:
    listed = shown("train")
    assert "gates" in listed and "--epochs 300" in listed


def test_the_report_ends_with_the_promise() -> None:
    report = shown("train", "gates", "--quiet")
    assert "loss ln 2 = 0.6931" in report
    assert report.rstrip().endswith(": reached")
    assert "NOT reached" in shown("train", "gates", "--quiet", "--epochs", "1")


def test_piped_progress_is_one_plain_line_per_epoch_beside_the_report() -> None:
    result = run("train", "gates", "--epochs", "3", "--json")
    assert "xor: epoch 1/3  loss 0." in result.stderr
    assert len(result.stderr.splitlines()) == 9, "three epochs of three gates"
    document = json.loads(result.stdout)
    assert document["options"]["epochs"] == 3
    assert len(document["history"]["xor"]) == 3


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_plot_is_written(suffix: str) -> None:
    run("train", "gates", "--quiet", "--plot", f"gates.{suffix}")
    assert Path(f"gates.{suffix}").stat().st_size > 5000


def test_events_are_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run("train", "gates", "--quiet", "--epochs", "2", "--tensorboard", str(tmp_path / "events"))
    assert sorted(folder.name for folder in (tmp_path / "events").iterdir()) == ["and", "or", "xor"]
    found = EventAccumulator(str(tmp_path / "events" / "xor")).Reload()
    assert len(found.Scalars("loss")) == 2
    assert {"weights/unit.weight", "biases/unit.bias", "activations/sigmoid", "gradients/unit.bias"} <= {
        *found.Tags()["histograms"]
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gate"], "Did you mean gates"),
        (["gates", "--batch-size", "2"], "takes no option batch_size"),
        (["gates", "--hidden", "2"], "takes no option hidden"),
        (["gates", "now"], "nothing is expected here"),
        (["gates", "--plot", "gates.gif"], ".png or .svg"),
        (["gates", "--save", "a.npz"], "takes no option save"),
        (["gates", "--save", "a.npz", "--resume", "b.npz"], "leave out --save"),
    ],
)
def test_a_mistake_is_one_paragraph(words: list[str], told: str) -> None:
    assert told in refusal("train", *words)


def test_a_step_can_be_traced_and_drawn() -> None:
    assert "unit_weight" in shown("trace", "gates", "--sample", "1")
    assert "digraph" in shown("graph", "gates")


def test_gradients_are_watched_layer_by_layer() -> None:
    shown_ = shown("watch-gradients", "xor-deep", "--epochs", "4", "--init", "normal")
    assert "epoch 1" in shown_ and "epoch 4" in shown_
    assert "layer4.weight" in shown_ and "learning" in shown_
    assert "vanished" in shown("watch-gradients", "xor-zero", "--epochs", "2")
    assert "loop of its own" in refusal("watch-gradients", "linear-regression")
