"""`microgradx check`: what is right is proved, what is wrong fails with exit code 1 and a lesson."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from typer.testing import CliRunner

import microgradx as mx
from microgradx_cli.main import app

WRONG = """
import numpy as np
from microgradx import op, sigmoid
swash = op("swash(x) = x * sigmoid(x)", lambda x: x / (1 + np.exp(-x)), x=lambda x, y: -(y + sigmoid(x) * (1 - y)))
quartic = op("quartic(x) = x ** 4", lambda x: x**4, x=lambda x: 4 * x**3)
"""


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    book = dict(mx.BOOK)
    yield lambda *words: CliRunner().invoke(app, list(words))
    mx.BOOK.clear()
    mx.BOOK.update(book)


def test_rows_composites_and_examples_are_proved_by_name(run):
    result = run("check", "sigmoid", "cross_entropy", "conv2d", "lstm_cell", "xor", "--examples", "4")
    assert result.exit_code == 0
    assert result.stdout.count("proved") == 6
    assert "5 proved with 20 examples, 0 failed" in result.stdout


@pytest.mark.parametrize("width", ["40", "50", "60", "70"])
def test_a_narrow_table_folds_names_and_never_a_number_or_a_verdict(run, width):
    result = run("check", "tanh", "softmax_cross_entropy", "abs(x)", "--at", "x=0", "--examples", "4", "--width", width)
    table = result.stdout.split("abs(x): x sits")[0]
    assert max(map(len, table.splitlines())) <= int(width)
    assert re.search(r"^tanh .*\b4 +\d\.\de-\d\d +\d\.\d\d +proved$", table, re.M), table
    assert table.count("proved") == 3
    assert ("rev fwd" in table) == (int(width) >= 60)


def test_an_expression_is_proved_where_it_is_given(run):
    result = run("check", "sigmoid(w*x) + b", "--at", "w=0.5", "x=2", "b=1")
    assert result.exit_code == 0, result.output


def test_a_wrong_rule_fails_with_a_lesson_and_leaves_the_right_one_alone(run, tmp_path):
    file, report = tmp_path / "my_ops.py", tmp_path / "report.xml"
    file.write_text(WRONG)
    result = run("check", str(file), "--junit", str(report))
    assert result.exit_code == 1
    for words in ("swash: the first derivative", "check_grads(", "analytic", "numeric", "wrong sign", "1 failed"):
        assert words in result.stdout
    suite = ET.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["swash"]


def test_json_is_one_document_with_the_lesson(run, tmp_path):
    file = tmp_path / "my_ops.py"
    file.write_text(WRONG)
    result = run("check", str(file), "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["schema"] == "microgradx.check/1"
    assert [r["ok"] for r in document["results"]] == [False, True]
    assert document["results"][0]["lesson"]["order"] == 1
    assert document["results"][1]["worst"] < 1e-8


def test_a_function_of_ones_own_with_a_kink_is_no_false_alarm(run, tmp_path):
    file = tmp_path / "net.py"
    file.write_text("def loss(w):\n    return w.abs() * 2.0\n")
    assert run("check", f"{file}:loss", "--at", "w=0.0").exit_code == 0


def test_a_rule_may_call_composites_methods_and_pytorchs_words(run, tmp_path):
    file = tmp_path / "my_ops.py"
    file.write_text(
        "import numpy as np\nfrom microgradx import *\nimport microgradx as mx\n"
        'op("s1(x)", lambda x: np.sum(x), shapes="(n,m)->()", x=lambda g, x: broadcast_to(g, x.shape))\n'
        'op("e1(x)", np.exp, x=lambda x: x.exp())\n'
        'op("p1(x) = x * 2 + 1", lambda x: 2 * x + 1, x=lambda x: mx.silu(x) * 0 + 2)\n'
        'op("m1(x)", lambda x: np.mean(x, axis=0), shapes="(n,m)->(m)",'
        " x=lambda g, x: broadcast_to(sum(unsqueeze(g, 0), dim=0), x.shape) / x.shape[0])\n"
    )
    result = run("check", str(file))
    assert result.exit_code == 0, result.stdout


def test_a_function_of_ones_own_that_raises_is_one_paragraph(run, tmp_path):
    file = tmp_path / "net.py"
    file.write_text("def loss(w):\n    return w.nothing\n")
    result = run("check", f"{file}:loss", "--at", "w=1")
    assert result.exit_code == 2
    assert "net.py:2" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sigmod"], "Did you mean sigmoid"),
        (["greater"], "carries no gradient"),
        (["nothing_here.py"], "no file nothing_here.py"),
        (["sigmoid", "--order", "0"], "--order"),
    ],
)
def test_mistakes_are_one_paragraph_and_exit_code_2(run, words, said):
    result = run("check", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("default", ["mx.Tensor([1.0, 2.0])", "[1.0, 2.0]", "2.0", "np.ones(2)"])
def test_a_default_is_what_to_check_at_when_nothing_is_given(run, tmp_path, default):
    text = f"import numpy as np\nimport microgradx as mx\n\n\ndef f(x={default}):\n    return mx.sum(mx.exp(x))\n"
    (tmp_path / "f.py").write_text(text, "utf-8")
    result = run("check", f"{tmp_path / 'f.py'}:f")
    assert result.exit_code == 0
    assert "proved" in result.output


def test_the_rule_that_raises_is_named_and_no_other(run, tmp_path):
    rows = """import numpy as np
from microgradx import op

