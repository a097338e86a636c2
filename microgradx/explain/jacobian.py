"""Rules that mix the entries of a row, as the matrix they multiply by; fused rows, the long way round.

Both come from the rules themselves: a Jacobian is what a rule hands back for one output after the other.
"""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.autodiff.backward import apply_rule
from microgradx.functional import log, softmax
from microgradx.graph import Node, Tensor

if TYPE_CHECKING:
    from microgradx.explain.trace import Row, Step, Trace

_MOST = 4  # entries of a row whose Jacobian is shown


def jacobian(node: Any, position: int, data: Any = None) -> Any:
    """∂y/∂x of one input, outputs × inputs; with `data`, the (inputs, output) given stand in for the node's own."""
    units = np.eye(node.size, dtype=node.dtype).reshape(node.size, *node.shape)
    return np.array([np.ravel(apply_rule(node, position, unit, data=data)[1]) for unit in units])


def shown_jacobian(step: "Step", node: Node, position: int) -> Any:
    """The Jacobian of a step that mixes a few entries by a rule that is no matrix product; None for others."""
    product = isinstance(step.formula, ast.BinOp) and isinstance(step.formula.op, ast.MatMult)
    alike = np.shape(step.contribution) == np.shape(step.upstream)
    row = (np.size(step.upstream),) == np.shape(step.upstream)[-1:] and 1 < np.size(step.upstream) <= _MOST
    if step.local is not None or product or not alike or not row or np.ndim(step.upstream) > 2:
        return None
    found = jacobian(node, position)
    return found if np.any(np.count_nonzero(found, axis=1) > 1) else None


def _cross_entropy(x: Any, t: Any) -> Any:
    a = softmax(x).named("a")
    p = a[t].named("p")
    return -log(p)


# Fused rows as the rows they stand for, on the first input's last axis; `_LESSON` says what their steps come to.
_LONG: dict[str, Callable[..., Any]] = {"softmax_cross_entropy": _cross_entropy}
_LESSON = {
    "softmax_cross_entropy": (
        "this is a − y, with y = 1 for the true class and 0 elsewhere: its row of diag(a) − a · aᵀ is p · (y − a), and "
        "−1 / p cancels the p"
    )
}


def long_way(trace: "Trace", step: "Step", row: "Row", at: tuple[int, ...] | None = None) -> list[str]:
    """What a fused step would be as several: for one entry of the result (the first), in lines; none for other rows."""
    from microgradx.explain.trace import traced
    from microgradx.explain.wording import d, forward_text

    inputs = list(row.inputs.values())
    if row.op not in _LONG or step.input != inputs[0] or step.values[step.slot].shape[-1] > _MOST:
        return []
    first = at is None
    at = (0,) * row.node.ndim if at is None else at
    index = f"[{','.join(map(str, at))}]" if at else ""
    x, *others = (trace.rows[i].node.data[at] for i in inputs)
    x = Tensor(x, name=f"{trace.rows[inputs[0]].name}{index}")
    loss = _LONG[row.op](x, *others).named(f"{row.name}{index}")
    inner = traced(loss, {}, "", None, trace.lr)
    forward = [
        f"{each.name} = {forward_text(inner, each)} = {inner.numbers['value', i]}"
        for i, each in inner.rows.items()
        if each.op and each.node.name and each.node is not loss
    ]
    last = inner.steps[-1]  # into x, through the Jacobian
    a, told = inner.rows[last.node], inner.numbers
    upstream, matrix = told["gradient", last.node], told["jacobian", last.number]
    where = f", for entry {index}{' (it stands for all)' * (first and row.node.size > 1)}" if at else ""
    return [
        f"the long way{where}: {'; '.join(forward)}; {loss.name} = −log(p)",
        f"{d(inner, a.name)} = {upstream}: only the true class counts, and its slope is −1 / p",
        f"{d(inner, x.name or '')} = {d(inner, a.name)} · ∂{a.name}/∂{x.name}, where ∂{a.name}/∂{x.name} is "
        f"diag(a) − a · aᵀ: {upstream} · {matrix} = {told['part', last.number]}",
        _LESSON[row.op],
    ]
