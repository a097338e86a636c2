"""How many digits each number of a trace is shown with: as many as it takes to recompute the lines that use it.

Every shown line computes numbers from others: a row of the forward table from its inputs, a local derivative from the
row's numbers, a contribution from its two factors. `Numbers` walks these lines from the last to the first. Each asks
its inputs for the fewest digits with which it gives, rounded as its result is shown, the result that is shown; of
arrays every entry by itself. So a number looks the same wherever it stands, and a pocket calculator agrees with every
line. Such a calculator has some ten digits; a line for which they do not suffice, because large numbers cancel in it,
is marked ≈ in place of =.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from microgradx.autodiff.backward import apply_rule, handed_back
from microgradx.explain.arrays import FITS, fits, value_text
from microgradx.explain.jacobian import jacobian, shown_jacobian
from microgradx.explain.pullback import Pullback, pullback, shown_pullback, shows_local
from microgradx.explain.rerun import running
from microgradx.explain.trace import Row, Step, Trace
from microgradx.rules.formula import slots
from microgradx.rules.numbers import DIGITS, rounded, shown

MOST = 10  # digits
Key = tuple[str, Any]  # ("value", id of a row), ("gradient", id), ("after", id), ("local", step), ("part", step) …
Entry = tuple[Key, int]  # one number: of an array, the so-many-eth
LOSS_AFTER: Key = ("loss after", None)


@dataclass(frozen=True)
class Line:
    """A shown computation: `run` gives the number `result` from the numbers `given`."""

    result: Key
    given: tuple[Key, ...]
    run: Callable[..., Any]


class Numbers:
    """The numbers of a trace by key, as they are shown."""

    def __init__(self, trace: Trace) -> None:
        self.data: dict[Key, Any] = {}
        self.same: dict[Key, Key] = {}  # numbers that are another one, seen from elsewhere
        self.exact: dict[Key, str] = {}  # numbers of the program's text, which stand in formulas as they are
        self.pullbacks: dict[int, tuple[Pullback, dict[str, Key]]] = {}  # by step, with the keys of their numbers
        self.loose: set[Key] = set()  # results that ten digits do not reproduce
        self._lines: list[Line] = []
        self._grown: set[Key] = set()  # numbers that have got more digits
        self._seen: dict[Key, Any] = {}  # arrays as a person reads them now
        for row in trace.rows.values():
            self._row(row, trace)
        totals: dict[str, Key] = {}
        for step in trace.steps:
            self._sum(step, totals)
            if step.values:  # else it is a layer, taken together
                self._product(step, trace.rows[step.node])
        self._update(trace)
        self.reads = lru_cache(None)(self._reads)
        self.digits = {(key, i): DIGITS for key, data in self.data.items() if fits(data) for i in range(np.size(data))}
        if trace.loss_after is not None:
            loss, after = float(np.asarray(trace.loss).item()), trace.loss_after
            apart = next((n for n in range(DIGITS, 17) if shown(loss, n) != shown(after, n)), DIGITS)
            self.digits[("value", trace.output), 0] = self.digits[LOSS_AFTER, 0] = apart
        with np.errstate(all="ignore"):
            self._settle()

    def __getitem__(self, key: Key) -> str:
        """The number as it is shown."""
        key = self.same.get(key, key)
        return self.exact.get(key) or value_text(self.data[key], self.precision(key))

    def precision(self, key: Key) -> Any:
        """How many significant digits it is shown with; of an array, how many for each entry."""
        key = self.same.get(key, key)
        data = self.data[key]
        if not fits(data):
            return DIGITS
        return np.array([self.digits[key, i] for i in range(np.size(data))]).reshape(np.shape(data))

    def equals(self, key: Key) -> str:
        """= where the digits shown give this result, ≈ where it takes more than a calculator has."""
        return "≈" if self.same.get(key, key) in self.loose else "="

    def _row(self, row: Row, trace: Trace) -> None:
        """A line of the forward table."""
        node: Any = row.node
        self.data["value", row.id] = node.data
        number = row.op is None and node.name is None and not node.requires_grad and node.size == 1
        if number and row.id != trace.output:  # which is named in a layer that was opened, though not computed there
            self.exact["value", row.id] = row.name
        if row.op is None and node.grad is not None:
            self.data["gradient", row.id] = node.grad
        given = [trace.rows[i].node for i in row.inputs.values()]
        if row.op and list(map(id, given)) == list(map(id, node.inputs)):  # else it is a layer, taken together
            run = running(node)
            inputs = [("value", i) for i in row.inputs.values()]
            self._line(("value", row.id), inputs, lambda *data: run(*data, **(node.static or {})))

    def _sum(self, step: Step, totals: dict[str, Key]) -> None:
        """The running total of a step: the first part is the total so far, the last total is the gradient."""
        total = ("gradient", step.input) if step.complete else ("total", step.number)
        part, before = ("part", step.number), totals.get(step.input, ("before", step.number))
        self.data[total], self.same["total", step.number] = step.total, total
        if step.before is None:
            self.same[part] = total
        else:
            self.data[part] = step.contribution
            self.data.setdefault(before, step.before)
            self.same["before", step.number] = before
            self._line(total, [before, part], lambda a, b: a + b)
        totals[step.input] = total

    def _product(self, step: Step, row: Row) -> None:
        """The local derivative of a step, where it is shown, and what the step hands back."""
        node: Any = row.node
        names = slots(node.op, len(node.inputs))
        position = names.index(step.slot)
        rule = node.op.rule_for(position)
        ids = {name: ("value", i) for name, i in {**row.inputs, "y": row.id}.items()}
        read = [name for name in ids if name in rule.reads or (node.op.variadic and name != "y")]
        upstream, local, part = ("gradient", step.node), ("local", step.number), ("part", step.number)
        self.data[upstream] = step.upstream

        def known(data: tuple[Any, ...]) -> tuple[list[Any], Any]:
            values = {**step.values, **dict(zip(read, data, strict=True))}
            return [values[name] for name in names], values["y"]

        def ruled(g: Any, *data: Any) -> tuple[Any, Any]:
            return apply_rule(node, position, g, data=known(data))

        given = [ids[name] for name in read]
        if not shows_local(step, node):
            matrix, whole = shown_jacobian(step, node, position), shown_pullback(step, node, position)
            if matrix is not None:
                self.data["jacobian", step.number] = matrix
                self._line(("jacobian", step.number), given, lambda *data: jacobian(node, position, known(data)))
                self._line(
                    part, [upstream, ("jacobian", step.number)], lambda g, m: np.reshape(np.ravel(g) @ m, g.shape)
                )
            elif whole is not None:
                self._pullback(
                    step, whole, ids | {"g": upstream}, [upstream, *given],
                    lambda g, *data: pullback(node, position, g, known(data)),
                )  # fmt: skip
                return
            self._line(part, [upstream, *given], lambda g, *data: ruled(g, *data)[1])
            return
        if len(read) == 1 and step.local is step.values[read[0]]:
            self.same[local] = given[0]
        else:
            self.data[local] = step.local
            self._line(local, given, lambda *data: ruled(step.upstream, *data)[0])
        self._line(part, [upstream, local], lambda g, factor: handed_back(node, position, g * factor))

    def _pullback(
        self, step: Step, whole: Pullback, ids: dict[str, Key], given: list[Key], again: Callable[..., Any]
    ) -> None:
        """What a pull-back calls, each on a line of its own; then what its signs make of that."""
        keys = {name: ids.get(name, (name, step.number)) for name in whole.parts}
        self.pullbacks[step.number] = whole, keys
        for name in keys.keys() - ids.keys():
            self.data[keys[name]] = whole.parts[name]
            self._line(keys[name], given, partial(lambda name, *data: again(*data).parts[name], name))
        names, run = list(keys), whole.value
        self._line(("part", step.number), list(keys.values()), lambda *data: run(dict(zip(names, data, strict=True))))

    def _update(self, trace: Trace) -> None:
        """The leaves after a gradient step, and the loss there."""
        stepping = [i for i in trace.parameters if ("gradient", i) in self.data]
        for i in stepping:
            self.data["after", i] = self.data["value", i] - trace.lr * self.data["gradient", i]
            self._line(("after", i), [("value", i), ("gradient", i)], lambda w, g: w - trace.lr * g)
        if trace.loss_after is not None:
            self.data[LOSS_AFTER] = trace.loss_after
            after = {trace.rows[i].node: self.data["after", i] for i in stepping}
            same = trace.replay(after) == trace.loss_after  # else the function takes another branch there
            run = trace.replay if same else trace.rerun
            given = [("after", i) for i in stepping]
            self._line(LOSS_AFTER, given, lambda *data: run(dict(zip(after, data, strict=True))))

    def _line(self, result: Key, given: list[Key], run: Callable[..., Any]) -> None:
        """Note a computation that can be read, with every one of its numbers in sight."""
        result, *given = (self.same.get(key, key) for key in (result, *given))
        if given and all(fits(self.data[key]) for key in (result, *given)):
            self._lines.append(Line(result, tuple(given), run))

    def _settle(self) -> None:
        """Walk over the lines until none needs more digits; again over those whose numbers got more meanwhile."""
        users: dict[Key, set[int]] = {}
        for at, line in enumerate(self._lines):
            for key in (line.result, *line.given):
                users.setdefault(key, set()).add(at)
        waiting, enough = set(range(len(self._lines))), dict[int, bool]()
        while waiting:
            for at in range(len(self._lines) - 1, -1, -1):
                if at in waiting:
                    waiting.remove(at)
                    self._grown = set()
                    enough[at] = self._ask(self._lines[at])
                    waiting.update(*(users[key] for key in self._grown))
        self.loose = {self._lines[at].result for at in enough if not enough[at]}

    def _ask(self, line: Line) -> bool:
        """Give the inputs of a line as many digits as it needs; False where it needs too many."""
        return False not in [self._ask_for(line, (line.result, i)) for i in self._wrong(line, {})]

    def _ask_for(self, line: Line, entry: Entry) -> bool:
        own = {each: self.digits[each] for each in self.reads(line)[entry[1]]}
        for fewer in range(self.digits[entry], DIGITS - 1, -1):  # for want of better, as close as can be
            for digits in range(DIGITS, MOST + 1):
                asked = {each: max(n, digits) for each, n in own.items()} | {entry: fewer}
                if not self._wrong(line, asked, entry[1]):
                    found = self._pared(line, entry, asked, own)
                    self.digits |= {each: found[each] for each in own}
                    for key in {key for key, i in own if found[key, i] > own[key, i]}:
                        self._grown.add(key)
                        self._seen.pop(key, None)
                    return fewer == self.digits[entry]
        return False

    def _pared(self, line: Line, entry: Entry, asked: dict[Entry, int], own: dict[Entry, int]) -> dict[Entry, int]:
        """`asked` without the digits that some of the inputs do not need."""
        for each in own if len(own) <= FITS else ():
            while asked[each] > own[each]:
                fewer = {**asked, each: asked[each] - 1}
                if self._wrong(line, fewer, entry[1]):
                    break
                asked = fewer
        return asked

    def _wrong(self, line: Line, asked: dict[Entry, int], only: int | None = None) -> list[int]:
        """The entries (`only` asks for one) that the inputs, read with other digits where `asked`, do not give."""
        try:
            found = line.run(*(self._read(key, asked) for key in line.given))
        except (ArithmeticError, ValueError, TypeError):
            found = None
        result = self.data[line.result]
        if type(found) is type(result) is float:  # as below; most lines of scalar graphs
            n = asked.get((line.result, 0), self.digits[line.result, 0])
            return [] if rounded(found, n) == rounded(result, n) or (found != found and result != result) else [0]
        entries = range(np.size(result)) if only is None else (only,)
        if found is None or np.size(found) != np.size(result):
            return list(entries)
        data, again, wrong = np.ravel(result), np.ravel(found), []
        for i in entries:
            a, b, n = again[i].item(), data[i].item(), asked.get((line.result, i), self.digits[line.result, i])
            if not (a == b or rounded(a, n) == rounded(b, n) or (a != a and b != b)):
                wrong.append(i)
        return wrong

    def _read(self, key: Key, asked: dict[Entry, int]) -> Any:
        """What a person reads, in the type of the data."""
        data, digits = self.data[key], self.digits
        if key in self.exact:
            return data
        if type(data) is float:
            return rounded(data, asked.get((key, 0), digits[key, 0]))
        array = np.asarray(data)
        if array.dtype.kind != "f":
            return data
        if key not in self._seen:
            seen = [rounded(x, digits[key, i]) for i, x in enumerate(array.ravel().tolist())]
            self._seen[key] = np.array(seen, array.dtype).reshape(array.shape)
        read = self._seen[key].copy()
        for (name, i), n in asked.items():
            if name == key:
                read.flat[i] = rounded(array.flat[i].item(), n)
        return read

    def _reads(self, line: Line) -> list[list[Entry]]:
        """By entry of a result the numbers that it is computed from: those that change it when they change."""
        exact = [self.data[key] for key in line.given]
        entries = {(key, i): None for key in line.given for i in range(np.size(self.data[key]))}
        found: list[list[Entry]] = [[] for _ in range(np.size(self.data[line.result]))]
        if len(entries) <= len(line.given):  # single numbers
            return [list(entries) for _ in found]
        for key, i in entries:
            data = np.array(self.data[key])
            if data.dtype.kind == "f":
                data.flat[i] = data.flat[i] * 1.001 or 0.001
                other = float(data) if type(self.data[key]) is float else data
                changed = [other if name == key else each for name, each in zip(line.given, exact, strict=True)]
                for at in self._differs(line, changed):
                    found[at].append((key, i))
        return found

    def _differs(self, line: Line, changed: list[Any]) -> Any:
        """The entries of a result that are others when its inputs are changed."""
        try:
            return np.flatnonzero(np.ravel(line.run(*changed)) != np.ravel(self.data[line.result]))
        except (ArithmeticError, ValueError, TypeError):
            return range(np.size(self.data[line.result]))
