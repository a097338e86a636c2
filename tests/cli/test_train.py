"""`microgradx train`: report, JSON, plot, events, and what a person is told who asks wrongly."""

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import optim
from microgradx.nn import Parameter
from microgradx.programs import PROGRAMS, WITH_FILES
from microgradx.programs.options import OPTIONS
from microgradx.programs.registry import OPTIMIZERS
from microgradx.training import save
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


def test_steps_are_compiled_or_not() -> None:
    results = {
        how: run("train", "xor", "--epochs", "120", "--dtype", "float64", "--json", *how.split())
        for how in ("", "--compile", "--no-compile")
    }
    documents = {how: json.loads(result.stdout) for how, result in results.items()}
    assert {how: d["compiled_steps"]["training"] for how, d in documents.items()} == {
        "": 20, "--compile": 120, "--no-compile": 0,
    }  # fmt: skip
    assert {how: result.stderr.count("  compiled\n") for how, result in results.items()} == {
        "": 20, "--compile": 120, "--no-compile": 0,
    }  # fmt: skip
    for document in documents.values():
        assert document["numbers"] == pytest.approx(documents["--no-compile"]["numbers"], rel=1e-9)


def test_a_state_that_is_carried_on_is_compiled_too() -> None:
    both = [run("train", "char-rnn", "--epochs", "2", "--json", how) for how in ("--compile", "--no-compile")]
    assert [result.stderr.count("  compiled\n") for result in both] == [4, 0]  # two models, two epochs
    compiled, eager = (json.loads(result.stdout)["numbers"] for result in both)
    assert compiled == pytest.approx(eager, rel=1e-9)


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
        (["gates", "--hidden", "2"], "takes no option hidden"),
        (["gates", "now"], "nothing is expected here"),
        (["gates", "--plot", "gates.gif"], ".png or .svg"),
        (["gates", "--save", "a.pickle"], ".safetensors or .npz"),
        (["gates", "--resume", "missing.npz"], "no file missing-and.npz"),
        (["gates", "--tensorboard", "/dev/null"], "events into /dev/null"),
        (["gates", "--save", "a.npz", "--resume", "b.npz"], "leave out --save"),
    ],
)
def test_a_mistake_is_one_paragraph(words: list[str], told: str) -> None:
    assert told in refusal("train", *words)


