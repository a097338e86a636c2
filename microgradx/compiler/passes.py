"""What makes a form shorter without changing what it computes: a table of passes, each from form to form."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Step, kind_of
from microgradx.compiler.merges import joins, products, slices
from microgradx.rules.arithmetic import add, alias, div, mul, neg, sub
from microgradx.rules.reductions import sum as sum_
from microgradx.rules.shaping import reshape


def fold(form: Form) -> Form:
    """Compute now what depends on no argument."""
    constants, steps = dict(form.constants), []
    for step in form.steps:
        if all(name in constants for name in step.operands):
            constants[step.name] = computed(step, [constants[name] for name in step.operands])
        else:
            steps.append(step)
    return form.with_steps(steps, {}, constants)


def computed(step: Step, data: list[Any]) -> Any:
    """What a step gives for raw data: a float for a scalar step, else an array."""
    with np.errstate(all="ignore"):
        scalar = step.op.scalar if step.kind.scalar else None
        found = (scalar or step.op.run)(*data, **step.static)
    return float(found) if step.kind.scalar else np.asarray(found)


def algebra(form: Form) -> Form:
    """x·1, x+0, x−0, x/1, −−x, Aᵀᵀ and the like are what they repeat."""
    made = {step.name: step for step in form.steps}
    kinds = form.kinds()

    def repeats(step: Step) -> str | None:
        inner = made.get(step.operands[0]) if len(step.operands) == 1 else None
        if inner is not None and inner.op is step.op and step.op.name in _UNDO_THEMSELVES:
            return inner.operands[0]
        if step.op is alias or (step.op.name in _SHAPING and kinds[step.operands[0]] == step.kind):
            return step.operands[0]
        for side, neutral in _NEUTRAL.get(step.op.name, ()):
            number, other = step.operands[side], step.operands[1 - side]
            if kinds[other] == step.kind and np.all(form.constants.get(number, np.nan) == neutral):
                return other
        return None

    return _replaced(form, repeats)


_UNDO_THEMSELVES = ("neg", "mT")
_SHAPING = ("reshape", "sum_to", "broadcast_to", "unsqueeze", "squeeze", "astype")  # which may find nothing to do
_NEUTRAL = {"mul": ((0, 1.0), (1, 1.0)), "add": ((0, 0.0), (1, 0.0)), "sub": ((1, 0.0),), "div": ((1, 1.0),)}


def share(form: Form) -> Form:
    """What is computed twice is computed once."""
    seen: dict[Any, str] = {}
    same = {name: seen.setdefault(_constant_key(value), name) for name, value in form.constants.items()}

    def repeats(step: Step) -> str | None:
        key = (step.op, tuple(same.get(n, n) for n in step.operands), frozen(step.static), step.kind)
        first = seen.setdefault(key, step.name)
        return None if first == step.name else first

    return _replaced(form, repeats)


def sums(form: Form) -> Form:
    """A sum to a shape has known axes now, so it is a plain sum.

    Where axes of size 1 stay inside, a reshape follows.
    """
    kinds = form.kinds()

    def rewrite(step: Step) -> Iterator[Step]:
        if step.op.name != "sum_to":
            yield step
            return
        before, after = kinds[step.operands[0]].shape, step.kind.shape
        lead = len(before) - len(after)
        inner = tuple(lead + i for i, n in enumerate(after) if n == 1 and before[lead + i] != 1)
        axes = (*range(lead), *inner)
        static = {"axis": axes[0] if len(axes) == 1 else axes, "keepdims": bool(inner)}
        if not (inner and lead):
            yield replace(step, op=sum_, static=static)
            return
        shape = tuple(1 if i in axes else n for i, n in enumerate(before))
        whole = replace(step, name=f"{step.name}_", op=sum_, static=static, kind=step.kind._replace(shape=shape))
        yield replace(whole, named=False, note="")
        yield replace(step, op=reshape, operands=(whole.name,), static={"shape": after})

    return form.with_steps([new for step in form.steps for new in rewrite(step)], {})


def stretches(form: Form) -> Form:
    """Numbers and rows stay small: elementwise ops stretch them."""
    kinds = form.kinds()
    made = {step.name: step for step in form.steps}
    constants = dict(form.constants)
    for name, value in form.constants.items():
        if np.ndim(value) and np.size(value) and np.all(value == (first := np.ravel(value)[0])):
            constants[f"{name}_each"] = np.array(first)

    def short(name: str) -> str:
        step = made.get(name)
        if f"{name}_each" in constants:
            return f"{name}_each"
        if step is None or step.op.name not in ("spread", "broadcast_to", "tensor"):
            return name
        keeps = step.static.get("keepdims") or step.op.name == "broadcast_to"
        return step.operands[0] if keeps or not kinds[step.operands[0]].shape else name

    def rewrite(step: Step) -> Step:
        if not step.op.elementwise or step.kind.scalar:
            return step
        operands = list(step.operands)
        for i, name in enumerate(operands):
            tried = [*operands[:i], short(name), *operands[i + 1 :]]
            found = [kind_of(constants[n]) if n in constants else kinds[n] for n in tried]
            arrays = [kind.dtype for kind in found if not kind.scalar]
            same = not found[i].scalar or (arrays and np.result_type(*arrays) == kinds[name].dtype)
            if tried[i] != name and same and np.broadcast_shapes(*(kind.shape for kind in found)) == step.kind.shape:
                operands = tried
        return replace(step, operands=tuple(operands))

    return form.with_steps([rewrite(step) for step in form.steps], {}, constants)


def masks(form: Form) -> Form:
    """g · (1 where c, else 0) is g · c, as true counts as 1.

    No wider number type comes in with the 1 and the 0 then: float32 stays float32.
    """
    kinds = form.kinds()
    made = {step.name: step for step in form.steps}
    readers: dict[str, list[Step]] = {}
    for step in form.steps:
        for name in step.operands:
            readers.setdefault(name, []).append(step)

    def chosen(name: str) -> str | None:
        """The condition c of such a factor."""
        step = made.get(name)
        if step is None or step.op.name != "where" or step.kind.scalar or kinds[step.operands[0]].dtype != bool:
            return None
        numbers = [form.constants.get(n, np.nan) for n in step.operands[1:]]
        same = kinds[step.operands[0]].shape == step.kind.shape
        return step.operands[0] if same and np.all(numbers[0] == 1) and np.all(numbers[1] == 0) else None

    def rewrite(step: Step) -> Step:
        for side, name in enumerate(step.operands) if step.op.name == "mul" else ():
            factor, condition = step.operands[1 - side], chosen(name)
            dtype = kinds[factor].dtype
            narrowed = readers.get(step.name, []) and all(
                r.op.name == "astype" and r.kind.dtype == dtype for r in readers[step.name]
            )
            if (
                condition
                and dtype.kind == "f"
                and (dtype == step.kind.dtype or (narrowed and step.name not in form.results))
            ):
                return replace(step, operands=(factor, condition), kind=step.kind._replace(dtype=dtype))
        return step

    return form.with_steps([rewrite(step) for step in form.steps], {})


def signs(form: Form) -> Form:
    """x > 0 exactly where relu(x) > 0, and then x itself need not be kept."""
    made = {step.operands[0]: step for step in form.steps if step.op.name == "relu"}

    def rewrite(step: Step) -> Step:
        relu = made.get(step.operands[0]) if step.op.name == "greater" else None
        if relu is None or step.section == relu.section or np.any(form.constants.get(step.operands[1], 1) != 0):
            return step
        return replace(step, operands=(relu.name, step.operands[1]))

    return form.with_steps([rewrite(step) for step in form.steps], {})


def negatives(form: Form) -> Form:
    """−1 · x is −x, and a + −b is a − b.

    Minus signs move out of products and quotients for that.
    """
    kinds, uses = form.kinds(), form.uses()
    positive: dict[str, str] = {}  # −x -> x
    steps: list[Step] = []
    for step in form.steps:
        names = step.operands
        minus = [n for n in names if n in positive]
        ones = [n for n in names if n in form.constants and np.all(form.constants[n] == -1)]
        if step.op is mul and len(ones) == 1 and kinds[other := names[names[0] == ones[0]]] == step.kind:
            step = replace(step, op=neg, operands=(other,))
        elif step.op in (mul, div) and minus and all(uses[n] == 1 and kinds[n] == step.kind for n in minus):
            step = replace(step, operands=tuple(positive.get(n, n) for n in names))
            if len(minus) == 1:
                steps.append(replace(step, name=f"{step.name}_plus", named=False, note=""))
                step = replace(step, op=neg, operands=(steps[-1].name,))
        elif step.op is add and names[1] in positive:
            step = replace(step, op=sub, operands=(names[0], positive[names[1]]))
        elif step.op is add and names[0] in positive:
            step = replace(step, op=sub, operands=(names[1], positive[names[0]]))
        elif step.op is sub and names[1] in positive:
            step = replace(step, op=add, operands=(names[0], positive[names[1]]))
        if step.op is neg:
            positive[step.name] = step.operands[0]
        steps.append(step)
    return form.with_steps(steps, {})


def dead(form: Form) -> Form:
    """Leave out what no result needs."""
    needed, steps = set(form.results), []
    for step in reversed(form.steps):
        if step.name in needed:
            needed.update(step.operands)
            steps.append(step)
    constants = {name: value for name, value in form.constants.items() if name in needed}
    return form.with_steps(steps[::-1], {}, constants)


Pass = Callable[[Form], Form]
PASSES: dict[str, Pass] = {
    "fold": fold, "masks": masks, "algebra": algebra, "sums": sums, "share": share, "signs": signs,
    "stretches": stretches, "negatives": negatives, "joins": joins, "slices": slices, "products": products,
    "dead": dead,
}  # fmt: skip


def simplified(form: Form, watch: Callable[[str, Form], object] | None = None) -> Form:
    """All passes in turn; `watch` is shown the form after each."""
    for name, each in PASSES.items():
        form = each(form)
        if watch is not None:
            watch(name, form)
    return form


def _replaced(form: Form, repeats: Callable[[Step], str | None]) -> Form:
    """The form without the steps that only repeat another name, as `repeats` says."""
    stands: dict[str, str] = {}
    notes: dict[str, str] = {}  # a rule that multiplies by 1 is seen in what it leaves
    steps = []
    for old in form.steps:
        step = replace(old, operands=tuple(stands.get(n, n) for n in old.operands))
        plain = repeats(step)
        if plain is None:
            steps.append(step)
        else:
            stands[step.name] = stands.get(plain, plain)
            notes.setdefault(stands[step.name], step.note)
    noted = [s if s.note or s.section != "backward" else replace(s, note=notes.get(s.name, "")) for s in steps]
    return form.with_steps(noted, stands)


def _constant_key(value: Any) -> Any:
    return (kind_of(value), np.asarray(value).tobytes())


def frozen(static: Mapping[str, Any]) -> str:
    """Static parameters as something that can be compared."""
    return repr([(k, (v.dtype.str, v.tolist()) if isinstance(v, np.ndarray) else v) for k, v in sorted(static.items())])
