"""One line in a suite of your own proves your rows; and what needs Hypothesis says so when it is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

import microgradx as mx
from microgradx.testing import rows_of, rule_properties

GOOD = """
import numpy as np
from microgradx import op, sigmoid

swish = op("swish(x)", lambda x: x / (1 + np.exp(-x)), x=lambda x, y: sigmoid(x) * (1 + x - y))
"""
BAD = GOOD.replace("(1 + x - y)", "(1 + x)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_ops.py").write_text(GOOD)
    (tmp_path / "my_bad_ops.py").write_text(BAD)
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import settings\n"
        "settings.register_profile('few', max_examples=10)\n"
        "settings.load_profile('few')\n"
    )
    (tmp_path / "test_mine.py").write_text(
        "from microgradx.testing import rule_properties\ntest_good = rule_properties('my_ops.py')\n"
    )
    (tmp_path / "test_bad.py").write_text(
        "from microgradx.testing import rule_properties\ntest_bad = rule_properties('my_bad_ops.py')\n"
    )
    return tmp_path


def pytest_in(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_one_line_makes_a_test_of_a_file(folder):
    code, said = pytest_in(folder, "test_mine.py")
    assert code == 0, said
    code, said = pytest_in(folder, "test_bad.py", "-k", "first-derivative")
    assert code == 1
    assert "the rule for x in swish(x)" in said
    assert "check_grads(lambda x: mx.BOOK['swish'](x)" in said


def test_rows_of_a_file_can_be_read_again(folder):
    try:
        for _ in range(2):
            (row,) = rows_of(folder / "my_ops.py")
            assert mx.BOOK["swish"] is row
    finally:
        mx.rules.forget("swish")


test_rows_of_the_book = rule_properties(mx.BOOK["tanh"], mx.BOOK["matmul"])


@pytest.mark.parametrize(("text", "words"), [(None, "no such file"), ("x = 1\n", "defines no op")])
def test_a_file_without_rows_is_an_error(tmp_path, text, words):
    file = tmp_path / "nothing.py"
    if text:
        file.write_text(text)
    with pytest.raises(mx.OpError, match=words):
        rows_of(file)


def test_without_hypothesis_only_the_drawing_is_missing():
    program = """
import sys
sys.modules["hypothesis"] = None  # as if it were not installed
import microgradx as mx, microgradx.testing as t
print(t.check_grads(mx.sin, 1.0).worst < 1e-10, t.diagnose(mx.BOOK["sin"]))
for name in ("tensors", "check_rule", "op_calls"):
    try:
        getattr(t, name)
    except mx.MicrogradxError as problem:
        print(problem)
try:
    t.rule_properties(mx.BOOK["sin"])
except mx.MicrogradxError as problem:
    print(problem)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert said[0] == "True None"
    assert all("pip install hypothesis" in line for line in said[1:5])


def test_importing_the_tests_of_rules_loads_no_hypothesis():
    program = "import sys, microgradx.testing; print('hypothesis' in sys.modules, 'pytest' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == ["False", "False"]
