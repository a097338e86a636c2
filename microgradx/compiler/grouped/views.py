"""Regular index patterns as strided views: what would be a gather of many numbers then costs nothing.

`v[I]` for I = [0, 1, 2, 0, 1, 2] is a view of `v` of shape (2, 3) with the strides (0, 1): no number is moved, and an
axis of stride 0 says that its entries are one and the same number, so that a gradient sums over it.
"""

import math
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
_AXES = 5  # more would be no pattern, but chance
_MOST_PIECES = 8  # a sum whose terms lie in more is gathered
_INNER = 8  # a view whose rows are shorter costs more than the gather it saves


class View(NamedTuple):
    """The entries start + Σ strides[k] · i[k] of a flat array."""

    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def plain(self) -> bool:
        """True for entries that lie one after the other."""
        return self.strides == packed(self.shape)

    @property
    def repeated(self) -> tuple[int, ...]:
        """The axes along which all entries are the same."""
        return tuple(k for k, (n, s) in enumerate(zip(self.shape, self.strides, strict=True)) if s == 0 and n > 1)

    def first(self) -> "View":
        """The first entries along the repeated axes; these have the length 1 then."""
        shape = tuple(1 if k in self.repeated else n for k, n in enumerate(self.shape))
        return View(self.start, shape, self.strides)

    def of(self, array: Array) -> Array:
        """The view of a flat array of float64."""
        strides = tuple(s * array.itemsize for s in self.strides)
        return np.lib.stride_tricks.as_strided(array[self.start :], self.shape, strides)

    def indices(self) -> Array:
        """The places of the entries, in an array of this shape."""
        found = np.full((1,) * len(self.shape), self.start)
        for k, (n, s) in enumerate(zip(self.shape, self.strides, strict=True)):
            found = found + (np.arange(n) * s).reshape([n if j == k else 1 for j in range(len(self.shape))])
        return found


def packed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of entries that lie one after the other, the last axis fastest."""
    return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))


def views(rows: Array) -> list[View] | None:
    """Index arrays of one length, given as the rows of a matrix, as views of one shape; None where there are none.

    From the innermost axis outwards: the places where a row's step changes must all lie at multiples of a length.
    That is the length of the axis; what is left is where its stretches start.
    """
    left = rows
    shape: list[int] = []
    strides: list[Array] = []
    while left.shape[1] > 1:
        steps = np.diff(left, axis=1)
        changes = np.flatnonzero((steps != steps[:, :1]).any(axis=0)) + 1
        length = math.gcd(left.shape[1], *changes.tolist())
        if length == 1 or len(shape) == _AXES:
            return None
        shape.append(length)
        strides.append(steps[:, 0])
        left = left[:, ::length]
    shape, strides = shape[::-1] or [1], strides[::-1] or [np.zeros(len(rows), int)]
    if rows.shape[1] > _INNER and max(shape) < _INNER:
        return None
    return [View(int(start), tuple(shape), tuple(int(s[k]) for s in strides)) for k, start in enumerate(left[:, 0])]


def pieces(places: Array, pulls: tuple[bool, ...]) -> list[tuple[int, int, int | None]]:
    """A sum's rows in pieces (from, to, gap) of rows that lie `gap` apart; None where they follow no rule."""
    count = len(places)
    steps = np.diff(places, axis=0)
    even = (steps == steps[:, :1]).all(axis=1)
    starts = [0]
    for r in range(1, count):
        second = r - 1 == starts[-1]  # then it is free to set the gap
        if not even[r - 1] or pulls[r] != pulls[r - 1] or not (second or steps[r - 1, 0] == steps[r - 2, 0]):
            starts.append(r)
    regular = len(starts) <= max(_MOST_PIECES, count // 8)
    if not regular:
        starts = [r for r in range(count) if r == 0 or pulls[r] != pulls[r - 1]]
    ends = [*starts[1:], count]
    gaps = [0 if b - a == 1 else int(steps[a, 0]) if regular else None for a, b in zip(starts, ends, strict=True)]
    return list(zip(starts, ends, gaps, strict=True))
