"""Loops as lines of C: where each result is kept, what is declared where, and the sections a person reads."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

from microgradx.compiler.form import Kind
from microgradx.compiler.to_c.functions import FAST
from microgradx.compiler.to_c.loops import Loop, Lowering, Statement, same
from microgradx.compiler.to_c.rows import ctype
from microgradx.compiler.to_c.text import TYPES, entry, filled, number, numbers, text

_STACK = 2**14  # bytes of an array up to which it lies on the stack
_MANY = 8  # sums in a loop from which it has lanes
_FREE = "#pragma GCC ivdep"  # no turn of the loop below needs another one; all arrays lie apart
_VECTORS = {"relu", "maximum", "minimum", "square", "fabs", "sqrt", "sign", "leaky_relu", *FAST, *TYPES.values()}


class Body:
    """The loops of a form as C.

    `outside` are names (arguments, results) that are declared elsewhere; a result in `into` goes to an argument, in
    place where nobody needs the old value any more, and by a copy at the end where somebody does. `large` is how an
    array is declared that is too large for the stack. With `lanes`, long loops that add up many numbers are written so
    that a compiler can take several turns at once without changing what is added to what.
    """

    def __init__(
        self, lowered: Lowering, outside: Iterable[str], into: Mapping[str, str], large: str, lanes: bool = False
    ) -> None:
        self.lowered, self.kinds, self.large, self.lanes = lowered, lowered.kinds, large, lanes
        self.laned: dict[str, str] = {}  # a sum within a loop in lanes -> where it is kept there
        self.outside = set(outside)
        self.called = {name: a for name, a in into.items() if self._in_place(name, a)}
        self.copies = {name: a for name, a in into.items() if name not in self.called}
        self.plain = set(self._local())

    def lines(self) -> list[str]:
        """The body of the step."""
        found: list[str] = []
        made: set[str] = set()
        section = ""
        for loop in self.lowered.loops:
            new = list(dict.fromkeys(s.name for s in loop.statements if s.name not in made | self.plain))
            made |= set(new)
            if loop.statements[0].section != section:
                section = loop.statements[0].section
                found.append(f"// {section}")
            found += self._declared(new, loop.statements)
            inside: list[str] = []
            width = self._width(loop)
            before, after = self._in_lanes(loop, width) if width else ([], [])
            for each in loop.statements:
                if each.section != section:
                    section = each.section
                    inside.append(f"// {section}")
                inside += self._statement(each)
            if width:
                inside = self._turns(loop.space[0], width, inside)
            else:
                free = self.lanes and bool(loop.space) and _turns_are_free(loop)
                for n, i in reversed([*zip(loop.space, self.lowered.indices, strict=False)]):
                    inside = [*([_FREE] if free else []), *_looped(i, n, inside)]
                    free = False
            found += [*before, *inside, *after]
        for name, argument in self.copies.items():
            shaped = self.kinds[argument].shape
            size = f"sizeof({ctype(self.kinds[argument])}[{prod(shaped)}])"
            found.append(f"memcpy({argument}, {name}, {size});" if shaped else f"{argument} = {name};")
        return found

    def checks(self) -> Iterator[str]:
        """Give up before anything is computed when a label is none of its classes."""
        for space, label, bound in self.lowered.labels.values():
            lines = [f"if ({text(label)} < 0 || {text(label)} >= {bound}) return 1;"]
            for n, i in reversed([*zip(space, self.lowered.indices, strict=False)]):
                lines = _looped(i, n, lines)
            yield from lines

    def _sums(self, loop: Loop) -> list[str]:
        """The plain numbers that a loop adds up."""
        return list(dict.fromkeys(s.name for s in loop.statements if s.adds and not self.kinds[s.name].shape))

    def _width(self, loop: Loop) -> int:
        """How many lanes a loop has; 0: it is a plain loop."""
        if not self.lanes or len(loop.space) != 1 or len(self._sums(loop)) < _MANY:
            return 0
        calls = (tree for s in loop.statements for tree in ast.walk(s.value) if isinstance(tree, ast.Call))
        if any(isinstance(call.func, ast.Name) and call.func.id not in _VECTORS for call in calls):
            return 0  # it would wait for one function at a time anyway
        return next((n for n in (8, 4) if loop.space[0] % n == 0), 0)

    def _in_lanes(self, loop: Loop, width: int) -> tuple[list[str], list[str]]:
        """A sum for each lane: where they are kept, and how they come together after the loop."""
        names = self._sums(loop)
        kept, lane = f"{names[0]}_lanes", self.lowered.indices[-1]
        self.laned = {name: f"{kept}[{k}][{lane}]" for k, name in enumerate(names)}
        lanes = [" + ".join(f"{kept}[{k}][{n}]" for n in range(width)) for k in range(len(names))]
        after = [f"{self.called.get(name, name)} += {each};" for name, each in zip(names, lanes, strict=True)]
        return [f"double {kept}[{len(names)}][{width}] = {{{{0}}}};"], after

    def _turns(self, n: int, width: int, inside: list[str]) -> list[str]:
        """The loop over n turns, `width` of them at once."""
        i, first, lane = self.lowered.indices[0], self.lowered.indices[-2], self.lowered.indices[-1]
        turn = [f"const int {i} = {first} + {lane};", *inside]
        return [
            f"for (int {first} = 0; {first} < {n}; {first} += {width})",
            *(f"    {line}" for line in _looped(lane, width, turn)),
        ]

    def tables(self) -> list[str]:
        """Constants, and tables of places."""
        return [
            f"static const {declared(name, Kind(False, array.shape, array.dtype))} = {numbers(array, '    ')};"
            for name, array in self.lowered.tables.items()
        ]

    def _in_place(self, name: str, argument: str) -> bool:
        """True when the argument may take the new value at once: every other reader has read it by then."""
        loops = self.lowered.loops
        makers = [(k, s) for k, loop in enumerate(loops) for s in loop.statements if s.name == name]
        if len(makers) != 1 or not makers[0][1].whole or self.kinds[name] != self.kinds[argument]:
            return False
        where, maker = makers[0]
        for k, loop in enumerate(loops):
            for each in loop.statements:
                before = k < where or (k == where and loop.statements.index(each) <= loop.statements.index(maker))
                for read, at in each.reads():
                    if read == argument and not (before and (k < where or same(at, maker.at))):
                        return False
        return not maker.inner

    def _local(self) -> Iterator[str]:
        """Names that live for one turn of their loop: only there are they read, each entry in its own turn."""
        home: dict[str, tuple[int, Statement]] = {}
        lost = self.outside.union(self.called, self.copies, self.lowered.results, self.lowered.starts)
        for k, loop in enumerate(self.lowered.loops):
            for each in loop.statements:
                if each.name in home or not each.whole:
                    lost.add(each.name)
                home[each.name] = k, each
        for k, loop in enumerate(self.lowered.loops):
            for each in loop.statements:
                for name, at in each.reads():
                    if name in home and (home[name][0] != k or not same(home[name][1].at, at)):
                        lost.add(name)
        return (name for name, (_, each) in home.items() if name not in lost and each.space)

    def _declared(self, names: list[str], statements: list[Statement]) -> list[str]:
        """Declarations before a loop, with what sums start from."""
        lines, starts = [], self.lowered.starts
        zeros: dict[str, list[str]] = {}
        for name in names:
            kind, start = self.kinds[name], starts.get(name)
            here = self.called.get(name, name)
            if name in self.outside or name in self.called or kind.dtype.itemsize * prod(kind.shape) > _STACK:
                if name not in self.outside and name not in self.called:
                    lines.append(f"{self.large} {declared(name, kind)};")
                if start is not None:
                    lines.append(_filled(here, kind, start))
            elif start == 0:
                shown = declared(name, kind, "") + (" = {0}" if kind.shape else " = 0")
                zeros.setdefault(ctype(kind), []).append(shown)
            elif kind.shape or start is not None or not _at_once(name, statements):
                lines.append(f"{declared(name, kind)};")
                if start is not None:
                    lines.append(_filled(here, kind, start))
        for type_, parts in zeros.items():
            lines += _wrapped(type_, parts)
        return lines

    def _statement(self, each: Statement) -> list[str]:
        kind = self.kinds[each.name]
        target = self._settled(entry(each.name, each.at))
        fresh = each.name in self.plain or (not each.space and not kind.shape and self._is_new(each))
        shown = f"{ctype(kind)} {text(target)}" if fresh else self.laned.get(each.name, text(target))
        value = self._settled(each.value)
        if each.term is None:
            return _noted(f"{_assigned(shown, value, each.adds)};", each.note)
        term = self._settled(filled(each.term[0], {"@": target}))
        when = self._settled(filled(each.term[1], {"@": target})) if each.term[1] is not None else None
        if not each.inner and when is None and each.into == "s + x":  # a sum of one
            return _noted(f"{shown} = {text(term)};", each.note)
        into = filled(ast.parse(each.into, mode="eval").body, {"s": target, "x": term})
        lines = [f"{_assigned(text(target), into, False)};"]
        if when is not None:
            lines = [f"if ({text(when)})", f"    {lines[0]}"]
        for i, n in reversed(each.inner):
            lines = [_for(i, n), *(f"    {line}" for line in lines)]
        return [*_noted(f"{shown} = {text(value)};", each.note), *lines]

    def _is_new(self, each: Statement) -> bool:
        outside = each.name in self.outside or each.name in self.called or each.name in self.lowered.starts
        return not outside and each.whole

    def _settled(self, tree: Any) -> Any:
        """The tree with every name as it is kept: a number in the loop, or an argument's new value."""
        if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name):
            name = tree.value.id
            if name in self.plain:
                return tree.value
            at = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else []
            return entry(self.called.get(name, name), [self._settled(i) for i in at])
        if isinstance(tree, ast.Name):
            return ast.Name(self.called[tree.id]) if tree.id in self.called else tree
        if not isinstance(tree, ast.AST) or isinstance(tree, ast.Constant) or not tree._fields:
            return tree
        fields = {
            key: [self._settled(v) for v in value] if isinstance(value, list) else self._settled(value)
            for key, value in ast.iter_fields(tree)
            if key not in ("ctx", "func")
        }
        return type(tree)(**fields, **({"func": tree.func} if isinstance(tree, ast.Call) else {}))


