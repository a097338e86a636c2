"""A failed check as a lesson: where, with which numbers, which node is responsible, and what the mistake may be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from microgradx.graph import MicrogradxError, topological
from microgradx.graph.state import recording
from microgradx.rules.formula import rule_formula
from microgradx.rules.notation import screen_text
from microgradx.rules.op import Op
from microgradx.testing.beside import beside, lost_in_rounding
from microgradx.testing.calls import OpCall, as_code
from microgradx.testing.comparison import Comparison, Mismatch, compare, moves
from microgradx.testing.diagnosis import diagnose
from microgradx.testing.functions import Point, is_real, of_call, outputs
from microgradx.testing.kinks import bends, told_at
from microgradx.testing.look import only_factor
from microgradx.testing.source import brought_in, imported

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
        self, subject: str, mismatch: Mismatch, order: int, inputs: Sequence[Any], call: OpCall | None, f: Any = None
    ) -> None:
        super().__init__(subject)
        self.f = f  # the function that was checked; None for a call of a row
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
        worst = (found.point.names[found.position], found.index)
        remarks += [str(each) for each in told_at(found.point) if (each.name, each.index) != worst or not found.slopes]
        nth, mode = _ORDERS.get(self.order, f"{self.order}th"), _MODES[found.mode]
        return Lesson(
            subject=self.subject, wrong=f"the {nth} derivative ({mode}) is wrong", order=self.order, mode=mode,
            code=self._code(),
            input=found.point.names[found.position], index=found.index, analytic=found.analytic, numeric=found.numeric,
            responsible=responsible, guess=guess, slopes=found.slopes, remarks=remarks,
        )  # fmt: skip

    def numbers(self) -> str:
        """What disagrees, as a clause."""
        found = self.mismatch
        nth, name = _ORDERS.get(self.order, f"{self.order}th"), found.point.names[found.position]
        told = f"the {nth} derivative ({_MODES[found.mode]}) for {_place(name, found.index)}"
        if found.analytic is None:
            return f"{told} cannot be computed ({found.problem})"
        a, n = (float(np.asarray(x)[found.index]) for x in (found.analytic, found.numeric))
        sides = " ({:.6g} to the left, {:.6g} to the right)".format(*found.slopes) if found.slopes else ""
        return f"{told} is {a:.6g}, and {n:.6g} by differences{sides}"

    def _code(self) -> str:
        """Statements that fail in the same way."""
        called = self.subject if self.subject.isidentifier() else "f"
        lines = ["import numpy as np", "import microgradx as mx", "from microgradx.testing import check_grads", ""]
        if self.call is not None:
            names = self.call.names
            called = f"lambda {', '.join(names)}: {self.call.code(names)}"
            if not self.call.op.home.startswith("microgradx."):
                lines[-1:] = [imported(self.call.op.home), ""]
        else:
            lines[-1:] = [brought_in(self.f, called), ""]
        inputs = "".join(f"{as_code(x)}, " for x in self.inputs).rstrip()
        return "\n".join([*lines, f"check_grads({called}, ({inputs}), order={self.order})"])


class PropertyError(CheckError):
    """A row lacks another property that every row must have; the message shows the smallest call."""

    def __init__(self, problem: str, call: OpCall) -> None:
        MicrogradxError.__init__(self, problem)
        self.problem, self.call, self.f = problem, call, None

    @cached_property
    def lesson(self) -> Lesson:
        """The lesson as data; there are no two numbers to put beside each other."""
        assert self.call is not None
        code = "\n".join(["import numpy as np", "import microgradx as mx", "", repr(self.call)])
        return Lesson(
            subject=self.call.op.name, wrong=self.problem, order=0, mode="", code=code, input="", index=(),
            analytic=None, numeric=None, responsible=f"the row {self.call.op.form}", guess="",
        )  # fmt: skip


def _numbers(lesson: Lesson) -> list[str]:
    a, n = np.asarray(lesson.analytic), np.asarray(lesson.numeric)
    if a.shape != n.shape:
        return [f"the gradient for {lesson.input} has shape {a.shape}, but {lesson.input} has shape {n.shape}"]
    place = _place(lesson.input, lesson.index)
    one, two = float(a[lesson.index]), float(n[lesson.index])
    lines = [f"worst at {place}:  analytic {one:.10g}   numeric {two:.10g}   difference {one - two:.3g}"]
    if 1 < a.size <= _SHOWN:
        lines += _side_by_side(a, n)
    return lines


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _side_by_side(a: Any, n: Any) -> list[str]:
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
    stopped = ""
    for node, step in _steps(nodes):
        seen = _compared(step)
        if seen.mismatches:
            return _described(node, seen.mismatches[0]), diagnose(node.op, *node.inputs, **step.static) or ""
        stopped = stopped or _stopped(node, step)
    if stopped:
        return stopped, "a dropped dependence: an input that the result moves with needs a rule"
    hidden = "is hidden from the graph (.data, .item(), detach() or no_grad() on the way)"
    if call is not None:
        return (
            f"the row {_called(call.op)}: its gradient is right as a number, not as a graph",
            f"part of its rule {hidden}, or is another piece at this point alone",
        )
    return "no row of the rulebook: each rule on the way is right by itself", f"part of the computation {hidden}"


def users_row(point: Point) -> Any:
    """The first node made by a row of the user's own whose rule fails, with numbers, at this very point."""
    for node, step in _steps(topological(*outputs(point.f(*point.nodes())))):
        found = [] if step.op.home.startswith("microgradx.") else _compared(step).mismatches
        if found and not found[0].undefined and not lost_in_rounding(found[0]):
            return node
    return None