@pytest.mark.parametrize("command", ["train", "watch-gradients"])
@pytest.mark.parametrize("place", ["missing/a.png", "folder.png", "a.txt"])
def test_a_plot_that_cannot_be_written_is_refused_before_the_training(
    command: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("folder.png").mkdir()
    monkeypatch.setattr("microgradx.programs.registry.TrainingProgram.run", None)
    assert place in refusal(command, "gates", "-o", place)


@pytest.mark.parametrize("command", ["train", "watch-gradients"])
def test_without_matplotlib_a_plot_is_refused_before_the_training(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microgradx.programs.registry.TrainingProgram.run", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "microgradx[plot]" in refusal(command, "gates", "-o", "a.png")


def test_the_name_of_a_figure_is_checked_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgradx.programs.registry.TrainingProgram.run", None)
    told = refusal("train", "gates", "-o", "a.png", "--figure", "nand")
    assert "--figure nand: the plots of this program are and, or, xor, loss" in told


def test_a_step_can_be_traced_and_drawn() -> None:
    assert "unit_weight" in shown("trace", "gates", "--sample", "1")
    drawn = run("graph", "gates")
    assert drawn.exit_code == 0 and "digraph" in drawn.stdout and "--part chooses another" in drawn.stderr


def test_gradients_are_watched_layer_by_layer() -> None:
    shown_ = shown("watch-gradients", "xor-deep", "--epochs", "4", "--init", "normal")
    assert "epoch 1" in shown_ and "epoch 4" in shown_
    assert "layer4.weight" in shown_ and "learning" in shown_
    for flat in (["xor-zero", "--epochs", "2"], ["linear-regression"]):  # the one stuck, the other solved
        report = shown("watch-gradients", *flat)
        assert "flat here: no layer gets a gradient" in report and "vanish" not in report
    small = "--epochs 1 --layers 8 --hidden 16 --activation sigmoid --init normal --optimizer sgd"
    deep = shown("watch-gradients", "digits-mlp", *small.split())
    assert "vanished: this layer no longer learns, while others do" in deep and "flat" not in deep
    assert "exploding" in shown("watch-gradients", "linear-regression", "--dtype", "float32")


def test_gradients_are_watched_by_time_step() -> None:
    """A plain RNN's gradient vanishes on its way back through 40 steps; over 3 steps it does not."""
    report = shown("watch-gradients", "lstm-remember", "--epochs", "1", "--steps", "40")
    rnn, lstm = report.split("lstm: epoch 1")
    steps = r"gradient by time step +1 +11 +21 +30 +40 +what it means\nrecurrent.layer0 "
    assert re.search(steps, rnn) and re.search(steps, lstm)
    assert "vanishing: step 1 gets" in rnn
    assert "the gradient reaches step 1" in lstm
    short = shown("watch-gradients", "lstm-remember", "--epochs", "1", "--steps", "3")
    assert "vanishing" not in short and re.search(r"time step +1 +2 +3 +what", short)


def test_dead_relu_units_are_counted() -> None:
    alive = shown("watch-gradients", "digits-mlp", "--epochs", "1")
    assert re.search(r"relu1 +\d+% +", alive) and "most units are dead" not in alive
    dead = shown("watch-gradients", "digits-mlp", "--epochs", "1", "--lr", "0.5")
    assert re.search(r"relu2 +\d+% +most units are dead", dead)
    assert "relu" not in shown("watch-gradients", "digits-mlp", "--epochs", "1", "--activation", "tanh")


def test_ctrl_c_finishes_the_batch_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    """A real SIGINT to a real process; the command it names goes on to what an uninterrupted training reaches."""
    script, file = Path(sys.executable).with_name("microgradx"), tmp_path / "net.npz"
    words = ["digits-mlp", "--hidden", "8", "--dropout", "0.2", "--epochs", "60", "--json"]
    command = [str(script), "train", *words, "--save", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/60")
    process.send_signal(signal.SIGINT)
    stdout, errors = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, ""), errors
    assert "Traceback" not in errors
    assert "Stopped after epoch" in errors
    again = shlex.split(errors.split("To go on: ")[1].splitlines()[0])
    assert again[:2] == ["microgradx", "train"]
    resumed, whole = (run(*each, "--quiet") for each in ([*again[1:], "--json"], ["train", *words]))
    assert json.loads(resumed.stdout)["numbers"] == json.loads(whole.stdout)["numbers"]
    assert len(json.loads(resumed.stdout)["history"]["training"]) == 60


@pytest.mark.parametrize("command", ["train", "watch-gradients"])
@pytest.mark.parametrize("name", [*PROGRAMS, *WITH_FILES])
def test_help_lists_a_programs_own_options_with_values_and_defaults(command: str, name: str) -> None:
    program = {**PROGRAMS, **WITH_FILES}[name]
    told = " ".join(shown(command, name, "--help").split(f"Options of {name}:")[1].split())
    for option, default in program.options.items():
        line = told.split(f"--{option.replace('_', '-')} ")[1].split(" --")[0]
        assert OPTIONS[option].words in line
        kind = program.accepts(option)
        assert all(str(value) in line for value in (kind if isinstance(kind, tuple) else ()))
        if default is not None:
            assert line.endswith(f"Default: {default}.")
        elif option != "model":  # of MNIST: the first that takes the other options
            assert re.search(r"Default: \S+ for [\w-]+.*\.$", line), line


def test_the_defaults_that_help_names_for_each_case_are_those_that_are_taken() -> None:
    told = shown("train", "char-rnn", "--help")
    assert "Default: 40 for hello, 6 for topics." in " ".join(told.split())
    assert len(json.loads(run("train", "char-rnn", "--quiet", "--json").stdout)["history"]["lstm"]) == 40
    assert "--hidden needs a value, as in --hidden 32" in refusal("train", "char-rnn", "--hidden")


def test_help_without_a_name_lists_the_options_of_all_programs() -> None:
    told = shown("train", "--help")
    assert all(f"--{option.replace('_', '-')} " in told for option in OPTIONS)
    taken = {option for program in [*PROGRAMS.values(), *WITH_FILES.values()] for option in program.options}
    assert taken == set(OPTIONS), "one row for each option that a program takes"


def test_a_switch_is_written_alone_or_with_its_value() -> None:
    for words, on in ((["--batch-norm"], True), (["--batch-norm", "False"], False), (["--batch-norm=true"], True)):
        result = run("train", "digits-mlp", "--epochs", "1", "--quiet", "--json", *words, "--hidden", "8")
        options = json.loads(result.stdout)["options"]
        assert (options["batch_norm"], options["hidden"], options["epochs"]) == (on, 8, 1), "as JSON's own kinds"


@pytest.mark.parametrize("command", ["train", "watch-gradients"])
def test_options_may_stand_before_the_name(command: str) -> None:
    after = run(command, "xor", "--epochs", "3", "--dtype", "float32", "--seed=4").stdout
    assert "layer1.weight" in after
    assert run(command, "--epochs", "3", "--dtype", "float32", "--seed=4", "xor").stdout == after
    assert run(command, "--dtype", "float32", "xor", "--seed", "4", "--epochs=3").stdout == after
    assert "--epochs: of which program?" in refusal(command, "--epochs", "3")
    assert "digits-mlp takes no option bath_norm" in refusal(command, "--bath-norm", "xor", "digits-mlp")
    assert "gates takes no option batch_norm" in refusal(command, "--batch-norm", "gates"), "a switch needs no value"


def test_every_optimizer_of_the_library_trains() -> None:
    for name in OPTIMIZERS:
        assert json.loads(run("train", "xor", "--optimizer", name, "--epochs=3", "--quiet", "--json").stdout)["numbers"]
    made = {type(make([Parameter(np.ones(2))], 0.1)).__name__ for make in OPTIMIZERS.values()}
    rules = {n for n, each in vars(optim).items() if isinstance(each, type) and issubclass(each, optim.Optimizer)}
    assert made == rules - {"Optimizer"}


def test_a_file_that_holds_no_training_is_named_with_what_it_holds() -> None:
    save("weights.npz", {"layer.weight": np.ones(3)})
    told = refusal("train", "xor", "--resume", "weights.npz")
    assert "weights.npz holds no training to go on with" in told and "It holds layer.weight" in told


def test_a_program_of_several_trainings_says_what_it_saved_and_whose_a_file_is() -> None:
    told = run("train", "gates", "--epochs", "1", "--quiet", "--save", "kept.npz").stderr
    assert told == "gates keeps one file for each training: kept-and.npz, kept-or.npz, kept-xor.npz.\n"
    assert run("train", "xor", "--epochs", "1", "--quiet", "--save", "x.npz").stderr == ""
    assert "x.npz was saved by xor, and gates keeps one file for each" in refusal("train", "gates", "--resume", "x.npz")


@pytest.mark.parametrize("command", ["train", "watch-gradients"])
def test_ctrl_c_without_a_file_says_that_nothing_is_kept(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("microgradx.training.loop._Training.one_epoch", broken_off)
    result = run(command, "gates")
    assert (result.exit_code, result.stdout) == (130, "")
    assert "Broken off" in result.stderr and "nothing" in result.stderr


def ctrl_c(checkpoint: object, training: Any) -> None:
    """As if a person had broken off after the first epoch."""
    training.stop = "interrupted"


def test_the_command_that_goes_on_keeps_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "microgradx.training.Checkpoint.on_epoch", lambda self, run: setattr(run, "stop", "interrupted")
    )
    words = "xor --epochs=3 --dtype=float32 --tensorboard=events --plot=a.png --figure=loss --json --quiet --no-compile"
    told = run("train", *words.split(), "--save", "kept.npz").stderr.split("To go on: ")[1]
    assert set(shlex.split(told)) == {"microgradx", "train", *words.split(), "--resume=kept.npz"}
