"""The chain rule: one loop over the graph, from the output back to the leaves.

Every node hands its gradient to its inputs: upstream gradient times local derivative, added to whatever
arrived there by other paths. `_fast` does it with each op's specialised pull; `_explained` does the same
edge by edge, with the rules as written, for watchers (traces, animations) and for second derivatives.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import GradientError, Node, OpError, Tensor, Value, inside_scope, no_grad, topological
from microgradx.graph.node import as_array
from microgradx.graph.order import needs_gradient
from microgradx.rules.op import Op
from microgradx.rules.shaping import sum_to
from microgradx.rules.specialise import careful, own_array


class Edge(NamedTuple):
    """One application of the chain rule: from `node` to its input number `position`."""

    node: Any
    position: int
    upstream: Any
    local: Any  # the partial derivative; None where the rule is a whole pull-back
    contribution: Any
    before: Any  # what the input had collected so far (None: nothing)
    total: Any

    @property
    def input(self) -> Any:
        """The node that receives the contribution."""
        return self.node.inputs[self.position]


Watcher = Callable[[Edge], None]


class _Freed:
    """Stands in for the op of a node whose graph was released by `keep="leaves"`."""


FREED: Any = _Freed()


def backward(
    output: Any, gradient: Any = None, *, keep: str = "all", create_graph: bool = False, watcher: Watcher | None = None
) -> None:
    """Collect the gradient of `output` in the `.grad` of every node it depends on.

    Args:
        output: a scalar node; or any node together with `gradient`.
        gradient: the gradient arriving at `output`, of its shape; 1 by default (dL/dL = 1).
        keep: "all" keeps every node's gradient; "leaves" frees each inner node once it is passed, which is
            what training wants: a second backward on the same graph is then an error.
        create_graph: make the gradients nodes themselves, so that they can be differentiated again.
        watcher: called with every `Edge`, in order.

    Leaves add to the `.grad` they have (call `zero_grad()` to start afresh); inner nodes start from nothing.

    Raises:
        GradientError: nothing to differentiate, a non-scalar output without `gradient`, or a freed graph.
    """
    if keep not in ("all", "leaves"):
        raise OpError(f'keep must be "all" or "leaves", not {keep!r}.')
    if output.op is FREED:
        raise _freed()
    if not output.requires_grad:
        raise GradientError(
            "backward: this result does not depend on anything that collects a gradient "
            "(all inputs are constants, or it was computed inside no_grad())."
        )
    seed = _seed(output, gradient)
    order = topological(output, follow=needs_gradient)
    for node in order:
        if node.op is FREED:
            raise _freed()
        if node.op is not None:
            node.grad = None
    if create_graph:
        output.grad = _lifted(output, seed) if output.op is not None else _added(output.grad, _lifted(output, seed))
        _explained(order, watcher, create_graph=True)
    else:
        output.grad = seed if output.op is not None else _added(output.grad, seed)
        if watcher is None:
            _fast(order, keep == "leaves")
            return
        with no_grad():
            _explained(order, watcher, create_graph=False)
    if keep == "leaves":
        _free(order)


def _fast(order: list[Any], free: bool) -> None:
    while order:
        node = order.pop()
        op, g = node.op, node.grad
        if op is None or g is None:
            continue
        op.pull("scalar" if type(node) is Value else "array")(node, g)
        if free:
            node.op, node.inputs, node.grad = FREED, (), None


def _explained(order: list[Any], watcher: Watcher | None, create_graph: bool) -> None:
    for node in reversed(order):
        if node.op is None or node.grad is None:
            continue
        for position, each in enumerate(node.inputs):
            rule = node.op.rule_for(position)
            if rule is None or not each.requires_grad:
                continue
            with inside_scope(node.scope):
                local, contribution = apply_rule(node, position, node.grad, as_nodes=create_graph)
                before = each.grad
                each.grad = _added(before, contribution, each.op is None, node.grad)
            if watcher is not None:
                watcher(Edge(node, position, node.grad, local, contribution, before, each.grad))


def apply_rule(node: Any, position: int, upstream: Any, as_nodes: bool = False) -> tuple[Any, Any]:
    """(local partial or None, contribution) for one edge; with `as_nodes`, both are recorded as graph."""
    op: Op = node.op
    rule = op.rule_for(position)
    assert rule is not None
    scalar = isinstance(node, Value)
    target = node.inputs[position]
    if as_nodes:
        upstream = _lifted(node, upstream)
        result = rule(op.known(node.inputs, node, upstream, node.static, position))
    else:
        known = op.known([n.data for n in node.inputs], node.data, upstream, node.static, position)
        twin = op.twin(rule, "scalar" if scalar else "array")
        arguments = [known[name] for name in rule.reads]
        try:
            result = twin(*arguments)
        except (ArithmeticError, ValueError):
            result = careful(twin, *arguments)
    if rule.whole:
        local, contribution = None, result
    else:
        local, contribution = result, upstream * result
    if op.elementwise and not scalar and contribution.shape != target.shape:
        contribution = sum_to(contribution, target.shape) if as_nodes else sum_to.run(contribution, target.shape)
    if isinstance(target, Tensor) and contribution.dtype != target.dtype:  # float32 stays float32, whatever it met
        contribution = contribution.astype(target.dtype)
    return local, contribution


def _added(before: Any, contribution: Any, leaf: bool = False, upstream: Any = None) -> Any:
    if before is not None:
        return before + contribution
    if leaf and isinstance(contribution, np.ndarray):
        return own_array(contribution, upstream)
    return contribution


def _seed(output: Any, gradient: Any) -> Any:
    gradient = gradient.data if isinstance(gradient, Node) else gradient
    if isinstance(output, Value):
        return 1.0 if gradient is None else float(gradient)
    if gradient is None:
        if output.size != 1:
            raise GradientError(
                f"backward: the output has shape {output.shape}, but only a single number has a gradient. "
                "Make it one (.sum() or .mean()), or say what arrives: backward(gradient=…)."
            )
        return np.ones(output.shape, dtype=output.dtype)
    seed = as_array(gradient).astype(output.dtype)
    if seed.shape != output.shape:
        raise GradientError(f"backward: gradient has shape {seed.shape}, but the output has shape {output.shape}.")
    return seed


def _lifted(node: Any, data: Any) -> Any:
    if isinstance(data, Node):
        return data
    return Value(data, requires_grad=False) if isinstance(node, Value) else Tensor(data, requires_grad=False)


def _free(order: list[Any]) -> None:
    for node in order:
        if node.op is not None:
            node.op, node.inputs, node.grad = FREED, (), None


def _freed() -> GradientError:
    return GradientError(
        'backward: this graph was already released by backward(keep="leaves"); compute the result again first, '
        'or use keep="all".'
    )
