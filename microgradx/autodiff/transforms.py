"""Functions made from functions: `grad`, `value_and_grad`, `vjp`, `jvp` and `hvp`.

Each runs the function once on fresh leaves and then walks the graph it recorded. A fresh leaf is an `alias` of
the argument, so outer derivatives still see through it, while an inner one can never mistake an outer variable
for its own: they are different nodes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.autodiff.backward import constant, like
from microgradx.autodiff.forward import push
from microgradx.autodiff.reverse import Between, between, pull, pull_privately
from microgradx.autodiff.tree import fill, leaves, matching
from microgradx.graph import GradientError, Node, Tensor, Value, differentiating, state
from microgradx.rules.arithmetic import alias

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


@dataclass(frozen=True)
class Recorded:
    """One run of a function: the graph between the arguments to differentiate by and its results."""

    arguments: Any  # as they were given: one tree, or a tuple of them
    result: Any  # what the function returned
    part: Between
    nested: bool  # something outside may differentiate the derivative again, so it must be a graph, too

    @property
    def value(self) -> Any:
        """The function's result; plain constants when nothing outside can ask for its gradient."""
        nodes = self.part.outputs
        return fill(self.result, nodes if self.nested else [node.detach() for node in nodes])

    def pulled(self, upstream: list[Any]) -> list[Any]:
        """The gradient (a node) for each input leaf, from the node arriving at each output leaf."""
        if state.gradients and (self.nested or any(g.requires_grad for g in upstream)):
            found = pull(self.part, upstream, as_nodes=True)
        elif self.part.others:
            found = pull(self.part, [g.data for g in upstream], as_nodes=False)
        else:
            found = pull_privately(self.part, [g.data for g in upstream])
        return [as_node(x, g) for x, g in zip(self.part.inputs, found, strict=True)]

    def pushed(self, tangents: list[Any]) -> list[Any]:
        """The tangent (a node) of each output leaf, from the one of each input leaf."""
        found = push(self.part, tangents, self.nested)
        return [as_node(y, t) for y, t in zip(self.part.outputs, found, strict=True)]