def singular_ops(point: Point) -> str:
    """The ops on the way that have no derivative here either, as part of a sentence."""
    steps = [step for _, step in _steps(topological(*outputs(point.f(*point.nodes()))))]
    found = {_called(s.op) + _slopes(s): None for s in steps if _singular(s)}
    return f", or an op on its way ({', '.join(found)})," if found else ""


def edge_of_an_op(found: Mismatch) -> str:
    """Where an op of the book, and not its rule, is at its limits: as a clause; "" when there is none such."""
    nodes = topological(*outputs(found.point.f(*found.point.nodes())))
    endless = [x for x in nodes if x.op is not None and is_real(x.data) and not np.isfinite(x.data).all()]
    if endless and found.undefined:
        return (
            f"for {_called(endless[0].op)} on its way is not finite here, and 0 times that is nan: choose other inputs "
            "for it, for example where(x > 0, x, 1), before, not after it is computed."
        )
    for _, step in _steps(nodes):
        wrong = _compared(step).mismatches
        if wrong:
            edge = step.op.home.startswith("microgradx.") and (wrong[0].undefined or beside(of_call(step), 1).only_here)
            return f"for {_called(step.op)} on its way has no such derivative at its inputs here." if edge else ""
    return ""


def _called(op: Op) -> str:
    return op.form.split(" = ")[0]


def _steps(nodes: list[Any]) -> Iterator[tuple[Any, OpCall]]:
    """The nodes with a rule to check, each as a call of its own."""
    for node in nodes:
        if node.op is None or not is_real(node.data):
            continue  # a leaf, or a comparison on the way
        if all(is_real(x.data) for x in node.inputs if x.requires_grad):
            yield node, OpCall(node.op, tuple(x.data for x in node.inputs), dict(node.static or {}))


def _singular(call: OpCall) -> bool:
    seen = _compared(call)
    return bool(seen.mismatches or seen.kinks) or _bends(call)


def _slopes(call: OpCall) -> str:
    sides = {f"{each.left:.6g} to the left and {each.right:.6g} to the right" for each in told_at(of_call(call))}
    return f", of slope {min(sides)}" if len(sides) == 1 else ""


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
    return f"the rule for {name}{called} {_called(node.op)}{place}{formula}"
