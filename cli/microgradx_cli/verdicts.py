"""What `microgradx check` found, for each thing that was checked: as a table, as JSON, as JUnit XML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microgradx.testing import CheckError, Report


_NARROW = 80  # columns: below, the table is set tighter
_TINY = 60  # below, names need the place of orders and modes


@dataclass
class Outcome:
    """One thing that was checked: its report, what failed, or why it could not be checked."""

    subject: str
    report: Report | None
    failure: CheckError | None = None
    problem: Exception | None = None

    @property
    def ok(self) -> bool:
        """True for what is proved."""
        return self.failure is None and self.problem is None


def one_line(problem: Exception) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(problem).split())


def table(outcomes: list[Outcome], width: int) -> Any:
    """A rich table with one line for each; where it is narrow, names and verdicts fold, never a number."""
    from rich.table import Table
    from rich.text import Text

    narrow, left_out = width < _NARROW, 2 * (width < _TINY)  # orders and modes: the options say them too
    table = Table(box=None, pad_edge=False, padding=(0, 1 if narrow else 2, 0, 0), header_style="dim")
    worst = "worst\nerror" if narrow else "worst error"
    for column in ("checked", *("orders", "modes", "examples")[left_out:], worst, "seconds", ""):
        table.add_column(column, overflow="fold", no_wrap=column not in ("checked", ""))
    for each in outcomes:
        r = each.report
        if r is None:
            verdict = Text("WRONG", style="bold red") if each.failure else Text("not checked", style="bold yellow")
            table.add_row(each.subject, *[""] * (5 - left_out), verdict)
        else:
            kinks = f"   {len(r.kinks)} at a kink" if r.kinks else ""
            orders = f"1…{r.order}" if r.order > 1 else "1"
            tried = (orders, " ".join(r.modes), str(r.examples))[left_out:]
            verdict = Text.assemble(("proved", "green"), kinks)
            table.add_row(each.subject, *tried, f"{r.worst:.1e}", f"{r.seconds:.2f}", verdict)
    return table


def document(outcomes: list[Outcome]) -> dict[str, Any]:
    """The schema microgradx.check/1."""

    def result(each: Outcome) -> dict[str, Any]:
        if each.failure is not None:
            return {"subject": each.subject, "ok": False, "lesson": each.failure.lesson.as_dict()}
        if each.problem is not None:
            return {"subject": each.subject, "ok": False, "error": one_line(each.problem)}
        r = each.report
        assert r is not None
        numbers = {"order": r.order, "modes": list(r.modes), "examples": r.examples, "worst": r.worst}
        slopes = [{**vars(kink), "index": list(kink.index)} for kink in r.kinks]
        kinks = {"kinks": len(r.kinks), "slopes": slopes}
        return {"subject": each.subject, "ok": True, **numbers, "seconds": r.seconds, **kinks}

    return {
        "schema": "microgradx.check/1",
        "ok": all(each.ok for each in outcomes),
        "results": list(map(result, outcomes)),
    }


def junit_xml(outcomes: list[Outcome]) -> str:
    """JUnit XML: a wrong derivative is a failure, what could not be checked an error."""
    from xml.etree import ElementTree as ET

    failures = sum(each.failure is not None for each in outcomes)
    errors = sum(each.problem is not None for each in outcomes)
    suite = ET.Element(
        "testsuite", name="microgradx check", tests=str(len(outcomes)), failures=str(failures), errors=str(errors)
    )
    for each in outcomes:
        seconds = each.report.seconds if each.report else 0.0
        case = ET.SubElement(suite, "testcase", classname="microgradx", name=each.subject, time=f"{seconds:.3f}")
        if each.failure is not None:
            lesson = str(each.failure)
            ET.SubElement(case, "failure", message=lesson.partition("\n")[0]).text = lesson
        if each.problem is not None:
            ET.SubElement(case, "error", message=one_line(each.problem)).text = str(each.problem)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)
