"""The order in which the chain rule walks: every node after the nodes it was computed from."""

from collections.abc import Callable
from typing import Any

from microgradx.graph.node import Node


def topological(*roots: Node, follow: Callable[[Any], bool] | None = None) -> list[Any]:
    """All nodes that `roots` depend on, inputs first; a loop, so depth is no limit.

    `follow` chooses which nodes to visit (backward follows those that need a gradient).
    """
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[Any] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if type(node) is tuple:  # its inputs are all in the order now
            order.append(node[0])
        elif node not in seen:
            seen.add(node)
            inputs = node.inputs
            if not inputs:
                order.append(node)
                continue
            stack.append((node,))
            for each in reversed(inputs):
                if each not in seen and (follow is None or follow(each)):
                    stack.append(each)
    return order


def needs_gradient(node: Any) -> bool:
    """True for the nodes that a gradient must reach or pass."""
    return node.requires_grad  # type: ignore[no-any-return]
