"""The chain rule: one loop over the graph, from the output back to the leaves.

Every node hands its gradient to its inputs: upstream gradient times local derivative, added to whatever
arrived there by other paths. `_fast` does it with each op's specialised pull; `_explained` does the same
edge by edge, with the rules as written, for watchers (traces, animations) and for second derivatives.
`reverse.py` walks in the same way, for chosen inputs only and without touching `.grad`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import GradientError, Node, OpError, Tensor, Value, inside_scope
from microgradx.graph.node import as_array
from microgradx.graph.order import FREED, passed
from microgradx.rules.op import Op, Rule
from microgradx.rules.pieces import gathered
from microgradx.rules.shaping import astype, number, sum_to, tensor
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


def backward(
    output: Any, gradient: Any = None, *, keep: str = "all", create_graph: bool = False, watcher: Watcher | None = None
) -> None:
    """Collect the gradient of `output` in the `.grad` of every node it depends on.

    Args:
        output: a scalar node; or any node together with `gradient`.
        gradient: the gradient arriving at `output`, of its shape; 1 by default (dL/dL = 1). A node stays part of
            the graph when `create_graph` is set.
        keep: "all" keeps every node's gradient; "leaves" frees each inner node once it is passed, which is
            what training wants: a second backward on the same graph is then an error.
        create_graph: make the gradients nodes themselves, so that they can be differentiated again.
        watcher: called with every `Edge`, in order.

    Leaves add to the `.grad` they have (call `zero_grad()` to start afresh); inner nodes start from nothing.

    Raises:
        GradientError: nothing to differentiate, a non-scalar output without `gradient`, or a released graph.
        OpError: `gradient` has another shape, or the options contradict each other.
    """
    if keep not in ("all", "leaves"):
        raise OpError(f'keep must be "all" or "leaves", not {keep!r}.')
    if create_graph and keep == "leaves":
        raise OpError('create_graph needs keep="all": the gradient\'s graph is built on the nodes that would be freed.')
    if not output.requires_grad:
        raise GradientError(
            "backward: this result does not depend on anything that collects a gradient "
            f"(all inputs are constants, or it was computed inside no_grad()).{_integers(output)}"
        )
    seed = arriving(output, gradient, create_graph, "backward")
    order = passed(output)
    output.grad = added(output.grad, seed)
    if create_graph or watcher is not None:
        _explained(order, watcher, create_graph)
        if keep == "leaves":
            free(order)
    else:
        _fast(order, keep == "leaves")


def _integers(output: Any) -> str:
    """The likely cause where a result is no real number."""
    dtype = np.asarray(output.data).dtype
    if dtype.kind == "f":
        return ""
    return f" It is of dtype {dtype}, which carries no gradient: let its inputs be floats, as Tensor(data, 'float64')."


def _fast(order: list[Any], free: bool) -> None:
    while order:
        node = order.pop()
        op, g = node.op, node.grad
        if g is None:
            pass
        elif type(node) is Value:
            op.pull_scalar(node, g)
        else:
            op.pull_array(node, g if type(g) is np.ndarray else gathered(node))
        if free:
            node.op = FREED
            node.left = node.right = node.rest = node.grad = None


def _explained(order: list[Any], watcher: Watcher | None, create_graph: bool) -> None:
    for node in reversed(order):
        if node.grad is None:
            continue
        for position, each in enumerate(node.inputs):
            rule = node.op.rule_for(position)
            if rule is None or not each.requires_grad:
                continue
            with inside_scope(node.scope):
                local, contribution = apply_rule(node, position, node.grad, as_nodes=create_graph)
                before = each.grad
                each.grad = added(before, contribution)
            if each.op is None and isinstance(each, Tensor) and not create_graph:
                each.grad = own_array(each.grad, node.grad)
            if watcher is not None:
                watcher(Edge(node, position, node.grad, local, contribution, before, each.grad))


def apply_rule(node: Any, position: int, upstream: Any, as_nodes: bool = False, data: Any = None) -> tuple[Any, Any]:
    """(local partial or None, contribution) for one edge.

    With `as_nodes`, both are recorded as graph; with `data`, the (inputs, output) given stand in for the node's own.
    """
    op: Op = node.op
    rule = op.rule_for(position)
    assert rule is not None
    if as_nodes:
        result = rule(op.known(node.inputs, node, upstream, node.static, position))
    else:
        inputs, output = data or ([n.data for n in node.inputs], node.data)
        known = op.known(inputs, output, upstream, node.static, position)
        result = in_numbers(op, rule, known, isinstance(node, Value))
    if rule.whole:
        return None, handed_back(node, position, result, as_nodes)
    return result, handed_back(node, position, upstream if rule.constant == 1 else upstream * result, as_nodes)


def in_numbers(op: Op, rule: Rule, known: dict[str, Any], scalar: bool) -> Any:
    """What the rule gives for floats (`scalar`) or arrays, with the IEEE answer where Python would raise."""
    arguments = [known[name] for name in rule.reads]
    try:
        return op.twin(rule, "scalar" if scalar else "array")(*arguments)
    except (ArithmeticError, ValueError):
        return careful(op.twin(rule, "array"), *arguments)


def handed_back(node: Any, position: int, contribution: Any, as_nodes: bool = False) -> Any:
    """The contribution in the shape and dtype of its input: summed over the axes that broadcasting stretched."""
    target = node.inputs[position]
    if node.op.elementwise and not isinstance(node, Value) and contribution.shape != target.shape:
        contribution = sum_to(contribution, target.shape) if as_nodes else sum_to.run(contribution, target.shape)
    if isinstance(target, Tensor) and contribution.dtype != target.dtype:  # float32 stays float32, whatever it met
        contribution = contribution.astype(target.dtype)
    return contribution


def added(before: Any, contribution: Any) -> Any:
    """The total so far: None is "nothing has arrived yet", which is not a zero."""
    return contribution if before is None else before + contribution


def arriving(output: Any, gradient: Any, as_node: bool, what: str) -> Any:
    """The gradient that starts at `output`: 1 for a single number, or what is given, checked and converted."""
    if gradient is None:
        scalar = isinstance(output, Value)
        if not scalar and output.data.size != 1:
            raise GradientError(
                f"{what}: the output has shape {output.shape}, but only a single number has a gradient. "
                "Make it one (.sum() or .mean()), or say which gradient arrives there."
            )
        gradient = 1.0 if scalar else np.array(1.0, output.data.dtype, ndmin=output.data.ndim)
        if not as_node:
            return gradient
    gradient = like(output, gradient, f"{what}: the gradient")
    return gradient if as_node else np.array(gradient.data) if isinstance(output, Tensor) else gradient.data


def like(node: Any, given: Any, what: str) -> Any:
    """`given` as a node of the kind, shape and dtype of `node`; a node that is given stays part of the graph."""
    if isinstance(node, Value):
        if np.shape(given) != ():
            raise OpError(f"{what} has shape {np.shape(given)}, but belongs to a single number.")
        if isinstance(given, Node):
            return given if isinstance(given, Value) else number(given)
        return Value(given, requires_grad=False)
    if isinstance(given, Value):
        given = tensor(given, dtype=node.dtype)
    elif not isinstance(given, Tensor):
        given = Tensor(as_array(given), requires_grad=False)
    if given.shape != node.shape:
        raise OpError(f"{what} has shape {given.shape}, but belongs to a tensor of shape {node.shape}.")
    return astype(given, node.dtype)


def constant(node: Any, data: Any) -> Any:
    """A constant Value or Tensor, as the node is one."""
    return (Value if isinstance(node, Value) else Tensor)(data, requires_grad=False)


def free(nodes: list[Any]) -> None:
    """Let go of the graph; what was computed stays, but no gradient can pass any more."""
    for node in nodes:
        if node.op is not None:
            node.op = FREED
            node.left = node.right = node.rest = node.grad = None
