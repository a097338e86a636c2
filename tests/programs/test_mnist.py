"""MNIST's files through the whole command: real digits, scaled up to 28×28 and written in MNIST's own format."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from microgradx.data import library
from microgradx.programs import PROGRAMS, WITH_FILES
from microgradx.programs.digits_mlp import SWEEP
from tests.cli.run import refusal, run


def trained(*words: str) -> Any:
    result = run("train", *words, "--batch-size=32", "--dtype=float32", "--quiet", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("digits-mlp", "--data=mnist", "--epochs=4"),
        ("cnn", "--data=mnist", "--epochs=4"),
        ("lenet", "--data=mnist", "--epochs=6", "--width=0.5", "--dropout=0"),
        ("cnn", "--data=fashion-mnist", "--epochs=4"),
        ("mnist", "--epochs=4"),
        ("mnist", "--epochs=4", "--model=mlp"),
        ("mnist", "--epochs=4", "--activation=tanh", "--layers=1", "--batch-norm"),
        ("fashion-mnist", "--epochs=4"),
    ],
)
def test_it_is_learned_from_its_files(files: Path, words: tuple[str, ...]) -> None:
    document = trained(*words)
    assert document["numbers"]["test_accuracy"] > 0.8
    sizes = [row[2] for block in document["report"] if isinstance(block, dict) for row in block["rows"]]
    assert sizes[-1] == ("(1,26)" if words[0] == "lenet" else "(1,10)")
    if words[0] == "cnn":
        assert document["report"][0]["title"] == "197,210 parameters"
    if "fashion-mnist" in words[0]:
        said = str(document["report"][-1])
        assert any(name in said for name in library.CLOTHES) or "misreads 0" in said


@pytest.mark.parametrize("name", WITH_FILES)
def test_the_switches_are_those_of_its_models(name: str) -> None:
    for model in ("digits-mlp", "cnn", "lenet"):
        assert PROGRAMS[model].options.keys() - {"data"} <= WITH_FILES[name].options.keys()


def test_five_models_are_compared_on_its_files(files: Path) -> None:
    (table, _) = trained("fashion-mnist", "--sweep", "--epochs=1", "--hidden=16")["report"]
    assert [row[0] for row in table["rows"]] == [name for name, _ in SWEEP]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--model=cnn", "--sweep"), "model cnn does not take all these switches: sweep belongs to mlp"),
        (
            ("--filters=4", "--width=0.5"),
            "no model takes all these switches: filters belongs to cnn; width belongs to lenet",
        ),
    ],
)
def test_a_switch_of_another_model_is_refused(words: tuple[str, ...], told: str) -> None:
    assert told in refusal("train", "mnist", *words)


def test_the_last_pictures_are_kept_back_and_so_many_are_used_as_asked(files: Path) -> None:
    whole, few = (trained("mnist", "--epochs=1", f"--samples={n}")["numbers"]["test_accuracy"] for n in (0, 32))
    assert few < whole


@pytest.mark.parametrize(
    "words", [("mnist",), ("fashion-mnist",), ("digits-mlp", "--data=mnist"), ("lenet", "--data=mnist")]
)
def test_without_its_files_the_error_names_the_places(tmp_path: Path, monkeypatch: Any, words: tuple[str, ...]) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("MICROGRADX_DATA", str(tmp_path))
    monkeypatch.setattr("microgradx.data.library.urlopen", no_network)
    message = refusal("train", *words)
    folder = tmp_path / ("fashion-mnist" if "fashion" in words[0] else "mnist")
    assert all(str(folder / name) in message for name in library.FILES)
    (folder).mkdir()
    (folder / library.FILES[0]).write_bytes(b"not the file")
    assert "damaged, or not the original file" in refusal("train", *words)


def test_unzipped_files_and_files_zipped_anew_are_the_same(files: Path) -> None:
    first = trained("mnist", "--epochs=1")["numbers"]
    for k, file in enumerate(library.FILES):
        path = files / "mnist" / file
        content = gzip.decompress(path.read_bytes())
        if k % 2:
            path.write_bytes(gzip.compress(content, 1))
        else:
            path.unlink()
            path.with_suffix("").write_bytes(content)
    assert trained("mnist", "--epochs=1")["numbers"] == first


def test_damaged_content_is_refused_though_its_sum_is_right(files: Path, monkeypatch: Any) -> None:
    path = files / "mnist" / library.FILES[0]
    path.write_bytes(path.read_bytes()[:-20])
    places, sums = library.SETS["mnist"]
    monkeypatch.setitem(library.SETS, "mnist", (places, (hashlib.sha256(path.read_bytes()).hexdigest(), *sums[1:])))
    assert str(path) in refusal("train", "mnist", "--quiet")
