"""Gradients of functions: `grad`, `value_and_grad` and the shared way to ask for a gradient without `.grad`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from microgradx.autodiff.backward import backward
from microgradx.graph import GradientError, Node, Tensor, Value
from microgradx.graph.order import needs_gradient, topological

Function = Callable[..., Any]


def gradients(output: Any, inputs: list[Any], create_graph: bool = True) -> list[Any]:
    """The gradient of `output` for each of `inputs` (None where there is no path), leaving no `.grad` behind."""
    if not output.requires_grad:
        return [None] * len(inputs)
    with _grads_restored(output):
        backward(output, create_graph=create_graph)
        return [node.grad for node in inputs]


@contextmanager
def _grads_restored(output: Any) -> Iterator[None]:
    order = topological(output, follow=needs_gradient)
    before = [node.grad for node in order]
    for node in order:
        node.grad = None
    try:
        yield
    finally:
        for node, grad in zip(order, before, strict=True):
            node.grad = grad


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function that gives the gradient of the scalar-valued `f`, as nodes that can be differentiated again.

    >>> import microgradx as mx
    >>> mx.grad(mx.grad(lambda x: x ** 3))(2.0)
    Value(12.0)
    """

    def gradient(*args: Any, **options: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **options)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """Like `grad`, giving (f(x), gradient)."""

    def both(*args: Any, **options: Any) -> Any:
        chosen = (argnums,) if isinstance(argnums, int) else argnums
        passed = [_fresh(a) if k in {c % len(args) for c in chosen} else a for k, a in enumerate(args)]
        output = f(*passed, **options)
        if not isinstance(output, Node):
            raise GradientError(f"grad: the function returned {type(output).__name__}, not a node of the graph.")
        inputs = [passed[c] for c in chosen]
        found = [_zero(x) if g is None else g for x, g in zip(inputs, gradients(output, inputs), strict=True)]
        return output, found[0] if isinstance(argnums, int) else tuple(found)

    return both


def _fresh(x: Any) -> Any:
    """An argument to differentiate by: a new leaf, still linked to a node's own history (so grads nest)."""
    if isinstance(x, Node):
        if not x.requires_grad:
            return x.detach().requires_grad_()
        return _alias(x)
    return Value(x) if isinstance(x, (int, float)) else Tensor(x)


def _alias(x: Any) -> Any:
    from microgradx.rules.arithmetic import alias

    return alias(x).named(x.name) if x.name else alias(x)


def _zero(x: Any) -> Any:
    if isinstance(x, Value):
        return Value(0.0, requires_grad=False)
    return Tensor(np.zeros_like(x.data), requires_grad=False)
