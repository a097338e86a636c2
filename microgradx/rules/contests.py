"""The largest of several numbers found by comparing two at a time: what zoom shows inside max pooling, amax and amin.

For arrays of numbers NumPy gives the same results; on object arrays of scalar nodes it would only pick the winner,
and nobody would see who lost.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from microgradx.graph import Node
from microgradx.rules.arithmetic import maximum, minimum


def _first_wins(best: Any, other: Any) -> Any:
    if isinstance(best, Node) and isinstance(other, Node):
        return maximum(best, other) if best.data != other.data else best
    return other if float(best) < float(other) else best  # a border of −∞ takes no part


_CHALLENGE: Any = np.frompyfunc(_first_wins, 2, 1)


def larger(best: Any, other: Any) -> Any:
    """The larger of two arrays, element by element; of equal nodes the first stays."""
    return (_CHALLENGE if best.dtype == object else np.maximum)(best, other)


def extreme(library: Callable[..., Any], better: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The run of a reduction to the largest or smallest element; nodes that tie for it share it evenly."""

    def fair(values: Any) -> Any:
        equals: dict[float, list[Any]] = {}
        for value in values:
            equals.setdefault(float(value), []).append(value)
        return reduce(better, (sum(each[1:], each[0]) / len(each) if each[1:] else each[0] for each in equals.values()))

    def run(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if x.dtype != object or not all(isinstance(value, Node) for value in x.flat):
            return library(x, axis=axis, keepdims=keepdims)
        axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        last = np.moveaxis(x, axes, range(-len(axes), 0)) if axes else x[..., None]
        kept = last.shape[: last.ndim - max(len(axes), 1)]
        found = np.empty(kept, dtype=object)
        for at in np.ndindex(kept):
            found[at] = fair(last[at].ravel())
        return np.expand_dims(found, axes) if keepdims else found

    return run


largest, smallest = extreme(np.max, maximum), extreme(np.min, minimum)
