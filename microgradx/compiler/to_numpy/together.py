"""Small arrays with the same to be done to them lie in one array, and it is done at once: a call costs more than they.

Only for programs of NumPy calls: the arrays are written straight into their places (`pieces`), so laying them side by
side is free; and only for arithmetic, whose results do not depend on where in an array a number lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Kind, Step
from microgradx.rules.arithmetic import add, div, mul, neg, sub
from microgradx.rules.linear_algebra import linear, matmul
from microgradx.rules.shaping import index, stack

_SMALL = 1024  # numbers in an array
_ARITHMETIC = (add, sub, mul, div, neg)


def together(form: Form) -> Form:
    """The form with such groups as one step each, until there are no more."""
    known: dict[str, tuple[str, int]] = {}  # a name -> the array that it lies in, and where
    sizes: dict[str, int] = {}
    while groups := _groups(form, known, sizes):
        at: dict[int, list[Step]] = {}
        members: set[str] = set()
        for group in groups:
            added, made = _merged(group, known)
            sizes |= {step.name: len(group.steps) for step in added}
            for k, step in enumerate(group.steps):
                known[step.name] = made, k
                added.append(replace(step, op=index, operands=(made,), static={"key": (k,)}, note=""))
            members |= {step.name for step in group.steps}
            at.setdefault(group.ready, []).extend(added)
        steps = []
        for i, step in enumerate(form.steps):
            steps += [*([] if step.name in members else [step]), *at.get(i, ())]
        form = form.with_steps(steps, {})
    return form


@dataclass
class _Group:
    steps: list[Step]
    varying: list[int]  # which operands are not the same constant for all
    ready: int  # where the last of the operands is computed
    needed: int  # where the first of the results is read

    def takes(self, other: "_Group") -> bool:
        """True when they can be computed together, and the other one's step is added then."""
        ready, needed = max(self.ready, other.ready), min(self.needed, other.needed)
        mine = {step.name for step in self.steps}
        if ready >= needed or not mine.isdisjoint(other.steps[0].operands):
            return False
        self.steps, self.ready, self.needed = self.steps + other.steps, ready, needed
        return True


def _groups(form: Form, known: dict[str, tuple[str, int]], sizes: dict[str, int]) -> list[_Group]:
    kinds, made = form.kinds(), {step.name: step for step in form.steps}
    place = {step.name: i for i, step in enumerate(form.steps)}
    results = set(form.results)
    read = dict.fromkeys(results, len(form.steps))
    for i in reversed(range(len(form.steps))):
        read |= dict.fromkeys(form.steps[i].operands, i)
    stacked = {n for step in form.steps if step.op is stack for n in step.operands}

    def free(name: str) -> bool:
        """True for what can be written into any place."""
        step = made.get(name)
        flat = step is not None and len(step.kind.shape) == 2 and step.op in (linear, matmul)
        writes = step is not None and (flat or (step.op.elementwise and not step.kind.scalar))
        return writes and name not in stacked and name not in results

    found: dict[Any, list[_Group]] = {}
    for step in form.steps:
        if step.op not in _ARITHMETIC or not _small(step.kind) or step.name not in read or step.name in results:
            continue
        if step.name in known:
            continue
        varying = [i for i, n in enumerate(step.operands) if n not in form.constants]
        names = [step.operands[i] for i in varying]
        if not names or any(kinds[n] != step.kind or not (n in known or free(n)) for n in names):
            continue
        rest = [_same(form.constants[n]) for n in step.operands if n in form.constants]
        sources = [known[n][0] if n in known else made[n].op for n in names]
        key = (step.op, step.kind, *varying, *rest, *sources)
        ready = max(place[known[n][0] if n in known else n] for n in names)
        group = _Group([step], varying, ready, read[step.name])
        if not any(each.takes(group) for each in found.setdefault(key, [])):
            found[key].append(group)
    return [*_chosen([group for groups in found.values() for group in groups], known, sizes)]


def _same(value: Any) -> Any:
    return np.shape(value), np.asarray(value).dtype, np.asarray(value).tobytes()


def _small(kind: Kind) -> bool:
    size = 1
    for n in kind.shape:
        size *= n
    return bool(kind.shape) and not kind.scalar and 0 < size <= _SMALL


def _chosen(groups: list[_Group], known: dict[str, tuple[str, int]], sizes: dict[str, int]) -> Iterator[_Group]:
    """Groups of which each operand is whole arrays of pieces, or pieces of which nobody else makes an array."""
    used: set[str] = set()
    for group in sorted(groups, key=lambda group: -len(group.steps)):
        if len(group.steps) < 2:
            continue
        columns = [[step.operands[i] for step in group.steps] for i in group.varying]
        places = [[known.get(n, ("", -1)) for n in names] for names in columns]
        order = [*range(len(group.steps))]
        lies = [where for where in places if where[0][0]]
        if lies:
            order.sort(key=lambda k: lies[0][k][1])
        whole = all([where[k][1] for k in order] == [*range(sizes[where[0][0]])] for where in lies)
        loose = [n for names, where in zip(columns, places, strict=True) if not where[0][0] for n in names]
        same = [{*names} for names, where in zip(columns, places, strict=True) if not where[0][0]]
        alike = all(a == b or not a & b for a in same for b in same)
        twice = any(len({*names}) < len(names) for names in columns)
        mine = {step.name for step in group.steps}
        if whole and alike and not twice and not used & ({*loose} | mine):
            used |= {*loose} | mine
            group.steps = [group.steps[k] for k in order]
            yield group


def _merged(group: _Group, known: dict[str, tuple[str, int]]) -> tuple[list[Step], str]:
    """The steps that do it for all, and the name of the result."""
    first, steps = group.steps[0], []
    kind = first.kind._replace(shape=(len(group.steps), *first.kind.shape))
    operands = list(first.operands)
    for i in group.varying:
        names = tuple(step.operands[i] for step in group.steps)
        if names[0] not in known:
            array = Step(f"{names[0]}_beside", stack, names, {"axis": 0}, kind, first.section)
            steps.append(array)
            known |= {n: (array.name, k) for k, n in enumerate(names)}
        operands[i] = known[names[0]][0]
    made = replace(first, name=f"{first.name}_beside", operands=tuple(operands), kind=kind, named=False, note="")
    return [*steps, made], made.name
