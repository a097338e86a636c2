"""What a step says, line by line; the terminal, Markdown and HTML views only lay it out."""

import ast
import linecache
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.explain.arrays import shape_text, value_text
from microgradx.explain.digits import agreeing, product, strip_group, total_of
from microgradx.explain.trace import Row, Step, Trace
from microgradx.graph import Value
from microgradx.rules.formula import substitute
from microgradx.rules.notation import in_slot, screen_text
from microgradx.rules.numbers import shown

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_FEW = 8  # arrays of at most this many numbers are written into a product
_MOST_TERMS = 8  # a sum of at most this many terms is written out


@dataclass(frozen=True)
class StepText:
    """The parts of one backward step, as a person reads them."""

    number: int
    where: str  # h1 → z1
    place: str  # scope and source line
    formula: str  # ∂h1/∂z1 = h1 · (1 − h1)
    numbers: str  # 0.731 · (1 − 0.731) = 0.197; "" where the formula has no single number
    chain: str  # ∂L/∂z1 = −0.242 × 0.197 = −0.0477
    total: str  # ∂L/∂z1: 0 → −0.0477, complete
    notes: tuple[str, ...]  # where a transpose, a sum or a mask comes from


def d(trace: Trace, name: str) -> str:
    """∂L/∂name."""
    return f"∂{in_slot(trace.rows[trace.output].name)}/∂{in_slot(name)}"


def place(row: Row, code: bool = False) -> str:
    """The module scope and the number (with `code` also the text) of the learner's own line."""
    parts = [row.node.scope] if row.node.scope else []
    if row.node.source is not None:
        file, line = row.node.source
        text = linecache.getline(file, line).strip() if code else ""
        parts.append(f"{Path(file).name}:{line}" + (f"  {text}" if text else ""))
    return "   ".join(parts)


def forward_text(trace: Trace, row: Row) -> str:
    """The formula of a forward row with the names of its inputs; "input" or "constant" for a leaf."""
    if row.formula is None:
        return "input" if row.node.requires_grad else "constant"
    return screen_text(substitute(row.formula, {slot: trace.rows[i].expr for slot, i in row.inputs.items()}))


def forward_cells(trace: Trace) -> list[tuple[str, ...]]:
    """Name, formula, value and place of every node."""
    return [
        (row.name, forward_text(trace, row), value_text(row.node.data), place(row) if row.op else "")
        for row in trace.rows.values()
        if row.op or row.node.requires_grad or row.node.name  # plain numbers explain themselves in the formulas
    ]


def gradient_cells(trace: Trace) -> list[tuple[str, ...]]:
    """Name, value and gradient of every leaf that collects one."""
    return [
        (row.name, value_text(row.node.data), f"{d(trace, row.name)} = {value_text(row.node.grad)}")
        for row in trace.rows.values()
        if row.op is None and row.node.requires_grad and row.node.grad is not None
    ]


LAYERS = (
    "layer", "output shape", "parameters", "norm of output", "of its gradient", "of the weights' gradient", "results",
)  # fmt: skip


def layer_cells(trace: Trace) -> list[tuple[str, ...]]:
    """The table of layers, in the order of LAYERS; "results" counts what each is made of."""
    return [
        (
            each.name, shape_text(each.shape), f"{each.parameters:,}", shown(each.output),
            *("–" if norm is None else shown(norm) for norm in (each.gradient, each.weights)), str(each.results),
        )
        for each in trace.layers
    ]  # fmt: skip


def rule_text(trace: Trace, step: Step) -> str:
    """The rule with the names of what it reads: `h1 · (1 − h1)`, or `Xᵀ · ∂L/∂Z` for a pull-back."""
    return screen_text(rule_expression(trace, step))


def rule_expression(trace: Trace, step: Step) -> ast.expr:
    """The rule as an expression over the names of what it reads."""
    node = trace.rows[step.node]
    names = {slot: trace.rows[i].expr for slot, i in node.inputs.items()}
    return substitute(step.formula, names | {"y": node.expr, "g": ast.Name(d(trace, node.name))})


