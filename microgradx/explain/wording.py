"""What a step says, line by line; the terminal, Markdown and HTML views only lay it out."""

import ast
import linecache
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.explain.arrays import FITS, fits, shape_text, value_text
from microgradx.explain.digits import strip_group, total_of
from microgradx.explain.jacobian import long_way
from microgradx.explain.precision import LOSS_AFTER, Key
from microgradx.explain.pullback import shows_local
from microgradx.explain.trace import Row, Step, Trace
from microgradx.graph import Value
from microgradx.rules.formula import substitute
from microgradx.rules.notation import in_slot, screen_text
from microgradx.rules.numbers import DIGITS, full

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
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


def result(trace: Trace, key: Key) -> str:
    """A number that stands alone in its column; ≈ where its line says no =."""
    return f"{trace.numbers.equals(key)} ".replace("= ", "") + trace.numbers[key]


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
        notes = (words_text(trace, step), *notes)
    return StepText(
        step.number, f"{node.name} → {target.name}", place(node, code=True), formula, numbers, chain,
        _total(trace, step, target), notes,
    )  # fmt: skip


def words_text(trace: Trace, step: Step) -> str:
    """What the rule does, in words, with the names of what it reads."""
    node = trace.rows[step.node]
    return step.words.format(y=node.name, **{slot: trace.rows[i].name for slot, i in node.inputs.items()})


def seed_text(trace: Trace) -> str:
    """Why the walk starts with a 1."""
    name = trace.rows[trace.output].name
    if trace.path:
        return f"Gradients arrive from behind {trace.path}; the walk through the whole trace has computed them."
    seed = f"{d(trace, name)} = 1   the seed: {name} moves one for one with itself; every gradient starts from this 1."
    return "\n".join([seed, *_legend(trace)])


_HELPERS = {  # functions that rules call, and that a learner's program seldom does
    "spread": "spread copies a number to all the places that a sum or mean took together.",
    "sum_to": "sum_to adds up what was copied, back to the shape before.",
    "winners": "winners is 1 at the extreme, and 0 elsewhere; several that tie share the 1.",
    "one_hot": "one_hot is 1 at the place of the label, and 0 elsewhere.",
    "unsqueeze": "unsqueeze adds an axis of length 1.",
}


def _legend(trace: Trace) -> list[str]:
    """Why some numbers are longer than others; and what signs and helpers mean, where there are any."""
    longer = "A number has as many digits as it takes to recompute the lines that use it."
    most = "It takes up to ten where a long chain of lines is built on it."
    again = next((row.name for row in trace.rows.values() if re.search(r"#\d+$", row.name)), "")
    twice = f"{again} is another result of that name, later than {again.partition('#')[0]}."
    large = next((row.name for row in trace.rows.values() if row.op and np.size(row.node.data) > FITS), "")
    sums = f'More than {FITS} numbers are summed up; --json has them all, --zoom "NAME[i,j]" shows how one is made.'
    signs = "⊙ multiplies arrays element by element; · multiplies matrices, or anything by a number; ᵀ transposes."
    matrices = any(np.ndim(row.node.data) > 1 for row in trace.rows.values())
    rules = {id(step.formula): step.formula for step in trace.steps}.values()
    called = {part.id for rule in rules for part in ast.walk(rule) if isinstance(part, ast.Name)}
    helpers = [words for name, words in _HELPERS.items() if name in called]
    digits = max(trace.numbers.digits.values(), default=0)
    told = (longer, digits > DIGITS), (most, digits > 7), (signs, matrices), (twice, again), (sums, large)
    return [words for words, needed in told if needed] + helpers


def update_text(trace: Trace) -> str:
    """What one gradient step does to the loss, computed by running the graph again."""
    loss = float(np.asarray(trace.loss).item())
    name = trace.rows[trace.output].name
    names = [trace.rows[i].name for i in trace.parameters]
    who = "w ← w − lr · gradient" if len(names) > 1 else f"{names[0]} ← {names[0]} − lr · gradient" if names else ""
    if trace.loss_after is None:
        return (
            f"No gradient step is taken here: it lowers a whole loss, and {name} was traced without parameters of one."
        )
    after = trace.loss_after
    if after == loss:
        verdict = "unchanged: the gradient is exactly zero" if _all_zero(trace) else "unchanged in all digits"
    else:
        verdict = "lower" if after < loss else "HIGHER: this step was too large" if after > loss else "not a number"
    step = f"One gradient step with lr = {full(trace.lr)} ({who})"
    return f"{step}: {name} {trace.numbers['value', trace.output]} → {result(trace, LOSS_AFTER)}  ({verdict})"


def _all_zero(trace: Trace) -> bool:
    return all(not np.any(trace.rows[i].node.grad) for i in trace.parameters)