mm = op("mm(A, B)", np.matmul, shapes="(n,k),(k,m)->(n,m)", A=lambda g, B: g @ B.mT, B=lambda g, A: A @ g)
"""
    (tmp_path / "rows.py").write_text(rows, "utf-8")
    text = run("check", str(tmp_path / "rows.py")).output
    assert "responsible: the rule for B in mm(A, B)" in text
    assert "a missing transpose: A should enter as A.mT" in text


def test_a_row_whose_run_raises_is_one_paragraph_with_its_line(run, tmp_path):
    (tmp_path / "rows.py").write_text(
        'import numpy as np\nfrom microgradx import op\nop("th(x)", lambda x: np.tanhh(x), x=lambda x: 1 - x * x)\n'
    )
    result = run("check", str(tmp_path / "rows.py"))
    assert result.exit_code == 2
    assert "rows.py:3" in result.stderr
    assert "no attribute 'tanhh'" in result.stderr
    assert "Traceback" not in result.output


def test_what_cannot_be_checked_is_told_and_takes_no_other_verdict_away(run, tmp_path):
    file, report = tmp_path / "rows.py", tmp_path / "report.xml"
    row = "import numpy as np\nfrom microgradx import op\nop('my_log(x)', np.log, x=lambda x: 1 / x)\n"
    file.write_text(row)
    result = run("check", str(file), "argmax", "sigmoid", "--junit", str(report), "--examples", "3")
    assert result.exit_code == 2
    assert "1 proved with 3 examples, 0 failed, 2 could not be checked" in result.stdout
    assert "my_log: " in result.stderr
    assert "argmax carries no gradient" in result.stderr
    suite = ET.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "2")
    assert [case.get("name") for case in suite if case.find("error") is not None] == ["my_log", "argmax"]
    file.write_text(row + "op('my_cube(x)', lambda x: x**3, x=lambda x: x**2)\n")
    result = run("check", str(file), "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1  # a wrong one outweighs
    assert [r["ok"] for r in document["results"]] == [False, False]
    assert "Say where the op holds" in document["results"][0]["error"]
    assert document["results"][1]["lesson"]["order"] == 1


@pytest.mark.parametrize("name", ["mine_to_paste", "not-a-name"])
def test_the_counterexample_runs_as_printed_in_a_file_beside(run, tmp_path, name):
    file = tmp_path / f"{name}.py"
    file.write_text("import microgradx as mx\nmx.op('cubed(x)', lambda x: x**3, x=lambda x: x * x)\n")
    file.write_text(file.read_text() + "def bad(x):\n    return x * x.detach()\n")
    for words in ([str(file)], [f"{file}:bad", "--at", "x=2"]):
        (result,) = json.loads(run("check", *words, "--json").stdout)["results"]
        (tmp_path / "paste.py").write_text(result["lesson"]["code"])
        done = subprocess.run([sys.executable, "paste.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "the first derivative (reverse mode) is wrong" in done.stderr, done.stderr


def test_a_rule_that_is_infinite_where_the_value_is_not_is_wrong_and_the_others_are_still_checked(run, tmp_path):
    (tmp_path / "rows.py").write_text(
        "from microgradx import op\n"
        'op("my_sq(x)", lambda x: x * x, x=lambda x: 2 / x)\n'
        'op("my_cube(x)", lambda x: x * x * x, x=lambda x: 3 * x * x)\n'
    )
    result = run("check", str(tmp_path / "rows.py"))
    assert result.exit_code == 1
    assert "my_sq: the first derivative (reverse mode) is wrong" in result.stdout
    assert "1 failed" in result.stdout
    assert "1 proved" in result.stdout


def test_the_slopes_at_a_kink_are_shown_though_it_passes(run):
    words = ("check", "abs(x)", "--at", "x=0")
    assert "the slope is -1 to the left and 1 to the right" in " ".join(run(*words).stdout.split())
    (result,) = json.loads(run(*words, "--json").stdout)["results"]
    (kink,) = result["slopes"]
    assert (kink["name"], kink["index"], round(kink["left"], 6), round(kink["right"], 6)) == ("x", [], -1, 1)


def test_examples_of_a_given_point_are_drawn_close_to_it(run):
    words = ("check", "log(x)", "--at", "x=0.1", "--json")

    def result(*more):
        (found,) = json.loads(run(*words, *more).stdout)["results"]
        return found["examples"], found["worst"]

    assert result()[0] == 1
    assert result("--examples", "7")[0] == 7
    assert result("--profile", "quick")[0] == 5
    assert result("--seed", "1")[0] == 25
    assert result("--seed", "1") == result("--seed", "1") != result("--seed", "2")


def test_a_mistake_beside_the_given_point_is_found(run, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import microgradx as mx\ndef bent(x):\n    return x * x if x.item() >= 2.0 else (x * x).detach() + x\n"
    )
    assert run("check", f"{tmp_path / 'mine.py'}:bent", "--at", "x=2.1").exit_code == 0
    assert run("check", f"{tmp_path / 'mine.py'}:bent", "--at", "x=2.1", "--examples", "25").exit_code == 1


def test_a_parameter_that_counts_is_no_number_to_differentiate_by(run):
    assert run("check", "control-flow", "--examples", "3").exit_code == 0


def test_a_function_that_differentiates_on_its_way_is_proved_too(run):
    assert run("check", "second-derivative").exit_code == 0


@pytest.mark.parametrize(
    ("text", "at", "sides"), [("floor(x)", 1, "0 to the left and 1"), ("sign(x)", 0, "-1 to the left and 1")]
)
def test_a_jump_is_told_and_no_rule_is_accused(run, text, at, sides):
    result = run("check", text, "--at", f"x={at}")
    assert result.exit_code == 0
    assert f"x sits on a jump: the value is {sides} to the right" in " ".join(result.stdout.split())