def step_text(trace: Trace, step: Step) -> StepText:
    """All parts of one step."""
    node, target = trace.rows[step.node], trace.rows[step.input]
    scalar = isinstance(node.node, Value) and step.local is not None
    formula, numbers, chain, notes = (_scalar if scalar else _tensor)(trace, step, node, target)
    if step.words:
        names = {slot: trace.rows[i].name for slot, i in node.inputs.items()}
        notes = (step.words.format(**names), *notes)
    return StepText(
        step.number, f"{node.name} → {target.name}", place(node, code=True), formula, numbers, chain,
        _total(trace, step, target), notes,
    )  # fmt: skip


def seed_text(trace: Trace) -> str:
    """Why the walk starts with a 1."""
    name = trace.rows[trace.output].name
    if trace.path:
        return f"Gradients arrive from behind {trace.path}; the walk through the whole trace has computed them."
    seed = f"{d(trace, name)} = 1   the seed: {name} moves one for one with itself; every gradient starts from this 1."
    return "\n".join([seed, *_legend(trace)])


def _legend(trace: Trace) -> list[str]:
    """What the signs of matrix maths mean, when there are matrices."""
    if all(np.ndim(row.node.data) < 2 for row in trace.rows.values()):
        return []
    return ["⊙ multiplies arrays element by element; · multiplies matrices, or anything by a number; ᵀ transposes."]


def update_text(trace: Trace) -> str:
    """What one gradient step does to the loss, computed by running the graph again."""
    loss = float(np.asarray(trace.loss).item())
    name = trace.rows[trace.output].name
    names = [trace.rows[i].name for i in trace.parameters]
    who = "w ← w − lr · gradient" if len(names) > 1 else f"{names[0]} ← {names[0]} − lr · gradient" if names else ""
    if trace.loss_after is None:
        return f"No leaf of this graph is a parameter, so no gradient step changes {name}."
    after = trace.loss_after
    if after == loss:
        verdict = "unchanged: the gradient is exactly zero" if _all_zero(trace) else "unchanged in all digits"
    else:
        verdict = "lower" if after < loss else "HIGHER: this step was too large" if after > loss else "not a number"
    digits = next((n for n in range(4, 17) if shown(after, n) != shown(loss, n)), 4)
    step = f"One gradient step with lr = {shown(trace.lr)} ({who})"
    return f"{step}: {name} {shown(loss, digits)} → {shown(after, digits)}  ({verdict})"


def _all_zero(trace: Trace) -> bool:
    return all(not np.any(trace.rows[i].node.grad) for i in trace.parameters)


def _scalar(trace: Trace, step: Step, node: Row, target: Row) -> tuple[str, str, str, tuple[str, ...]]:
    partial = f"∂{in_slot(node.name)}/∂{in_slot(target.name)}"
    formula = f"{partial} = {rule_text(trace, step)}"
    numbers, answer = agreeing(step.formula, step.values, step.local)
    if strip_group(numbers) == answer:  # the formula is a single number: say it once
        numbers = "" if rule_text(trace, step) == answer else answer
    elif isinstance(step.formula, ast.IfExp):
        numbers = f"({numbers}) = {answer}"
    else:
        numbers = f"{numbers} = {answer}"
    chain = f"{d(trace, target.name)} = {product(step.upstream, step.local, step.contribution)}"
    return formula, numbers, chain, ()


def _tensor(trace: Trace, step: Step, node: Row, target: Row) -> tuple[str, str, str, tuple[str, ...]]:
    text = rule_text(trace, step)
    goal = d(trace, target.name)
    notes = []
    if step.local is None:
        formula = f"{goal} = {text}    {_shapes(step, node, target)}"
    else:
        factor = "" if text == "1" else f" {'⊙' if np.ndim(step.local) else '·'} {in_slot(text)}"
        each, here = f"{d(trace, node.name)}{factor}", shape_text(node.node.shape)
        over = step.summed if len(step.summed) > 1 else step.summed[0] if step.summed else None
        kept = ", keepdims=True" if target.node.ndim == node.node.ndim else ""
        if step.summed:
            formula = f"{goal} = sum({each}, axis={over}{kept})    {here} → {shape_text(target.node.shape)}"
        else:
            formula = f"{goal} = {each}    element by element, {here}"
    if step.summed:
        axes = ", ".join(map(str, step.summed))
        notes.append(
            f"{target.name} was repeated along axis {axes} of {node.name}, so its gradient is the sum over that axis"
        )
    notes += _one_entry(step)
    return formula, _factors(step), f"{goal} += {value_text(step.contribution)}", tuple(notes)


