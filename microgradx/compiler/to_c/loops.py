"""From a form to loops: every step becomes statements over array entries, and statements share a loop where they can.

A statement computes one entry; its loop runs over its `space`. Two statements stand in one loop when they run over the
same space and the second reads of the first only the entry of its own turn. What nobody needs outside of that loop is
then a plain number in it: so a program of single numbers, given a batch of samples, becomes one loop over the batch.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

from microgradx.compiler.form import Form, Kind, Step
from microgradx.compiler.to_c import windows as c_windows
from microgradx.compiler.to_c.arrays import LABELS, ROWS
from microgradx.compiler.to_c.expand import expanded
from microgradx.compiler.to_c.index import ZERO, Sizes, stretched
from microgradx.compiler.to_c.rows import Entries, Folded, Plan, Pushed, Source, ctype, element, no_form
from microgradx.compiler.to_c.text import Index, entry, text

assert c_windows  # its rows are in the table now
SECTIONS = ("forward", "backward", "update")
_INLINE = 64  # an unnamed result that is used once is written into its user, up to about so many characters


@dataclass
class Statement:
    """`name[at] = value` for every turn of a loop over `space`, or `+=`; a fold has an inner loop of its own."""

    name: str
    space: Sizes  # axes longer than 1
    at: Index
    value: ast.expr
    section: str
    note: str = ""
    adds: bool = False
    whole: bool = True  # it gives every entry of `name` its value, each in its own turn
    inner: tuple[tuple[str, int], ...] = ()  # of a fold: the inner loops
    term: tuple[ast.expr, ast.expr | None] | None = None  # what is folded in, and when
    into: str = ""
    alone: bool = False  # no other statement stands in its loop

    def reads(self) -> Iterator[tuple[str, tuple[ast.expr, ...]]]:
        """Every entry that it reads: a name, and where."""
        stack = [self.value, *(each for each in self.term or () if each is not None)]
        while stack:
            tree = stack.pop()
            if isinstance(tree, ast.Subscript):
                at = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else []
                yield tree.value.id if isinstance(tree.value, ast.Name) else "", tuple(at)
                stack += at
            elif isinstance(tree, ast.Name):
                yield tree.id, ()
            elif isinstance(tree, ast.Call):
                stack += tree.args
            else:
                stack += [each for each in ast.iter_child_nodes(tree) if isinstance(each, ast.expr)]


@dataclass
class Loop:
    """Statements that share a loop."""

    space: Sizes
    section: str
    statements: list[Statement] = field(default_factory=list)
    alone: bool = False


class Lowering:
    """A form as loops, in the order in which they run."""

    def __init__(self, form: Form, fast: bool = False) -> None:
        self.form, self.fast = expanded(form), fast
        self.kinds: dict[str, Kind] = self.form.kinds()
        self.uses = self.form.uses()
        self.results = set(self.form.results)
        self.tables: dict[str, Any] = {}  # constants, and tables of places
        self.starts: dict[str, float] = {}  # what the entries of a name are set to before its statements run
        self.statements: list[Statement] = []
        self.stored = set(self.form.arguments)
        self.plans: dict[str, tuple[Step, Plan]] = {}
        self.labels: dict[str, tuple[Sizes, ast.expr, int]] = {}  # of arguments: what must lie from 0 to below a number
        taken = self.kinds.keys() | {"s"}
        self.indices = [c for c in [*"ijklmnpqruvw", *(f"i{n}" for n in range(1, 30))] if c not in taken]
        self.often = False  # what is read now is read more than once
        self.note = ""  # the rule behind what is being written: its own, or that of the first step written into it
        for name, value in self.form.constants.items():
            self.tables |= {name: value} if self.kinds[name].shape else {}
        added = {n for step in self.form.steps if step.op.name == "add" for n in step.operands if self.uses[n] == 1}
        self.lengths: dict[str, int] = {}
        for step in self.form.steps:
            plan = self._plan(step)
            self.plans[step.name] = step, plan
            waits = isinstance(plan, Pushed) and plan.start == 0 and step.name in added  # see _one_array
            if step.named or step.name in self.results or not (waits or self._is_short(step, plan)):
                self._store(step.name)
        self.share()

    def share(self) -> None:
        """Put the statements into loops: section by section, which keeps every result before its readers."""
        self.statements.sort(key=lambda each: SECTIONS.index(each.section))
        self.loops = _shared(self.statements, one_batch(self.statements))

    def index(self, shape: Sizes) -> Index:
        """The canonical index of an entry: the loop's own variables, 0 along axes of size 1."""
        names = iter(self.indices)
        return tuple(ZERO if n == 1 else ast.Name(next(names)) for n in shape)

    def copied(self, name: str, copy: str, section: str) -> None:
        """Copy an argument or constant, which a result may simply be, to a name of its own; then `share` again."""
        kind = self.kinds[copy] = self.kinds[name]
        at = self.index(kind.shape)
        self.statements.append(Statement(copy, _long(kind.shape), at, self._read(name, at), section))
        self.stored.add(copy)

    def _plan(self, step: Step) -> Plan:
        if 0 in step.kind.shape or any(0 in self.kinds[n].shape for n in step.operands):
            raise no_form(step, " on empty arrays")
        ctype(step.kind)
        inputs = [self._source(name) for name in step.operands]
        if step.op.name in ("astype", "tensor", "number") and (self.kinds[step.operands[0]].dtype != step.kind.dtype):
            return Entries(lambda at: _cast(step.kind, inputs[0].at(at)))
        if step.op.name == "add" and (together := self._one_array(step)):
            return together
        if step.op.elementwise:
            return _elementwise(step, inputs, self.fast)
        if step.op.name == "astype":
            return Entries(inputs[0].at, view=True)
        if step.op.name not in ROWS:
            raise no_form(step)
        if step.op.name in LABELS:
            self._check(step, inputs)
        if self.fast and step.op.name == "matmul" and self._is_view(step.operands[1]):
            self._store(step.operands[1])  # rows that lie one behind the other: several entries are computed at once
            self.statements[-1].alone = True
        return ROWS[step.op.name](step, *inputs)

    def _check(self, step: Step, inputs: list[Source]) -> None:
        """Note labels that are passed: only those can be wrong, and be looked at before anything is computed."""
        operand, bound = LABELS[step.op.name](step, inputs)
        shape = inputs[operand].shape
        label = Statement("", _long(shape), (), inputs[operand].at(self.index(shape)), step.section)
        if all(name in self.form.arguments or name in self.indices for name, _ in label.reads()):
            self.labels[f"{text(label.value)} < {bound}"] = label.space, label.value, bound

    def _is_view(self, name: str) -> bool:
        plan = self.plans[name][1] if name in self.plans and name not in self.stored else None
        return isinstance(plan, Entries) and plan.view and prod(self.kinds[name].shape) >= _WORTH

    def _is_short(self, step: Step, plan: Plan) -> bool:
        """True when the step can stand inside its user; each is decided in its turn, so that no chain is too deep."""
        if not isinstance(plan, Entries) or (self.uses[step.name] > 1 and not plan.view):
            return False
        parts = [self.lengths.get(n, len(n) + 3 * len(self.kinds[n].shape)) for n in step.operands]
        length = sum(parts) + (4 if plan.view else len(step.op.name) + 4)
        if length <= _INLINE:
            self.lengths[step.name] = length
        return length <= _INLINE

    def _one_array(self, step: Step) -> Plan | None:
        """A sum of arrays that are 0 but for a few pieces is one array, to which all the pieces are added.

        Such is the gradient of a weight matrix whose numbers were read one by one.
        """
        whole, merged = Pushed(0.0, [], True), False
        for n in step.operands:
            plan = self.plans[n][1] if n in self.plans and n not in self.stored else None
            if self.kinds[n] != step.kind:
                return None
            if isinstance(plan, Pushed):
                merged = True
                whole.pieces += plan.pieces
                whole.tables |= plan.tables
            else:
                whole.pieces.append((step.kind.shape, lambda at: at, self._source(n).at))
        return whole if merged else None

    def _source(self, name: str) -> Source:
        return Source(self.kinds[name], lambda at, often=False: self._read(name, at, often))

    def _read(self, name: str, at: Index, often: bool = False) -> ast.expr:
        """An entry as an expression: of the variable, or as it is computed where nobody else needs it."""
        if name in self.form.constants and not self.kinds[name].shape:
            value = self.form.constants[name]
            whole = self.kinds[name].dtype.kind != "f"
            kind = "f" if self.kinds[name].dtype == "float32" else None
            return ast.Constant(int(value)) if whole else ast.Constant(float(value), kind=kind)
        if name in self.stored or name in self.tables:
            return entry(name, at)
        step, plan = self.plans[name]
        outside, self.often = self.often, self.often or often
        try:
            if not isinstance(plan, Entries) or (not plan.view and self.often):
                self._store(name)
                return entry(name, at)
            tree = plan.at(at)
        finally:
            self.often = outside
        self.tables |= plan.tables
        self.note = self.note or step.note
        return tree

    def _store(self, name: str) -> None:
        """Give a step a variable of its own."""
        step, plan = self.plans[name]
        outside, self.often, self.note = (self.often, self.note), False, step.note
        at = self.index(step.kind.shape)
        base = Statement(name, _long(step.kind.shape), at, ZERO, step.section)
        if isinstance(plan, Entries):
            self.tables |= plan.tables
            base.value = plan.at(at)
            self.statements.append(base)
        elif isinstance(plan, Folded):
            names = iter(n for n in self.indices if n not in {i.id for i in at if isinstance(i, ast.Name)})
            inner = tuple(ZERO if n == 1 else ast.Name(next(names)) for n in plan.sizes)
            base.inner = tuple((i.id, n) for i, n in zip(inner, plan.sizes, strict=True) if isinstance(i, ast.Name))
            base.value, base.term, base.into = plan.start, plan.term(at, inner), plan.into
            self.statements.append(base)
        else:
            self.tables |= plan.tables
            if plan.start is not None:
                self.starts[name] = plan.start
            for sizes, place, value in plan.pieces:
                here = self.index(sizes)
                each = Statement(
                    name, _long(sizes), place(here), value(here), step.section, adds=plan.adds, whole=False
                )
                self.statements.append(each)
        self.statements[-1].note = self.note
        self.stored.add(name)
        self.often, self.note = outside


