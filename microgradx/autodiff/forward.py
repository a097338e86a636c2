"""Forward mode: tangents carried from the inputs to the outputs, with the rules of reverse mode.

The tangent of a node says how fast it changes when the inputs move along theirs. One rulebook serves both
directions: an elementwise op multiplies the tangent by its partial, a linear op is applied to the tangent
itself, and any other pull-back J^T is transposed. (That pull-back is linear in g, so pulling a tangent t back
through *it* gives J t, whatever g is: J. Townsend, A new trick for calculating Jacobian vector products, 2017.)
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np

from microgradx.autodiff.backward import added, constant
from microgradx.autodiff.reverse import Between, between, pull
from microgradx.graph import Tensor, Value, differentiating, inside_scope
from microgradx.graph.state import now
from microgradx.rules.op import Op
from microgradx.rules.shaping import astype, broadcast_to

Arriving = dict[int, Any]  # the tangents of an op's inputs, by position


def push(part: Between, tangents: list[Any], as_nodes: bool) -> list[Any]:
    """The tangent (a node) of each output, given one for each input; None where there is no path.

    With `as_nodes` the tangents are linked to the graph they were computed from, so that derivatives nest. Where nobody
    can ask for that, they are plain numbers on the way.
    """
    here = now()
    if not (as_nodes or here.everything or here.made is not None or any(t.requires_grad for t in tangents)):
        return _push_numbers(part, [t.data for t in tangents])
    moving = dict(zip(part.inputs, tangents, strict=True))
    for node in part.nodes:
        if node not in moving:
            with inside_scope(node.scope) if as_nodes else nullcontext():
                tangent = _tangent(_Step(node, as_nodes), moving)
            if tangent is not None:
                moving[node] = tangent
    return [moving.get(node) for node in part.outputs]


def _push_numbers(part: Between, tangents: list[Any]) -> list[Any]:
    """`push` by each op's specialised way, or with constant nodes where it has none."""
    moving = dict(zip(part.inputs, tangents, strict=True))
    for node in part.nodes:
        if node in moving:
            continue
        op, inputs = node.op, node.inputs
        way = op.push_scalar if type(node) is Value else op.push_array
        if way is not None:
            tangent = way(node, [moving.get(x) for x in inputs])
        else:
            arriving = {x: constant(x, moving[x]) for x in inputs if x in moving}
            total = _tangent(_Step(node, as_nodes=False), arriving)
            tangent = None if total is None else total.data
        if tangent is not None:
            y = node.data
            if type(node) is not Value:
                tangent = tangent if tangent.shape == y.shape else np.broadcast_to(tangent, y.shape)
                tangent = tangent if tangent.dtype is y.dtype else tangent.astype(y.dtype)
            moving[node] = tangent
    found = [moving.get(node) for node in part.outputs]
    return [t if t is None else constant(y, t) for y, t in zip(part.outputs, found, strict=True)]


class _Step:
    """One op on the way, with what its rules read: nodes of the graph, or detached ones."""

    def __init__(self, node: Any, as_nodes: bool) -> None:
        self.node, self.op, self.static = node, node.op, node.static or {}
        self.inputs: Any = node.inputs if as_nodes else [x.detach() for x in node.inputs]
        self.output: Any = node if as_nodes else node.detach()

    def rule(self, position: int, g: Any) -> Any:
        """What the rule of one input gives."""
        rule = self.op.rule_for(position)
        return rule(self.op.known(self.inputs, self.output, g, self.static, position))


def _tangent(step: _Step, moving: dict[Any, Any]) -> Any:
    node, op = step.node, step.op
    arriving = {k: moving[x] for k, x in enumerate(node.inputs) if x in moving and op.rule_for(k) is not None}
    total = None
    for part in (_elementwise if op.elementwise else _other)(step, arriving):
        total = added(total, part)
    if total is None or not isinstance(node, Tensor):
        return total
    return astype(broadcast_to(total, node.shape), node.dtype)


def _elementwise(step: _Step, arriving: Arriving) -> Iterator[Any]:
    for position, t in arriving.items():
        rule = step.op.rule_for(position)
        if rule.constant == 1:
            yield t
        elif rule.whole:  # each element for itself, so forwards and backwards are the same
            yield step.rule(position, t)
        else:
            yield step.rule(position, None) * t


def _other(step: _Step, arriving: Arriving) -> Iterator[Any]:
    for group in _linear_groups(step.op, len(step.inputs)):
        given = {position: arriving.pop(position) for position in group if position in arriving}
        if given:
            given |= {k: _zero(step.inputs[k]) for k in group if k not in given}
            yield step.op(*(given.get(position, each) for position, each in enumerate(step.inputs)), **step.static)
    for position, t in arriving.items():
        yield from _transposed(step, position, t)


def _zero(x: Any) -> Any:
    return constant(x, np.zeros_like(x.data))


def _linear_groups(op: Op, count: int) -> list[list[int]]:
    """The positions in which the op is linear, together where it is linear jointly."""
    if op.variadic:
        together, alone = [list(range(count))], [[position] for position in range(count)]
        return [group for (name,) in op.linear for group in (together if name.startswith("*") else alone)]
    return [[op.inputs.index(name) for name in group] for group in op.linear]


def _transposed(step: _Step, position: int, t: Any) -> Iterator[Any]:
    g = _zero(step.node).requires_grad_()  # where it starts from does not matter
    with differentiating():
        pulled = step.rule(position, g)
    (tangent,) = pull(between([g], [pulled]), [t], as_nodes=True)
    if tangent is not None:
        yield tangent