def _scalar(trace: Trace, step: Step, node: Row, target: Row) -> tuple[str, str, str, tuple[str, ...]]:
    partial = f"∂{in_slot(node.name)}/∂{in_slot(target.name)}"
    formula = f"{partial} = {rule_text(trace, step)}"
    told, local, part = trace.numbers, ("local", step.number), ("part", step.number)
    slots = {slot: told["value", i] for slot, i in {**node.inputs, "y": step.node}.items()}
    numbers, answer = screen_text(step.formula, {slot: in_slot(text) for slot, text in slots.items()}), told[local]
    if strip_group(numbers) == answer:  # the formula is a single number: say it once
        numbers = "" if rule_text(trace, step) == answer else answer
    elif isinstance(step.formula, ast.IfExp):
        numbers = f"({numbers}) {told.equals(local)} {answer}"
    else:
        numbers = f"{numbers} {told.equals(local)} {answer}"
    factors = f"{in_slot(told['gradient', step.node])} × {in_slot(answer)}"
    chain = f"{d(trace, target.name)} = {factors} {told.equals(part)} {told[part]}"
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
    part = ("part", step.number)
    notes += _one_entry(step, trace.numbers.precision(part))
    if ("jacobian", step.number) in trace.numbers.data:
        matrix = f"∂{in_slot(node.name)}/∂{in_slot(target.name)}"
        notes.append(f"the matrix is the Jacobian {matrix}: a row for each result, how it moves with each input")
    notes += long_way(trace, step, node)
    handed = f"{goal} += {result(trace, part)}"
    return formula, _factors(trace, step, node), handed, tuple(notes)


def _factors(trace: Trace, step: Step, node: Row) -> str:
    """The arrays that are multiplied, when they fit on a line."""
    told = trace.numbers
    if step.local is not None:
        if not shows_local(step, node.node):
            return ""
        return f"{told['gradient', step.node]} ⊙ {told['local', step.number]}"
    if ("jacobian", step.number) in told.data:
        return f"{told['gradient', step.node]} · {told['jacobian', step.number]}"
    if step.number in told.pullbacks:
        whole, keys = told.pullbacks[step.number]
        return screen_text(whole.expr, {name: in_slot(told[key]) for name, key in keys.items()})
    sides = _sides(step)
    keys = {slot: ("value", i) for slot, i in {**node.inputs, "y": step.node}.items()} | {"g": ("gradient", step.node)}
    if not sides and isinstance(step.formula, ast.Call):
        read = {
            part.id: keys[part.id] for part in ast.walk(step.formula) if isinstance(part, ast.Name) and part.id in keys
        }
        more = len(read) > 1 and all(fits(told.data[key]) for key in read.values())  # not g alone, put elsewhere
        return screen_text(step.formula, {name: in_slot(told[key]) for name, key in read.items()}) if more else ""
    if not sides or not all(map(fits, sides.values())):
        return ""
    digits = _sides(step, {slot: told.precision(key) for slot, key in keys.items()})
    return " · ".join(map(value_text, sides.values(), digits.values()))


def _shapes(step: Step, node: Row, target: Row) -> str:
    sides = _sides(step)
    if sides:
        return f"{'·'.join(shape_text(side.shape) for side in sides.values())} → {shape_text(target.node.shape)}"
    return f"{shape_text(node.node.shape)} → {shape_text(target.node.shape)}"


def _sides(step: Step, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """The two matrices of a rule that is a matrix product, by the slots they come from; none for other rules.

    `known` are the matrices themselves by slot, or what goes with each of their entries.
    """
    if not (isinstance(step.formula, ast.BinOp) and isinstance(step.formula.op, ast.MatMult)):
        return {}
    known, found = known or {**step.values, "g": step.upstream}, {}
    for side in (step.formula.left, step.formula.right):
        if isinstance(side, ast.Name) and side.id in known:
            found[side.id] = known[side.id]
        elif isinstance(side, ast.Attribute) and isinstance(side.value, ast.Name):
            found[side.value.id] = np.swapaxes(known[side.value.id], -1, -2)
    return found if len(found) == 2 else {}


def _one_entry(step: Step, digits: Any) -> list[str]:
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
    lines, each = [], np.broadcast_to(digits, terms.shape[1:])
    for at in picked:
        column = [float(t) for t in terms[(slice(None), *at)]]
        total = float(np.sum(terms[(slice(None), *at)]))
        label = f"entry {shape_text(at)}" if at else "as a sum"
        remark = "   (they cancel)" if cancels and any(column) else ""
        lines.append(f"{label}: {total_of(column, total, int(each[at]))}{remark}")
    return lines


def _terms(step: Step) -> Any:
    """The addends of a gradient that is a sum, along axis 0: of a matrix product, or over a stretched axis."""
    if len(step.summed) == 1 and step.local is not None:
        each = np.broadcast_to(np.asarray(step.upstream * step.local), np.shape(step.upstream))
        return np.moveaxis(each, step.summed[0], 0).reshape(
            np.shape(each)[step.summed[0]], *np.shape(step.contribution)
        )
    sides = _sides(step)
    if sides and all(side.ndim == 2 for side in sides.values()):
        return np.einsum("ik,kj->kij", *sides.values())
    return None


def _total(trace: Trace, step: Step, target: Row) -> str:
    goal, told = d(trace, target.name), trace.numbers
    before, part, total = ((word, step.number) for word in ("before", "part", "total"))
    if isinstance(target.node, Value) and np.ndim(step.contribution) == 0:
        if step.before is None:
            text = f"{goal}: 0 → {told[total]}"
        else:
            text = f"{goal}: {in_slot(told[before])} + {in_slot(told[part])} {told.equals(total)} {told[total]}"
    elif step.before is None:
        text = f"{goal}: 0 → the above"
    else:
        text = f"{goal}: {told[before]} + the above → {result(trace, total)}"
    if step.paths > 1:
        which = _ORDINALS[step.path - 1] if step.path <= len(_ORDINALS) else f"{step.path}th"
        text += f"   ({which} of {step.paths} paths into {target.name})"
    return text + ("   complete" if step.complete else "")
