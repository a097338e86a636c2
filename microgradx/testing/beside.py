"""A derivative that is wrong at one point and right all round it: then the point is to blame, not a rule.

Such points are of no measure: ties, norms at zero, equal eigenvalues, lost rank. There a function has no derivative, or
has one that its pieces cannot give, each right by itself; or the derivative is lost in rounding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import OpError
from microgradx.testing.comparison import Mismatch, compare
from microgradx.testing.differences import REACH
from microgradx.testing.functions import Point, shaken
from microgradx.testing.look import only_factor

_DISTANCES = (0.1, 0.01, 1e-3)  # in parts of each number, or of 1
_ROUND = 3  # points at each
_LIKE = 1e-4  # so near are right derivatives there, where slopes are steep


class Beside(NamedTuple):
    """What `beside` saw: how many points are right, and the first wrong one with its arguments."""

    right: int
    wrong: Mismatch | None = None
    args: tuple[Any, ...] = ()

    @property
    def only_here(self) -> bool:
        """True when the derivative is right all round."""
        return self.wrong is None and self.right > _ROUND


def beside(at: Point, order: int, modes: Sequence[str] = ("rev",)) -> Beside:
    """The derivative of this order against differences, wherever they settle, close to the point."""
    right = 0
    for distance, there in _round(at):
        higher = there
        try:
            for _ in range(order - 1):
                higher = higher.pullback()
            found = compare(higher, modes, rtol=_LIKE, atol=_LIKE, reach=min(REACH, distance / 10))
        except OpError:
            continue  # beyond the domain, or too steep to tell
        wrong = next((each for each in found.mismatches if each.settled), None)
        if wrong is not None:
            return Beside(right, wrong, tuple(there.args))
        right += not found.mismatches
    return Beside(right)


def _round(at: Point) -> Iterator[tuple[float, Point]]:
    rng = np.random.default_rng(0)
    for distance in _DISTANCES:
        for _ in range(_ROUND):
            yield distance, replace(at, args=shaken(at, rng, distance, least=1.0))


def lost_in_rounding(found: Mismatch) -> bool:
    """True when the wrong entry is another after a change of the inputs in their last digits."""
    if (
        found.problem is not None
        or found.undefined
        or np.shape(found.analytic) != np.shape(found.numeric)
        or found.mode != "rev"
    ):
        return False
    wrong = _entry(found, found.analytic) - _entry(found, found.numeric)
    rng, point, one = np.random.default_rng(0), found.point, only_factor(found.factors)
    for _ in range(_ROUND):
        args = shaken(point, rng)
        try:
            moved = point.gradient(found.factors, args)[point.smooth.index(found.position)] / one
        except Exception:
            return True  # beside it there is nothing at all
        if not abs(_entry(found, moved) - _entry(found, found.analytic)) <= 1e-3 * abs(wrong):
            return True
    return False


def _entry(found: Mismatch, a: Any) -> float:
    return float(np.asarray(a)[found.index])
