"""Derivatives by finite differences: the definition of a derivative, made sharp.

The central difference (f(h) - f(-h)) / 2h is off by terms in h², h⁴, h⁶ …; from a row of halved steps,
extrapolation removes one after the other, and the table's neighbours say how far off the result may be.
(Ridders 1982, Advances in Engineering Software 4(2); Press et al., Numerical Recipes, section 5.7.)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

REACH = 0.05  # the largest step away from the point: domains keep further away from kinks than this
_LEVELS = 7  # halvings of the step: more would meet rounding
_ATTEMPTS = 5  # first steps to try, each 32 times smaller
_SETTLED, _ENOUGH = 1e-10, 1e-12  # relative to slope and function: no smaller steps, no further halving
_ZERO = 1e-12  # of a function that hardly moves, smaller steps would only magnify the rounding

Curve = Callable[[float], Any]  # a function of one number, its result a number or an array


class Slope(NamedTuple):
    """A derivative and how far off it may be, both of the function's shape."""

    value: Any
    error: Any


def derivative(f: Curve, reach: float = REACH) -> Slope:
    """df/dt at t = 0 from values at -reach … reach; smaller steps are tried until the result settles."""
    best, size = _extrapolated(f, reach, _central, 4.0)
    for _ in range(_ATTEMPTS - 1):
        if np.all(best.error <= _SETTLED * (np.abs(best.value) + size) + _ZERO):
            break
        reach /= 32
        found, _ = _extrapolated(f, reach, _central, 4.0)
        closer = found.error < best.error
        best = Slope(np.where(closer, found.value, best.value), np.where(closer, found.error, best.error))
    return best


def one_sided(f: Curve, side: int, reach: float = REACH) -> Slope:
    """The slope to the right of t = 0 (side = 1) or to the left (side = -1)."""
    start = np.asarray(f(0.0), dtype=float)

    def forward(f: Curve, h: float) -> Any:
        return (np.asarray(f(side * h), dtype=float) - start) / (side * h)

    tries = [_extrapolated(f, reach / 32**k, forward, 2.0)[0] for k in range(2)]
    return min(tries, key=lambda slope: float(np.max(slope.error, initial=0.0)))


def _central(f: Curve, h: float) -> Any:
    return (np.asarray(f(h), dtype=float) - np.asarray(f(-h), dtype=float)) / (2 * h)


def _extrapolated(f: Curve, h: float, difference: Callable[[Curve, float], Any], ratio: float) -> tuple[Slope, Any]:
    """The best entry of the extrapolation table, and the size of the values that were subtracted."""
    with np.errstate(all="ignore"):
        size = np.abs(np.asarray(f(h), dtype=float))
        row = [difference(f, h)]
        value, error = row[0], np.full_like(row[0], np.inf)
        rounding = np.finfo(float).eps * size / h  # the last digit of f, divided by the step
        for level in range(1, _LEVELS):
            above, row = row, [difference(f, h / 2**level)]
            for k in range(1, level + 1):
                row.append(row[k - 1] + (row[k - 1] - above[k - 1]) / (ratio**k - 1))
                doubt = np.maximum(np.abs(row[k] - row[k - 1]), np.abs(row[k] - above[k - 1]))
                doubt = doubt + rounding * 2**level
                better = doubt < error
                value, error = np.where(better, row[k], value), np.where(better, doubt, error)
            if np.all(error <= _ENOUGH * (np.abs(value) + size)):
                break
        return Slope(value, error), size


def along_axes(f: Callable[[Any], Any], x: Any) -> Slope:
    """The full Jacobian of f at the array x, one coordinate after the other: shape f(x).shape + x.shape."""
    x = np.asarray(x, dtype=float)
    columns = [derivative(lambda t, at=at: f(moved(x, at, t)), reach_at(x[at])) for at in np.ndindex(x.shape)]  # type: ignore[misc]  # mypy takes no default in a lambda
    if not columns:
        shape = np.shape(f(x)) + x.shape
        return Slope(np.zeros(shape), np.zeros(shape))
    parts = ([c.value for c in columns], [c.error for c in columns])
    return Slope(*(np.stack(part, axis=-1).reshape(np.shape(part[0]) + x.shape) for part in parts))


def moved(x: Any, at: tuple[int, ...], t: float) -> Any:
    """A copy of x whose entry `at` is larger by t."""
    x = np.array(x, dtype=float)
    x[at] += t
    return x


def reach_at(x: float) -> float:
    """The first step for a coordinate: larger for large numbers, which rounding makes coarser."""
    return REACH * max(1.0, abs(float(x)) / 4)
