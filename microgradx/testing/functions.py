"""A function of nodes, seen from outside: numbers in, numbers out, and its pull-back as another such function.

The second derivative is the first derivative of the pull-back, and so on: so one comparison serves every order.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.autodiff.forward import push
from microgradx.autodiff.reverse import Between, between, pull
from microgradx.autodiff.tree import fill, leaves
from microgradx.graph import GradientError, Node, OpError, Value, differentiating
from microgradx.testing.calls import OpCall, leaf

Function = Callable[..., Any]


def plain(x: Any) -> Any:
    """An argument as bare data: floats stay Python floats (Values), reals become float64 arrays."""
    if isinstance(x, Node):
        x = x.data
    if isinstance(x, (int, float)) and not isinstance(x, (bool, np.generic)):
        return float(x)
    array = np.asarray(x)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def is_real(x: Any) -> bool:
    """True for what can have a derivative."""
    return np.asarray(x).dtype.kind == "f"


def outputs(result: Any) -> list[Any]:
    """The real-valued nodes in what a function returned: a node, or nested lists, tuples and dicts of them.

    Raises:
        GradientError: there is none.
    """
    nodes = [node for node in leaves(result) if isinstance(node, Node) and is_real(node.data)]
    if not nodes:
        raise GradientError(
            f"the function returned {type(result).__name__}, not a Value or Tensor of real numbers; "
            "build its result with microgradx's operators and functions."
        )
    return nodes


def weights(like: Sequence[Any], seed: int = 1) -> list[Any]:
    """Numbers of the same shapes, none of them small: between 0.5 and 1.5, with either sign."""
    rng = np.random.default_rng(seed)

    def one(x: Any) -> Any:
        drawn = rng.uniform(0.5, 1.5, np.shape(x)) * rng.choice([-1.0, 1.0], np.shape(x))
        return float(drawn) if type(x) is float else np.asarray(np.round(drawn, 3))

    return [one(node.data if isinstance(node, Node) else node) for node in like]


@dataclass
class Point:
    """A function of nodes at given arguments (bare data); `smooth` are the positions to differentiate by.

    `values(*args)` gives the outputs as bare data, without recording more graph than it must.
    """

    f: Function
    args: list[Any]
    smooth: list[int]
    names: list[str]
    values: Callable[[Sequence[Any]], list[Any]]
    built: Callable[[Sequence[Any]], tuple[Any, ...]] = tuple  # the function's own arguments, nested, from the flat

    def nodes(self) -> list[Any]:
        """Fresh leaves of the arguments."""
        return self._leaves(self.args, self.smooth)

    def nested(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """`args` as nodes, built like the arguments that were given."""
        return self.built(self._leaves(args, self.smooth))

    def _leaves(self, args: Sequence[Any], smooth: Sequence[int]) -> list[Any]:
        return [leaf(x, k in smooth, name) for k, (x, name) in enumerate(zip(args, self.names, strict=True))]

    def recorded(self, args: Sequence[Any] | None = None) -> Between:
        """One run: the graph between the smooth arguments and the outputs."""
        nodes = self.nodes() if args is None else self._leaves(args, self.smooth)
        with differentiating():
            return between([nodes[k] for k in self.smooth], outputs(self.f(*nodes)))

    def gradient(self, factors: Sequence[Any], args: Sequence[Any] | None = None) -> list[Any]:
        """The gradient of the weighted outputs for each smooth argument, as bare data; 0 where there is no path."""
        run = self.recorded(args)
        found = pull(run, list(factors), as_nodes=False)
        return [zero_like(x) if g is None else g for x, g in zip(run.inputs, found, strict=True)]

    def pushed(self, k: int, tangent: Any) -> list[Any]:
        """Forward mode: how fast the outputs change when argument k moves along `tangent`, as bare data."""
        run = self.recorded()
        moving = [leaf(tangent, False) if j == k else None for j in self.smooth]
        chosen = [j for j, t in enumerate(moving) if t is not None]
        part = between([run.inputs[j] for j in chosen], run.outputs)
        found = push(part, [moving[j] for j in chosen], as_nodes=False)
        return [zero_like(y) if t is None else t.data for y, t in zip(run.outputs, found, strict=True)]

    def pullback(self) -> "Point":
        """The function (arguments, output weights) -> gradient, at this point and with weights of its own."""
        factors = weights(self.values(self.args))
        count = len(self.args)

        def pulled(*nodes: Any) -> list[Any]:
            inputs = [nodes[k] for k in self.smooth]
            found = pull(between(inputs, outputs(self.f(*nodes[:count]))), list(nodes[count:]), as_nodes=True)
            return [leaf(zero_like(x), False) if g is None else g for x, g in zip(inputs, found, strict=True)]

        more = range(count, count + len(factors))
        return Point(
            pulled,
            [*self.args, *factors],
            [*self.smooth, *more],
            [*self.names, *(f"g{k - count}" if len(factors) > 1 else "g" for k in more)],
            lambda args: self.gradient(args[count:], args[:count]),
        )


def point(f: Function, args: Sequence[Any]) -> Point:
    """`f` at `args` (nodes, numbers, arrays, or nested lists, tuples and dicts of them).

    Real ones are differentiated by, unless they are nodes that opted out; a parameter annotated `int` counts or
    chooses, so what is given for it stays as it is.

    Raises:
        OpError: `f` cannot be called.
    """
    if not callable(f):
        raise OpError(f"a check takes a function, and then its arguments; got {f!r} for the function.")
    given = tuple(args)
    names, counts = _parameters(f, len(given)), _counts(f, len(given))
    args = tuple(None if k in counts else arg for k, arg in enumerate(given))  # None: nothing to take apart
    flat = leaves(args)
    data = [plain(x) for x in flat]
    smooth = [k for k, x in enumerate(flat) if is_real(data[k]) and not (isinstance(x, Node) and not x.requires_grad)]
    called = [
        name if len(leaves(arg)) == 1 else f"{name}[{k}]"
        for name, arg in zip(names, args, strict=True)
        for k in range(len(leaves(arg)))
    ]
    called = [x.name if isinstance(x, Node) and x.name else name for x, name in zip(flat, called, strict=True)]

    def built(nodes: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(given[k] if k in counts else arg for k, arg in enumerate(fill(args, nodes)))

    def on_nodes(*nodes: Any) -> Any:
        return f(*built(nodes))

    return Point(on_nodes, data, smooth, called, lambda at: _values(on_nodes, at), built)


def nearby(f: Function, args: Sequence[Any], rng: np.random.Generator) -> tuple[Any, ...]:
    """`args` with every number to differentiate by moved by up to a tenth of itself, so that it keeps its sign."""

    def moved(x: Any) -> Any:
        data = plain(x)
        if not is_real(data) or (isinstance(x, Node) and not x.requires_grad):
            return x
        there = data * rng.uniform(0.9, 1.1, np.shape(data))
        return leaf(float(there) if type(data) is float else there, True, x.name if isinstance(x, Node) else None)

    counts = _counts(f, len(args))
    return tuple(arg if k in counts else fill(arg, map(moved, leaves(arg))) for k, arg in enumerate(args))


def shaken(at: Point, rng: np.random.Generator, part: float = 1e-15, least: float = 0.0) -> list[Any]:
    """The arguments, those to differentiate by moved by up to `part` of themselves, or of `least` if they are less."""

    def moved(x: Any) -> Any:
        there = x + part * np.maximum(least, np.abs(x)) * rng.uniform(-1, 1, np.shape(x))
        return float(there) if type(x) is float else there

    return [moved(x) if k in at.smooth else x for k, x in enumerate(at.args)]


def of_call(call: OpCall) -> Point:
    """One call of an op as a function of its inputs."""
    return Point(call.on, [plain(x) for x in call.inputs], call.smooth, call.names, lambda at: _values(call.on, at))


def _values(f: Function, args: Sequence[Any]) -> list[Any]:
    try:
        found = f(*(leaf(x, False) for x in args))
    except GradientError:  # it differentiates on the way, so its inputs must collect gradients
        found = f(*(leaf(x, is_real(x)) for x in args))
    return [node.data for node in outputs(found)]


def _parameters(f: Function, count: int) -> list[str]:
    """The names of the function's parameters, as far as it tells."""
    try:
        names = [
            p.name
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    return [names[k] if k < len(names) else f"x{k}" for k in range(count)]


def _counts(f: Function, count: int) -> set[int]:
    """The positions of parameters annotated `int`."""
    kinds = getattr(f, "__annotations__", {})
    return {k for k, name in enumerate(_parameters(f, count)) if kinds.get(name) in (int, "int")}


def zero_like(node: Any) -> Any:
    """0 as bare data, of the node's kind and shape."""
    return 0.0 if isinstance(node, Value) else np.zeros_like(node.data)
