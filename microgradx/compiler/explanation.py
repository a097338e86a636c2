"""What the compiler did: the graph as it was recorded, and after each pass."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.compiler.form import Form
from microgradx.compiler.passes import PASSES, computed, simplified
from microgradx.compiler.program import record
from microgradx.compiler.to_numpy.buffers import memory
from microgradx.compiler.to_numpy.emit import write
from microgradx.graph import Tensor, Value


@dataclass(frozen=True)
class Explanation:
    """The form of a function at every stage; `str()` is the whole story, `table()` the counts alone."""

    stages: list[tuple[str, Form]]  # ("recorded", …), then one per pass
    values: Mapping[str, Any]  # the data of the arguments: pictures show numbers

    def table(self) -> str:
        """How many steps and constants each pass leaves, and what it does."""
        lines, before = [f"{'pass':<11}{'steps':>6}{'constants':>11}"], 0
        for name, form in self.stages:
            change = len(form.steps) - before
            what = (PASSES[name].__doc__ or "").splitlines()[0] if name in PASSES else "forward, backward, update"
            shown = f"({change:+d})" if before and change else ""
            lines.append(f"{name:<11}{len(form.steps):>6}{len(form.constants):>11} {shown:>6}  {what}")
            before = len(form.steps)
        return "\n".join([*lines, *self._as_written()])

    def _as_written(self) -> Iterator[str]:
        """What becomes of the last form when it is written to be read, and to be run."""
        form = self.stages[-1][1]
        chains = "What is used once stands inside its user: chains of ops are one expression."
        yield f"{'lines':<11}{len(write(form).lines):>6}{'':<20}{chains}"
        calls, arrays, over = memory(form)
        kept = f"Calls of NumPy, into {arrays} arrays that are used again; {over} write over an operand."
        yield f"{'calls':<11}{calls:>6}{'':<20}{kept}"

    def __str__(self) -> str:
        (_, first), (_, last) = self.stages[0], self.stages[-1]
        return f"{self.table()}\n\nAs recorded:\n\n{first}\n\nAfter all passes:\n\n{last}"

    def picture(self, stage: int | str = -1) -> Any:
        """The graph of a stage (its position, or the name of a pass), drawn with its numbers.

        Raises:
            PictureError: it cannot be drawn.
        """
        from microgradx.pictures import draw

        form = self.stages[stage][1] if isinstance(stage, int) else dict(self.stages)[stage]
        return draw(nodes(form, self.values), grads=False)


def explain_compile(function: Callable[..., Any], *args: Any, differentiate: bool = True) -> Explanation:
    """What becomes of a function (of arguments like these) when it is compiled, pass by pass.

    Raises:
        CompileError: it cannot be compiled.

    >>> import microgradx as mx
    >>> found = mx.explain_compile(lambda x: (x * 1.0).tanh(), 0.5)
    >>> print(found.table().splitlines()[0])
    pass        steps  constants
    """
    function = getattr(function, "function", function)  # what compile() was given
    recorded = record(function, args, differentiate)
    names = list(recorded.form("", simple=False).arguments)
    values = dict(zip(names, (node.data for node in recorded.graph.arguments), strict=True))
    return explained(recorded.form(getattr(function, "__name__", "program"), simple=False), values)


def explained(form: Form, values: Mapping[str, Any]) -> Explanation:
    """The passes over a form, one after the other."""
    stages = [("recorded", form)]
    simplified(form, lambda name, after: stages.append((name, after)))
    return Explanation(stages, values)


def nodes(form: Form, values: Mapping[str, Any]) -> list[Any]:
    """The results of a form as the graph that computes them."""
    made: dict[str, Any] = {}
    for name, value in {**form.constants, **values}.items():
        made[name] = _leaf(value).named(name)
    for step in form.steps:
        inputs = [made[n] for n in step.operands]
        node = _leaf(computed(step, [each.data for each in inputs]))
        node.op, node.static, node.rest, node.scope = step.op, dict(step.static), tuple(inputs), step.section
        made[step.name] = node.named(step.name) if step.named else node
    return [made[name] for name in dict.fromkeys(form.results)]


def _leaf(value: Any) -> Any:
    return Value(value, requires_grad=False) if isinstance(value, float) else Tensor(np.asarray(value), False)
