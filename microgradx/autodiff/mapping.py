"""`vmap`: a function of one example, applied to a whole batch."""

from typing import Any

import numpy as np

from microgradx.autodiff.transforms import Function
from microgradx.autodiff.tree import fill, leaves, matching, per_leaf
from microgradx.graph import Node, OpError, Tensor, Value
from microgradx.rules.shaping import index, stack

Axes = Any  # an int, None, or a tree of them


def vmap(f: Function, in_axes: Axes = 0, out_axes: Axes = 0) -> Function:
    """The function that applies `f` to every example of a batch and stacks the results.

    Args:
        f: a function of one example, giving nodes, or nested tuples, lists and dicts of them.
        in_axes: the batch axis of the positional arguments: one for all of them, or a tuple with one for each,
            where None passes an argument whole. For a nested argument it may be nested likewise.
        out_axes: where the batch axis goes in the result; for a nested result it may be nested likewise.

    Keyword arguments are passed whole. `f` runs once per example, so it may branch on values and use any op,
    and everything stays differentiable; it saves writing the loop, not the time that the loop takes.

    Raises:
        OpError: batch sizes differ, an axis does not exist, or nothing is batched.

    >>> import microgradx as mx
    >>> rows = mx.Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mx.vmap(mx.dot, in_axes=(0, None))(rows, rows[0])
    Tensor([ 5., 11.])
    >>> mx.vmap(mx.grad(lambda x: (x ** 2).sum()))(rows)
    Tensor([[2., 4.],
            [6., 8.]])
    """

    def batched(*args: Any, **options: Any) -> Any:
        axes = per_leaf(args, in_axes, "vmap: in_axes")
        given = leaves(args)
        count = _batch_size(given, axes)
        results = []
        for i in range(count):
            examples = [x if axis is None else _take(x, axis, i) for x, axis in zip(given, axes, strict=True)]
            results.append(f(*fill(args, examples), **options))
        columns = zip(*(matching(results[0], r, "vmap: every example must give alike results") for r in results))
        places = per_leaf(results[0], out_axes, "vmap: out_axes")
        return fill(results[0], [_joined(list(c), axis) for c, axis in zip(columns, places, strict=True)])

    return batched


def _batch_size(given: list[Any], axes: list[int | None]) -> int:
    sizes = set()
    for x, axis in zip(given, axes, strict=True):
        if axis is not None:
            if not isinstance(axis, int) or not -np.ndim(x) <= axis < np.ndim(x):
                raise OpError(f"vmap: an argument of shape {np.shape(x)} has no axis {axis!r}; None passes it whole.")
            sizes.add(np.shape(x)[axis])
    if len(sizes) != 1 or 0 in sizes:
        raise OpError(
            f"vmap: the batched arguments must share one batch size of 1 or more; seen: {sorted(sizes) or 'none'}."
        )
    return int(sizes.pop())


def _take(x: Any, axis: int, i: int) -> Any:
    x = x if isinstance(x, Node) else Tensor(x, requires_grad=False)
    return index(x, key=(*(slice(None),) * (axis % x.ndim), i))


def _joined(results: list[Any], axis: int | None) -> Any:
    if not isinstance(axis, int):
        raise OpError(f"vmap: out_axes must be the place of the batch axis in the result, not {axis!r}.")
    nodes = [r if isinstance(r, (Value, Tensor)) else Tensor(r, requires_grad=False) for r in results]
    return stack(*nodes, axis=axis)
