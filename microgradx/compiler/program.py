"""From the joint graph to a straight-line program: constants folded, repeats shared, dead code gone."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.compiler.joint import Joint
from microgradx.compiler.target import literal, preamble, written
from microgradx.graph import Value
from microgradx.rules.formula import constant

_INLINE = 60  # an unnamed result that is used once is written into its user, up to this many characters


@dataclass
class Program:
    """Straight-line source and what it needs."""

    title: str
    arguments: list[str]
    lines: list[tuple[str, str]] = field(default_factory=list)  # (section, line of source)
    results: list[str] = field(default_factory=list)  # expressions: the outputs
    gradients: dict[int, str] = field(default_factory=dict)  # argument position -> expression
    constants: dict[str, Any] = field(default_factory=dict)
    helpers: str = ""
    stats: dict[str, int] = field(default_factory=dict)  # nodes recorded, folded, shared, simplified, written
    run: Any = None  # the source as a function, once it has been built

    @property
    def alone(self) -> bool:
        """True when there is one output."""
        return len(self.results) == 1


def program(found: Joint, title: str) -> Program:
    """Lower a joint graph to a program."""
    return _Lowering(found, title).run()


class _Lowering:
    def __init__(self, found: Joint, title: str) -> None:
        self.found, self.order = found, found.order
        self.program = Program(title, [found.names[n] for n in found.arguments])
        self.operand: dict[Any, ast.expr] = dict(
            zip(found.arguments, map(ast.Name, self.program.arguments), strict=True)
        )
        self.varies = set(found.arguments)  # nodes that depend on an argument
        self.stands = _Itself()  # node -> the node that stands for it
        self.seen: dict[Any, Any] = {}  # an op with its operands -> the node that has computed it
        self.needed: set[Any] = set()
        self.stats = {"recorded": len(self.order), "folded": 0, "shared": 0, "simplified": 0, "written": 0}
        self.uses: dict[Any, int] = {}
        self.results = [*found.outputs, *found.gradients.values()]

    def run(self) -> Program:
        """Lower every node in order, then name the results."""
        same = {node: self._same(node) for node in self.order}
        live = self._live(same)
        for node in self.order:
            if node in live:
                self._write(node, same)
        found = self.program
        found.results = [ast.unparse(self.operand[same[n]]) for n in self.found.outputs]
        found.gradients = {i: ast.unparse(self.operand[same[n]]) for i, n in self.found.gradients.items()}
        found.helpers = preamble(self.needed)
        found.stats = self.stats
        return found

    def _same(self, node: Any) -> Any:
        """The node that stands for this one: itself, an earlier equal one, or an input that it only repeats."""
        if node.op is None:
            return node
        if any(each in self.varies for each in node.inputs):
            self.varies.add(node)
        else:
            self.stats["folded"] += 1
            return node
        inputs = tuple(self.stands[each] for each in node.inputs)
        plain = _repeats(node, inputs)
        if plain is not None:
            self.stats["simplified"] += 1
            self.stands[node] = plain
            return plain
        key = (node.op, tuple(_key(each, self.varies) for each in inputs), _frozen(node.static or {}))
        if key in self.seen:
            self.stats["shared"] += 1
        self.stands[node] = self.seen.setdefault(key, node)
        return self.stands[node]

    def _live(self, same: Mapping[Any, Any]) -> set[Any]:
        """What the results need, and how often each is used."""
        live: set[Any] = set()
        stack = [same[node] for node in self.results]
        for node in stack:
            self.uses[node] = self.uses.get(node, 0) + 2  # results keep a line of their own
        while stack:
            node = stack.pop()
            if node in live:
                continue
            live.add(node)
            for each in node.inputs if node in self.varies and node not in self.operand else ():
                self.uses[same[each]] = self.uses.get(same[each], 0) + 1
                stack.append(same[each])
        return live

    def _write(self, node: Any, same: Mapping[Any, Any]) -> None:
        if node in self.operand:
            return
        if node not in self.varies:
            self.operand[node] = self._constant(node)
            return
        operands = [self.operand[same[each]] for each in node.inputs]
        expr = written(node.op, isinstance(node, Value), operands, node.static or {}, self.needed)
        name = self.found.names.get(node)
        if name is None and self.uses.get(node, 0) < 2 and len(ast.unparse(expr)) <= _INLINE:
            self.operand[node] = expr
            return
        self.stats["written"] += 1
        section = "forward" if node in self.found.forward else "backward"
        name = name or f"t{self.stats['written']}"
        note = self.found.notes.get(node, "")
        line = f"{name} = {ast.unparse(expr)}"
        self.program.lines.append((section, f"{line}  # {note}" if note else line))
        self.operand[node] = ast.Name(name)

    def _constant(self, node: Any) -> ast.expr:
        if isinstance(node, Value) or (node.data.ndim == 0 and node.data.dtype.kind == "f"):
            return constant(node.item()) if np.isfinite(node.item()) else ast.Name(f"float('{node.item()}')")
        if node.data.size <= 1:
            return literal(node.data, self.needed)
        name = f"{self.found.names.get(node) or 'C'}_{len(self.program.constants)}"
        self.program.constants[name] = node.data
        return ast.Name(name)


class _Itself(dict[Any, Any]):
    """Leaves and constants stand for themselves."""

    def __missing__(self, key: Any) -> Any:
        return key


def _repeats(node: Any, inputs: tuple[Any, ...]) -> Any:
    """The input that this op returns unchanged (x·1, x+0, x−0, x/1, −−x), or None."""
    name = node.op.name
    if name == "alias":
        return inputs[0]
    if name == "neg" and inputs[0].op is not None and inputs[0].op.name == "neg":
        return inputs[0].inputs[0]
    for side, neutral in _NEUTRAL.get(name, ()):
        other = inputs[1 - side]
        if _is_number(inputs[side], neutral) and np.shape(other.data) == np.shape(node.data):
            same_dtype = isinstance(node, Value) or other.data.dtype == node.data.dtype
            return other if same_dtype else None
    return None


_NEUTRAL = {"mul": ((0, 1.0), (1, 1.0)), "add": ((0, 0.0), (1, 0.0)), "sub": ((1, 0.0),), "div": ((1, 1.0),)}


def _is_number(node: Any, number: float) -> bool:
    return node.op is None and not node.requires_grad and node.name is None and bool(np.all(node.data == number))


def _key(node: Any, varies: set[Any]) -> Any:
    """Constants are the same when their data are."""
    if node in varies:
        return node
    data = np.asarray(node.data)
    return (data.shape, data.dtype.str, data.tobytes())


def _frozen(static: Mapping[str, Any]) -> str:
    return repr([(k, (v.dtype.str, v.tolist()) if isinstance(v, np.ndarray) else v) for k, v in sorted(static.items())])
