"""Which steps of a form run in C, which are left to NumPy, and when: stages of the one and of the other in turn.

NumPy's are the large products (its library does them faster than loops), the sums and maxima along long rows, and what
C has no form for. All else is C's. A step of NumPy's comes as early as it can; one of C's just before it is needed, in
one loop with its readers. Views compute nothing: each reader looks through them.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from microgradx.compiler.form import Form, Kind, Step
from microgradx.compiler.joint import CompileError
from microgradx.compiler.passes import frozen
from microgradx.compiler.to_c.loops import Lowering
from microgradx.rules.linear_algebra import linear, matmul
from microgradx.rules.op import Op
from microgradx.rules.shaping import mT

LARGEST = 2**18  # multiplications of one product, beyond which NumPy's library is faster than plain loops
LONG_ROW = 2**12  # numbers to be added, from which NumPy takes several at a time
OFTEN = 6  # products, from which on a turned copy of a matrix pays: BLAS would turn it in each of them
# What may be left to NumPy in the middle of a program.
NUMPYS = ("matmul", "linear", "mv", "dot", "outer", "sum", "amax", "amin", "argmax", "argmin")
_SHAPES = ("reshape", "unsqueeze", "squeeze")
VIEWS = (*_SHAPES, "mT", "transpose")


@dataclass
class Stage:
    """Steps that one function of C computes, or NumPy."""

    in_c: bool
    steps: list[Step] = field(default_factory=list)


class Plan:
    """The stages of a form, and where each name comes from."""

    def __init__(self, form: Form) -> None:
        self.form, self.kinds = form, form.kinds()
        self.made = {step.name: step for step in form.steps}
        self.views = {step.name for step in form.steps if is_view(step) and step.name not in form.results}
        self.views -= often(form, matmul)  # turned copies
        self.at: dict[str, int] = {}  # a step that is no view -> its stage; the odd ones are C's
        self._place()
        last = max(self.at.values(), default=0)
        self.stages = [Stage(k % 2 == 1) for k in range(last + 1)]
        for step in form.steps:
            if step.name in self.at:
                self.stages[self.at[step.name]].steps.append(step)

    def root(self, name: str) -> str:
        """What a view shows."""
        while name in self.views:
            name = self.made[name].operands[0]
        return name

    def _place(self) -> None:
        known: dict[Any, bool] = {}
        steps = [step for step in self.form.steps if step.name not in self.views]
        for step in steps:  # as early as can be
            c = not self._is_numpys(step, known)
            before = [self.at[root] for n in step.operands if (root := self.root(n)) in self.at]
            self.at[step.name] = max((k if k % 2 == c else k + 1 for k in before), default=int(c))
        late: dict[str, int] = dict.fromkeys(self.form.results, 0)
        for step in reversed(steps):  # C's as late as can be
            here = self.at[step.name]
            if here % 2 and step.name in late:
                here = self.at[step.name] = max(here, late[step.name])
            for n in map(self.root, step.operands):
                if n in self.at:
                    limit = here if here % 2 else here - 1
                    late[n] = min(late.get(n, limit), limit)

    def _is_numpys(self, step: Step, known: dict[Any, bool]) -> bool:
        constants = [n for n in step.operands if n in self.form.constants]
        key = (step.op, frozen(step.static), step.kind, *(self.kinds[n] for n in step.operands), *constants)
        if key not in known:
            known[key] = self._better_by_numpy(step)
        return known[key]

    def _better_by_numpy(self, step: Step) -> bool:
        arguments = {n: self.kinds[n] for n in step.operands if n not in self.form.constants}
        constants = {n: self.form.constants[n] for n in step.operands if n not in arguments}
        try:
            refuse_large(Lowering(Form("", arguments, constants, (step,), (step.name,), {}), fast=True))
        except CompileError:
            if step.op.name not in NUMPYS or any(self.kinds[n].scalar for n in step.operands):
                raise  # NumPy's program as a whole has a layout of its own for it
            return True
        return is_side_by_side(step) or _along_rows(step, self.kinds[step.operands[0]])


def often(form: Form, op: Op) -> set[str]:
    """The matrices with which so many are multiplied by this op that a turned copy pays."""
    counts = Counter(step.operands[1] for step in form.steps if step.op is op and len(step.kind.shape) == 2)
    return {name for name, count in counts.items() if count >= OFTEN}


def with_turned_copies(form: Form) -> Form:
    """The form with x @ W.T, where that happens often, as a product with one copy of W.T."""
    kinds, steps, turned = form.kinds(), list[Step](), {name: f"{name}_turned" for name in often(form, linear)}
    for step in form.steps:
        if step.op is linear and (copy := turned.get(step.operands[1])):
            kind = kinds[step.operands[1]]
            if all(each.name != copy for each in steps):
                flipped = kind._replace(shape=kind.shape[::-1])
                steps.append(Step(copy, mT, (step.operands[1],), {}, flipped, step.section))
            step = replace(step, op=matmul, operands=(step.operands[0], copy))
        steps.append(step)
    return form.with_steps(steps, {})


def is_view(step: Step) -> bool:
    """True for a step that only looks at an array in another way."""
    return (step.op.name in VIEWS and not step.kind.scalar) or layer(step) is not None


def layer(step: Step) -> tuple[int, ...] | None:
    """The key of x[k], x[k, l]: whole layers of an array."""
    key = step.static.get("key")
    key = key if isinstance(key, tuple) else (key,)
    whole = step.op.name == "index" and all(type(k) is int for k in key) and step.kind.shape
    return key if whole else None


def is_side_by_side(step: Step) -> bool:
    """True for long arrays whose layers are computed one by one, each of them in its place at once."""
    found = step.op.name in ("stack", "concatenate") and step.static["axis"] == 0
    return found and prod(step.kind.shape) >= LONG_ROW and not step.kind.scalar


def keeps_order(step: Step) -> bool:
    """True for views of which the numbers lie one behind the other as before."""
    return step.op.name in _SHAPES or layer(step) is not None


def _along_rows(step: Step, kind: Kind) -> bool:
    """True for long sums and maxima along the last axis, which C would take one number after the other."""
    axis = step.static.get("axis", ())
    axes = range(len(kind.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = {a % len(kind.shape) for a in axes} if kind.shape else set()
    found = step.op.name in ("sum", "amax", "amin") and len(kind.shape) - 1 in last
    return found and prod(kind.shape) >= LONG_ROW


def refuse_large(lowered: Lowering) -> None:
    """Refuse a product that NumPy's library does faster.

    Raises:
        CompileError: there is one.
    """
    for loop in lowered.loops:
        for each in loop.statements:
            turns = prod(each.space) * prod(n for _, n in each.inner)
            if each.inner and turns > LARGEST:
                raise CompileError(
                    f"has a product of {turns:,} multiplications ({each.name}), which NumPy's library does faster than "
                    "loops in C; the numpy target runs it"
                )
