"""Groups as lines of NumPy: forward and backward, every operand a view made once, every result written in place.

All numbers of the graph lie in one array `v`, and their gradients at the same places of `d`. Group 3 reads its inputs
as `a3`, `b3` and writes `y3`; `g3` is the gradient arriving there, `d_a3` and `d_b3` are where it goes on to.
"""

import ast
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from microgradx.compiler.form import Kind, Step, kind_of
from microgradx.compiler.grouped.read import Array, Graph, Group
from microgradx.compiler.grouped.views import View, packed, pieces, views
from microgradx.compiler.to_numpy.rows import literal, written
from microgradx.graph import Node, Tensor, recording
from microgradx.rules.formula import constant, rule_formula, slots
from microgradx.rules.notation import screen_text


class Operand(NamedTuple):
    """What a group reads, or several terms of a sum (then with an axis for them in front)."""

    name: str
    view: View | None  # where it lies; None: gathered from places without a pattern
    places: Array
    pull: tuple[bool, ...]


@dataclass
class Writer:
    """The lines of a program, and what they refer to by name."""

    graph: Graph
    v: Array
    d: Array
    objects: dict[str, Any] = field(default_factory=dict)  # what the lines refer to …
    made: list[str] = field(default_factory=list)  # … and how a reader would make it
    lines: list[str] = field(default_factory=list)
    needed: set[Any] = field(default_factory=set)
    written: Array = field(init=False)  # by place: is there a gradient already, on the way back?

    def __post_init__(self) -> None:
        self.written = np.zeros(len(self.v), bool)

    def write(self, differentiate: bool) -> None:
        """All lines."""
        self.lines.append("# forward")
        groups = list(enumerate(self.graph.groups, 1))
        read = {k: self._forward(k, group) for k, group in groups}
        if not differentiate:
            return
        output = self.graph.places[self.graph.outputs]
        self.lines += ["# backward", f"d[{output[0]}] = 1.0  # dL/dL"]
        self.written[output[0]] = True
        for k, group in reversed(groups):
            if any(group.pulls):
                self._backward(k, group, *read[k])

    def _forward(self, k: int, group: Group) -> tuple[tuple[int, ...], list[Operand]]:
        result = self.graph.places[group.nodes]
        if group.sum:
            shape, operands = self._terms(k, group, result)
        else:
            kept = [r for r in range(len(group.inputs)) if r not in group.numbers]
            names = [f"{name}{k}" for name in slots(group.op, len(group.inputs))]
            rows = [self.graph.places[group.inputs[r]][None] for r in kept]
            shape, found = self._fit([names[r] for r in kept], rows, [0] * len(rows), result)
            pulls = group.pulls or (False,) * len(names)
            fitted = {r: each._replace(pull=(pulls[r],)) for r, each in zip(kept, found, strict=True)}
            operands = [fitted[r] if r in fitted else _number(group.numbers[r]) for r in range(len(names))]
        y = self._view(f"y{k}", "v", View(int(result[0]), shape, packed(shape)))
        many = f"{len(result):,} × "
        if group.sum:
            self.lines += _sum(y, operands)
            self.lines[-1] += f"  # {many}a sum of {len(group.inputs)}"
        else:
            names = [each.name for each in operands]
            line = _into(y, self._run(group, names))
            self.lines.append(f"{line}  # {many}{group.op.form.split(' = ')[-1]}")
        return shape, operands

    def _terms(self, k: int, group: Group, result: Array) -> tuple[tuple[int, ...], list[Operand]]:
        """The terms of a sum, in as few pieces as lie regularly."""
        numbers = [_number(each) for each in group.numbers.values()]
        places = self.graph.places[group.inputs[len(numbers) :]]
        pulls = group.pulls[len(numbers) :] or (False,) * len(places)
        found = pieces(places, pulls)
        rows = [places[a:b] for a, b, _ in found]
        names = [f"x{k}_{j}" for j in range(1, len(rows) + 1)]
        shape, operands = self._fit(names, rows, [gap for _, _, gap in found], result)
        terms = [each._replace(pull=(pulls[a],)) for each, (a, _, _) in zip(operands, found, strict=True)]
        return shape, numbers + terms

    def _fit(
        self, names: list[str], rows: list[Array], gaps: list[int | None], result: Array
    ) -> tuple[tuple[int, ...], list[Operand]]:
        """The operands as views of one shape (an axis of its own for several rows, `gaps` apart), or gathered."""
        plain = np.arange(len(result))
        tried = [plain if gap is None else each[0] for each, gap in zip(rows, gaps, strict=True)]
        gathered = [gap is None or views(row[None]) is None for row, gap in zip(tried, gaps, strict=True)]
        found = views(np.stack([*(plain if g else row for row, g in zip(tried, gathered, strict=True)), result]))
        if found is None:
            gathered = [g or not np.array_equal(row - row[0], plain) for row, g in zip(tried, gathered, strict=True)]
            found = [View(int(row[0]), (len(plain),), (1,)) for row in [*tried, result]]
        shape = found[-1].shape
        operands = []
        for name, row, gap, view, g in zip(names, rows, gaps, found, gathered, strict=False):
            several = (len(row),) if len(row) > 1 else ()
            if g:
                self._room(name, several + shape)
                self.objects[f"at_{name}"] = at = row.reshape(several + shape)
                self.made.append(f"at_{name} = {_array(at)}")
                self.lines.append(f"np.take(v, at_{name}, out={name}, mode='clip')")
                operands.append(Operand(name, None, row, ()))
            else:
                view = View(view.start, several + view.shape, (gap,) * len(several) + view.strides)  # type: ignore[arg-type]  # a tuple of ints
                operands.append(Operand(self._view(name, "v", view), view, row, ()))
        return shape, operands

    def _backward(self, k: int, group: Group, shape: tuple[int, ...], operands: list[Operand]) -> None:
        result = self.graph.places[group.nodes]
        g = self._view(f"g{k}", "d", View(int(result[0]), shape, packed(shape)))
        for position, each in enumerate(operands):
            if not each.pull[0]:
                continue
            note = ""
            if group.sum:
                expr: ast.expr = ast.Name(g)
            else:
                expr = self._pull(group, position, [o.name for o in operands], f"y{k}", g)
                left = "∂L" if group.op.rule_for(position).whole else "∂y"  # type: ignore[union-attr]  # a group that has an op has rules
                name = slots(group.op, len(operands))[position]
                note = f"{left}/∂{name} = {screen_text(rule_formula(group.example, position))}"
            before = len(self.lines)
            self._send(each, shape, expr)
            if note:
                self.lines[before] += f"  # {note}"

    def _send(self, to: Operand, shape: tuple[int, ...], expr: ast.expr) -> None:
        """Add a contribution to the gradients of the operand, or write it where it is the first one."""
        rows = (len(to.places),) if len(to.places) > 1 else ()
        flat = to.places.ravel()
        one_each = to.view is not None and _distinct(to.view.first().indices())
        targets = to.view.first().indices().ravel() if to.view is not None and one_each else np.unique(flat)
        fresh = self._prepared(targets)
        if to.view is not None and one_each:
            name = self._view(f"d_{to.name}", "d", to.view.first())
            if to.view.repeated:
                if rows or not isinstance(expr, ast.Name):
                    expr = self._kept(f"t_{to.name}", rows + shape, expr)
                text = f"{ast.unparse(expr)}, axis={to.view.repeated}, keepdims=True"
                if fresh:
                    self.lines.append(f"np.add.reduce({text}, out={name})")
                else:
                    self.lines.append(f"np.add({name}, np.add.reduce({text}), out={name})")
            elif fresh:
                self.lines.append(_into(name, expr))
            else:
                self.lines.append(f"np.add({name}, {ast.unparse(expr)}, out={name})")
            return
        kept = ast.unparse(self._kept(f"t_{to.name}", rows + shape, expr))
        sums = f"{kept}.ravel()"
        order = flat
        if len(targets) < len(flat):
            self._index(f"to_{to.name}", np.searchsorted(targets, flat))
            sums = f"np.bincount(to_{to.name}, {sums}, {len(targets)})"
            order = targets
        self._index(f"at_d_{to.name}", order)
        self.lines.append(f"d[at_d_{to.name}] {'=' if fresh else '+='} {sums}")

    def _prepared(self, targets: Array) -> bool:
        """True when nothing was written to the targets yet; where some have, the others are set to 0."""
        before = self.written[targets]
        if before.any() and not before.all():
            name = f"empty{len(self.made)}"
            self._index(name, targets[~before])
            self.lines.append(f"d[{name}] = 0.0")
        self.written[targets] = True
        return not before.any()

    def _kept(self, name: str, shape: tuple[int, ...], expr: ast.expr) -> ast.expr:
        """The expression as an array of its own."""
        self._room(name, shape)
        self.lines.append(_into(name, expr))
        return ast.Name(name)

    def _room(self, name: str, shape: tuple[int, ...]) -> None:
        self.objects[name] = np.empty(shape)
        self.made.append(f"{name} = np.empty({shape})")

    def _view(self, name: str, array: str, view: View) -> str:
        self.objects[name] = view.of(self.v if array == "v" else self.d)
        self.made.append(f"{name} = {_lies(array, view)}")
        return name

    def _index(self, name: str, places: Array) -> None:
        steps = np.diff(places)
        if len(places) > 1 and (steps == 1).all():
            self.objects[name] = slice(int(places[0]), int(places[-1]) + 1)
            self.made.append(f"{name} = {self.objects[name]}")
        else:
            self.objects[name] = places
            self.made.append(f"{name} = {_array(places)}")

    def _run(self, group: Group, names: list[str]) -> ast.expr:
        """How the op is computed."""
        kind = Kind(False, (2,), np.dtype(float))
        step = Step("", group.op, (), group.static, kind, "")
        return written(step, [_parsed(name) for name in names], [kind] * len(names), self.needed)

    def _pull(self, group: Group, position: int, names: list[str], y: str, g: str) -> ast.expr:
        """What the op's rule sends to an input: the rule run on stand-ins, read back as NumPy."""
        rule = group.op.rule_for(position)
        assert rule is not None
        stand_ins = [Tensor(np.full(2, each.data)) for each in group.example.inputs]
        output, upstream = Tensor(np.full(2, group.example.data)), Tensor(np.ones(2))
        known = dict(zip((*stand_ins, output, upstream), map(_parsed, (*names, y, g)), strict=True))
        with recording(), np.errstate(all="ignore"):
            found = rule(group.op.known(stand_ins, output, upstream, group.static, position))
        expr = self._expression(found, known)
        if rule.whole:
            return expr
        if rule.constant in (1, -1):
            return ast.Name(g) if rule.constant == 1 else ast.UnaryOp(ast.USub(), ast.Name(g))
        return ast.BinOp(ast.Name(g), ast.Mult(), expr)

    def _expression(self, node: Any, known: dict[Any, Any]) -> ast.expr:
        if not isinstance(node, Node):
            return constant(node)
        if node in known:
            return known[node]  # type: ignore[no-any-return]  # names
        if node.op is None:
            return constant(node.item()) if node.size == 1 else literal(node.data, self.needed)
        parts = [self._expression(each, known) for each in node.inputs]
        step = Step("", node.op, (), dict(node.static or {}), kind_of(node.data), "")
        return written(step, parts, [kind_of(each.data) for each in node.inputs], self.needed)


