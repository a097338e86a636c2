"""Every program's own step is traced, drawn and compiled, at every level, with its options, samples and weights."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import microgradx
from microgradx.examples import EXAMPLES
from microgradx.graph import MicrogradxError
from microgradx.programs import PROGRAMS, WITH_FILES, Run
from microgradx.programs.views import step
from tests.cli.run import refusal, run, shown

ALL = PROGRAMS | WITH_FILES
OWN = [name for name in ALL if name not in EXAMPLES]  # for the others an example of that name is shown
LEVELS = ("layer", "tensor", "scalar")
SCHEMA = json.loads((Path(microgradx.__file__).parent / "explain" / "trace.schema.json").read_text("utf-8"))
FEWER = {"lstm-remember": ("--steps", "6")}  # of 80 steps there are 2,000 results
pytestmark = pytest.mark.usefixtures("files")


def traced(*words: str) -> Any:
    text = shown("trace", *words, "--json")
    document = json.loads(text)
    if len(text) < 300_000:  # validating millions of numbers takes minutes
        jsonschema.validate(document, SCHEMA)
    return document


@pytest.mark.parametrize("name", ALL)
def test_a_step_is_traced_at_every_level(name: str) -> None:
    losses = set()
    for level in LEVELS:
        document = traced(name, "--level", level, *FEWER.get(name, ()))
        assert document["backward"]
        if "zoomed out of" not in document["title"]:
            losses.add(round(document["loss"], 9))
    assert name in EXAMPLES or len(losses) == 1, "one step, whatever the level"


@pytest.mark.parametrize("name", ALL)
def test_a_step_is_drawn_at_every_level(name: str) -> None:
    for level in LEVELS:
        written = run("graph", name, "--level", level, "--engine", "wasi", "-o", f"{level}.svg", *FEWER.get(name, ()))
        assert "written" in written.stderr
        assert "<svg" in Path(f"{level}.svg").read_text("utf-8")


@pytest.mark.parametrize("name", ALL)
def test_a_step_compiles_to_a_program_with_the_same_loss(name: str) -> None:
    one = ("--sample", "3" if name == "xor" else "0")
    one = (*(() if name in EXAMPLES and name != "xor" else one), *FEWER.get(name, ()))
    assert run("compile", name, "--updates", "20", "--lr", "0.01", *one, "-o", "step.py").exit_code == 0
    printed = subprocess.run([sys.executable, "step.py"], capture_output=True, text=True, check=True).stdout
    first, *_, last = (float(re.split(r"\s+", line)[-1]) for line in printed.splitlines())
    assert first == pytest.approx(traced(name, *one)["loss"], rel=1e-6)
    assert last == pytest.approx(first) if name == "xor-zero" else last < first


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name.endswith("-regression")])
def test_a_regression_compiled_with_its_own_learning_rate_arrives(name: str) -> None:
    assert run("compile", name, "--updates", "300", "-o", "step.py").exit_code == 0
    printed = subprocess.run([sys.executable, "step.py"], capture_output=True, text=True, check=True).stdout
    first, *_, last = (float(line.split()[-1]) for line in printed.splitlines())
    assert last < first  # and is no nan


@pytest.mark.parametrize("target", ["numpy", "jax", "torch"])
def test_large_arrays_stand_beside_a_program_that_is_to_be_read(target: str) -> None:
    assert "written" in run("compile", "cnn", "--target", target, "-o", "cnn.py").stderr
    assert len(Path("cnn.py").read_text("utf-8")) < 20_000
    assert {"hidden_weight", "X"} <= set(np.load("cnn.npz")) and "scores_bias" not in np.load("cnn.npz")
    run("compile", "xor", "--target", target, "-o", "xor.py")
    assert Path("xor.py").exists() and not Path("xor.npz").exists()


@pytest.mark.parametrize("name", ALL)
def test_a_step_that_runs_again_gives_the_same_loss(name: str) -> None:
    """As after a gradient step of the trace: nothing is remembered, as a language model would its state."""
    shown_first = step(ALL[name], sample=0, part=_first_part(name))
    losses = [shown_first.function(**shown_first.arguments).item() for _ in range(2)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", ALL)
def test_what_is_shown_is_what_is_trained(name: str) -> None:
    """The weights at the start, the loss and the data are those that the training itself begins with."""
    begun: dict[str, Any] = {}

    class Beginning(Run):
        def fit(
            self, model: Any, loss: Any, optimizer: Any, data: Any, epochs: int, part: str = "training", **_: Any
        ) -> Any:  # type: ignore[override]  # stops there
            begun.update(weights=model.state_dict(), data=data.dataset.arrays)
            raise KeyboardInterrupt

    shown_first = step(ALL[name], sample=0, part=_first_part(name))
    with pytest.raises(KeyboardInterrupt):
        ALL[name].run(Beginning())
    weights = {key.replace(".", "_"): array for key, array in begun["weights"].items()}
    for key in shown_first.parameters:
        assert np.array_equal(shown_first.arguments[key].data, weights[key])
    X, t = begun["data"]
    assert np.array_equal(shown_first.arguments["X"].data, X[:1]) and np.array_equal(
        shown_first.arguments["t"].data, t[:1]
    )


def _first_part(name: str) -> str | None:
    return {"gates": "and", "linear-regression": "w at 0.01 by 3", "digit-or-not": "one unit"}.get(
        name, "rnn" if name in ("char-rnn", "word-rnn", "lstm-remember") else None
    )


@pytest.mark.parametrize(("name", "part", "words"), [
    ("gates", "or", []), ("cnn", "training", ["--epochs=1", "--filters=3"]),
    ("xor", "training", ["--seed=3", "--init=normal"]),
    ("char-rnn", "training", ["--cell=gru", "--epochs=2"]), ("digit-or-not", "two layers", ["--epochs=2"]),
    ("digits-mlp", "training", ["--epochs=1", "--dtype=float32", "--batch-norm", "--hidden=20"]),
])  # fmt: skip
def test_trained_weights_are_those_of_train_and_of_its_file(name: str, part: str, words: list[str]) -> None:
    assert run("train", name, *words, "--quiet", "--save", "kept.npz").exit_code == 0
    file = "kept.npz" if part == "training" else f"kept-{part.replace(' ', '-')}.npz"
    trained, kept = traced(name, *words, "--weights", "trained"), traced(name, "--resume", file)
    fresh = traced(name, *(word for word in words if "epochs" not in word), "--weights", "random")
    assert trained["loss"] == kept["loss"] != fresh["loss"]
    assert any("trained" in note for note in trained["notes"]) and any("trained" in note for note in kept["notes"])
    before = Path(file).read_bytes()
    assert run("graph", name, "--resume", file).exit_code == 0
    assert Path(file).read_bytes() == before, "it is only read"


def test_a_program_s_own_options_change_what_is_shown() -> None:
    layers = {layer["name"]: layer for layer in traced("cnn", "--filters", "4", "--hidden=30")["layers"]}
    assert layers["conv"]["shape"] == [1, 4, 8, 8] and layers["hidden"]["shape"] == [1, 30]
    assert [layer["name"] for layer in traced("--activation", "tanh", "digits-mlp")["layers"]].count("tanh1") == 1
    assert traced("cnn", "--sample", "1")["loss"] != traced("cnn", "--sample", "2")["loss"]
    assert traced("mnist", "--model", "mlp")["layers"][1]["name"] == "hidden1"
    document = traced("char-rnn", "--text", "topics", "--steps", "3", "--sample", "2")
    assert document["loss"] > 3 and any("memory is empty" in note for note in document["notes"])
    assert traced("xor", "--init", "zero", "--level", "tensor")["loss"] == pytest.approx(np.log(2))


def test_what_is_large_is_shown_by_layers_unless_asked_otherwise() -> None:
    assert traced("cnn")["layers"] and traced("char-rnn")["layers"]
    assert not traced("gates").get("layers") and not traced("cnn", "--level", "tensor").get("layers")
    text = shown("trace", "cnn", "--level", "tensor")
    assert "min" in text and max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize(("zoom", "entering"), [("hidden[0,3]", 160), ("conv[0,2,3,4]", 9)])
def test_one_element_of_a_layer_is_its_scalar_graph_from_what_enters(zoom: str, entering: int) -> None:
    document = traced("cnn", "--zoom", zoom)
    whole = step(PROGRAMS["cnn"], sample=0)
    layer, at = zoom.split("[")[0], tuple(map(int, zoom.split("[")[1][:-1].split(",")))
    X, w, b = (whole.arguments[key] for key in ("X", f"{layer}_weight", f"{layer}_bias"))
    if layer == "conv":
        assert document["loss"] == pytest.approx(microgradx.conv2d(X, w, padding=1).data[at] + b.data[at[1]])
    assert sum(row["name"].startswith(f"{layer}_weight[") and not row["op"] for row in document["forward"]) == entering


def test_one_number_of_a_layer_has_no_gradient_step_and_its_weights_are_not_called_no_parameters() -> None:
    text = shown("trace", "cnn", "--zoom", "conv[0,2,3,4]")
    assert "conv[0,2,3,4] was traced without parameters of one" in text
    assert "after a step" not in text and "not a parameter" not in text


def test_a_recurrent_layer_too_large_for_a_scalar_graph_names_a_part_that_is_not() -> None:
    sequence = "trace", "lstm-remember", "--steps", "5", "--zoom"
    refused = run(*sequence, "recurrent[0,3,2]")
    part = re.findall(r'--zoom "(.+?)"', refused.stderr)
    assert refused.exit_code == 2 and [name.split(".")[:3] for name in part] == [["recurrent", "layer0", "t4"]]
    assert "σ(" in shown(*sequence, *part) or "sigmoid(" in shown(*sequence, *part)


def test_the_layers_of_a_recurrent_layer_are_its_time_steps() -> None:
    zoomed = ("--level", "layer", "--zoom", "recurrent.layer0")
    document = traced("lstm-remember", "--steps", "4", *zoomed)
    names = [layer["name"].rpartition(".")[2] for layer in document["layers"]]
    assert names == [f"t{k}" for k in range(4)]
    norms = [layer["gradient"] for layer in document["layers"]]
    assert norms == sorted(norms), "the further back, the less arrives"


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("sample", [-1, 99_999])
def test_a_sample_that_is_not_there_is_refused(name: str, sample: int) -> None:
    with pytest.raises(MicrogradxError, match=f"sample is .*, not {sample}"):
        step(ALL[name], sample=sample)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cnn", "--kernels", "4"), "cnn takes no option kernels"),
        (("cnn", "--filters", "0"), "filters is above 0, not 0"),
        (("cnn", "--weights", "hand"), "cnn starts from random weights; --weights trained"),
        (("cnn", "--resume", "no.npz"), "--resume no.npz: there is no such file; train --save FILE makes one"),
        (("gates", "--part", "nand"), "gates has no training called nand. Did you mean and"),
        (("gates", "--resume", "x.npz", "--epochs", "3"), "leave out --weights and --epochs"),
        (("lstm-cell", "--part", "x"), "lstm-cell takes no option part"),
        (("sigmoid(x)", "--filters", "3", "--at", "x=1"), "No such option: --filters"),
    ],
)
def test_a_mistake_is_told(words: tuple[str, ...], told: str) -> None:
    assert told in refusal("trace", *words)


def test_a_file_of_another_training_is_refused() -> None:
    assert run("train", "gates", "--epochs=2", "--quiet", "--save", "kept.npz").exit_code == 0
    assert "there are kept-and.npz, kept-or.npz, kept-xor.npz: name one" in refusal(
        "trace", "gates", "--resume", "kept.npz"
    )
    assert "saved by program gates" in refusal("trace", "xor", "--resume", "kept-or.npz")
    assert "filters" in refusal("trace", "cnn", "--resume", _cnn(), "--filters", "5")


def _cnn() -> str:
    assert run("train", "cnn", "--epochs=1", "--filters=2", "--quiet", "--save", "cnn.npz").exit_code == 0
    return "cnn.npz"
