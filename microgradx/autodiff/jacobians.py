"""All first or second derivatives at once: `jacobian` and `hessian`, assembled from single products."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from microgradx.autodiff.backward import constant
from microgradx.autodiff.transforms import Argnums, Function, Recorded, record
from microgradx.autodiff.tree import fill
from microgradx.graph import GradientError, OpError, Tensor, Value
from microgradx.rules.shaping import reshape, stack

MODES = (None, "reverse", "forward")


def jacobian(f: Function, argnums: Argnums = 0, mode: str | None = None) -> Function:
    """The function that gives every partial derivative of every number in the result of `f`.

    Args:
        f: any function of nodes, or of nested tuples, lists and dicts of them.
        argnums: which positional argument to differentiate by; a tuple of positions gives a tuple.
        mode: "reverse" needs one pull-back per number in the result, "forward" one tangent per number in the
            arguments; None takes the one that needs fewer.

    Gives, for each leaf of the result and each leaf of the argument, a tensor of shape (*result, *argument);
    nested like the result, and inside that like the argument (the layout of torch.func.jacrev).

    >>> import microgradx as mx
    >>> mx.jacobian(lambda x: x ** 2)(mx.Tensor([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]])
    """
    if mode not in MODES:
        raise OpError(f"jacobian: mode must be 'reverse', 'forward' or None, not {mode!r}.")

    def matrix(*args: Any, **options: Any) -> Any:
        run = record("jacobian", f, args, options, argnums)
        if not run.part.inputs:
            raise GradientError("jacobian: the argument holds no numbers to differentiate by.")
        numbers_in, numbers_out = (sum(node.size for node in nodes) for nodes in (run.part.inputs, run.part.outputs))
        forward = mode == "forward" or (mode is None and numbers_in < numbers_out)
        blocks = _by_columns(run) if forward else _by_rows(run)
        return fill(run.result, [fill(run.arguments, row) for row in blocks])

    return matrix


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives all second derivatives of `f`: forward mode over reverse mode.

    For a scalar-valued `f` of a tensor the shape is (*x, *x); for several arguments the result is nested like
    the arguments, twice (the layout of torch.func.hessian).

    >>> import microgradx as mx
    >>> mx.hessian(lambda x: (x ** 3).sum())(mx.Tensor([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacobian(jacobian(f, argnums, "reverse"), argnums, "forward")


def _by_rows(run: Recorded) -> list[list[Any]]:
    """blocks[result leaf][argument leaf], from one pull-back per number in the result."""
    blocks = []
    for y in run.part.outputs:
        rows = [run.pulled(seed) for seed in _basis(run.part.outputs, y)]
        blocks.append([_block([row[i] for row in rows], y, x, 0) for i, x in enumerate(run.part.inputs)])
    return blocks


def _by_columns(run: Recorded) -> list[list[Any]]:
    """The same blocks, from one tangent per number in the arguments."""
    blocks: list[list[Any]] = [[] for _ in run.part.outputs]
    for x in run.part.inputs:
        columns = [run.pushed(seed) for seed in _basis(run.part.inputs, x)]
        for i, y in enumerate(run.part.outputs):
            blocks[i].append(_block([column[i] for column in columns], y, x, -1))
    return blocks


def _basis(nodes: list[Any], one: Any) -> Iterator[list[Any]]:
    """For each number in the node `one`: a 1 in its place, and 0 everywhere else in the nodes."""
    for k in range(one.size):
        seed = [np.zeros(node.size, node.dtype) for node in nodes]
        seed[next(i for i, node in enumerate(nodes) if node is one)][k] = 1
        yield [constant(node, numbers.reshape(node.shape)) for node, numbers in zip(nodes, seed, strict=True)]


def _block(parts: list[Any], y: Any, x: Any, axis: int) -> Any:
    if isinstance(y, Value) and isinstance(x, Value):
        return parts[0]
    shape = (*y.shape, *x.shape)
    if not parts:
        return Tensor(np.zeros(shape, x.dtype), requires_grad=False)
    return reshape(stack(*parts, axis=axis), shape)