def _turns_are_free(loop: Loop) -> bool:
    """True when no turn of a loop reads what another one writes: they may be taken several at a time."""
    made = {each.name: each.at for each in loop.statements}
    plain = all(each.whole and not each.adds and each.term is None for each in loop.statements)
    return plain and all(n not in made or same(at, made[n]) for each in loop.statements for n, at in each.reads())


def declared(name: str, kind: Kind, type_: str | None = None) -> str:
    """`double Z[4][2]`"""
    shown = f"{ctype(kind)} " if type_ is None else type_
    return shown + name + "".join(f"[{n}]" for n in kind.shape)


def _at_once(name: str, statements: list[Statement]) -> bool:
    """True when a number is declared where it is computed."""
    return any(s.name == name and not s.space and s.whole for s in statements)


def _assigned(shown: str, value: ast.expr, adds: bool) -> str:
    """`a = b`, as `a += b` where that says it."""
    if adds:
        return f"{shown} += {text(value)}"
    sign = {ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*="}.get(type(value.op)) if isinstance(value, ast.BinOp) else None
    if sign and isinstance(value, ast.BinOp) and text(value.left) == shown:
        return f"{shown} {sign} {text(value.right)}"
    return f"{shown} = {text(value)}"


def _filled(name: str, kind: Kind, start: float) -> str:
    if not kind.shape:
        return f"{name} = {number(start)};"
    if start == 0:
        return f"memset({name}, 0, sizeof({ctype(kind)}[{prod(kind.shape)}]));"
    flat = f"(({ctype(kind)} *){name})"
    return f"{_for('i', prod(kind.shape))} {flat}[i] = {number(start)};"


def _noted(line: str, note: str) -> list[str]:
    """The line with a comment behind it, or before it where that would be too far to the right."""
    if not note:
        return [line]
    return [f"{line}  // {note}"] if len(line) + len(note) < 100 else [f"// {note}", line]


def _looped(i: str, n: int, inside: list[str]) -> list[str]:
    """Lines within a loop; braces only round several statements."""
    indented = [f"    {line}" for line in inside]
    alone = sum(not line.startswith((" ", "}")) for line in inside) == 1 and not inside[0].startswith("//")
    return [_for(i, n), *indented] if alone else [f"{_for(i, n)} {{", *indented, "}"]


def _for(i: str, n: int) -> str:
    return f"for (int {i} = 0; {i} < {n}; {i}++)"


def _wrapped(type_: str, parts: list[str]) -> list[str]:
    lines, line = [], ""
    for part in parts:
        if line and len(line) + len(part) > 90:
            lines.append(f"{type_} {line};")
            line = ""
        line += f"{', ' if line else ''}{part}"
    return [*lines, f"{type_} {line};"]
