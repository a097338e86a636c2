"""The gradient of an array that was read in pieces: all of them are put into one array of zeros.

Each piece alone, filled up with zeros, would be an array of the whole size, and so would be every sum on the way.
"""

from typing import Any

import numpy as np


class Pieces:
    """Gradients that arrived at places of one array; adding gathers them, `whole()` is the array."""

    __slots__ = ("dtype", "parts", "shape")
    __array_ufunc__ = None  # array + pieces is for `__radd__`

    def __init__(self, g: Any, key: Any, shape: tuple[int, ...]) -> None:
        self.parts, self.shape, self.dtype = [(g, key)], shape, g.dtype

    def whole(self, start: Any = None) -> Any:
        """The sum of the pieces, and of `start`."""
        total = np.zeros(self.shape, self.dtype) if start is None else np.array(start)
        for g, key in self.parts:
            total[key] += g
        return total

    def __add__(self, other: Any) -> Any:
        if type(other) is not Pieces:
            return self.whole(other)
        self.parts += other.parts  # nobody but the gradient that grows here holds this object
        return self

    __radd__ = whole


def piece(g: Any, x: Any, key: Any) -> Any:
    """What x[key] sends back to the node `x`: scatter(g, key, x.shape), in pieces where x is neither leaf nor cast."""
    from microgradx.rules.shaping import each_once, scatter

    shape = x.data.shape
    if x.op is None or not shape or g.dtype is not x.data.dtype or not each_once(key):
        return scatter.run(g, key, shape)
    return Pieces(g, key, shape)


def gathered(node: Any) -> Any:
    """The gradient of a node on which everything has arrived, its pieces put together."""
    if type(node.grad) is Pieces:
        node.grad = node.grad.whole()
    return node.grad
