"""Gradients that are cheaper to put together once everything has arrived.

Of an array that was read in pieces each piece alone, filled up with zeros, would be an array of the whole size, and so
would be every sum on the way. Of a matrix that served many steps, many small products are slower than one long one.
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
        if type(other) is not type(self):
            return self.whole(other if type(other) is np.ndarray else other.whole())
        self.parts += other.parts  # nobody but the gradient that grows here holds this object
        return self

    def __radd__(self, start: Any) -> Any:
        return self.whole(start)


class Products(Pieces):
    """The same for a matrix W that served many steps: its rule sums over rows of g and x, so it takes all at once."""

    __slots__ = ("of",)

    def __init__(self, rule: Any, g: Any, x: Any, W: Any) -> None:
        super().__init__(g, x, W.shape)
        self.of = rule, W

    def whole(self, start: Any = None) -> Any:
        """The rule's pull-back for all rows, and `start`."""
        rule, W = self.of
        g, x = (np.concatenate(rows) for rows in zip(*self.parts, strict=True))
        total = rule(g, x, W)
        return total if start is None else start + total


def piece(g: Any, x: Any, key: Any) -> Any:
    """What x[key] sends back to the node `x`: scatter(g, key, x.shape), in pieces where x is neither leaf nor cast."""
    from microgradx.rules.shaping import each_once, scatter

    shape = x.data.shape
    if x.op is None or not shape or g.dtype is not x.data.dtype or not each_once(key):
        return scatter.run(g, key, shape)
    return Pieces(g, key, shape)


def product(rule: Any, g: Any, x: Any, W: Any) -> Any:
    """What x @ W.mT sends back to the node `W` by `rule`, later where W is neither leaf nor cast."""
    if W.op is None or g.ndim != 2 or x.ndim != 2 or g.dtype is not W.data.dtype:
        return rule(g, x, W.data)
    return Products(rule, g, x, W.data)


def gathered(node: Any) -> Any:
    """The gradient of a node on which everything has arrived, its pieces put together."""
    if isinstance(node.grad, Pieces):
        node.grad = node.grad.whole()
    return node.grad
