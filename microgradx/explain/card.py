"""One op on one page: formula, derivative, where it comes from, a worked number, a plot, and what is tested."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from microgradx.autodiff.backward import apply_rule
from microgradx.explain.arrays import value_text
from microgradx.explain.derivations import DERIVATIONS
from microgradx.explain.digits import agreeing, strip_group
from microgradx.explain.readings import readings
from microgradx.explain.text import heading
from microgradx.explain.unusual import domain_text
from microgradx.graph import Value
from microgradx.rules.formula import constant, forward_formula, rule_formula, slots
from microgradx.rules.notation import screen_text
from microgradx.rules.numbers import shown
from microgradx.rules.op import Op
from microgradx.rules.samples import applied, sample
from microgradx.testing.properties import PROPERTIES

_STEPS = (0.1, 0.01, 0.001, 0.0001)
_WIDE, _HIGH = 61, 13


def show_card(op: Op, console: Console) -> None:
    """Print everything the row says about itself, and what follows from it."""
    nodes, static = sample(op)
    y = applied(op, nodes, static)
    console.print(Text(op.form, style="bold"), highlight=False)
    if y is None:
        console.print(f"On its example input {op.name} has nothing to do, and returns the input itself.")
        return
    names = slots(op, len(nodes))
    told = "for example " if op.static else ""
    console.print(Text(f"{told}y = {screen_text(forward_formula(y))}", style="magenta"))
    heading(console, "Derivative")
    if not op.rules:
        console.print("none: the result jumps between fixed values, so no gradient flows through it.")
    for position, name in enumerate(names if op.rules else ()):
        _rule(op, y, position, name, console)
    heading(console, "Where it holds")
    for name in op.inputs:
        extra = "   (left out: where the left and the right slope differ)" if op.where[name].kinks else ""
        console.print(f"{name}: {domain_text(op, name)}{extra}", highlight=False)
    if op.elementwise and len(op.inputs) == 1 and op.rules:
        _scalar_parts(op, nodes[0], y, static, console)
    heading(console, "What the property tests check")
    for claim in claims(op):
        console.print(f"· {claim}", highlight=False)


def _rule(op: Op, y: Any, position: int, name: str, console: Console) -> None:
    rule = op.rule_for(position)
    if rule is None:
        console.print(f"∂y/∂{name}: none; {name} carries no gradient (labels, masks and indices do not)")
        return
    for reading in readings(op, position):
        when = f"   when {reading.when}" if reading.when else ""
        console.print(Text.assemble((reading.formula, "magenta"), (when, "dim")))
    words = op.words.get(op.inputs[0] if op.variadic else name)
    if words:
        console.print(f"   {words.format(y='y', **{n: n for n in op.inputs})}", highlight=False)
    inputs = zip(slots(op, len(y.inputs)), y.inputs, strict=True)
    told = [f"{n} = {screen_text(constant(v))}" for n, v in (y.static or {}).items()]
    if isinstance(y, Value) and not rule.whole:
        formula = rule_formula(y, position)
        values = {n: each.data for n, each in inputs} | {"y": y.data}
        local, _ = apply_rule(y, position, 1.0)
        numbers, answer = agreeing(formula, values, local)
        at = ", ".join([*(f"{n} = {shown(v)}" for n, v in values.items()), *told])
        worked = answer if strip_group(numbers) == answer else f"{numbers} = {answer}"
        console.print(f"   at {at}: {worked}", highlight=False)
    else:
        g = np.arange(1.0, y.size + 1).reshape(y.shape)
        _, pulled = apply_rule(y, position, g)
        at = ", ".join([*(f"{n} = {value_text(each.data)}" for n, each in inputs), *told])
        console.print(f"   at {at}", highlight=False)
        console.print(f"   with ∂L/∂y = {value_text(g)}: {value_text(pulled)}", highlight=False)


def _scalar_parts(op: Op, x: Any, y: Any, static: dict[str, Any], console: Console) -> None:
    heading(console, "How it is found")
    for number, (line, why) in enumerate(DERIVATIONS.get(op.name, ()), 1):
        console.print(Text(f"{number}. {screen_text(ast.parse(line, mode='eval').body)}", style="magenta"))
        console.print(f"   {why}", highlight=False)
    console.print(
        f"The slope at x = {shown(x.data)}, from its definition: rise over run for smaller and smaller steps h."
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("h", "(f(x + h) − f(x)) / h", "f(x + h)"):
        table.add_column(column)
    assert op.scalar is not None
    for h in _STEPS:
        ahead = op.scalar(x.data + h, **static)
        table.add_row(f"{h:g}", shown((ahead - y.data) / h, 6), shown(ahead, 6))
    table.add_row("→ 0", Text(shown(apply_rule(y, 0, 1.0)[1], 6) + "   the rule's answer", style="bold green"), "")
    console.print(table)
    heading(console, "y (●) and its slope y′ (·)")
    console.print(plot(op, static), highlight=False)


def plot(op: Op, static: dict[str, Any]) -> str:
    """y and y′ over the op's domain as text, with both axes labelled."""
    domain = op.where[op.inputs[0]]
    xs = np.linspace(domain.low, domain.high, _WIDE)
    ys, slopes = np.empty(_WIDE), np.empty(_WIDE)
    for i, x in enumerate(xs):
        node = op(Value(float(x)), **static)
        ys[i], slopes[i] = node.data, apply_rule(node, 0, 1.0)[1] if node.op is op else 1.0
    finite = np.concatenate([ys[np.isfinite(ys)], slopes[np.isfinite(slopes)]])
    low, high = float(finite.min()), float(finite.max())
    low, high = (low - 1, high + 1) if low == high else (low, high)
    grid = [[" "] * _WIDE for _ in range(_HIGH)]

    def mark(values: Any, dot: str) -> None:
        for column, value in enumerate(values):
            if np.isfinite(value):
                grid[round((high - value) / (high - low) * (_HIGH - 1))][column] = dot

    if low < 0 < high:
        mark(np.zeros(_WIDE), "─")
    mark(slopes, "·")
    mark(ys, "●")
    labels = [shown(high, 3)] + [""] * (_HIGH - 2) + [shown(low, 3)]
    wide = max(map(len, labels))
    lines = [f"{label:>{wide}} │{''.join(row)}" for label, row in zip(labels, grid, strict=True)]
    ends = f"{shown(domain.low, 3)}{shown(domain.high, 3):>{_WIDE - len(shown(domain.low, 3))}}"
    return "\n".join([*lines, f"{'':>{wide}} └{'─' * _WIDE}", f"{'':>{wide}}  {ends}"])


def claims(op: Op) -> list[str]:
    """What the tests that walk the rulebook prove about this row."""
    if not op.rules:
        return ["its result equals NumPy's, and no gradient flows through it"]
    return [
        *(each.claim for each in PROPERTIES.values() if each.about(op)),
        "the printed formula, read back and evaluated, gives the number the engine used",
    ]
