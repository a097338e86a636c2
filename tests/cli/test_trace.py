"""`microgradx trace`: what it shows, in every form."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

import microgradx
from microgradx.examples import EXAMPLES
from tests.cli.run import OPS, run, shown, written
from tests.explain.test_trace import check_invariants

SCHEMA = json.loads((Path(microgradx.__file__).parent / "explain" / "trace.schema.json").read_text("utf-8"))


def test_the_main_job() -> None:
    text = shown("trace", "xor")
    parts = ["trace of xor", "Forward:", "Backward:", "the seed", "Gradients", "One gradient step with lr = 0.1"]
    assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)
    assert "y → z3   output   xor.py:" in text
    assert "local  ∂y/∂z3 = y · (1 − y)\n       = 0.55409 · (1 − 0.55409) = 0.247074\n" in text
    assert "chain  ∂L/∂z3 = 2.2426 × 0.247074 = 0.55409\n" in text
    assert "total  ∂L/∂x2: 0.073046 + (−0.036593) = 0.03645   (second of 2 paths into x2)   complete" in text
    assert text.endswith("L 0.8076 → 0.7473  (lower)\n")


def test_one_gradient_as_a_sum_over_paths() -> None:
    text = shown("trace", "xor", "--paths", "x2")
    assert "sum  ∂L/∂x2 = (−0.036593) + 0.073046 = 0.03645" in text
    assert "cost  path by path 16 multiplications and 1 addition; reverse mode 14 multiplications" in text
    assert max(map(len, shown("trace", "xor", "--paths", "x2", "--width", "60").split("\n"))) <= 60


def test_options_reach_the_example() -> None:
    assert re.search(r"^t +constant +1$", shown("trace", "xor", "--sample", "1"), re.M)
    assert "(2,4)·(4,2) → (2,2)" in shown("trace", "xor", "--level", "tensor")
    assert "it must be +6" in shown("trace", "xor", "--weights", "hand")
    assert "all four outputs are right" in shown("trace", "xor", "--weights", "trained")
    assert "NOT learned: after 3 steps" in shown("trace", "xor", "--weights", "trained", "--epochs", "3", "--seed", "2")
    assert shown("trace", "xor", "--seed", "2") != shown("trace", "xor", "--seed", "1") == shown("trace", "xor")
    assert "lr = 0.5 " in shown("trace", "xor", "--lr", "0.5")
    assert re.search(r"^w11 +input +3$", shown("trace", "xor", "--at", "w11=3"), re.M)


@pytest.mark.parametrize(("padding", "map"), [("valid", "[[[[12, 16], [24, 28]]]]"), ("same", "[24, 28, 15]")])
def test_a_setting_of_an_example_is_a_word(padding: str, map: str) -> None:
    assert map in shown("trace", "conv2d", "--at", f"padding={padding}")


def test_why_xor_from_zero_stays() -> None:
    text = shown("trace", "xor-zero")
    assert "0.125 + (−0.125) + (−0.125) + 0.125 = 0   (they cancel)" in text
    assert "L 0.6931 → 0.6931  (unchanged: the gradient is exactly zero)" in text


def test_the_learners_own_function_with_its_lines() -> None:
    text = shown("trace", "net.py:loss", "--at", "w=0.5", "x=2", "--at", "b=-1")
    assert "trace of loss (net.py)" in text
    assert "y → w · x + b   net.py:4  y = mx.sigmoid(w * x + b)" in text
    assert "∂L/∂w = −0.5 " in text


def test_values_are_numbers_lists_words_and_counts() -> None:
    assert "∂f/∂A = [[3, 4]]" in shown("trace", "net.py:product", "--at", "A=[[1, 2]]", "B=[[3], [4]]")
    assert "∂y/∂x = 32 " in shown("trace", "net.py:power", "--at", "x=2", "n=3")
    assert "∂f/∂x = [0.5, 0.5]" in shown("trace", "net.py:padded", "--at", "x=[1,2]", "how=mean")


def test_a_list_that_the_shell_split_is_one_value() -> None:
    assert "∂y/∂x = [3, 4]" in shown("trace", "sum(x*w)", "--at", "x=[1,", "-2]", "w=[3,", "4]")


def test_an_expression_has_no_source_lines() -> None:
    text = shown("trace", "sigmoid(w*x + b)", "--at", "w=0.5", "x=2", "b=-1")
    assert "trace of sigmoid(w*x + b)" in text
    assert "∂y/∂w = 0.5 " in text
    assert ".py:" not in text


def test_the_target_may_follow_the_values() -> None:
    assert "∂y/∂x = 5 " in shown("trace", "--at", "w=5", "x=2", "w*x")


def test_ops_of_ones_own_work_in_expressions_and_are_read_afresh() -> None:
    assert "3 · 2² = 12" in shown("trace", "cube(x)", "--ops", "my_ops.py", "--at", "x=2")
    written(Path(), "my_ops.py", OPS.replace("3 * x ** 2", "4 * x ** 2"))
    assert "4 · 2² = 16" in shown("trace", "cube(x)", "--ops", "my_ops.py", "--at", "x=2")
    assert run("trace", "cube(x)", "--at", "x=2").exit_code == 2, "the row is gone without --ops"


def test_a_file_may_use_ops_that_are_loaded_too() -> None:
    written(Path(), "mine.py", "from my_ops import cube\ndef f(x):\n    y = cube(x)\n    return y\n")
    assert "∂y/∂x = 12 " in shown("trace", "mine.py:f", "--ops", "my_ops.py", "--at", "x=2")


@pytest.mark.parametrize("width", [60, 200])
def test_the_width_is_kept_and_nothing_is_cut(width: int) -> None:
    for text in (shown("trace", "xor", COLUMNS=str(width)), shown("trace", "xor", "--width", str(width))):
        assert max(map(len, text.split("\n"))) <= width
        assert "…" not in text
        assert "(1 − 0.55409), 1e−12)" in re.sub(r"\s+", " ", text)


def test_piped_nothing_is_cut_folded_padded_or_coloured() -> None:
    text = shown("trace", "xor-deep")
    assert "\x1b" not in text
    assert "…" not in text
    assert not re.search(r" \n", text)
    assert max(map(len, text.split("\n"))) > 150
    assert shown("trace", "xor-deep", NO_COLOR="1") == text


def test_max_steps_says_what_is_left_out() -> None:
    text = shown("trace", "xor", "--max-steps", "3")
    assert "… 25 more steps (of 28)" in text
    assert "    4  " not in text


@pytest.mark.parametrize("name", EXAMPLES)
def test_json_is_one_document_that_fits_the_schema(name: str) -> None:
    for level in EXAMPLES[name].levels:
        document = json.loads(shown("trace", name, "--level", level, "--json"))
        jsonschema.validate(document, SCHEMA)
        if level == "scalar":
            check_invariants(document)


def test_json_of_a_noisy_function_is_still_one_document() -> None:
    result = run("trace", "net.py:noisy", "--at", "x=3", "--json")
    assert json.loads(result.stdout)["gradients"] == {"x": 6.0}
    assert result.stderr == "a print of the learner's\n"
    source = json.loads(result.stdout)["forward"][-1]["source"]
    assert source.endswith("net.py:40")


def test_infinite_results_are_strings_in_json() -> None:
    document = json.loads(shown("trace", "exp(x) - exp(x)", "--at", "x=1000", "--json"))
    jsonschema.validate(document, SCHEMA)
    assert document["loss"] == "nan"
    assert shown("trace", "sum(sqrt(x))", "--at", "x=[-1, 2]").count("[nan, 1.965]") == 1, "no mark of the screen's"


def test_files_are_written_as_their_suffix_says(folder: Path) -> None:
    for name in ("t.txt", "t.md", "t.json", "t.html"):
        result = run("trace", "two-paths", "-o", name)
        assert (result.exit_code, result.stdout) == (0, ""), result.output
        assert result.stderr == f"{name} written: 4 nodes, 4 chain-rule steps.\n".replace("4 nodes", "5 nodes")
    assert (folder / "t.txt").read_text("utf-8") == shown("trace", "two-paths")
    assert (folder / "t.md").read_text("utf-8").startswith("# Trace of two-paths")
    assert json.loads((folder / "t.json").read_text("utf-8")) == json.loads(shown("trace", "two-paths", "--json"))
    assert (folder / "t.html").read_text("utf-8").startswith("<!doctype html>")


def test_without_a_terminal_step_shows_everything() -> None:
    assert shown("trace", "two-paths", "--step") == shown("trace", "two-paths")


@pytest.mark.parametrize("words", [("-x",), ("--lr", "-0.1", "-x"), ("--json", "-x")])
def test_an_expression_may_begin_with_a_minus(words: tuple[str, ...]) -> None:
    text = shown("trace", *words, "--at", "x=2")
    assert "-x" in text or "−x" in text


def test_a_mistyped_option_is_still_told() -> None:
    result = run("trace", "xor", "-q")
    assert result.exit_code == 2
    assert "No such option: -q" in result.output
    assert "'bogus' is not one of 'random', 'hand', 'trained'" in run("trace", "xor", "--weights", "bogus").output
    assert "Value error" not in run("trace", "xor", "--weights", "bogus").output


def test_settings_and_arguments_of_any_name_are_given_by_at() -> None:
    squared = shown("trace", "net.py:named", "--at", "x=3", "squared=true", "k=2")
    assert "∂f/∂k = 9 " in squared
    assert "∂f/∂k = 3 " in shown("trace", "net.py:named", "--at", "x=3", "squared=False", "k=2")


def test_a_lost_gradient_is_told_beside_trace_and_picture(folder: Path) -> None:
    (folder / "ml.py").write_text(
        "import math\ndef f(x):\n    return math.log(x)*x\ndef g(x): return math.exp(x)\n", "utf-8"
    )
    told = "ml.py:3: return math.log(x)*x. Write mx.log for math.log"
    assert told in shown("trace", "ml.py:f", "--at", "x=2", "--width", "200")
    assert told in run("graph", "ml.py:f", "--at", "x=2").output
    result = run("trace", "ml.py:g", "--at", "x=2")
    assert result.exit_code == 2
    assert "Write mx.exp for math.exp" in result.output
