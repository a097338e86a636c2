"""What composites do with their inputs before they compute: make nodes of them, refuse what cannot work."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from microgradx.graph import Node, OpError, Tensor, Value
from microgradx.rules import shaping as rows


def node(x: Any) -> Any:
    """`x` itself when it is a node; otherwise a constant: a Value for a number, a Tensor for an array or list."""
    if isinstance(x, Node):
        return x
    return Value(x, requires_grad=False) if type(x) in (int, float) else Tensor(x, requires_grad=False)


def tensor(x: Any) -> Any:
    """`x` as a Tensor; a Value becomes a 0-d one, still linked to its history."""
    x = node(x)
    return x if isinstance(x, Tensor) else rows.tensor(x)


def curved(name: str, x: Any) -> Any:
    """`x` as a node of real numbers, scalar or array: whole numbers have no slope to bend.

    Raises:
        OpError: a tensor of integers or booleans.
    """
    x = node(x)
    return real(name, x) if isinstance(x, Tensor) else x


def cast(x: Any, dtype: Any) -> Any:
    """`x` as a Tensor of `dtype`: the dtype= of sums and their kin. None leaves all but uint8 and its kin as they are.

    Sums and products of those are int64, as in PyTorch (NumPy's are uint64).
    """
    x = tensor(x)
    if dtype is None:
        return astype(x, "int64") if x.dtype.kind == "u" else x
    return astype(x, dtype)


def in_dtype(y: Any, dtype: Any) -> Any:
    """A total in the dtype that was asked for: NumPy adds small whole numbers up as int64."""
    return y if dtype is None else astype(y, dtype)


def astype(x: Any, dtype: Any) -> Any:
    """The same numbers in another dtype, as NumPy names it: "float32", np.int64, bool …"""
    try:
        return rows.astype(tensor(x), np.dtype(dtype).name)
    except TypeError:
        raise OpError(f"astype: {dtype!r} is no dtype; try 'float32', 'float64', 'int64' or 'bool'.") from None


def real(name: str, x: Any) -> Any:
    """`x` as a Tensor of floats.

    Raises:
        OpError: integers or booleans, which have no mean, norm or softmax of their own type.
    """
    x = x if type(x) is Tensor else tensor(x)
    if x.dtype.kind != "f":
        raise OpError(f"{name} needs real numbers, but this tensor has dtype {x.dtype}; try x.astype('float64').")
    return x


def axis_of(name: str, x: Any, axis: Any) -> int:
    """`axis` of `x` counted from the front, 0 … ndim-1; a single number (shape ()) has the axes 0 and -1.

    Raises:
        OpError: `x` has no such axis.
    """
    ndim: int = max(x.ndim, 1)
    if isinstance(axis, (bool, np.bool_)) or not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise OpError(f"{name}: there is no axis {axis!r}; shape {x.shape} has the axes {-ndim} … {ndim - 1}.")
    return int(axis) % ndim


def single_too(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` along an axis, of a single number (shape ()) too: its axes 0 and -1 have one element."""

    def bare(y: Any) -> Any:
        return rows.reshape(y, shape=()) if y.size == 1 else y

    @wraps(function)
    def accepts(*args: Any, **named: Any) -> Any:
        if not args and (word := next((w for w in ("input", "x") if w in named), None)):
            args = (named.pop(word),)
        if not args or not isinstance(args[0], Tensor) or args[0].data.ndim:
            return function(*args, **named)
        y = function(rows.reshape(args[0], shape=(1,)), *args[1:], **named)
        return type(y)(*map(bare, y)) if isinstance(y, tuple) else bare(y)

    return accepts


def same_shape(name: str, x: Any, t: Any) -> None:
    """Refuse a target that does not match: broadcasting (n, 1) with (n,) would silently compare all with all."""
    if x.shape != t.shape:
        raise OpError(f"{name}: the guess is {x.shape} but the target is {t.shape}; they must have the same shape.")