_WORTH = 64  # entries of a matrix from which turning it round first pays


def _elementwise(step: Step, inputs: list[Source], quick: bool) -> Entries:
    kinds = [each.kind for each in inputs]

    def at(at: Index) -> ast.expr:
        parts = [x.at(stretched(at, x.shape), often=prod(x.shape) < prod(step.kind.shape)) for x in inputs]
        return element(step, kinds, parts, quick)

    return Entries(at, view=step.op.name == "alias")


def _cast(kind: Kind, tree: ast.expr) -> ast.expr:
    if kind.dtype.kind == "b":
        return ast.Compare(tree, [ast.NotEq()], [ZERO])
    return ast.Call(ast.Name(ctype(kind)), [tree], [])


def _long(shape: Sizes) -> Sizes:
    return tuple(n for n in shape if n != 1)


def one_batch(statements: list[Statement]) -> Sizes | None:
    """The axis over which most of a program runs, if there is one: the batch that a program for one sample is given."""
    spaces = [s.space for s in statements]
    space = max(spaces, key=spaces.count, default=())
    return space if len(space) == 1 and 2 * spaces.count(space) > len(spaces) else None


def _shared(statements: list[Statement], batch: Sizes | None) -> list[Loop]:
    """Statements in as few loops as their reading allows; within one section, but for a loop over the batch."""
    loops: list[Loop] = []
    made: dict[str, list[tuple[int, Statement]]] = {}  # name -> the loops that make it
    for each in statements:
        first = 0
        for name, at in each.reads():
            for where, maker in made.get(name, ()):
                together = maker.whole and maker.space == each.space and same(maker.at, at)
                first = max(first, where if together else where + 1)
        for where, maker in made.get(each.name, ()):  # pieces of one array
            first = max(first, where if maker.space == each.space else where + 1)
        fits = (k for k in range(first, len(loops)) if loops[k].space == each.space and not loops[k].alone)
        k = next((k for k in fits if each.space == batch or loops[k].section == each.section), len(loops))
        k = len(loops) if each.alone else k
        if k == len(loops):
            loops.append(Loop(each.space, each.section, alone=each.alone))
        loops[k].statements.append(each)
        made.setdefault(each.name, []).append((k, each))
    return loops


def same(a: tuple[ast.expr, ...], b: tuple[ast.expr, ...]) -> bool:
    """True when two indices are the same text."""
    return [text(i) for i in a] == [text(i) for i in b]
