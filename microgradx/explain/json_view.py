"""The trace as JSON-ready data, schema "microgradx.trace/1": full precision, formulas in Python syntax.

At scalar level `local` is the value of the text `local_numbers` (names as in `math`, and those of
`microgradx.functional`), `contribution` is upstream × local, `total` the running sum per input. At tensor
level `local_numbers` is null, and `local` is null wherever a rule is a whole pull-back.
"""

from typing import Any

import numpy as np

from microgradx.explain.trace import Row, Step, Trace
from microgradx.explain.wording import rule_expression
from microgradx.graph import Value
from microgradx.rules.formula import substitute
from microgradx.rules.notation import in_slot, python_text

SCHEMA = "microgradx.trace/1"


def as_json(trace: Trace) -> dict[str, Any]:
    """The whole trace as plain dictionaries, lists, numbers and strings."""
    return {
        "schema": SCHEMA,
        "title": trace.title,
        "notes": list(trace.notes),
        "forward": [_row(trace, row) for row in trace.rows.values()],
        "backward": [_step(trace, step) for step in trace.steps],
        "gradients": {name: plain(grad) for name, grad in trace.gradients.items()},
        "loss": plain(np.asarray(trace.loss).item()),
        "lr": plain(trace.lr),
        "loss_after_step": plain(trace.loss_after),
    }


def _row(trace: Trace, row: Row) -> dict[str, Any]:
    names = {slot: trace.rows[i].expr for slot, i in row.inputs.items()}
    return {
        "id": row.id,
        "name": row.name,
        "op": row.op,
        "formula": None if row.formula is None else python_text(substitute(row.formula, names)),
        "inputs": list(row.inputs.values()),
        "value": plain(row.node.data),
        "shape": list(row.node.shape),
        "scope": row.node.scope,
        "source": None if row.node.source is None else f"{row.node.source[0]}:{row.node.source[1]}",
    }


def _step(trace: Trace, step: Step) -> dict[str, Any]:
    scalar = isinstance(trace.rows[step.node].node, Value) and step.local is not None
    numbers = {slot: in_slot(repr(value)) for slot, value in step.values.items()} if scalar else {}
    return {
        "step": step.number,
        "node": step.node,
        "input": step.input,
        "upstream": plain(step.upstream),
        "local_formula": python_text(rule_expression(trace, step)),
        "local_numbers": python_text(step.formula, numbers) if scalar else None,
        "local": plain(step.local),
        "contribution": plain(step.contribution),
        "total": plain(step.total),
        "complete": step.complete,
    }


def plain(value: Any) -> Any:
    """Numbers and nested lists; NaN and infinities as the strings "nan", "inf", "-inf" (JSON has none)."""
    if value is None or isinstance(value, (bool, str)):
        return value
    array = np.asarray(value)
    if array.ndim:
        return [plain(part) for part in array]
    number = array.item()
    return number if isinstance(number, (bool, int)) or np.isfinite(number) else str(number)