_IN_PLACE: dict[type, str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.USub: "negative",
}  # fmt: skip


def _into(name: str, expr: ast.expr) -> str:
    """The line that computes an expression into the memory of a name."""
    if isinstance(expr, (ast.BinOp, ast.UnaryOp)) and type(expr.op) in _IN_PLACE:
        parts = [expr.left, expr.right] if isinstance(expr, ast.BinOp) else [expr.operand]
        return f"np.{_IN_PLACE[type(expr.op)]}({', '.join(map(ast.unparse, parts))}, out={name})"
    if isinstance(expr, ast.Call) and isinstance(expr.func, ast.Attribute) and not expr.keywords:
        text = ast.unparse(expr)
        if isinstance(getattr(np, expr.func.attr, None), np.ufunc):
            return f"{text[:-1]}, out={name})"
    return f"{name}[...] = {ast.unparse(expr)}"


def _sum(y: str, terms: list[Operand]) -> list[str]:
    """The line, or lines, that add up the terms from left to right."""
    lines, so_far = [], ""
    for each in terms:
        whole = f"np.add.reduce({each.name}, axis=0, out={y})" if len(each.places) > 1 else each.name
        if so_far:
            part = f"np.add.reduce({each.name}, axis=0)" if len(each.places) > 1 else each.name
            lines.append(f"np.add({so_far}, {part}, out={y})")
            so_far = y
        elif len(each.places) > 1:
            lines.append(whole)
            so_far = y
        else:
            so_far = each.name
    return lines


def _number(value: float) -> Operand:
    return Operand(repr(value), None, np.zeros(0, int), (False,))


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _distinct(places: Array) -> bool:
    return len(np.unique(places)) == places.size


def _lies(array: str, view: View) -> str:
    """How a reader would make a view."""
    size = int(np.prod(view.shape))
    if view.plain:
        return f"{array}[{view.start}:{view.start + size}]" + (f".reshape{view.shape}" if len(view.shape) > 1 else "")
    return f"view({array}, {view.start}, {view.shape}, {view.strides})"


def _array(places: Array) -> str:
    return f"np.array({places.tolist()})"
