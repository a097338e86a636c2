"""The benchmarks run and all contenders agree; how fast anybody is, is not a question for a test."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sys.executable).with_name("microgradx")
NAMES = ["W1", "W1b", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9"]


def bench(*options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, "bench", *options], capture_output=True, text=True, cwd=folder)


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the workloads share, as they import it."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import common

    assert isinstance(common, ModuleType)
    return common


def test_every_workload_runs_and_its_results_are_right(tmp_path: Path) -> None:
    done = bench("--smoke", "--json", "--markdown", "page.md", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "microgradx.bench/1"
    assert [each["name"] for each in document["workloads"]] == NAMES
    for each in document["workloads"]:
        assert each["seconds"] or each["measures"]
        assert all(seconds > 0 for seconds in each["seconds"].values())
        assert each["goals"] == [], "tiny sizes say nothing about goals"
    page = (tmp_path / "page.md").read_text("utf-8")
    assert [line[3:].partition(":")[0] for line in page.split("\n") if line.startswith("## ")] == NAMES


def test_a_results_page_keeps_what_was_not_measured_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Results\n\n## W9: as it was\n\nkept\n", "utf-8")
    assert bench("W2", "--smoke", "--peers", "none", "--markdown", "page.md", folder=tmp_path).returncode == 0
    assert "## W2: XOR" in page.read_text("utf-8")
    assert page.read_text("utf-8").endswith("## W9: as it was\n\nkept\n")


def test_how_costs_grow_is_a_table_and_a_plot(tmp_path: Path) -> None:
    done = bench("scaling", "--smoke", "--peers", "none", "--plot", "growth.svg", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for title in ("a scalar node", "a (64, 64) node", "a parameter", "a time step"):
        assert title in done.stdout
        assert title in (tmp_path / "growth.svg").read_text("utf-8")


@pytest.mark.parametrize(
    ("losses", "gradient", "what"),
    [
        ([1.0, 0.5, 0.25], [[1.0, 2.0], [3.0, 4.1]], "gradient 0: entries of size up to 4 are off by 0.1"),
        ([1.0, 0.5, 0.25], [[1.0, 2.0]], "shape of gradient 0"),
        ([1.0, 0.5, 0.25], [[1.0, 2.0], [3.0, float("nan")]], "gradient 0"),
        ([1.0, 0.5, 0.26], [[1.0, 2.0], [3.0, 4.0]], "loss of run 3: 0.26 instead of 0.25"),
    ],
)
def test_who_computes_something_else_is_named_and_nothing_is_timed(
    common: Any, losses: list[float], gradient: list[list[float]], what: str
) -> None:
    workload = common.Workload("W0", "nothing")

    def made(losses: list[float], gradient: list[list[float]]) -> Any:
        rest = iter(losses)
        return lambda _: common.Work(lambda: next(rest), lambda: [gradient])  # a fourth run would raise StopIteration

    workload.contender("right")(made([1.0, 0.5, 0.25], [[1.0, 2.0], [3.0, 4.0]]))
    workload.contender("wrong")(made(losses, gradient))
    with pytest.raises(common.BenchError, match=f"W0: wrong does not agree with right in the .*{what}|in {what}"):
        common.run(workload, rounds=1, peers=[])


def test_goals_are_ratios_in_the_same_run_or_measures(common: Any) -> None:
    goals = [common.Goal("a", 0.5, "b"), common.Goal("m", 3.0), common.Goal("a", 1.0, "absent")]
    result = common.Result(common.Workload("W0", "nothing", goals), 1)
    result.seconds = {"a": 1.0, "b": 4.0}
    result.measures = {"m": common.Measure(6.0, "s")}
    assert [(goal.who, found) for goal, found in result.judged()] == [("a", 0.25), ("m", 6.0)]


def test_a_goal_for_two_threads_counts_there_only(common: Any) -> None:
    workload = common.Workload("W0", "nothing", [common.Goal("a", 0.5, "b", threads=2)])
    for threads, judged in ((1, 0), (2, 1)):
        assert len(list(common.Result(workload, threads, seconds={"a": 1.0, "b": 1.0}).judged())) == judged


def test_who_sits_out_lacks_a_package_or_the_compiler_it_calls(common: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import report

    monkeypatch.setitem(common.NEEDS, "here", ("json", "no-such-compiler"))
    monkeypatch.setitem(common.NEEDS, "nowhere", ("no_such_package", None))
    assert report.missing("here") == "here (it needs the program no-such-compiler, with which it compiles what it runs)"
    assert report.missing("nowhere") == "nowhere (it needs pip install no_such_package)"


def test_a_reason_is_told_above_the_goal_that_refers_to_it(common: Any) -> None:
    import report  # beside `common`, in the same folder

    goals = [
        common.Goal("ours", 0.5, peer, note=note) for peer, note in (("first", "it waits"), ("second", "as above"))
    ]
    found = common.Workload("W0", "nothing", goals=goals)
    for first, told in ((1.0, ["it waits", "as above"]), (9.0, ["", "it waits"])):  # the first goal missed, then met
        result = common.Result(found, 1, seconds={"ours": 2.0, "first": first, "second": 1.0})
        page = report.page([result], "microgradx bench W0", "")
        assert [line.split("|")[-2].strip() for line in page.split("\n") if line.startswith("| ours | ≤")] == told
