"""Gradients of chosen nodes: the same chain rule as `backward`, but `.grad` is left alone.

`between` finds the part of the graph that lies between some inputs and some outputs, `pull` carries
gradients back through it. The transformations, tapes and `autograd.grad` all stand on these two.
"""

from contextlib import nullcontext
from typing import Any, NamedTuple

from microgradx.autodiff.backward import added, apply_rule, free
from microgradx.graph import Value, inside_scope, topological
from microgradx.graph.order import FREED, released
from microgradx.graph.state import now
from microgradx.rules.pieces import gathered


class Between(NamedTuple):
    """The nodes on the paths from `inputs` to `outputs` (both included), inputs first."""

    inputs: list[Any]
    outputs: list[Any]
    nodes: list[Any]
    others: bool  # the outputs also depend on leaves that collect gradients and are not among the inputs


def between(inputs: list[Any], outputs: list[Any]) -> Between:
    """The part of the graph that a change of `inputs` passes on its way to `outputs`.

    Raises:
        GradientError: that part was released.
    """
    reached = set(inputs)
    chosen = frozenset(inputs)
    nodes, others = [], False
    for node in topological(*outputs, follow=lambda n: n.requires_grad or n in chosen):
        if node.op is FREED and node not in chosen:
            raise released()
        if node in chosen or not reached.isdisjoint(node.inputs):
            reached.add(node)
            nodes.append(node)
        elif node.op is None and node.requires_grad:
            others = True
    return Between(inputs, outputs, nodes, others)


def pull(part: Between, upstream: list[Any], as_nodes: bool) -> list[Any]:
    """The gradient for each input, given the one arriving at each output; None where there is no path.

    Raw floats and arrays in and out; with `as_nodes` nodes, recorded, so that they can be differentiated again.
    """
    inside, chosen = set(part.nodes), set(part.inputs)
    found: dict[Any, Any] = {}
    scope = now().scope
    for output, g in zip(part.outputs, upstream, strict=True):
        if output in inside:
            found[output] = added(found.get(output), g)
    for node in reversed(part.nodes):
        g = found.get(node) if node in chosen else found.pop(node, None)
        if g is None or node.op is None:
            continue
        with inside_scope(node.scope) if as_nodes and node.scope != scope else nullcontext():
            for position, each in enumerate(node.inputs):
                if each in inside and node.op.rule_for(position) is not None:
                    found[each] = added(found.get(each), apply_rule(node, position, g, as_nodes)[1])
    return [found.get(node) for node in part.inputs]


def pull_privately(part: Between, upstream: list[Any]) -> list[Any]:
    """`pull` in numbers, for a graph that nobody else holds: backward's quick way through each op, by its `.grad`."""
    for node in part.nodes:
        node.grad = None  # the function may have called backward() itself
    for output, g in zip(part.outputs, upstream, strict=True):
        if output.requires_grad:
            output.grad = added(output.grad, g)
    for node in reversed(part.nodes):
        g, op = gathered(node), node.op
        if op is not None and g is not None:
            node.grad = None
            (op.pull_scalar if type(node) is Value else op.pull_array)(node, g)
    found = [gathered(node) for node in part.inputs]
    for node in part.inputs:
        node.grad = None
    return found


def release(part: Between) -> None:
    """Free the nodes after the inputs; a later gradient through them is a clear error."""
    chosen = set(part.inputs)
    free([node for node in part.nodes if node not in chosen])
