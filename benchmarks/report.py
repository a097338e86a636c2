"""What the command shows of results: the table, the results page, JSON and a plot."""

import importlib.util
import json
import platform
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from common import NEEDS, Goal, Measure, Result

_PACKAGES = ("numpy", "torch", "jax", "autograd", "numba", "micrograd", "tinygrad")
ABOVE = "as above"  # the note of a goal that has the reason of the one before it
_HEAD = """\
# Results

How fast microgradx is beside its peers, workload by workload, as `microgradx bench --markdown FILE` writes it: each
section says when, where and how it was measured. A ratio is time by time in the same run, rounds interleaved, medians;
CPU time on one thread, the wall's clock on several. Before any clock starts, all contenders have given the same losses
and gradients. The goals were set beforehand, by experiments.
"""


def machine() -> str:
    """Processor, cores, Python and packages, in one line."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = re.findall(r"^model name\s*: (.*)$", info.read_text("utf-8"), re.MULTILINE)
        families = re.findall(r"^model\s*: (.*)$", info.read_text("utf-8"), re.MULTILINE)
        cpu = f"{names[0]} (model {families[0]}), {len(names)} cores" if names and families else cpu
    return f"{cpu}; Python {platform.python_version()}, {', '.join(filter(None, map(_version, _PACKAGES)))}"


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def missing(needs: str) -> str:
    """What a peer, or C, lacks on this machine, so that it cannot take part."""
    package, program = NEEDS[needs]
    absent = [] if importlib.util.find_spec(package) else [f"pip install {package}"]
    if program and not shutil.which(program):
        absent.append(f"the program {program}, with which it compiles what it runs")
    return f"{needs} (it needs {' and '.join(absent)})"


def amount(seconds: float) -> str:
    """A time with a unit that suits it, to three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _measured(measure: Measure) -> str:
    return f"{measure.value:,.0f}" if not measure.unit else f"{measure.value:.3g} {measure.unit}"


def _against(goal: Goal, result: Result) -> str:
    """The goal in words: ≤ 0.5 × PyTorch, or ≤ 1 s."""
    unit = result.measures[goal.who].unit if goal.who in result.measures else ""
    return f"≤ {goal.at_most:g} " + (f"× {goal.than}" if goal.than else unit)


def rows(result: Result) -> list[tuple[str, str, str, str]]:
    """Goals as (who, goal, measured, verdict)."""
    return [
        (goal.who, _against(goal, result), f"{found:.3g}", "met" if found <= goal.at_most else "missed")
        for goal, found in result.judged()
    ]


def text(result: Result) -> str:
    """The table for a terminal."""
    found = result.workload
    clock = "CPU time" if result.threads == 1 else f"wall time, {result.threads} threads"
    lines = [f"{found.name}  {found.title}"]
    table = [(name, f"{amount(each)} {found.unit.replace('a ', '/ ', 1)}") for name, each in result.seconds.items()]
    table += [(name, _measured(measure)) for name, measure in result.measures.items()]
    lines += [f"  {a}  {b}".rstrip() for a, b in _columns(table)]
    if result.seconds:
        lines[0] += f"  ({clock})"
    judged = _columns([("goal", "at most", "measured", ""), *rows(result)])
    if len(judged) > 1:
        lines += ["", *(f"  {'  '.join(row)}".rstrip() for row in judged)]
    return "\n".join(lines) + "\n"


def _columns(table: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The cells padded to columns."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [tuple(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]


def document(results: Sequence[Result], rounds: int) -> str:
    """All that was measured, as JSON; times in seconds."""
    return json.dumps(
        {
            "schema": "microgradx.bench/1",
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": machine(),
            "rounds": rounds,
            "workloads": [_plain(result) for result in results],
        },
        ensure_ascii=False, indent=1,
    )  # fmt: skip


def _plain(result: Result) -> dict[str, Any]:
    found = result.workload
    return {
        "name": found.name, "title": found.title, "unit": found.unit, "threads": result.threads,
        "absent": result.absent, "seconds": result.seconds,
        "measures": {name: measure._asdict() for name, measure in result.measures.items()},
        "goals": [
            {"who": g.who, "at_most": g.at_most, "than": g.than, "measured": m, "met": m <= g.at_most}
            for g, m in result.judged()
        ],
    }  # fmt: skip


def page(results: Sequence[Result], command: str, before: str) -> str:
    """The results page: what `before` says of other workloads stays, what was measured now takes its place."""
    sections = {part.split("\n", 1)[0]: part for part in before.split("\n## ")[1:]}
    for result in results:
        title = f"{result.workload.name}: {result.workload.title}"
        title += f" ({result.threads} threads)" if result.threads > 1 else ""
        sections[title] = _section(title, result, command)
    order = sorted(sections, key=lambda title: (title.split(":")[0].ljust(3), title.endswith("threads)")))
    return "\n## ".join([_HEAD, *(sections[title].rstrip("\n") + "\n" for title in order)])


def _section(title: str, result: Result, command: str) -> str:
    lines = [title, "", f"{datetime.now(UTC):%Y-%m-%d}, `{command}`, {machine()}."]
    if result.absent:
        lines[-1] += f" Not there: {', '.join(map(missing, dict.fromkeys(result.absent)))}."
    judged, goals = rows(result), [goal for goal, _ in result.judged()]
    for goal in result.workload.goals:
        if goal not in goals and goal.threads in (0, result.threads):
            goals.append(goal)
            judged.append((goal.who, _against(goal, result), "", "not measured"))
    if judged:
        lines += ["", "| who | goal | measured | | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} | {why} |" for row, why in zip(judged, _reasons(judged, goals), strict=True)]
    lines += ["", f"| contender | {result.workload.unit} |", "|---|---|"]
    lines += [f"| {name} | {amount(each)} |" for name, each in result.seconds.items()]
    lines += [f"| {name} | {_measured(measure)} |" for name, measure in result.measures.items()]
    return "\n".join(lines) + "\n"


def _reasons(judged: Sequence[tuple[str, ...]], goals: Sequence[Goal]) -> list[str]:
    """Why goals are missed; "as above" only where the reason does stand above, not where that goal is met."""
    told, reason, shown = [], "", ""
    for row, goal in zip(judged, goals, strict=True):
        reason = reason if goal.note == ABOVE else goal.note
        told.append("" if row[-1] == "met" else ABOVE if shown and reason == shown else reason)
        shown = reason if told[-1] else shown
    return told


def plot(results: Sequence[Result], path: Path) -> None:
    """One bar per goal: measured by goal, on a scale of powers of two; left of the line it is met."""
    from matplotlib.figure import Figure

    from microgradx.plots import save

    bars = [(f"{r.workload.name} {g.who}, {_against(g, r)}", m / g.at_most) for r in results for g, m in r.judged()]
    figure = Figure(figsize=(10, 0.6 + 0.24 * len(bars)), layout="constrained")
    axes = figure.subplots()
    colours = ["C0" if share <= 1 else "C1" for _, share in bars]
    axes.barh([name for name, _ in bars], [share for _, share in bars], color=colours)
    axes.set(xscale="log", xlabel="measured / goal (1: just met)")
    axes.axvline(1, color="black")
    axes.invert_yaxis()
    save(figure, path)
