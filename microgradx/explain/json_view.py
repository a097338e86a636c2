"""The trace as JSON-ready data, schema "microgradx.trace/1": full precision, formulas in Python syntax.

At scalar level `local` is the value of the text `local_numbers`: Python arithmetic with the names of `math`, and abs,
max and min. Where Python refuses what IEEE 754 answers (1 / 0.0), the text is that answer. `contribution` is upstream ×
local, `total` the running sum per input. At tensor level `local_numbers` is null, and `local` is null wherever a rule
is a whole pull-back. `trace.schema.json` says it all by machine.
"""

import ast
import copy
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np

from microgradx.explain.trace import Row, Step, Trace
from microgradx.explain.wording import rule_expression
from microgradx.graph import Value
from microgradx.rules.formula import substitute
from microgradx.rules.notation import filled, in_slot, python_text

SCHEMA = "microgradx.trace/1"


def as_json(trace: Trace) -> dict[str, Any]:
    """The whole trace as plain dictionaries, lists, numbers and strings."""
    layers = [{key: plain(value) for key, value in asdict(each).items()} for each in trace.layers]
    return {
        "schema": SCHEMA,
        "title": trace.title,
        "notes": list(trace.notes),
        **({"layers": layers} if layers else {}),
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
    return {
        "step": step.number,
        "node": step.node,
        "input": step.input,
        "upstream": plain(step.upstream),
        "local_formula": python_text(rule_expression(trace, step)),
        "local_numbers": _local_numbers(step) if scalar else None,
        "local": plain(step.local),
        "contribution": plain(step.contribution),
        "total": plain(step.total),
        "complete": step.complete,
    }


# Rows that rules name and `math` does not, as the arithmetic that anyone can evaluate.
_ARITHMETIC = {
    "sigmoid(x)": "1 / (1 + exp(-x))", "sign(x)": "(x > 0) - (x < 0)",
}  # fmt: skip
_MATH = {name: getattr(math, name) for name in dir(math) if name[0] != "_"} | {"abs": abs, "max": max, "min": min}


def _local_numbers(step: Step) -> str:
    """The rule with its numbers as plain Python arithmetic whose value is `local`; else that value itself."""
    text, run = _arithmetic(step.formula, tuple(step.values))
    try:
        value = run(*step.values.values())
    except (ArithmeticError, ValueError, NameError):
        value = None  # Python raises, or the rule names a row that has no arithmetic of its own
    if not isinstance(value, (int, float)) or not math.isclose(value, step.local, rel_tol=1e-12):
        return repr(step.local)
    return filled(text, {slot: in_slot(repr(number)) for slot, number in step.values.items()})


@lru_cache(maxsize=1024)
def _arithmetic(formula: ast.expr, slots: tuple[str, ...]) -> tuple[str, Callable[..., Any]]:
    """A formula's text without the names of rows, and the function of its slots that it stands for."""
    written = _Written().visit(copy.deepcopy(formula))
    source = f"lambda {', '.join(slots)}: {ast.unparse(written)}"
    return python_text(written), eval(source, dict(_MATH))  # of our own making: a rule's formula


class _Written(ast.NodeTransformer):
    """Calls of the rows in the table above, replaced by their arithmetic."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        for call, arithmetic in _ARITHMETIC.items():
            name, *parameters = [n.id for n in ast.walk(ast.parse(call)) if isinstance(n, ast.Name)]
            if isinstance(node.func, ast.Name) and node.func.id == name:
                given = dict(zip(parameters, node.args, strict=True))
                return substitute(ast.parse(arithmetic, mode="eval").body, given)
        return node


def plain(value: Any) -> Any:
    """Numbers and nested lists; NaN and infinities as the strings "nan", "inf", "-inf" (JSON has none)."""
    if value is None or isinstance(value, (bool, str)) or (type(value) is float and math.isfinite(value)):
        return value
    array = np.asarray(value)
    if array.ndim:
        return [plain(part) for part in array]
    number = array.item()
    return number if isinstance(number, (bool, int)) or np.isfinite(number) else str(number)
