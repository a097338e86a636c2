"""`autograd.grad`, for people who come from PyTorch: gradients as return values instead of in `.grad`."""

from typing import Any

from microgradx.autodiff.backward import arriving
from microgradx.autodiff.reverse import between, pull, release
from microgradx.autodiff.transforms import as_node
from microgradx.graph import GradientError, Node, OpError, no_grad

__all__ = ["grad", "no_grad"]


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradient of the sum of `outputs` with respect to each of `inputs`, as a tuple of nodes.

    Args:
        outputs: a node or a sequence of them; each a single number unless `grad_outputs` is given.
        inputs: a node or a sequence of them; they may lie in the middle of the graph. No `.grad` is changed.
        grad_outputs: what arrives at each output, of its shape; None stands for 1.
        retain_graph: True keeps the graph between inputs and outputs; otherwise, unless `create_graph` needs it, it
            is released, as in PyTorch, and a second gradient through it is an error.
        create_graph: record the gradients, so that they can be differentiated again; keeps the graph.
        allow_unused: give None for an input that does not matter, instead of raising an error.

    Raises:
        GradientError: an input is unused or collects no gradient, an output is not a single number.
        OpError: `grad_outputs` does not fit.

    >>> import microgradx as mx
    >>> x = mx.Value(3.0)
    >>> (slope,) = mx.autograd.grad(x ** 3, x, create_graph=True)
    >>> slope, mx.autograd.grad(slope, x)
    (Value(27.0), (Value(18.0),))
    """
    if create_graph and retain_graph is False:
        raise OpError("autograd.grad: create_graph needs the graph; leave retain_graph out.")
    ys, xs = _nodes(outputs, "outputs"), _nodes(inputs, "inputs")
    given = [None] * len(ys) if grad_outputs is None else _sequence(grad_outputs)
    if len(given) != len(ys):
        raise OpError(f"autograd.grad: there are {len(ys)} outputs, but {len(given)} grad_outputs.")
    for k, x in enumerate(xs):
        if not x.requires_grad:
            raise GradientError(f"autograd.grad: input {k} collects no gradient; call requires_grad_() on it first.")
    upstream = [arriving(y, g, create_graph, "autograd.grad") for y, g in zip(ys, given, strict=True)]
    part = between(xs, ys)
    found = pull(part, upstream, create_graph)
    unused = [k for k, g in enumerate(found) if g is None]
    if unused and not allow_unused:
        raise GradientError(
            f"autograd.grad: the outputs do not depend on input {', '.join(map(str, unused))}. "
            "Was it replaced by another node on the way? allow_unused=True gives None for it."
        )
    if not (create_graph or retain_graph):
        release(part)
    return tuple(g if g is None else as_node(x, g) for x, g in zip(xs, found, strict=True))


def _sequence(given: Any) -> list[Any]:
    return list(given) if isinstance(given, (tuple, list)) else [given]


def _nodes(given: Any, what: str) -> list[Any]:
    for x in _sequence(given):
        if not isinstance(x, Node):
            raise GradientError(f"autograd.grad: {what} must be nodes of the graph, not {type(x).__name__}.")
    return _sequence(given)