def record(what: str, f: Function, args: tuple[Any, ...], options: dict[str, Any], argnums: Argnums | None) -> Recorded:
    """Run `f` on fresh leaves for the arguments in `argnums` (None: for all of them).

    Raises:
        GradientError: an argument or a result is not made of floats, or there is no such argument.
    """
    chosen = range(len(args)) if argnums is None else (argnums,) if isinstance(argnums, int) else argnums
    if len({k % len(args) for k in chosen if -len(args) <= k < len(args)}) < len(chosen):
        raise GradientError(
            f"{what}: argnums={argnums} must name different arguments among the {len(args)} that were given."
        )
    inputs: list[Any] = []
    passed = list(args)
    within = state.gradients
    with differentiating():
        for k in chosen:
            found = [fresh(leaf, f"{what}: argument {k % len(args)}", within) for leaf in leaves(args[k])]
            passed[k] = fill(args[k], found)
            inputs += found
        result = f(*passed, **options)
    outputs = leaves(result)
    for output in outputs:
        _check_output(what, output)
    part = between(inputs, outputs)
    arguments = args[argnums] if isinstance(argnums, int) else tuple(args[k] for k in chosen)
    return Recorded(arguments, result, part, within and part.others)


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives the gradient of the scalar-valued `f`.

    Args:
        f: any function of numbers, arrays, nodes, or nested tuples, lists and dicts of them, that gives a
            node holding one number.
        argnums: which positional argument to differentiate by; a tuple of positions gives a tuple of gradients.

    The gradient is built like the argument, of nodes that can be differentiated again where something outside
    asks for it: an enclosing transformation, or a tensor that collects gradients. An argument that does not
    matter has the gradient 0.

    Raises:
        GradientError: the result is not one number, or an argument is not made of floats.

    >>> import microgradx as mx
    >>> mx.grad(mx.grad(lambda x: x ** 3))(2.0)
    Value(12.0)
    >>> mx.grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 2.0, "b": 1.0})
    {'w': Value(3.0), 'b': Value(1.0)}
    """

    def gradient(*args: Any, **options: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **options)[1]

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """Like `grad`, giving (f(x), gradient).

    >>> import microgradx as mx
    >>> mx.value_and_grad(lambda x: x ** 3)(2.0)
    (Value(8.0), Value(12.0))
    """

    def both(*args: Any, **options: Any) -> Any:
        run = record("grad", f, args, options, argnums)
        output = run.result
        if not isinstance(output, Node) or output.size != 1:
            seen = f"shape {output.shape}" if isinstance(output, Node) else f"a {type(output).__name__}"
            raise GradientError(
                f"grad: the function must give a single number, but gave {seen}. "
                "Sum it up (.sum(), .mean()), or use vjp or jacobian."
            )
        one = like(output, np.ones(output.shape), "grad")
        return run.value, fill(run.arguments, run.pulled([one]))

    return both


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """(f(*primals), pull-back): reverse mode, the vector-Jacobian product.

    The pull-back takes a cotangent built like the result, and gives a tuple with one gradient per primal:
    u ↦ Jᵀu. It may be called any number of times, and is itself differentiable.

    Raises:
        GradientError: a primal or the result is not made of floats.
        OpError: a cotangent does not fit the result.

    >>> import microgradx as mx
    >>> y, pullback = mx.vjp(lambda a, b: a * b, 3.0, 4.0)
    >>> y, pullback(1.0)
    (Value(12.0), (Value(4.0), Value(3.0)))
    """
    run = record("vjp", f, primals, {}, None)

    def pullback(cotangents: Any) -> Any:
        given = matching(run.result, cotangents, "vjp: the cotangent must be built like the result")
        upstream = [like(y, g, "vjp: the cotangent") for y, g in zip(run.part.outputs, given, strict=True)]
        return fill(primals, run.pulled(upstream))

    return run.value, pullback


def jvp(f: Function, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """(f(*primals), its tangent): forward mode, the Jacobian-vector product v ↦ Jv.

    Args:
        f: any function of nodes, or of nested tuples, lists and dicts of them.
        primals: a tuple of arguments; a single one may stand alone.
        tangents: built like `primals`: the direction in which they move.

    Raises:
        GradientError: a primal or the result is not made of floats.
        OpError: a tangent does not fit its primal.

    >>> import microgradx as mx
    >>> mx.jvp(lambda a, b: a * b, (3.0, 4.0), (1.0, 0.0))
    (Value(12.0), Value(4.0))
    """
    run = record("jvp", f, arguments(primals), {}, None)
    given = matching(arguments(primals), arguments(tangents), "jvp: tangents must be built like the primals")
    moving = [like(x, t, "jvp: the tangent") for x, t in zip(run.part.inputs, given, strict=True)]
    return run.value, fill(run.result, run.pushed(moving))


def hvp(f: Function, primals: Any, tangents: Any) -> Any:
    """The Hessian of the scalar-valued `f` times a vector, built like `primals`, without making the Hessian.

    Forward mode over reverse mode: the gradient's rate of change along the tangents, at a small multiple of the
    cost of one gradient. (Pearlmutter, Fast exact multiplication by the Hessian, 1994.)

    >>> import microgradx as mx
    >>> mx.hvp(lambda x: x ** 3, 2.0, 1.0)
    Value(12.0)
    """
    every = tuple(range(len(arguments(primals))))
    _, product = jvp(grad(f, every), primals, tangents)
    return product if isinstance(primals, (tuple, list)) else product[0]


def arguments(given: Any) -> tuple[Any, ...]:
    """A tuple or list of arguments as a tuple; anything else is the only argument."""
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def fresh(x: Any, what: str, linked: bool = True) -> Any:
    """A leaf to differentiate by; `linked`: an alias of the node it stands for, where that collects gradients."""
    if isinstance(x, (Value, Tensor)):
        if x.dtype.kind != "f":
            raise _not_float(what, x.dtype)
        if not (x.requires_grad and linked):
            return x.detach().requires_grad_()
        return alias(x).named(x.name) if x.name else alias(x)
    if isinstance(x, (int, float)) and not isinstance(x, bool):
        return Value(x)
    if not isinstance(x, (np.ndarray, np.generic)) or x.dtype.kind != "f":
        raise _not_float(what, getattr(x, "dtype", type(x).__name__))
    return Tensor(x)


def _not_float(what: str, kind: Any) -> GradientError:
    return GradientError(
        f"{what} holds data of type {kind}; a derivative needs real numbers. Make it float, or leave it out of the "
        "differentiation (argnums, or a lambda around the function)."
    )


def _check_output(what: str, output: Any) -> None:
    if not isinstance(output, (Value, Tensor)):
        raise GradientError(
            f"{what}: the function gave a {type(output).__name__}, which is not a node of the graph. "
            "Return the node itself, not its .data, .item() or float()."
        )
    if output.dtype.kind != "f":
        raise GradientError(f"{what}: the function gave data of type {output.dtype}, which carries no derivative.")


def as_node(x: Any, found: Any) -> Any:
    """The derivative found for `x`, as a node of its own; 0 where there is no path."""
    if isinstance(found, Node):
        return found
    return constant(x, np.zeros_like(x.data) if found is None else np.array(found))
