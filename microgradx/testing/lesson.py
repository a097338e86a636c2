"""A failed check as a lesson: where, with which numbers, which node is responsible, and what the mistake may be."""

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.graph import MicrogradxError, topological
from microgradx.graph.state import recording
from microgradx.rules.formula import rule_formula
from microgradx.rules.notation import screen_text
from microgradx.testing.calls import OpCall, as_code
from microgradx.testing.comparison import Comparison, Mismatch, compare, moves
from microgradx.testing.diagnosis import diagnose
from microgradx.testing.functions import Point, is_real, of_call, outputs
from microgradx.testing.kinks import bends
from microgradx.testing.look import only_factor

_SHOWN = 30  # entries: larger arrays are not printed in full
_MODES = {"rev": "reverse mode", "fwd": "forward mode"}
_ORDERS = {1: "first", 2: "second", 3: "third"}


@dataclass
class Lesson:
    """What a failed check has to say; `text()` is what a person reads."""

    subject: str
    wrong: str  # what is wrong, as a sentence
    order: int
    mode: str
    code: str
    input: str
    index: tuple[int, ...]
    analytic: Any
    numeric: Any
    responsible: str
    guess: str
    slopes: tuple[float, float] | None = None
    remarks: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The lesson in a few short paragraphs."""
        lines = [f"{self.subject}: {self.wrong}.", "", _indented(self.code), ""]
        if self.analytic is not None:
            lines += _numbers(self)
        if self.slopes:
            left, right = self.slopes
            lines.append(
                f"a kink: slope {left:.6g} to the left, {right:.6g} to the right; a gradient lies between them"
            )
        lines += self.remarks
        lines.append(f"responsible: {self.responsible}")
        if self.guess:
            lines.append("guess: " + self.guess.replace("\n", "\n       "))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        plain = {k: v for k, v in vars(self).items() if k not in ("analytic", "numeric", "index")}
        numbers = {
            k: None if (v := getattr(self, k)) is None else np.asarray(v).tolist() for k in ("analytic", "numeric")
        }
        return {**plain, "index": list(self.index), **numbers}


class CheckError(MicrogradxError, AssertionError):
    """A derivative does not agree with finite differences; the message is the lesson, made when it is read."""

    def __init__(
        self, subject: str, mismatch: Mismatch, order: int, inputs: list[Any], call: OpCall | None, home: str = ""
    ) -> None:
        super().__init__(subject)
        self.home = home  # the module where a function has its name
        self.subject, self.mismatch, self.order, self.inputs, self.call = subject, mismatch, order, inputs, call

    def __str__(self) -> str:
        return self.lesson.text()

    @cached_property
    def lesson(self) -> Lesson:
        """The lesson as data."""
        found = self.mismatch
        responsible, guess = blame(found.point, self.call)
        remarks = []
        if found.factors and only_factor(found.factors) == 1.0 and found.problem is None:
            remarks.append("(both are gradients of a sum of all outputs, each with a weight of its own)")
        if found.problem is not None:
            remarks.append(f"instead of a gradient: {type(found.problem).__name__}: {found.problem}")
        if not found.settled:
            remarks.append("the differences do not settle here: the function jumps, or is not smooth at this point")
        nth, mode = _ORDERS.get(self.order, f"{self.order}th"), _MODES[found.mode]
        return Lesson(
            subject=self.subject, wrong=f"the {nth} derivative ({mode}) is wrong", order=self.order, mode=mode,
            code=self._code(),
            input=found.point.names[found.position], index=found.index, analytic=found.analytic, numeric=found.numeric,
            responsible=responsible, guess=guess, slopes=found.slopes, remarks=remarks,
        )  # fmt: skip

    def _code(self) -> str:
        """Statements that fail in the same way."""
        called = self.subject if self.subject.isidentifier() else "f"
        lines = ["import numpy as np", "import microgradx as mx", "from microgradx.testing import check_grads", ""]
        if self.call is not None:
            names = self.call.names
            called = f"lambda {', '.join(names)}: {self.call.code(names)}"
            if not self.call.op.home.startswith("microgradx."):
                lines[-1:] = [_imported(self.call.op.home), ""]
        elif self.home:
            lines[-1:] = [_imported(self.home, called), ""]
        inputs = "".join(f"{as_code(x)}, " for x in self.inputs).rstrip()
        return "\n".join([*lines, f"check_grads({called}, ({inputs}), order={self.order})"])


class PropertyError(CheckError):
    """A row lacks another property that every row must have; the message shows the smallest call."""

    def __init__(self, problem: str, call: OpCall) -> None:
        MicrogradxError.__init__(self, problem)
        self.problem, self.call, self.home = problem, call, ""

    @cached_property
    def lesson(self) -> Lesson:
        """The lesson as data; there are no two numbers to put beside each other."""
        assert self.call is not None
        code = "\n".join(["import numpy as np", "import microgradx as mx", "", repr(self.call)])
        return Lesson(
            subject=self.call.op.name, wrong=self.problem, order=0, mode="", code=code, input="", index=(),
            analytic=None, numeric=None, responsible=f"the row {self.call.op.form}", guess="",
        )  # fmt: skip


def _imported(home: str, name: str = "") -> str:
    """The line that brings in a row, or a function by its name, for code in a file beside that of the module."""
    file = getattr(sys.modules.get(home), "__file__", None)
    if home.startswith("microgradx_user_") and file:  # the command line's word for a file that import does not find
        run = f"runpy.run_path({Path(file).name!r})"
        return f"import runpy\n{name} = {run}[{name!r}]" if name else f"import runpy\n{run}"
    return f"from {home} import {name}" if name else f"import {home}"


def _numbers(lesson: Lesson) -> list[str]:
    a, n = np.asarray(lesson.analytic), np.asarray(lesson.numeric)
    if a.shape != n.shape:
        return [f"the gradient for {lesson.input} has shape {a.shape}, but {lesson.input} has shape {n.shape}"]
    place = f"{lesson.input}[{', '.join(map(str, lesson.index))}]" if lesson.index else lesson.input
    one, two = float(a[lesson.index]), float(n[lesson.index])
    lines = [f"worst at {place}:  analytic {one:.10g}   numeric {two:.10g}   difference {one - two:.3g}"]
    if 1 < a.size <= _SHOWN:
        lines += _beside(a, n)
    return lines


def _beside(a: Any, n: Any) -> list[str]:
    left, right = (np.array2string(x, precision=6, suppress_small=True).split("\n") for x in (a, n))
    width = max(map(len, [*left, "analytic"]))
    rows = zip(["analytic", *left], ["numeric", *right], strict=True)
    return [f"    {one:<{width}}   {two}" for one, two in rows]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))


def blame(point: Point, call: OpCall | None = None) -> tuple[str, str]:
    """The first node on the way whose own rule fails, in words, and a guess at the mistake; `call`: what was checked.

    Where each is right by itself, a gradient of the gradient of `call` can only be lost inside its own rule.
    """
    try:
        with recording(sources=call is None):
            nodes = topological(*outputs(point.f(*point.nodes())))
    except Exception as problem:
        return f"the function itself raises {type(problem).__name__}: {problem}", ""
    stopped, right = "", []
    for node in nodes:
        if node.op is None or not is_real(node.data):
            continue  # a leaf, or a comparison on the way
        if not all(is_real(x.data) for x in node.inputs if x.requires_grad):
            continue
        step = OpCall(node.op, tuple(x.data for x in node.inputs), dict(node.static or {}))
        seen = _compared(step)
        if seen.mismatches:
            return _described(node, seen.mismatches[0]), diagnose(node.op, *node.inputs, **step.static) or ""
        right.append((step, seen))
        stopped = stopped or _stopped(node, step)
    if stopped:
        return stopped, "a dropped dependence: an input that the result moves with needs a rule"
    kinked = [step.op.form.split(" = ")[0] for step, seen in right if seen.kinks or _bends(step)]
    if kinked:
        return (
            f"no row of the rulebook, but kinks on the way: {', '.join(dict.fromkeys(kinked))}",
            "each rule takes one piece at its kink, and the pieces need not fit together; check a little beside this "
            "point",
        )
    hidden = "is hidden from the graph (.data, .item(), detach() or no_grad() on the way)"
    if call is not None:
        return (
            f"the row {call.op.form.split(' = ')[0]}: its gradient is right as a number, not as a graph",
            f"part of its rule {hidden}, or is another piece at this point alone",
        )
    return "no row of the rulebook: each rule on the way is right by itself", f"part of the computation {hidden}"


def _stopped(node: Any, call: OpCall) -> str:
    """The input at which a gradient stops, although the result moves with it."""
    for k, (each, name) in enumerate(zip(node.inputs, call.names, strict=True)):
        if node.op.rule_for(k) is None and each.requires_grad and moves(of_call(call), k):
            return f"{node.op.form}: no gradient flows to {name}, which the row declares nondiff"
    return ""


def _compared(call: OpCall) -> Comparison:
    """The rules of one call against differences; nothing found where there is nothing to compare."""
    try:
        return compare(of_call(call)) if call.smooth else Comparison()
    except MicrogradxError:
        return Comparison()


def _bends(call: OpCall) -> bool:
    try:
        return call.smooth != [] and bends(of_call(call))
    except MicrogradxError:
        return False


def _described(node: Any, wrong: Mismatch) -> str:
    name = wrong.point.names[wrong.position]
    try:
        formula = f", which says {screen_text(rule_formula(node, wrong.position))}"
    except Exception:  # a rule that cannot even run
        formula = ""
    place = f" (line {node.source[1]} of {node.source[0]})" if node.source else ""
    called = f" in {node.name} =" if node.name else " in"
    return f"the rule for {name}{called} {node.op.form.split(' = ')[0]}{place}{formula}"
