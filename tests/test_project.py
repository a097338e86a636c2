"""The project keeps its own promises: generated files are fresh, files are short, CI runs what the README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import make_program_options, make_stub

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_method_stub_is_what_the_tables_bind() -> None:
    fresh = make_stub.text()
    assert make_stub.STUB.read_text(encoding="utf-8") == fresh, (
        f"microgradx/graph/_methods.pyi is out of date: run `{make_stub.COMMAND}` and commit the result"
    )


def test_help_tells_of_the_programs_as_they_are() -> None:
    assert make_program_options.FILE.read_text(encoding="utf-8") == f"{make_program_options.text()}\n", (
        f"{make_program_options.FILE.name} is out of date: run `{make_program_options.COMMAND}` and commit the result"
    )


TYPED = """
import microgradx as mx
a, t = mx.Value(1.0), mx.Tensor([[1.0, 2.0]])
value: mx.Value = (a + 2.0) * a / 3 - a**2
tensor: mx.Tensor = (t @ t.mT).sum(axis=0).exp() + t.mean(dim=0, keepdim=True)[0]
truth: bool = t.requires_grad
tensor.sum().backward(keep="leaves")
print(mx.sigmoid(value), t.T.shape, -t, 2 * t, truth)
"""


def test_a_strict_type_checker_knows_the_operators_and_methods(tmp_path: Path) -> None:
    (tmp_path / "learner.py").write_text(TYPED)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "learner.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_readme_has_two_commands_that_stand_alone() -> None:
    blocks = re.findall(r"^```sh\n(.*?)```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        command = block.strip()
        assert "\n" not in command.replace("\\\n", "")
        assert command.startswith("python3 -m venv .venv")
    assert ".venv/bin/microgradx trace xor" in blocks[0]


def test_ci_runs_the_readmes_test_command() -> None:
    marked = re.search(r"^<!-- the test command -->\n```sh\n(.*?)```", README, re.MULTILINE | re.DOTALL)
    assert marked is not None
    assert "python -m tests" in marked[1]
    assert "<!-- the test command -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("folder", ["microgradx", "cli", "tests", "benchmarks"])
def test_files_stay_short_enough_to_read(folder: str) -> None:
    long = {str(p): n for p in ROOT.glob(f"{folder}/**/*.py") if (n := len(p.read_text("utf-8").splitlines())) > 330}
    assert long == {}


SWITCHED_OFF = re.compile(r"# (?:type: ignore|noqa)(?:\[[\w,-]+\]|: [\w, ]+?)?(?P<why>\s*(?:#|\().*)?$")


def test_a_check_that_is_switched_off_says_why() -> None:
    files = [
        *ROOT.glob("*.py"),
        *(f for part in ("microgradx", "cli", "tests", "benchmarks") for f in (ROOT / part).rglob("*.py")),
    ]
    lines = [(f, line) for f in files for line in f.read_text("utf-8").splitlines()]
    silent = [f"{f.name}: {line.strip()}" for f, line in lines if (off := SWITCHED_OFF.search(line)) and not off["why"]]
    assert silent == []


ENGINE = ["graph/node.py", "rules/op.py", "graph/order.py", "autodiff/backward.py"]  # as README lists it


def test_the_engine_is_one_sitting() -> None:
    assert all(f"`{file}`" in README for file in ENGINE)
    lines = [line.strip() for file in ENGINE for line in (ROOT / "microgradx" / file).read_text("utf-8").splitlines()]
    assert len([line for line in lines if line and not line.startswith("#")]) < 700, "with docstrings"
