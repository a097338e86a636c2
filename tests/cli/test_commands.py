"""graph, ops, explain, examples, doctor, and the command itself."""

import json
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

from microgradx.examples import EXAMPLES
from microgradx.rules import BOOK
from microgradx_cli.targets import NAMES as TRACEABLE
from tests.cli.run import refusal, run, shown


def test_pictures_are_written_as_their_suffix_says(folder: Path) -> None:
    for name, start in (("g.svg", b"<svg"), ("g.png", b"\x89PNG"), ("g.dot", b"digraph")):
        result = run("graph", "two-paths", "-o", name, "--engine", "wasi")
        assert (result.exit_code, result.stdout) == (0, ""), result.output
        assert result.stderr.startswith(f"{name} written")
        assert (folder / name).read_bytes().startswith(start)


def test_an_animated_picture(folder: Path) -> None:
    result = run("graph", "two-paths", "--animate", "-o", "a.svg")
    assert (result.exit_code, result.stderr) == (0, "a.svg written: 4 steps.\n")
    assert (folder / "a.svg").read_text("utf-8").count('<g class="step"') == 4


def test_without_a_file_dot_text_is_printed() -> None:
    text = shown("graph", "xor")
    assert text.startswith("digraph")
    assert "0.5541" in text
    assert "grad" in text


def test_a_picture_without_gradients() -> None:
    text = shown("graph", "two-paths", "--no-grad")
    assert "54" in text, "the value of L"
    assert "36" not in text
    assert shown("graph", "net.py:vector", "--no-grad", "--at", "x=[1, 2]").startswith("digraph")


def test_options_of_a_picture_that_would_change_nothing_are_refused() -> None:
    assert "each layer is one box" in refusal("graph", "cnn", "--level", "layer", "--max-nodes", "5")
    assert "leave out --level and --zoom" in refusal("graph", "xor", "--no-grad", "--zoom", "y")


@pytest.mark.parametrize(
    "target",
    [
        ("xor", "--level", "tensor"),
        ("net.py:loss", "--at", "w=1", "x=2", "b=3"),
        ("sigmoid(w*x + b)", "--at", "w=1", "x=2", "b=3"),
        ("cube(x)", "--ops", "my_ops.py", "--at", "x=2"),
    ],
)
def test_a_picture_has_the_same_targets_as_a_trace(target: tuple[str, ...]) -> None:
    assert shown("graph", *target).startswith("digraph")


def test_ops_lists_every_row_with_its_derivatives_and_domain() -> None:
    text = shown("ops")
    names = {line.split()[0] for line in text.split("\n") if line[:1].strip()}
    assert set(BOOK) <= names
    lines = {line.split()[0]: line for line in text.split("\n") if line[:1].strip()}
    assert "∂y/∂x = y · (1 − y)" in lines["sigmoid"]
    assert "∂L/∂A = ∂L/∂y · Bᵀ" in lines["matmul"]
    assert "shape=x.shape" in lines["sum"]
    assert "x > 0" in lines["log"]
    assert lines["power"].endswith("∂y/∂x = n · x ** (n − 1)"), "for every n, not for the one of an example"
    assert f"{len(BOOK)} ops." in text
    assert all(op.form in lines[name] for name, op in BOOK.items()), "brackets are no marks of the screen's"
    assert {name for name in BOOK if lines[name].endswith(" none")} == {n for n, op in BOOK.items() if not op.rules}


def test_ops_of_ones_own_are_listed() -> None:
    assert "cube(x) = x ** 3" in shown("ops", "--ops", "my_ops.py")
    assert "∂y/∂x = 3 · x²" in shown("explain", "cube", "--ops", "my_ops.py")


def test_ops_as_json() -> None:
    document = json.loads(shown("ops", "--ops", "my_ops.py", "--json"))
    assert document["schema"] == "microgradx.ops/1"
    rows = {row["name"]: row for row in document["ops"]}
    assert set(rows) == {*BOOK, "cube"}
    assert rows["cube"]["home"] == "my_ops"
    assert rows["mul"]["derivatives"] == {"a": "∂y/∂a = b", "b": "∂y/∂b = a"}
    assert rows["softmax_cross_entropy"]["nondiff"] == ["t"]


def test_examples_are_listed_with_their_options() -> None:
    text = shown("examples")
    for each in EXAMPLES.values():
        assert each.title in text
    line = next(line for line in text.split("\n") if line.startswith("xor "))
    assert "--level scalar|tensor --sample --weights --seed --epochs" in line


def test_an_op_on_one_page() -> None:
    assert "∂y/∂x = y · (1 − y)" in shown("explain", "sigmoid")
    assert "Here they are linear, add, index, sigmoid, tanh, mul" in shown("explain", "lstm_cell")
    assert "none: the result jumps" in shown("explain", "eq"), "another name for the row equal"


def test_doctor_names_versions_engines_and_how_to_get_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    text = shown("doctor")
    assert version("numpy") in text
    assert "  wasi  works" in text
    assert "  dot   cannot draw: there is no `dot` program on this machine. Install Graphviz" in text
    for extra in metadata("microgradx").get_all("Provides-Extra"):
        assert f"\n  {extra} " in text, "every extra of the package, with nothing listed by hand"
    monkeypatch.setattr("microgradx_cli.doctor.requirements", lambda: {"": [], "png": ["no-such-package"]})
    told = 'png lacks no-such-package: pip install "microgradx[png]"; in a clone: pip install ".[png]"'
    assert told in shown("doctor")


def test_examples_lists_all_that_can_be_traced() -> None:
    text = shown("examples")
    assert all(f"\n{name} " in text for name in TRACEABLE)


def test_version() -> None:
    assert shown("--version") == f"microgradx {version('microgradx')}\n"


@pytest.mark.parametrize("command", ["trace", "graph", "explain", "ops", "examples", "doctor"])
def test_every_command_has_help_and_takes_ops(command: str) -> None:
    text = shown(command, "--help")
    assert text.startswith(f"Usage: microgradx {command}")
    assert "--ops FILE" in text
    assert f"  {command} " in shown("--help")


def test_graph_max_nodes_folds_or_unfolds() -> None:
    folded = run("graph", "xor-deep", "--level", "scalar", "--max-nodes", "20", "-o", "few.dot")
    assert "graph --max-nodes 0" in folded.stderr
    whole = run("graph", "xor-deep", "--level", "scalar", "--max-nodes", "0", "-o", "all.dot")
    assert "folder" not in whole.stderr
    assert Path("all.dot").stat().st_size > 5 * Path("few.dot").stat().st_size
