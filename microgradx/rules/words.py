"""The words of other libraries for our parameters, in one table: rows, composites and layers take them all by name."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, TypeVar

import numpy as np

from microgradx.graph.errors import MicrogradxError, OpError
from microgradx.graph.node import Node

F = TypeVar("F", bound=Callable[..., Any])

# Our letter, and what PyTorch calls it (for axes and keepdims: what the other of PyTorch and NumPy does).
WORDS = {
    "x": "input", "A": "input", "a": "input", "b": "other", "B": "other", "c": "condition", "t": "target",
    "x1": "input1", "x2": "input2", "h": "hx", "state": "hx",
    "axis": "dim", "keepdims": "keepdim", "dim": "axis", "dims": "axis", "keepdim": "keepdims",
}  # fmt: skip
# Functions whose inputs PyTorch calls otherwise: its words for the first parameters, in order ("|": either);
# of clamp, the words of its row.
FIRST = {
    "addcdiv": "input tensor1 tensor2", "addcmul": "input tensor1 tensor2", "bmm": "input mat2",
    "broadcast_to": "input size", "clamp": "input low high", "clip": "input min max", "dot": "input tensor",
    "einsum": "equation", "expand": "input size",
    "lerp": "input end weight", "mv": "input vec", "one_hot": "input|tensor", "outer": "input vec2",
    "permute": "input dims", "pow": "input exponent", "scatter": "input dim index value", "split": "tensor split_size",
    "tensor_split": "input sections|indices", "tensordot": "a b dims", "tile": "input dims",
    "unflatten": "input dim unflattened_size|sizes",
}  # fmt: skip
OWN = {"axis", "keepdims", "a", "b", "low", "high"}
# No row's own words: a rule that uses them needs the translation.
FOREIGN = {*WORDS.values(), *" ".join(FIRST.values()).replace("|", " ").split()} - OWN


@cache
def other_words(name: str, parameters: tuple[str, ...]) -> dict[str, str]:
    """Which other words the function `name` takes, and for which of its parameters: {"dim": "axis"}."""
    first = FIRST.get(name, "").split()
    words = {word: ours for either, ours in zip(first, parameters, strict=False) for word in either.split("|")}
    words |= {WORDS[ours]: ours for ours in parameters[len(first) :] if ours in WORDS}
    return {word: ours for word, ours in words.items() if word not in parameters}


def translate(name: str, others: Mapping[str, str], given: dict[str, Any]) -> None:
    """Rename the keywords `given` to the function's own, in place.

    Raises:
        OpError: one argument under two names.
    """
    for word in [w for w in given if w in others]:
        if others[word] in given:
            raise OpError(f"{name}: {word} and {others[word]} name the same argument; give one of the two.")
        given[others[word]] = given.pop(word)


def both_words(function: F) -> F:
    """`function`, called by anyone's words for its parameters. Rows need no such help: they know the table."""
    return _accepting(function) if inspect.isfunction(function) else function  # type: ignore[return-value]  # a function for a function


@cache
def _accepting(function: Callable[..., Any]) -> Callable[..., Any]:
    name, code = function.__name__, function.__code__
    kinds = {n: KINDS[a] for n, a in function.__annotations__.items() if a in KINDS and n != "return"}
    order = code.co_varnames[: code.co_argcount]
    tensors = next((k for k, n in enumerate(order) if n in kinds), 99)  # so many arguments need no check

    @wraps(function)
    def accepts(*args: Any, **named: Any) -> Any:
        try:
            if not named and len(args) <= tensors:
                return function(*args)
            parameters, rest, others = _read(function)
            translate(name, others, named)
            if rest in named:  # reshape(x, shape=(2, 3)) for reshape(x, 2, 3)
                before = [n for n in parameters[len(args) : parameters.index(rest)] if n in named]
                args = (*args, *(named.pop(n) for n in before), named.pop(rest))
            for parameter, value in (*zip(order, args, strict=False), *named.items()):
                if parameter in kinds and not isinstance(value, kinds[parameter]):
                    raise _wrong(name, parameter, value, function.__annotations__[parameter])
                if type(value) is bool and parameter in kinds and bool not in kinds[parameter]:
                    raise _wrong(name, parameter, value, function.__annotations__[parameter])
            return function(*args, **named)
        except MicrogradxError:
            raise
        except (TypeError, ValueError, IndexError, ArithmeticError) as problem:
            _fits(name, inspect.signature(function), args, named)
            given = [shown(a) for a in args] + [f"{word}={shown(v)}" for word, v in named.items()]
            raise OpError(f"{name}: cannot work with {', '.join(given)}. ({problem})") from problem

    return accepts


# What a parameter takes, by its annotation. Numbers may be nodes: their slope is then a question for the function.
KINDS: dict[Any, tuple[Any, ...]] = {
    bool: (bool, np.bool_), int: (int, np.integer), float: (int, float, np.number, Node), str: (str,),
}  # fmt: skip
KINDS |= {kind | None: (*taken, type(None)) for kind, taken in KINDS.items()}


def _wrong(name: str, parameter: str, value: Any, wanted: Any) -> OpError:
    kind = getattr(wanted, "__name__", str(wanted)).replace("float", "a number").replace("int", "a whole number")
    kind = kind.replace("bool", "True or False").replace("str", "a word").replace(" | ", " or ")
    return OpError(f"{name}: {parameter} must be {kind}, not {shown(value)}.")


def shown(value: Any) -> str:
    """An argument as an error names it: a tensor by its shape."""
    if isinstance(value, (Node, np.ndarray)):
        return f"a {'node' if isinstance(value, Node) else 'array'} of shape {value.shape}"
    return repr(value)


@cache
def _read(function: Callable[..., Any]) -> tuple[list[str], str | None, dict[str, str]]:
    """A function's parameters, the one that takes all others, and other words; read when first called by words."""
    found = inspect.signature(function).parameters
    rest = next((n for n, p in found.items() if p.kind is p.VAR_POSITIONAL), None)
    return list(found), rest, other_words(function.__name__, tuple(found))


def _fits(name: str, signature: inspect.Signature, args: tuple[Any, ...], named: dict[str, Any]) -> None:
    try:
        signature.bind(*args, **named)
    except TypeError as problem:
        bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        form = signature.replace(parameters=bare, return_annotation=signature.empty)
        seen = ", ".join([f"{len(args)} arguments", *(f"{word}=…" for word in named)])
        raise OpError(f"{name}: called with {seen}: {problem}; it is {name}{form}.") from None
