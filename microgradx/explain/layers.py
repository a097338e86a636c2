"""A trace one level up, a row per layer; and one layer of it, opened. Layers are the scopes that modules make."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from microgradx.explain.rerun import loss_after
from microgradx.explain.trace import Layer, Row, Step, Trace
from microgradx.graph import Node, OpError


def scopes(trace: Trace) -> list[str]:
    """Every scope of the trace, outer ones too, in the order the program entered them."""
    found: dict[str, None] = {}
    for row in trace.rows.values():
        parts = row.node.scope.split(".") if row.op and row.node.scope else []
        found |= dict.fromkeys(".".join(parts[: k + 1]) for k in range(len(parts)))
    return list(found)


def inside(scope: str, path: str) -> bool:
    """Whether a node of `scope` was made in the layer `path`, or deeper."""
    return not path or scope == path or scope.startswith(f"{path}.")


def open_layer(trace: Trace, path: str) -> Trace:
    """The rows and steps of one layer: what enters it is an input, and gradients arrive at what leaves it.

    Raises:
        OpError: nothing was made in that layer, or no gradient passes it.
    """
    members = {i for i, row in trace.rows.items() if row.op and inside(row.node.scope, path)}
    steps = [step for step in trace.steps if step.node in members]
    if not steps:
        known = ", ".join(scopes(trace)) or "none"
        raise OpError(f"there is no layer {path} that a gradient passes in this trace; its layers are {known}.")
    wanted = members | {i for member in members for i in trace.rows[member].inputs.values()}
    copies: dict[Any, Any] = {}
    rows: dict[str, Row] = {}
    for i, row in trace.rows.items():
        if i in members:
            rows[i] = replace(row, node=_copy(row.node, [copies[each] for each in row.node.inputs]))
        elif i in wanted or i == trace.output:
            rows[i] = replace(row, node=_copy(row.node, None), formula=None, inputs={})
        if i in rows:
            copies[row.node] = rows[i].node
    if trace.output not in wanted:  # there only because every gradient is named after it
        rows[trace.output].node.name, rows[trace.output].node.requires_grad = None, False
    own = [i for i in trace.parameters if i in wanted]
    found = Trace(f"{path}, a layer of {trace.title}", rows, steps, trace.output, own, trace.lr, None, path=path)
    whole = {row.node: trace.rows[i].node for i, row in rows.items()}
    found.rerun = lambda data: trace.rerun({whole[node]: each for node, each in data.items()})
    found.replay = lambda data: trace.replay({whole[node]: each for node, each in data.items()})
    found.loss_after = loss_after(found)
    found.notes += trace.notes
    found.notes.append(f"steps keep the numbers that they have in the whole trace, which has {len(trace.steps)}")
    return found


def by_layer(trace: Trace) -> Trace:
    """The trace with everything that happens inside a layer taken together: a row per layer, a step per connection.

    What a layer hands back to an input is the sum of what its tensor steps hand back there. Results outside all layers
    stay as they are.
    """
    group = {i: _group(row, trace.path) for i, row in trace.rows.items()}
    names = list(dict.fromkeys(name for name in group.values() if name))
    if not names:
        return replace(trace, notes=[*trace.notes, "nothing here was made in a layer, so this is the tensor level"])
    used = {i for j, row in trace.rows.items() for i in row.inputs.values() if not group[i] or group[i] != group[j]}
    leaving = used | {i for i in trace.rows if i == trace.output}
    leaving |= {i for i, row in trace.rows.items() if row.op and i not in _read(trace.rows.values())}
    rows: dict[str, Row] = {}
    for i, row in trace.rows.items():
        if not group[i]:
            rows[i] = row
        elif i in leaving:
            rows[i] = _layer_row(trace, i, group, [j for j in leaving if group[j] == group[i]])
    steps = _layer_steps(trace, group, rows)
    layers = [_facts(trace, name, [i for i in group if group[i] == name], rows) for name in names]
    found = replace(trace, rows=rows, steps=steps, layers=layers)
    found.folds = {trace.rows[i].node: name for i, name in group.items() if name}
    return found


def _group(row: Row, path: str) -> str:
    """The layer that a row belongs to, seen from `path`; "" for leaves that collect gradients, and outside layers."""
    scope: str = row.node.scope
    if not inside(scope, path) or (row.op is None and (row.node.requires_grad or row.node.name)):
        return ""
    return scope[len(path) :].lstrip(".").partition(".")[0]


def _read(rows: Iterable[Row]) -> set[str]:
    return {i for row in rows for i in row.inputs.values()}


def _layer_row(trace: Trace, i: str, group: dict[str, str], exits: list[str]) -> Row:
    """What leaves a layer, as a function of what enters it."""
    row, layer = trace.rows[i], group[i]
    entering: dict[str, None] = {}
    seen, open_ = {i}, [i]
    while open_:
        for each in trace.rows[open_.pop()].inputs.values():
            if group[each] != layer:
                entering[each] = None
            elif each not in seen:
                seen.add(each)
                open_.append(each)
    given = {f"x{k}": each for k, each in enumerate(each for each in trace.rows if each in entering)}
    formula = ast.Call(ast.Name(layer), [ast.Name(slot) for slot in given], [])
    if i == trace.output or (len(exits) == 1 and row.node.name and "#" not in row.name):
        return replace(row, formula=formula, inputs=given)  # the learner's own name
    name = layer if len(exits) == 1 else f"{layer}.{row.node.name or row.name}"
    return replace(row, name=name, expr=ast.Name(name), formula=formula, inputs=given)


def _layer_steps(trace: Trace, group: dict[str, str], rows: dict[str, Row]) -> list[Step]:
    """The steps between layers, each placed where its last tensor step was; a layer speaks through its last result."""
    voice = {group[i]: i for i in rows if group[i]}
    within: dict[str, int] = {}
    merged: dict[tuple[str, str], tuple[Step, Any]] = {}
    for step in trace.steps:
        layer = group[step.node]
        if layer and group[step.input] == layer:
            within[layer] = within.get(layer, 0) + 1
            continue
        if layer:
            within[layer] = within.get(layer, 0) + 1
        key = (voice[layer] if layer else f"{step.node} {step.number}", step.input)
        before = merged.pop(key, (step, 0.0))[1]
        merged[key] = (step, before + step.contribution)
    paths: dict[str, int] = {}
    for _, target in merged:
        paths[target] = paths.get(target, 0) + 1
    steps: list[Step] = []
    arrived: dict[str, int] = {}
    totals: dict[str, Any] = {}
    for number, ((_, target), (step, contribution)) in enumerate(merged.items(), start=1):
        layer, before = group[step.node], totals.get(target)
        arrived[target] = arrived.get(target, 0) + 1
        totals[target] = contribution if before is None else before + contribution
        new = replace(
            step, number=number, contribution=contribution, before=before, total=totals[target],
            path=arrived[target], paths=paths[target],
        )  # fmt: skip
        if layer:
            source = voice[layer]
            new = replace(
                new, node=source, slot=_slot(rows[source], target), upstream=trace.rows[source].node.grad, local=None,
                formula=ast.Call(ast.Name(f"{layer}_backward"), [ast.Name("g")], []), values={}, summed=(),
                words=f"{_count(within[layer], 'tensor step')} inside, one by one with --zoom {_full(trace, layer)}",
            )  # fmt: skip
        steps.append(new)
    return steps


def _slot(row: Row, target: str) -> str:
    return next((slot for slot, i in row.inputs.items() if i == target), "")


def _full(trace: Trace, layer: str) -> str:
    return f"{trace.path}.{layer}" if trace.path else layer


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _facts(trace: Trace, layer: str, members: list[str], rows: dict[str, Row]) -> Layer:
    """One line of the table of layers."""
    exits = [i for i in members if i in rows]
    last = trace.rows[exits[-1]].node
    weights = {i for m in members for i in trace.rows[m].inputs.values() if i in trace.parameters}
    gradients = [trace.rows[i].node.grad for i in weights if trace.rows[i].node.grad is not None]
    return Layer(
        _full(trace, layer), tuple(last.shape), sum(trace.rows[i].node.size for i in weights),
        _norm([last.data]), None if last.grad is None else _norm([last.grad]), _norm(gradients) if gradients else None,
        len(members),
    )  # fmt: skip


def _norm(arrays: list[Any]) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(sum(float(np.sum(np.square(np.asarray(a, float)))) for a in arrays)))


def _copy(node: Any, inputs: list[Any] | None) -> Any:
    """The same result in a graph of its own; a leaf when `inputs` is None."""
    copy = object.__new__(type(node))
    for slot in Node.__slots__:
        setattr(copy, slot, getattr(node, slot))
    if inputs is None:
        copy.op = copy.left = copy.right = copy.rest = copy.static = None
    elif node.rest is not None:
        copy.rest = tuple(inputs)
    else:
        copy.left, copy.right = (*inputs, None, None)[:2]
    return copy
