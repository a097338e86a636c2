"""A program in which C and NumPy take turns: products by NumPy's library, and what lies between them as loops in C.

Every stage (see `stages`) is a form of its own, with the same functions as any other: `function.source` writes it in C,
`to_numpy.buffers` in NumPy. What one stage makes for another lies in memory that stays where it is, so a call gives no
addresses away. Stages that do the same with other arrays, such as the steps of a sequence, are one function in C.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Kind, Step, kind_of
from microgradx.compiler.joint import CompileError
from microgradx.compiler.passes import frozen, share
from microgradx.compiler.to_c.expand import expanded
from microgradx.compiler.to_c.function import Source, source, written
from microgradx.compiler.to_c.native import Native, library
from microgradx.compiler.to_c.stages import Plan, is_side_by_side, keeps_order, layer, with_turned_copies
from microgradx.compiler.to_numpy import buffers
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.compiler.to_numpy.emit import write


class Mixed:
    """A form as a function of its arguments but the fixed ones: (outputs, gradients, updates).

    Raises:
        CompileError: it is no such form; NumPy's program as a whole is the better one.
    """

    def __init__(self, form: Form, fixed: Fixed) -> None:
        if form.updates or fixed.updates:
            raise CompileError("changes arrays beside products; the numpy target runs it")
        self.form, self.fixed = with_turned_copies(share(expanded(form, but=("linear",)))), fixed
        self.plan = Plan(self.form)
        self.kinds = self.plan.kinds
        self.passed = [a for a in form.arguments if a not in fixed.arrays]
        self.arrays: dict[str, Any] = dict(fixed.arrays)  # what stays in its place: its array
        self._lay_out()
        self.sources: dict[Any, tuple[str, Source, list[str]]] = {}  # what regions do -> (function, its source, names)
        regions: list[tuple[Form, Fixed, str, Source] | tuple[Form, Fixed]] = []
        for k, stage in enumerate(self.plan.stages):
            if stage.steps:
                part, places = self._part(k, stage.steps)
                regions.append((part, places, *self._in_c(part, places)) if stage.in_c else (part, places))
        if not self.sources or all(len(each) == 4 for each in regions):
            raise CompileError("is no mixture of products and loops; the numpy target runs it")
        text = written({name: found for name, found, _ in self.sources.values()})
        functions = library(text, [name for name, _, _ in self.sources.values()])
        self.text = "\n".join([text, "// A call of the program, in turn:", *self._turns(regions)]) + "\n"
        self.calls: list[tuple[Callable[..., Any], list[int]]] = []
        for each in regions:
            needed = [self.passed.index(a) for a in each[0].arguments if a in self.passed]
            if len(each) == 2:
                self.calls.append((buffers.unguarded(*each), needed))
            else:
                part, places, name, found = each
                run = Native(part, places, found, functions, name)
                self.calls.append((run if needed else run.repeated(), needed))
        self.run = buffers.guarded(self._run)

    @staticmethod
    def _turns(regions: list[Any]) -> Iterator[str]:
        """What happens in turn, as comments: NumPy's lines, and the calls of C's functions with what they make."""
        for part, _, *in_c in regions:
            steps = tuple(replace(step, named=step.named or step.name in part.gradients) for step in part.steps)
            made = [line.code for line in write(replace(part, steps=steps)).lines]
            yield from (f"//     {line}" for line in ([f"{in_c[0]}: {', '.join(part.gradients)}"] if in_c else made))

    def __call__(self, *args: Any) -> Any:
        """(outputs, gradients, updates) for these arguments."""
        return self.run(*args)

    def _run(self, *args: Any) -> Any:
        for call, needed in self.calls:
            call(*[args[k] for k in needed])
        for target, name in self.copies:
            np.copyto(target, args[self.passed.index(name)] if name in self.passed else self._array(name))
        outputs = tuple([self._result(n, args) for n in self.form.outputs])
        rest = {a: n for a, n in self.form.gradients.items() if a not in self.fixed.gradients}
        return outputs, {a: self._result(n, args) for a, n in rest.items()}, {}

    def _result(self, name: str, args: tuple[Any, ...]) -> Any:
        data = args[self.passed.index(name)] if name in self.passed else self._array(name)
        return float(data) if self.kinds[name].scalar else np.array(data)

    # Where everything lies

    def _lay_out(self) -> None:
        """Give what one stage makes for another, or for the caller, a place; of those no longer needed, an old one."""
        form, plan = self.form, self.plan
        last: dict[str, int] = dict.fromkeys(map(plan.root, form.results), len(plan.stages))
        for k, stage in reversed([*enumerate(plan.stages)]):
            for n in (plan.root(n) for step in stage.steps for n in step.operands):
                if plan.at.get(n, k) != k:
                    last.setdefault(n, k)
        self.copies: list[tuple[Any, str]] = []
        for a, target in self.fixed.gradients.items():
            n = form.gradients[a]
            plain = n in plan.at and n not in self.arrays and not self.kinds[n].scalar
            if plain and (target.shape, target.dtype) == self.kinds[n][1:] and target.flags.c_contiguous:
                self.arrays[n] = target
            else:
                self.copies.append((target, n))
        layers = self._layers(last)
        free: dict[Any, list[Any]] = {}
        ends: dict[int, list[Any]] = {}  # a stage -> the memory that nobody needs after it
        for k, stage in enumerate(plan.stages):
            for n in [layers.get(step.name, (step.name, 0))[0] for step in stage.steps]:
                if n in last and n not in self.arrays:
                    self.arrays[n], memory = _memory(self.kinds[n], free)
                    ends.setdefault(last[n], []).append(memory)
            self.arrays |= {s.name: self._layer(*layers[s.name]) for s in stage.steps if s.name in layers}
            for memory in ends.get(k, ()):
                free.setdefault((memory.size, memory.dtype), []).append(memory)
        there = {whole for whole, _ in layers.values()}
        for stage in plan.stages:
            stage.steps = [step for step in stage.steps if step.name not in there]

    def _layers(self, last: dict[str, int]) -> dict[str, tuple[str, int]]:
        """Steps that can write straight into an array that is made of them: its name, and which part they are."""
        plan, found = self.plan, dict[str, tuple[str, int]]()
        for step in filter(is_side_by_side, self.form.steps):
            parts, here = step.operands, plan.at[step.name]
            free = len({*parts}) == len(parts) and all(plan.at.get(n, here) < here for n in parts)
            if free and not {*parts} & (found.keys() | self.arrays.keys()):
                found |= {n: (step.name, k) for k, n in enumerate(parts)}
                last[step.name] = max(last.get(n, 0) for n in (step.name, *parts))
        return found

    def _layer(self, whole: str, k: int) -> Any:
        """Part `k` of an array that is stacked, or joined along its first axis."""
        step, array = self.plan.made[whole], self.arrays[whole]
        if step.op.name == "stack":
            return array[k]
        ends = np.cumsum([0, *(self.kinds[n].shape[0] for n in step.operands)])
        return array[ends[k] : ends[k + 1]]

    def _array(self, name: str) -> Any:
        """The array of a name that stays in its place, or of a view of one."""
        if name in self.arrays:
            return self.arrays[name]
        if name in self.form.constants:
            return self.form.constants[name]
        step = self.plan.made[name]
        inner, key = self._array(step.operands[0]), layer(step)
        return inner[key] if key is not None else inner.reshape(step.kind.shape)

    def _stays(self, name: str, stage: int) -> bool:
        """True for what lies in its place before a stage begins, in the order of its numbers."""
        while name in self.plan.views and keeps_order(self.plan.made[name]):
            name = self.plan.made[name].operands[0]
        return name in self.arrays and self.plan.at.get(name, -1) < stage

    # One stage

    def _part(self, stage: int, steps: list[Step]) -> tuple[Form, Fixed]:
        """A stage as a form, and where its arguments and results lie."""
        whole = [*self._with_views(stage, steps)]
        made = {step.name for step in whole}
        read = dict.fromkeys(n for step in whole for n in step.operands if n not in made)
        constants = {n: self.form.constants[n] for n in read if n in self.form.constants}
        arguments = {n: self.kinds[n] for n in read if n not in constants}
        results = {step.name: self.arrays[step.name] for step in steps if step.name in self.arrays}
        places = {n: self._array(n) for n in arguments if n not in self.passed}
        part = Form(self.form.title, arguments, constants, tuple(whole), (), {n: n for n in results})
        return part, Fixed(places, results)

    def _with_views(self, stage: int, steps: list[Step]) -> Iterator[Step]:
        """The steps, with those views before them that are no memory in another shape."""
        there: set[str] = set()
        for step in steps:
            chain = [n for n in step.operands if n in self.plan.views]
            missing: list[Step] = []
            while chain:
                name = chain.pop()
                if name not in there and not self._stays(name, stage):
                    there.add(name)
                    view = self.plan.made[name]
                    missing.append(view)
                    chain += [n for n in view.operands if n in self.plan.views]
            yield from reversed(missing)
            yield step

    def _in_c(self, part: Form, places: Fixed) -> tuple[str, Source]:
        """The function in C that computes a stage; one that does the same with other arrays is taken again."""
        names = [*part.arguments, *part.constants, *(step.name for step in part.steps)]
        number = {n: k for k, n in enumerate(names)}
        key = (
            tuple((kind, a in places.arrays) for a, kind in part.arguments.items()),
            tuple((kind_of(v), np.asarray(v).tobytes()) for v in part.constants.values()),
            tuple((s.op, frozen(s.static), s.kind, *(number[n] for n in s.operands)) for s in part.steps),
            tuple(number[n] for n in part.gradients),
        )
        if key not in self.sources:
            self.sources[key] = f"region_{len(self.sources) + 1}", source(part, places), names
        name, found, first = self.sources[key]
        called = dict(zip(first, names, strict=True))
        at = []
        for each in found.at:
            n = called[each.name]
            array = places.arrays.get(n) if each.comes else places.gradients[n]
            at.append(replace(each, name=n, array=array))
        return name, replace(found, come_in=[called[n] for n in found.come_in], at=at)


def _memory(kind: Kind, free: dict[Any, list[Any]]) -> tuple[Any, Any]:
    """An array of this kind, and the flat memory under it; one that is free, if there is one."""
    size = int(np.prod(kind.shape, dtype=int))
    spare = free.get((size, kind.dtype))
    memory = spare.pop() if spare else np.empty(size, kind.dtype)
    return memory.reshape(kind.shape), memory