def _factors(step: Step) -> str:
    """The arrays that are multiplied, when they fit on a line."""
    if step.local is not None:
        if not np.ndim(step.local) or np.size(step.local) > _FEW or np.size(step.upstream) > _FEW:
            return ""
        return f"{value_text(step.upstream)} ⊙ {value_text(step.local)}"
    sides = _sides(step)
    if sides is None or any(np.size(side) > _FEW for side in sides):
        return ""
    return " · ".join(value_text(side) for side in sides)


def _shapes(step: Step, node: Row, target: Row) -> str:
    sides = _sides(step)
    if sides is not None:
        return f"{shape_text(sides[0].shape)}·{shape_text(sides[1].shape)} → {shape_text(target.node.shape)}"
    return f"{shape_text(node.node.shape)} → {shape_text(target.node.shape)}"


def _sides(step: Step) -> tuple[Any, Any] | None:
    """The two matrices of a rule that is a matrix product."""
    if not (isinstance(step.formula, ast.BinOp) and isinstance(step.formula.op, ast.MatMult)):
        return None
    known = {**step.values, "g": step.upstream}
    left, right = _side(step.formula.left, known), _side(step.formula.right, known)
    return None if left is None or right is None else (left, right)


def _one_entry(step: Step) -> list[str]:
    """One entry of the gradient as the sum it is; every entry when they cancel to zero."""
    terms = _terms(step)
    if (
        terms is None
        or not 1 < terms.shape[0] <= _MOST_TERMS
        or (terms.ndim < 2 and step.local is not None and not step.summed)
    ):
        return []
    cancels = not np.any(step.contribution) and np.any(terms)
    entries = list(np.ndindex(terms.shape[1:]))
    picked = entries if cancels and len(entries) <= _MOST_TERMS else entries[:1]
    lines = []
    for at in picked:
        column = [float(t) for t in terms[(slice(None), *at)]]
        total = float(np.sum(terms[(slice(None), *at)]))
        label = f"entry {shape_text(at)}" if at else "as a sum"
        lines.append(f"{label}: {total_of(column, total)}" + ("   (they cancel)" if cancels and any(column) else ""))
    return lines


def _terms(step: Step) -> Any:
    """The addends of a gradient that is a sum, along axis 0: of a matrix product, or over a stretched axis."""
    if len(step.summed) == 1 and step.local is not None:
        each = np.broadcast_to(np.asarray(step.upstream * step.local), np.shape(step.upstream))
        return np.moveaxis(each, step.summed[0], 0).reshape(
            np.shape(each)[step.summed[0]], *np.shape(step.contribution)
        )
    sides = _sides(step)
    if sides is not None and sides[0].ndim == sides[1].ndim == 2:
        return np.einsum("ik,kj->kij", *sides)
    return None


def _side(side: ast.expr, known: dict[str, Any]) -> Any:
    if isinstance(side, ast.Name):
        return known.get(side.id)
    if isinstance(side, ast.Attribute) and isinstance(side.value, ast.Name):
        return np.swapaxes(known[side.value.id], -1, -2)
    return None


def _total(trace: Trace, step: Step, target: Row) -> str:
    goal = d(trace, target.name)
    if isinstance(target.node, Value) and np.ndim(step.contribution) == 0:
        if step.before is None:
            text = f"{goal}: 0 → {shown(float(step.total))}"
        else:
            text = f"{goal}: {total_of((step.before, step.contribution), float(step.total))}"
    elif step.before is None:
        text = f"{goal}: 0 → the above"
    else:
        text = f"{goal}: {value_text(step.before)} + the above → {value_text(step.total)}"
    if step.paths > 1:
        which = _ORDINALS[step.path - 1] if step.path <= len(_ORDINALS) else f"{step.path}th"
        text += f"   ({which} of {step.paths} paths into {target.name})"
    return text + ("   complete" if step.complete else "")
