"""The one graph form that all targets share: a list of steps, each an op of the rulebook applied to named things.

A form is plain data. Every argument, constant and step has a name of its own, and a step mentions only names that come
before it; nothing changes once it has been computed. Passes (`passes`) turn a form into a shorter one that computes
the same; a target (`targets`) writes it down as a program. What a program does with a form:

1. compute the steps in order, each `op` of `operands` (with the static parameters as keywords);
2. give back `outputs` (the first is the loss, where there are gradients) and `gradients`;
3. let each argument in `updates` take its new value for the next call: all at once, after everything is computed.

A step whose kind is `scalar` is one Python float (a Value); any other is an array (a Tensor), 0-d included.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from microgradx.compiler.joint import Joint
from microgradx.graph import Value
from microgradx.rules.op import Op


class Kind(NamedTuple):
    """What a name stands for: a Python float (`scalar`), or an array of this shape and dtype."""

    scalar: bool
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return "number" if self.scalar else f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Step:
    """One result: `name` is `op` applied to `operands`."""

    name: str
    op: Op
    operands: tuple[str, ...]
    static: Mapping[str, Any]
    kind: Kind
    section: str  # "forward", "backward" or "update"
    note: str = ""  # the rule that it came from, as a person reads it
    named: bool = False  # called so by the learner, so it keeps a line of its own

    def __str__(self) -> str:
        static = [f"{k}={v!r}" for k, v in self.static.items()]
        return f"{self.name} = {self.op.name}({', '.join([*self.operands, *static])})  {self.kind}"


@dataclass(frozen=True)
class Form:
    """A graph as data; see the head of this file."""

    title: str
    arguments: dict[str, Kind]
    constants: dict[str, Any]  # name -> Python float (a scalar) or array
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    gradients: dict[str, str]  # argument -> the name that holds the gradient with respect to it
    updates: dict[str, str] = field(default_factory=dict)  # argument -> the name that holds its next value

    @property
    def results(self) -> tuple[str, ...]:
        """Every name that something outside reads."""
        return (*self.outputs, *self.gradients.values(), *self.updates.values())

    def kinds(self) -> dict[str, Kind]:
        """The kind of every name."""
        constants = {name: kind_of(value) for name, value in self.constants.items()}
        return self.arguments | constants | {step.name: step.kind for step in self.steps}

    def uses(self) -> Counter[str]:
        """How often each name is read: as a result, and by steps that a result needs."""
        counts = Counter(self.results)
        for step in reversed(self.steps):
            for name in step.operands if step.name in counts else ():
                counts[name] += 1
        return counts

    def with_steps(
        self, steps: list[Step], stands: Mapping[str, str], constants: Mapping[str, Any] | None = None
    ) -> "Form":
        """The form with other steps; `stands` says which name a result is known by now, where that changed."""
        return replace(
            self,
            steps=tuple(steps),
            constants=dict(self.constants if constants is None else constants),
            outputs=tuple(stands.get(n, n) for n in self.outputs),
            gradients={a: stands.get(n, n) for a, n in self.gradients.items()},
            updates={a: stands.get(n, n) for a, n in self.updates.items()},
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """The form as text: one line per argument, constant and step, section by section."""
        yield from (f"argument {name}  {kind}" for name, kind in self.arguments.items())
        yield from (f"constant {name} = {_short(value)}" for name, value in self.constants.items())
        section = ""
        for step in self.steps:
            if step.section != section:
                section = step.section
                yield f"# {section}"
            yield str(step)
        yield f"return {', '.join(self.outputs)}"
        yield from (f"gradient of {argument}: {name}" for argument, name in self.gradients.items())
        yield from (f"next {argument}: {name}" for argument, name in self.updates.items())


def lower(found: Joint, title: str) -> Form:
    """The joint graph as a form, step by step as it was recorded."""
    names: dict[Any, str] = dict(found.names)
    taken = set(names.values())
    constants: dict[str, Any] = {}
    steps: list[Step] = []
    arguments = set(found.arguments)  # a list would compare nodes by ==, which is an op
    fresh = (t for i in count(1) if (t := f"t{i}") not in taken)
    for node in found.order:
        named = node in names
        if not named:
            names[node] = next(fresh)
        if node.op is not None:
            section = "forward" if node in found.forward else "update" if node in found.updating else "backward"
            kind = Kind(isinstance(node, Value), node.shape, node.dtype)
            operands = tuple(names[each] for each in node.inputs)
            note = found.notes.get(node, "")
            steps.append(Step(names[node], node.op, operands, dict(node.static or {}), kind, section, note, named))
        elif node not in arguments:
            constants[names[node]] = node.data
    kinds = {names[n]: Kind(isinstance(n, Value), n.shape, n.dtype) for n in found.arguments}
    return Form(
        title, kinds, constants, tuple(steps), tuple(names[n] for n in found.outputs),
        {names[found.arguments[i]]: names[n] for i, n in found.gradients.items()},
        {names[found.arguments[i]]: names[n] for i, n in found.updates.items()},
    )  # fmt: skip


def kind_of(value: Any) -> Kind:
    """The kind of a constant or argument."""
    return Kind(isinstance(value, float), np.shape(value), np.asarray(value).dtype)


def _short(value: Any) -> str:
    array = np.asarray(value)
    return repr(array.tolist()) if array.size <= 6 else str(kind_of(value))
