"""`microgradx compile`: programs to read and to run, for several targets, and what the compiler did."""

import subprocess
import sys

import pytest

from tests.cli.run import refusal, run, shown, written
from tests.compiler.in_c import needs_a_compiler


def test_xors_whole_training_step_fits_on_a_screen():
    text = shown("compile", "xor-deep")
    step = text[text.index("for step in range") :]
    assert len(step.splitlines()) <= 45
    for section in ("# forward", "# backward", "# update"):
        assert section in step
    assert max(map(len, step.splitlines())) <= 120


@pytest.mark.parametrize("target", ["xor", "conv2d", "lstm-cell"])
def test_what_is_printed_runs_on_its_own(target, tmp_path):
    path = tmp_path / "p.py"
    assert "written; run it with: python" in run("compile", target, "-o", str(path), "--updates", "30").stderr
    found = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    losses = [float(line.split()[1]) for line in found.stdout.splitlines()]
    assert losses[-1] < losses[0] and "import microgradx" not in path.read_text("utf-8")


def test_what_diverges_becomes_inf_or_nan(tmp_path):
    path = tmp_path / "p.py"
    assert run("compile", "exp(x**4)", "--at", "x=5", "--lr", "1", "-o", str(path)).exit_code == 0
    found = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert not found.stderr and found.stdout.splitlines()[-1].split()[1] in ("nan", "inf")


def test_settings_are_baked_in(tmp_path):
    file = written(
        tmp_path, "net.py", "def f(x, how: str = 'sum'):\n    return x.sum() if how == 'sum' else x.mean()\n"
    )
    assert "np.mean(" in shown("compile", f"{file}:f", "--at", "x=[1, 2]", "how=mean")
    assert "np.sum(" in shown("compile", f"{file}:f", "--at", "x=[1, 2]")


def test_every_pass_is_counted_and_shown(tmp_path):
    result = run("compile", "xor", "--stats")
    assert "\nsignature: x1 float64[4], " in result.stderr and "\nkept: the last 32 programs" in result.stderr
    assert "stretches" in result.stderr and "for step in" in result.stdout
    text = shown("compile", "xor", "--explain")
    assert "As recorded:" in text and "After all passes:" in text
    result = run("compile", "xor", "--explain", "-o", str(tmp_path / "x.svg"))
    assert result.exit_code == 0
    for word in ("recorded", "simplified"):
        assert "<svg" in (tmp_path / f"x-{word}.svg").read_text("utf-8")


def test_the_program_that_is_run_can_be_seen():
    text = shown("compile", "xor-deep", "--buffers")
    assert "np.empty(" in text and ".dot(" in text


@needs_a_compiler
def test_the_c_that_is_run_can_be_seen():
    assert "d_b1 += d_z1;  // ∂z1/∂b1 = 1" in shown("compile", "xor", "--target", "c", "--buffers")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("xor", "-o", "x.txt"), "-o x.txt: a program for numpy needs a name that ends in .py"),
        (("xor", "--target", "c", "-o", "x.py"), "a program for c needs a name that ends in .c"),
        (("xor", "--explain", "-o", "x.py"), "needs a name that ends in .svg or .png or .dot"),
        (("xor", "--explain", "--buffers"), "--buffers shows how a program for numpy or c is run"),
    ],
)
def test_mistakes(words, message):
    assert message in refusal("compile", *words)


def test_what_cannot_be_compiled_is_refused(tmp_path):
    file = written(
        tmp_path, "net.py",
        "import microgradx as mx\n\n"
        "def branch(x):\n    if x > 0:\n        return x * 2\n    return x * 3\n\n"
        "def drops(x):\n    return mx.functional.dropout(x, 0.5).sum()\n",
    )  # fmt: skip
    assert "net.py:4: if x > 0. A program" in refusal("compile", f"{file}:branch", "--at", "x=1")
    assert "draws random numbers (dropout)" in refusal("compile", f"{file}:drops", "--at", "x=[1, 2]")
