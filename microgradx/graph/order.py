"""The order in which the chain rule walks: every node after the nodes it was computed from."""

from collections.abc import Callable
from typing import Any

from microgradx.graph.errors import GradientError
from microgradx.graph.node import Node


class _Freed:
    """Stands in for the op of a node whose graph was released."""


FREED: Any = _Freed()


def topological(*roots: Node, follow: Callable[[Any], bool] | None = None) -> list[Any]:
    """All nodes that `roots` depend on, inputs first; a loop, so depth is no limit.

    `follow` chooses which nodes to visit (backward follows those that need a gradient).
    """
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[Any] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:  # the inputs of the node below are all in the order now
            order.append(stack.pop())
        elif node.op is None and node not in seen:
            seen.add(node)
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            for each in reversed(node.rest) if node.rest is not None else (node.right, node.left):
                if each is not None and each not in seen and (follow is None or follow(each)):
                    stack.append(each)
    return order


def passed(output: Node) -> list[Any]:
    """The recorded nodes that a gradient passes on its way back from `output`, inputs first, their `grad` emptied.

    The same walk as `topological`, for backward's hot path: leaves are left out, and a mark in `grad`, which has to
    be emptied anyway, takes the place of a set of the nodes seen.

    Raises:
        GradientError: a part of the graph was released.
    """
    order: list[Any] = []
    seen = object()  # a new mark each time: what an interrupted walk left behind means nothing
    stack: list[Any] = [output]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
            continue
        while node is not None and node.requires_grad and node.op is not None and node.grad is not seen:
            node.grad = seen
            stack.append(node)
            stack.append(None)
            if node.rest is not None:
                stack.extend(reversed(node.rest))
                break
            right = node.right
            if right is not None and right.op is not None:
                stack.append(right)
            node = node.left
    whole = True
    for node in order:
        node.grad = None
        if node.op is FREED:
            whole = False
    if not whole:
        raise released()
    return order


def released() -> GradientError:
    """The error for a graph whose nodes were freed."""
    return GradientError(
        'this graph was released by backward(keep="leaves"), a GradientTape or autograd.grad(), '
        "so no second gradient can pass through it. Compute the result again, keep the graph "
        '(keep="all", persistent=True, retain_graph=True), or .detach() what should count as a constant.'
    )
