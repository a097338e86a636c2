"""Every program's step is traced, drawn and compiled; traced and drawn as layers, as tensors and as numbers."""

import contextlib
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest

import microgradx
from microgradx.examples import EXAMPLES
from microgradx.graph import MicrogradxError
from microgradx.programs import PROGRAMS, WITH_FILES
from microgradx.programs.remember import LSTM_REMEMBER
from tests.cli.run import run, shown

ALL = PROGRAMS | WITH_FILES
SCHEMA = json.loads((Path(microgradx.__file__).parent / "explain" / "trace.schema.json").read_text("utf-8"))


LEVELS = ("layer", "tensor", "scalar")


@pytest.mark.parametrize("name", ALL)
def test_a_step_is_traced_at_every_level(name: str) -> None:
    losses = set()
    for level in LEVELS:
        assert "Gradients" in shown("trace", name, "--level", level)
        document = json.loads(shown("trace", name, "--level", level, "--json"))
        jsonschema.validate(document, SCHEMA)
        assert document["backward"]
        if name in EXAMPLES:  # the smaller example of that name, which may be another program at each level
            continue
        if level == "layer":
            assert all(layer["gradient"] is None or layer["gradient"] > 1e-3 for layer in document["layers"])
        if "zoomed out of" not in document["title"]:
            losses.add(round(document["loss"], 9))
    assert len(losses) == (name not in EXAMPLES), "one step, whatever the level"


@pytest.mark.parametrize("name", ALL)
def test_a_step_is_drawn_at_every_level(name: str) -> None:
    for level in LEVELS:
        written = run("graph", name, "--level", level, "--engine", "wasi", "-o", f"{level}.svg")
        assert "written" in written.stderr
        assert "<svg" in Path(f"{level}.svg").read_text("utf-8")


@pytest.mark.parametrize("name", ALL)
def test_a_step_compiles_to_a_program_with_the_same_loss(name: str) -> None:
    one = ["--sample", "3"] if name == "xor" else []  # without it, the program is about all four rows
    source = shown("compile", name, "--steps", "20", *one)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, name, "exec"), {"__name__": "__main__"})  # what the command printed
    first, *_, last = (float(re.split(r"\s+", line)[-1]) for line in printed.getvalue().splitlines())
    assert first == pytest.approx(json.loads(shown("trace", name, "--json", *one))["loss"], rel=1e-6)
    assert last == pytest.approx(first) if name == "xor-zero" else last < first


def test_the_layers_of_a_recurrent_layer_are_its_time_steps() -> None:
    document = json.loads(shown("trace", "lstm-remember", "--level", "layer", "--zoom", "recurrent.layer0", "--json"))
    names = [layer["name"].rpartition(".")[2] for layer in document["layers"]]
    assert names == [f"t{k}" for k in range(4)]
    norms = [layer["gradient"] for layer in document["layers"]]
    assert norms == sorted(norms), "the further back, the less arrives"


def test_a_view_takes_other_cells() -> None:
    assert LSTM_REMEMBER.view is not None
    assert LSTM_REMEMBER.view.choices("cell") == ("lstm", "rnn")


@pytest.mark.parametrize("name", [n for n, each in ALL.items() if each.view and "sample" in each.view.options])
@pytest.mark.parametrize("sample", [-1, 99_999])
def test_a_sample_that_is_not_there_is_refused(name: str, sample: int) -> None:
    view = ALL[name].view
    assert view
    with pytest.raises(MicrogradxError, match=f"sample is .*, not {sample}"):
        view.program(sample=sample)
