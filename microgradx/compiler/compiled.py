"""`compile`: a function traced once per signature, then run as the straight-line program that was emitted."""

import warnings
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NamedTuple

import numpy as np

from microgradx.compiler import emit
from microgradx.compiler.form import Form, lower
from microgradx.compiler.joint import CompileError, joint, leaf
from microgradx.compiler.passes import simplified
from microgradx.graph import Node, OpError, Tensor, Value, no_grad
from microgradx.graph.node import as_array

_MOST = 32  # programs kept per function; a new signature then replaces the oldest


class Program(NamedTuple):
    """What a signature's calls run."""

    form: Form
    run: Callable[..., Any]  # of the raw arguments: (outputs, gradients)


class Compiled:
    """A function that runs as emitted source.

    Calling it gives what the function gives, as constants; `value_and_grad` gives the value and the gradients.
    """

    def __init__(self, function: Callable[..., Any], fullgraph: bool) -> None:
        self.function, self.fullgraph = function, fullgraph
        self.programs: dict[Any, Program | None] = {}  # by the kinds of the arguments; None: runs eagerly
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """The function's result, computed by the compiled program; no gradient flows through it."""
        built = self._program(args, differentiate=False)
        results = None if built is None else self._run(built, args)
        if built is None or results is None:
            with no_grad():
                return self.function(*(leaf(a, "x") for a in args))
        nodes = [_node(each) for each in results[0]]
        return nodes[0] if len(nodes) == 1 else tuple(nodes)

    def value_and_grad(self, *args: Any) -> tuple[Any, tuple[Any, ...]]:
        """(value, gradients): raw numbers and arrays, one gradient per argument (None: nothing to differentiate)."""
        built = self._program(args, differentiate=True)
        results = None if built is None else self._run(built, args)
        if built is None or results is None:
            return _eagerly(self.function, args)
        outputs, gradients = results
        return _plain(outputs[0]), tuple(_plain(gradients.get(name)) for name in built.form.arguments)

    def source(self, *args: Any, differentiate: bool = True) -> str:
        """The emitted source for arguments like these; CompileError when there can be none."""
        return emit.function_source(self._build(args, differentiate).form, self.function.__name__)

    def _program(self, args: tuple[Any, ...], differentiate: bool) -> Program | None:
        """The program for arguments of this kind; None where the function cannot be compiled."""
        key = (differentiate, *map(_signature, args))
        if key not in self.programs:
            if len(self.programs) >= _MOST:
                self.programs.pop(next(iter(self.programs)))
            try:
                self.programs[key] = self._build(args, differentiate)
            except CompileError as reason:
                if self.fullgraph:
                    raise
                warnings.warn(f"{reason} It runs eagerly.", stacklevel=3)
                self.programs[key] = None
        return self.programs[key]

    def _build(self, args: tuple[Any, ...], differentiate: bool) -> Program:
        leaves = [leaf(a, n) for a, n in zip(args, _names(self.function, len(args)), strict=True)]
        form = simplified(lower(joint(self.function, leaves, differentiate), self.function.__name__))
        built = Program(form, emit.function(form))
        self._try_elsewhere(built, args)
        return built

    def _try_elsewhere(self, built: Program, args: tuple[Any, ...]) -> None:
        """Compare with the engine at other numbers: a function that reads bare data leaves them in the program."""
        others = tuple(map(_other, args))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = self._run(built, others)
            if found is None:
                return
            leaves = [leaf(a, "x") for a in others]
            result = self.function(*leaves)
        wanted = [each.data for each in (result if isinstance(result, (tuple, list)) else [result])]
        if not all(
            np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True) for a, b in zip(found[0], wanted, strict=True)
        ):
            raise CompileError([])

    def _run(self, built: Program, args: tuple[Any, ...]) -> Any:
        raw = [a.data if isinstance(a, Node) else as_array(a) if isinstance(a, list) else a for a in args]
        with np.errstate(all="ignore"):
            try:
                return built.run(*raw)
            except (ArithmeticError, ValueError):
                return None  # a float op where Python raises and IEEE has an answer: the engine knows it


def _other(a: Any) -> Any:
    """An argument of the same kind with other numbers, of about the same size."""
    if isinstance(a, (Value, Tensor)):
        return type(a)(_other(a.data), requires_grad=a.requires_grad)
    if isinstance(a, (int, float)):
        return 1.1 * a
    array = np.flip(np.asarray(a))
    return np.array(array * 1.1, array.dtype) if array.dtype.kind == "f" else np.array(array)


def _plain(raw: Any) -> Any:
    """NumPy's scalars as Python floats (Values) or 0-d arrays stay as they are."""
    return float(raw) if isinstance(raw, np.floating) else raw


def _eagerly(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    leaves = [leaf(a, "x") for a in args]
    output = function(*leaves)
    output.backward()
    return output.data, tuple(each.grad for each in leaves)


def _names(function: Callable[..., Any], count: int) -> list[str]:
    code = getattr(function, "__code__", None)
    words = code.co_varnames[: code.co_argcount] if code else ()
    return [words[i] if i < len(words) else f"x{i + 1}" for i in range(count)]


def compile(function: Callable[..., Any], fullgraph: bool = False) -> Compiled:
    """Compile a function of Values, Tensors, numbers and arrays; also as a decorator.

    The function is run once for every new combination of shapes, dtypes and kinds of arguments; its Python code
    (prints, loops, ifs on plain numbers) runs only then. Where it branches on a node's value it runs eagerly, with a
    warning that names the line; with `fullgraph` that is a CompileError error.

    >>> import microgradx as mx
    >>> square = mx.compile(lambda x: x * x)
    >>> square.value_and_grad(3.0)
    (9.0, (6.0,))
    """
    return Compiled(function, fullgraph)


def _signature(a: Any) -> Any:
    if isinstance(a, (Value, Tensor)):
        return (type(a).__name__, a.shape, str(a.dtype), a.requires_grad)
    if isinstance(a, (int, float)) and not isinstance(a, bool):
        return "number"
    if isinstance(a, (np.ndarray, list)):
        array = np.asarray(a)
        return ("array", array.shape, str(array.dtype))
    raise OpError(f"a compiled function takes nodes, numbers and arrays, not {type(a).__name__}.")


def _node(raw: Any) -> Any:
    return Value(raw, requires_grad=False) if isinstance(raw, float) else Tensor(raw, requires_grad=False)
