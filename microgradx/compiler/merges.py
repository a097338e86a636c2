"""Passes that do at once what a loop over slices of an array, such as time steps, does piece by piece."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from microgradx.compiler.form import Form, Kind, Step
from microgradx.rules.arithmetic import add
from microgradx.rules.linear_algebra import linear, matmul
from microgradx.rules.op import Op
from microgradx.rules.reductions import sum as sum_
from microgradx.rules.shaping import concatenate, index, mT, reshape, scatter, stack

LEAST = 4  # fewer products stay as they are, and equal to the engine's bit for bit: a merged sum adds in another order


def joins(form: Form) -> Form:
    """Pieces that are put into zeros and added are laid side by side.

    That is what the gradients of the parts of an array come to: of the gates of a cell, of the steps of a sequence.
    """
    sums, kinds = sums_of(form), form.kinds()
    steps: list[Step] = []
    for step in form.steps:
        terms = sums.get(step.name, [])
        pieces = [p for term in terms if term.op is scatter and (p := _piece(term, kinds)) is not None]
        if not pieces or len(pieces) < len(terms) or not _side_by_side(pieces, step.kind.shape):
            steps.append(step)
            continue
        names: dict[int, str] = {}
        for i, p in enumerate(pieces):
            if p.start in names:  # a place that was read twice adds up
                more = replace(step, name=f"{step.name}_{i}_", operands=(names[p.start], p.name), kind=kinds[p.name])
                steps.append(replace(more, note="", named=False))
            names[p.start] = more.name if p.start in names else p.name
        op, static = stack if pieces[0].dropped else concatenate, {"axis": pieces[0].axis}
        steps.append(replace(step, op=op, operands=tuple(names[k] for k in sorted(names)), static=static))
    return form.with_steps(steps, {})


class _Piece(NamedTuple):
    name: str
    axis: int  # the only one along which it is not the whole
    start: int
    stop: int
    dropped: bool  # the piece lacks that axis


def _piece(step: Step, kinds: dict[str, Kind]) -> _Piece | None:
    """What a scatter puts where; None where it is not a plain piece along one axis."""
    name, key, shape = step.operands[0], step.static["key"], step.static["shape"]
    parts = list(key) if isinstance(key, tuple) else [key]
    if not all(p is Ellipsis or type(p) in (int, slice) for p in parts):
        return None
    at = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + (Ellipsis in parts))
    spans = [(p % n, p % n + 1, 1) if type(p) is int else p.indices(n) for p, n in zip(parts, shape, strict=True)]
    inner = [i for i, (span, n) in enumerate(zip(spans, shape, strict=True)) if span != (0, n, 1)]
    if len(inner) != 1:
        return None
    axis = inner[0]
    start, stop, stride = spans[axis]
    dropped = type(parts[axis]) is int
    size = (*shape[:axis], *(() if dropped else (stop - start,)), *shape[axis + 1 :])
    return _Piece(name, axis, start, stop, dropped) if stride == 1 and kinds[name].shape == size else None


def _side_by_side(pieces: list[_Piece], shape: tuple[int, ...]) -> bool:
    """True when they are the whole, without overlap but for places that are repeated."""
    spans = sorted({(p.start, p.stop) for p in pieces})
    ends = [0, *(stop for _, stop in spans)]
    alike = len({(p.axis, p.dropped) for p in pieces}) == 1
    return alike and [start for start, _ in spans] == ends[:-1] and ends[-1] == shape[pieces[0].axis]


def slices(form: Form) -> Form:
    """What is done to every slice of an array is done to the array."""
    while True:
        kinds, uses = form.kinds(), form.uses()
        taken = {s.name: (s.operands[0], k) for s in form.steps if (k := _layer(s)) is not None}
        groups: dict[Any, dict[int, Step]] = {}
        for step in form.steps:
            found = _over_slices(step, taken, kinds)
            if found is not None and uses[step.name]:
                groups.setdefault(found[0], {})[found[1]] = step
        whole: dict[str, tuple[int, dict[int, Step], tuple[str, ...]]] = {}
        for (_, _, operands), group in groups.items():
            bases = [name for name, sliced in operands if sliced]
            if len(group) >= LEAST and all(kinds[name].shape[0] == len(group) for name in bases):
                whole |= {step.name: (k, group, tuple(name for name, _ in operands)) for k, step in group.items()}
        if not whole:
            return form
        steps: list[Step] = []
        made: set[str] = set()
        for step in form.steps:
            if step.name not in whole:
                steps.append(step)
                continue
            k, group, names = whole[step.name]
            base = f"{group[0].name}_all"
            if base not in made:
                made.add(base)
                kind = step.kind._replace(shape=(len(group), *step.kind.shape))
                steps.append(replace(step, name=base, operands=names, kind=kind, named=False))
            steps.append(replace(step, op=index, operands=(base,), static={"key": (k,)}, note=""))
        form = form.with_steps(steps, {})


def _layer(step: Step) -> int | None:
    """k for x[k]."""
    key = step.static.get("key")
    found = step.op is index and isinstance(key, tuple) and len(key) == 1 and type(key[0]) is int and key[0] >= 0
    return key[0] if found else None  # type: ignore[index]  # a tuple, as found


def _over_slices(step: Step, taken: dict[str, tuple[str, int]], kinds: dict[str, Kind]) -> tuple[Any, int] | None:
    """What steps have in common that do the same with other slices, and the number of the slice."""
    layers = {taken[n][1] for n in step.operands if n in taken}
    product = step.op in (linear, matmul) and step.operands[0] in taken and step.operands[1] not in taken
    flat = product and len(step.kind.shape) == 2 == len(kinds[step.operands[1]].shape)
    if len(layers) != 1 or not (flat or (step.op.elementwise and not step.kind.scalar)):
        return None
    operands = tuple((taken[n][0], True) if n in taken else (n, False) for n in step.operands)
    if step.op.elementwise and any(s and len(kinds[n].shape) <= len(step.kind.shape) for n, s in operands):
        return None  # a slice that was stretched
    return (step.op, repr(sorted(step.static.items())), operands), layers.pop()


def products(form: Form) -> Form:
    """Products with one matrix, and sums of products Aᵀ @ B, are one product.

    So are sums of sums of rows.
    """
    return _Products(form).run()


class _Products:
    def __init__(self, form: Form) -> None:
        self.form, self.kinds, self.uses = form, form.kinds(), form.uses()
        self.made = {step.name: step for step in form.steps}
        self.layers = {s.name: (s.operands[0], k) for s in form.steps if (k := _layer(s)) is not None}
        self.stacks: dict[tuple[str, ...], str] = {}  # what lies one after the other -> the array
        self.steps: list[Step] = []

    def run(self) -> Form:
        sums = sums_of(self.form)
        for step in self.form.steps:
            if not (self.side_by_side(step) or self.summed(step, sums.get(step.name, []))):
                self.steps.append(step)
            if step.op is stack and step.static["axis"] == 0:
                self.stacks[step.operands] = step.name
        return self.form.with_steps(self.steps, {})

    def side_by_side(self, step: Step) -> bool:
        """A stack of products as the product of a stack."""
        parts = [self.made[n] for n in step.operands if n in self.made]
        found = step.op is stack and step.static["axis"] == 0 and len(parts) == len(step.operands) and self.alike(parts)
        if found and parts[0].op in (linear, matmul) and len({p.operands[1] for p in parts}) == 1:
            left, right = (self.kinds[n].shape for n in parts[0].operands)
            if len(left) == len(right) == 2:
                rows = self.stacked([p.operands[0] for p in parts], step)
                self.steps.append(replace(step, op=parts[0].op, operands=(rows, parts[0].operands[1]), static={}))
                return True
        return False

    def summed(self, step: Step, terms: list[Step]) -> bool:
        """Sums over rows, which are added, as the sum over all the rows."""
        result = ""
        for rows in (_rows_of_product, _rows_of_sum):
            chosen = [term for term in terms if rows(term, self.made)]
            if not self.alike(chosen):
                continue
            factors = [*zip(*(rows(term, self.made) for term in chosen), strict=True)]
            order = self.order(factors)
            flat = [self.flattened([names[i] for i in order], step) for names in factors]
            if len(flat) == 2:
                flat[0] = self.add(step, mT, (flat[0],), {}, self.kinds[flat[0]].shape[::-1])
            terms = [term for term in terms if term not in chosen]
            result = self.plus(step, result, self.add(step, chosen[0].op, flat, chosen[0].static, step.kind.shape))
        for term in terms if result else ():
            result = self.plus(step, result, term.name)
        if result:  # the last of them is the step
            self.steps[-1] = replace(self.steps[-1], name=step.name, note=step.note, named=step.named)
        return bool(result)

    def alike(self, parts: list[Step]) -> bool:
        """True for enough steps that are read here alone, and differ in the numbers only."""
        looks = {(p.op, repr(p.static), *(self.kinds[n] for n in p.operands), self.uses[p.name]) for p in parts}
        return len(parts) >= LEAST and len(looks) == 1 and self.uses[parts[0].name] == 1

    def order(self, factors: list[tuple[str, ...]]) -> list[int]:
        """In which order the rows are stacked somewhere already; the order of time, where backward has added them."""
        for names in factors:
            layers = [self.layers.get(n, (n, -1)) for n in names]
            if len({base for base, _ in layers}) == 1:
                return sorted(range(len(names)), key=lambda i: layers[i][1])
            for stacked in self.stacks:
                if sorted(stacked) == sorted(names):
                    return [names.index(n) for n in stacked]
        return [*reversed(range(len(factors[0])))]

    def flattened(self, names: list[str], step: Step) -> str:
        """The rows of matrices, one below the other."""
        rows, columns = self.kinds[names[0]].shape
        shape = (len(names) * rows, columns)
        return self.add(step, reshape, (self.stacked(names, step),), {"shape": (-1, columns)}, shape)

    def stacked(self, names: Sequence[str], step: Step) -> str:
        """The array that `names` lie in, in this order; it is made where there is none."""
        layers = [self.layers.get(n, (n, -1)) for n in names]
        base = layers[0][0]
        if layers == [(base, i) for i in range(len(names))] and self.kinds[base].shape[0] == len(names):
            return base
        key, shape = tuple(names), (len(names), *self.kinds[names[0]].shape)
        if key not in self.stacks:
            self.stacks[key] = self.add(step, stack, names, {"axis": 0}, shape)
        return self.stacks[key]

    def plus(self, step: Step, one: str, other: str) -> str:
        return self.add(step, add, (one, other), {}, step.kind.shape) if one else other

    def add(self, near: Step, op: Op, operands: Sequence[str], static: Any, shape: tuple[int, ...]) -> str:
        """A further step, of a name of its own."""
        kind = self.kinds[operands[0]]._replace(shape=shape)
        made = Step(f"{near.name}_{len(self.steps)}_", op, tuple(operands), static, kind, near.section)
        self.kinds[made.name] = kind
        self.steps.append(made)
        return made.name


def _rows_of_product(step: Step, made: dict[str, Step]) -> tuple[str, ...]:
    """(A, B) for Aᵀ @ B, a sum over their rows."""
    turned = made.get(step.operands[0])
    flat = step.op is matmul and turned is not None and turned.op is mT and len(turned.kind.shape) == 2
    return (turned.operands[0], step.operands[1]) if flat and turned and len(step.kind.shape) == 2 else ()


def _rows_of_sum(step: Step, made: dict[str, Step]) -> tuple[str, ...]:
    """(A,) for the sum of the rows of A."""
    plain = step.op is sum_ and step.static == {"axis": 0, "keepdims": False} and len(step.kind.shape) == 1
    return step.operands if plain else ()


def sums_of(form: Form) -> dict[str, list[Step]]:
    """For steps that add up results which nothing else reads: these, in order."""
    made, uses = {step.name: step for step in form.steps}, form.uses()
    inside: set[str] = set()  # sums that are part of a longer one

    def adds(step: Step | None, kind: Kind) -> bool:
        return step is not None and step.op is add and not kind.scalar and step.kind == kind

    found: dict[str, list[Step]] = {}
    for root in reversed(form.steps):
        if not uses[root.name] or root.name in inside or not adds(root, root.kind):
            continue
        terms: list[Step | None] = []
        open_ = [root.name]
        while open_:
            name = open_.pop()
            step = made.get(name)
            if step is root or (adds(step, root.kind) and uses[name] == 1):
                inside.add(name)
                open_ += reversed(made[name].operands)
            else:
                terms.append(step if step is not None and step.kind == root.kind else None)
        if all(terms):
            found[root.name] = [term for term in terms if term is not None]
    return found
