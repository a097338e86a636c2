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
from microgradx.graph import Tensor, differentiating, inside_scope
from microgradx.rules.op import Op
from microgradx.rules.shaping import astype, broadcast_to

Arriving = dict[int, Any]  # the tangents of an op's inputs, by position
Static = dict[str, Any]


def push(part: Between, tangents: list[Any], as_nodes: bool) -> list[Any]:
    """The tangent (a node) of each output, given one for each input; None where there is no path.

    With `as_nodes` the tangents are linked to the graph they were computed from, so that derivatives nest.
    """
    moving = dict(zip(part.inputs, tangents, strict=True))
    for node in part.nodes:
        if node not in moving:
            with inside_scope(node.scope) if as_nodes else nullcontext():
                tangent = _tangent(node, moving, as_nodes)
            if tangent is not None:
                moving[node] = tangent
    return [moving.get(node) for node in part.outputs]


def _tangent(node: Any, moving: dict[Any, Any], as_nodes: bool) -> Any:
    op: Op = node.op
    arriving = {k: moving[x] for k, x in enumerate(node.inputs) if x in moving and op.rule_for(k) is not None}
    inputs, output = (node.inputs, node) if as_nodes else ([x.detach() for x in node.inputs], node.detach())
    total = None
    for part in (_elementwise if op.elementwise else _other)(op, arriving, inputs, output, node.static or {}):
        total = added(total, part)
    if total is not None and isinstance(node, Tensor):
        total = astype(broadcast_to(total, node.shape), node.dtype)
    return total


def _elementwise(op: Op, arriving: Arriving, inputs: Any, output: Any, static: Static) -> Iterator[Any]:
    for position, t in arriving.items():
        rule = op.rules[op.inputs[position]]
        if rule.constant == 1:
            yield t
        elif rule.whole:  # each element for itself, so forwards and backwards are the same
            yield rule(op.known(inputs, output, t, static, position))
        else:
            yield rule(op.known(inputs, output, None, static, position)) * t


def _other(op: Op, arriving: Arriving, inputs: Any, output: Any, static: Static) -> Iterator[Any]:
    for group in _linear_groups(op, len(inputs)):
        given = {position: arriving.pop(position) for position in group if position in arriving}
        if given:
            given |= {k: constant(inputs[k], np.zeros_like(inputs[k].data)) for k in group if k not in given}
            yield op(*(given.get(position, each) for position, each in enumerate(inputs)), **static)
    for position, t in arriving.items():
        yield from _transposed(op, position, t, inputs, output, static)


def _linear_groups(op: Op, count: int) -> list[list[int]]:
    """The positions in which the op is linear, together where it is linear jointly."""
    if op.variadic:
        together, alone = [list(range(count))], [[position] for position in range(count)]
        return [group for (name,) in op.linear for group in (together if name.startswith("*") else alone)]
    return [[op.inputs.index(name) for name in group] for group in op.linear]


def _transposed(op: Op, position: int, t: Any, inputs: Any, output: Any, static: Static) -> Iterator[Any]:
    g = constant(output, np.zeros_like(output.data)).requires_grad_()  # where it starts from does not matter
    rule = op.rule_for(position)
    assert rule is not None
    with differentiating():
        pulled = rule(op.known(inputs, output, g, static, position))
    (tangent,) = pull(between([g], [pulled]), [t], as_nodes=True)
    if tangent is not None:
        yield tangent
