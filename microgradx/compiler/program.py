"""A program made from one run of a function: what it reads from its surroundings, and what must not have changed."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from microgradx.compiler.effects import noting_effects, stores
from microgradx.compiler.form import Form, lower
from microgradx.compiler.guards import Surroundings
from microgradx.compiler.joint import CompileError, Joint, joint, leaf
from microgradx.compiler.passes import simplified
from microgradx.graph import Node, Tensor, Value, no_grad
from microgradx.graph.node import as_array
from microgradx.graph.notes import Changes, noting_changes
from microgradx.random import Draw, noting_draws


@dataclass
class Recorded:
    """One run: its graph, what is drawn in each call, and its surroundings."""

    graph: Joint
    draws: list[Draw]
    around: Surroundings
    changes: Changes

    def form(self, title: str, simple: bool = True) -> Form:
        """The graph as a form."""
        form = lower(self.graph, title)
        return simplified(form) if simple else form

    def hidden(self) -> list[Any]:
        """The data of the hidden arguments in this call: what was closed over as it is now, and new draws."""
        drawn = {id(array): draw() for array, draw in self.draws}
        return [drawn.get(id(node.data), node.data) for node in self.graph.hidden]


def record(
    function: Callable[..., Any], args: Sequence[Any], differentiate: bool, *parts: Any, names: Sequence[str] = ()
) -> Recorded:
    """Run `function` (made of `parts`, where those are other objects) on leaves like `args`, and leave no trace of it.

    A step of several parts may hand on results beside the number that is differentiated, a state say.
    `names` are those of the arguments, where the function itself does not tell.

    Raises:
        CompileError: the function has effects, or draws random numbers, that a program could not repeat.
    """
    around = Surroundings(function, *parts)
    names = names or argument_names(function, len(args))
    leaves = [a if is_setting(a) else leaf(a, n) for a, n in zip(args, names, strict=True)]
    memories = {id(_memory(array)) for array in around.arrays}
    try:
        step = noting_changes() if parts else nullcontext(Changes([], []))  # a function alone gives results, no more
        with step as noted, around.noting_writes(), noting_draws() as draws, noting_effects(around) as effects:
            drawn = draws  # filled while the function runs

            def outside(node: Any) -> bool:
                data = node.data
                return id(_memory(data)) in memories or any(data is array for array, _ in drawn)

            array = lambda n: isinstance(n, Tensor) and outside(n)
            graph = joint(function, leaves, differentiate, outside=array, more=bool(parts), noted=noted)
            what = around.changed()
        if effects:
            raise CompileError(f"has an effect that would happen only once, at {effects[0]}; move it outside")
        if what:
            where = next(filter(None, map(stores, (function, *parts))), "")
            raise CompileError(f"has an effect that would happen only once: {what}{', at ' + where if where else ''}")
        ends = {generator: generator.get_state() for generator in around.generators}
    finally:
        around.restore()
    again = [draw() for _, draw in draws]
    same = all(map(np.array_equal, again, (array for array, _ in draws)))
    same = same and all(generator.get_state() == end for generator, end in ends.items())
    around.restore()
    if not same:
        raise CompileError("draws random numbers in a way of its own; only dropout draws them anew in each call")
    passed = {id(_memory(node.data)) for node in graph.hidden}
    around.watch(array for array in around.arrays if id(_memory(array)) not in passed)
    return Recorded(graph, draws, around, noted)


def follows(around: Surroundings, agree: Callable[[], bool]) -> bool:
    """True when a program does what the engine does on other numbers, as `agree` finds out.

    It is tried with other numbers in the arrays around it, too; where only those part the two, they are watched.
    """
    try:
        with around.disturbed():
            if agree():
                return True
    except Exception:  # whatever the function does with numbers that it was not made for
        around.restore()
    good = agree()
    around.watch(around.arrays if good else ())
    return good


def _memory(data: Any) -> Any:
    """The array that owns the memory of a view."""
    return data if getattr(data, "base", None) is None else data.base


def raw(args: Sequence[Any]) -> list[Any]:
    """The data of nodes, numbers and arrays; settings are left out."""
    found = []
    for a in args:
        if type(a) is ndarray:
            found.append(a)
        elif isinstance(a, Node):
            found.append(a.data)
        elif not is_setting(a):
            found.append(as_array(a) if isinstance(a, list) else a)
    return found


def is_setting(a: Any) -> bool:
    """True for arguments that are no numbers: a program is made for one value of them."""
    return isinstance(a, (str, bool, tuple, type(None)))


def as_node(data: Any) -> Any:
    """A result as a constant node."""
    if type(data) is float:
        return Value(data, requires_grad=False)
    node = object.__new__(Tensor)  # past the checks of what a person may pass
    node._leaf(np.asarray(data), False, None)
    return node


def agrees(found: Sequence[Any], function: Callable[..., Any], args: Sequence[Any]) -> bool:
    """True when `found` is what the engine gives for `args`; a function that reads bare data on the way differs."""
    with no_grad(), np.errstate(all="ignore"):
        result = function(*(a if is_setting(a) else leaf(a, "x") for a in args))
    wanted = result if isinstance(result, (tuple, list)) else [result]
    close = (np.allclose(a, b.data, rtol=1e-4, atol=1e-6, equal_nan=True) for a, b in zip(found, wanted, strict=True))
    return all(close)


def unknown(results: Sequence[Any]) -> bool:
    """True when there is a nan among the results."""
    return any(np.isnan(each).any() if getattr(each, "ndim", 0) else each != each for each in results)


def other(a: Any) -> Any:
    """An argument of the same kind with other numbers, of about the same size."""
    if isinstance(a, (Value, Tensor)):
        return type(a)(other(a.data), requires_grad=a.requires_grad)
    if is_setting(a):
        return a
    if isinstance(a, (int, float)):
        return 1.1 * a
    array = np.flip(np.asarray(a))
    return np.array(array * 1.1, array.dtype) if array.dtype.kind == "f" else np.array(array)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its arguments; x1, x2 … where it does not say."""
    code = getattr(function, "__code__", None)
    words = code.co_varnames[: code.co_argcount] if code else ()
    return [words[i] if i < len(words) else f"x{i + 1}" for i in range(count)]
