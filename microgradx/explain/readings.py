"""The rules of a row as formulas: in general where one formula holds for every setting, else setting by setting."""

import ast
import re
from dataclasses import dataclass
from typing import Any

from microgradx.rules.formula import constant, rule_formula, slots, substitute
from microgradx.rules.notation import screen_text
from microgradx.rules.op import Op
from microgradx.rules.samples import applied, sample

# A number that nobody would write into a rule: where it turns up in a formula, the parameter stood there.
_MARK, _NEXT = 2.71845904523, 0.0577215664


@dataclass(frozen=True)
class Reading:
    """One derivative as a formula; `when` says for which static parameters and shapes, "" where it is for all."""

    name: str
    formula: str
    when: str


def readings(op: Op, position: int) -> list[Reading]:
    """How the rule of the input at `position` reads, the general formula or the first setting first.

    Empty where the input has no rule, or the op has nothing to do with its example input.
    """
    if op.rule_for(position) is None:
        return []
    named: dict[str, list[str]] = {}
    general = _general(op, position)
    found: list[Reading] = []
    for case in range(len(op.cases)):
        nodes, static = sample(op, case)
        y = applied(op, nodes, static)
        if y is None or position >= len(nodes):
            continue
        name = slots(op, len(nodes))[position]
        formula = rule_formula(y, position)
        if general is not None:
            if not found:
                found.append(_reading(op, position, name, general, nodes, ""))
            given = {n: constant(v) for n, v in static.items()}
            if _settled(substitute(general, given)) == _settled(formula):
                continue
        text = _reading(op, position, name, formula, nodes, "").formula
        named.setdefault(text, []).append(_setting(op, nodes, static))
        found.append(Reading(name, text, ""))
    alone = general is None and len(named) == 1 and (len(op.cases) > 1 or not op.static)  # it holds for all settings
    when = {} if alone else {text: "; ".join(dict.fromkeys(each)) for text, each in named.items()}
    return [Reading(r.name, r.formula, when.get(r.formula, "")) for r in dict.fromkeys(found)]


def _reading(op: Op, position: int, name: str, formula: ast.expr, nodes: list[Any], when: str) -> Reading:
    rule = op.rule_for(position)
    assert rule is not None
    text = screen_text(formula, {"g": "∂L/∂y"})
    for shape, named in {str(node.shape): f"{node.name}.shape" for node in nodes if node.ndim}.items():
        text = text.replace(f"shape={shape}", f"shape={named}")  # the example's sizes say nothing about the op
    return Reading(name, f"{'∂L' if rule.whole else '∂y'}/∂{name} = {text}", when)


def _setting(op: Op, nodes: list[Any], static: dict[str, Any]) -> str:
    """axis=0, keepdims=True; and the shapes of the inputs, which also show in a formula."""
    told = [f"{n}={screen_text(constant(v))}" for n, v in static.items()]
    shapes = [
        f"{node.name} {str(node.shape).replace(' ', '')}" + (" of float32" if node.dtype == "float32" else "")
        for node in nodes if node.ndim
    ]  # fmt: skip
    return ", ".join([*told, *shapes])


def _general(op: Op, position: int) -> ast.expr | None:
    """The formula with the names of its static parameters; None where numbers that depend on them remain."""
    nodes, static = sample(op)
    if (
        not op.elementwise
        or not op.static
        or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in static.values())
    ):
        return None
    marks = {name: _MARK + k * _NEXT for k, name in enumerate(static)}
    try:
        y = applied(op, nodes, marks)
    except (TypeError, ValueError):  # it takes whole numbers only
        return None
    if y is None:
        return None
    found = _Named(marks)
    formula = found.visit(substitute(rule_formula(y, position), {}))
    return None if found.strange else formula


class _Named(ast.NodeTransformer):
    """The marks in a formula, and what differs from one by 1, written with the names they stand for."""

    def __init__(self, marks: dict[str, float]) -> None:
        self.known: dict[float, str] = {}
        for name, mark in marks.items():
            for text, value in ((name, mark), (f"{name} - 1", mark - 1), (f"{name} + 1", mark + 1)):
                self.known[round(value, 9)] = text
        self.strange = False

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        text = self.known.get(round(float(node.value), 9)) if isinstance(node.value, (int, float)) else None
        if text is not None:
            return ast.parse(text, mode="eval").body
        self.strange |= bool(re.search(r"\.\d{7}", repr(node.value)))
        return node


def _settled(formula: ast.expr) -> str:
    """The formula as text, in one spelling: constant parts computed, settings that are None left out."""
    return ast.unparse(_Settled().visit(ast.parse(ast.unparse(formula), mode="eval").body))


class _Settled(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if {type(n) for n in ast.walk(node)} <= {ast.BinOp, ast.UnaryOp, ast.Constant, ast.Add, ast.Sub, ast.USub}:
            return constant(eval(ast.unparse(node)))  # numbers only
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and node.right.value == 1:
            return node.left
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        node.keywords = [k for k in node.keywords if ast.unparse(k.value) != "None"]
        return node
