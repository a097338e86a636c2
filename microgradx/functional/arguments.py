"""What composites that move elements ask of their arguments: axes, whole numbers, masks; an OpError otherwise."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradx.functional.inputs import axis_of
from microgradx.graph import Node, OpError, Tensor
from microgradx.graph.node import caller
from microgradx.graph.notes import decided


def constant(array: Any) -> Any:
    """A Tensor that carries no gradient."""
    return Tensor(array, requires_grad=False)


def bare(x: Any) -> Any:
    """The data of a node that choose what is computed, as indices do: a program that was traced cannot follow them."""
    if not isinstance(x, Node):
        return x
    decided(caller)
    return x.data


def integers(name: str, x: Any) -> np.ndarray[Any, Any]:
    """Indices or labels as an integer array; lists keep their whole numbers."""
    array = np.array(x, dtype=None if np.size(x) else np.int64) if not isinstance(x, Node) else bare(x)
    if array.dtype.kind not in "iu":
        raise OpError(f"{name}: the indices must be whole numbers, not {array.dtype}; try .astype('int64').")
    return array


def booleans(name: str, x: Any) -> np.ndarray[Any, Any]:
    """A mask as a boolean array."""
    array = np.asarray(bare(x))
    if array.dtype.kind != "b":
        raise OpError(f"{name}: the mask must be true or false, not {array.dtype}; compare first, as in x > 0.")
    return array


def axes_of(name: str, x: Any, axes: Any) -> tuple[int, ...]:
    """Several different axes of `x`, counted from the front; one number stands for one axis."""
    listed = tuple(axis_of(name, x, a) for a in (axes if isinstance(axes, (tuple, list)) else (axes,)))
    if len(set(listed)) < len(listed):
        raise OpError(f"{name}: an axis is named twice in {axes}.")
    return listed


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """The key that takes `part` of one axis and all of those before it."""
    return (*(slice(None),) * axis, part)


def numbers(name: str, what: str, value: Any, n: int) -> tuple[int, ...]:
    """n whole numbers; a single one stands for all."""
    listed: Sequence[Any] = value if isinstance(value, (tuple, list)) else (value,) * n
    if len(listed) == 1 and n > 1:
        listed = tuple(listed) * n
    if len(listed) != n or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in listed):
        raise OpError(f"{name}: {what} must be a whole number or {n} of them, not {value!r}.")
    return tuple(int(v) for v in listed)
