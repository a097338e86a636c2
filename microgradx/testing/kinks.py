"""Kinks and jumps: points where a function has several slopes, of which a gradient is one, or lies between them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from microgradx.graph import OpError
from microgradx.testing.differences import Curve, derivative, one_sided
from microgradx.testing.functions import Point, weights
from microgradx.testing.look import Look, only_factor

_NEAR = (1e-3, 1e-4)  # how far from the point to look round
_WAYS = 16  # into so many directions
_TOLD = 30  # entries of all inputs together: of more, kinks that explain nothing are not looked for


@dataclass
class Kink:
    """A point where slopes differ; the gradient may be anything between them."""

    name: str
    index: tuple[int, ...]
    left: float
    right: float
    gradient: float
    values: tuple[float, float] | None = None  # left and right, where the function itself jumps
    around: tuple[float, float] | None = None  # least and greatest slope close by, where several pieces meet

    @property
    def allowed(self) -> bool:
        """True when the gradient lies between the slopes."""
        low, high = self.around or sorted((self.left, self.right))
        near = 1e-3 if self.values or self.around else 1e-6  # these slopes are taken a little away from the point
        return low - near * (1 + abs(low)) <= self.gradient <= high + near * (1 + abs(high))

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        if self.values:
            left, right = self.values
            return (
                f"{place} sits on a jump: the value is {left:.6g} to the left and {right:.6g} to the right, so "
                f"there is no slope; the gradient there is {self.gradient:.6g}, as beside it"
            )
        if self.around:
            low, high = self.around
            return (
                f"{place} sits where several pieces meet: close by the slope is anything from {low:.4g} to {high:.4g}; "
                f"the gradient there is {self.gradient:.6g}"
            )
        return (
            f"{place} sits on a kink: the slope is {self.left:.6g} to the left and {self.right:.6g} to the right; "
            f"the gradient there is {self.gradient:.6g}"
        )


def told_at(point: Point) -> list[Kink]:
    """The entries with one slope to the left and another to the right, for a person; none of large inputs."""
    if sum(np.size(point.args[k]) for k in point.smooth) > _TOLD:
        return []
    try:
        with np.errstate(all="ignore"):
            return kinks_at(point, two_sided)
    except Exception:  # a rule that cannot even run
        return []


def kinks_at(point: Point, looks: Callable[[Look, tuple[int, ...], float], Kink | None] | None = None) -> list[Kink]:
    """Every input entry that sits on a kink at this point: of any kind, or of what `looks` finds."""
    factors = weights(point.values(point.args))
    found = [
        (looks or kink)(Look(point, k, "rev", factors), index, float(np.asarray(a)[index]))
        for k, a in zip(point.smooth, point.gradient(factors), strict=True)
        for index in np.ndindex(np.shape(a))
    ]
    return [each for each in found if each is not None]


def kink(look: Look, index: tuple[int, ...], gradient: float) -> Kink | None:
    """The jump, the kink or the meeting of pieces at an entry, whichever allows the gradient; None on smooth ground."""
    seen = None
    for looks in (_jump, two_sided, _meeting):
        found = looks(look, index, gradient)
        if found is not None and found.allowed:
            return found
        seen = seen or found
    return seen


def two_sided(look: Look, index: tuple[int, ...], gradient: float) -> Kink | None:
    """Another slope to the left than to the right."""
    slopes, one = _sides(look.entry(index)), only_factor(look.factors)
    return slopes and Kink(look.point.names[look.k], index, slopes[0] / one, slopes[1] / one, gradient / one)


def _sides(curve: Curve) -> tuple[float, float] | None:
    """The slopes to the left and to the right, where they differ."""
    left, right = one_sided(curve, -1), one_sided(curve, 1)
    apart = abs(float(right.value) - float(left.value))
    if apart > 1e-6 and apart > 1e3 * (float(left.error) + float(right.error)):
        return float(left.value), float(right.value)
    return None


def bends(point: Point) -> bool:
    """True on a kink, also on one whose gradient agrees with the mean of the slopes, as at a tie."""
    factors = weights(point.values(point.args))
    looks = [Look(point, k, "rev", factors) for k in point.smooth]
    return any(_sides(lambda t, look=each: look.at(t * look.direction())) for each in looks)  # type: ignore[misc]  # a bound default has no type


def _jump(look: Look, index: tuple[int, ...], gradient: float) -> Kink | None:
    """The function itself jumps: a step that stays as high however near one looks."""
    if not look.jumps:
        return None
    curve, one = look.entry(index), only_factor(look.factors)
    left, right = float(curve(-1e-9)), float(curve(1e-9))
    wide, step = float(curve(1e-6)) - float(curve(-1e-6)), right - left
    if not (abs(step) > 1e-6 and abs(wide - step) <= 1e-3 * abs(step)):
        return None
    beside = [float(derivative(lambda t, s=side: curve(s + t), 5e-5).value) / one for side in (-1e-4, 1e-4)]  # type: ignore[misc]  # a bound default has no type
    return Kink(look.point.names[look.k], index, beside[0], beside[1], gradient / one, (left / one, right / one))


def _meeting(look: Look, index: tuple[int, ...], gradient: float) -> Kink | None:
    """More than two pieces meet, as where three numbers tie for the middle: slopes close by, whatever moves, differ.

    Of a smooth function they come together as one looks nearer; here they do not.

    Raises:
        OpError: they run away instead: a pole.
    """
    one = only_factor(look.factors)
    far, near = ([slope / one for slope in _beside(look, index, distance)] for distance in _NEAR)
    if not np.isfinite([*far, *near]).all():
        return None
    if min(map(abs, near)) > max(9 * max(map(abs, far)), 1e-3):
        raise OpError(
            f"the slope for {look.point.names[look.k]} grows without end towards this point: there is nothing to "
            "compare with."
        )
    low, high = min(near), max(near)
    if high - low > 1e-6 * max(1.0, abs(low), abs(high)) and high - low > 0.3 * (max(far) - min(far)):
        return Kink(look.point.names[look.k], index, low, high, gradient / one, around=(low, high))
    return None


def _beside(look: Look, index: tuple[int, ...], distance: float) -> Iterator[float]:
    """The slope for one entry at points close by: all inputs moved, the later the more, the later the less, at random.

    The first two break ties as ops do that prefer the first, or the last, of equals.
    """
    args = [np.asarray(look.point.args[k], dtype=float) for k in look.point.smooth]
    count = sum(x.size for x in args)
    distance *= max(1.0, *(float(np.max(np.abs(x), initial=0.0)) / 4 for x in args))
    order, rng = np.arange(count), np.random.default_rng(0)
    for way in (order, order[::-1], *(rng.permutation(count) for _ in range(_WAYS - 2))):
        moves = np.split(distance * (2 * way + 1 - count) / count, np.cumsum([x.size for x in args])[:-1])
        steps = {k: m.reshape(x.shape) for k, m, x in zip(look.point.smooth, moves, args, strict=True)}
        t = distance / (4 * count)  # less than what now sets equal numbers apart
        side = []
        for sign in (-1, 1):
            here = steps[look.k].copy()
            here[index] += sign * t
            side.append(look.shifted({**steps, look.k: here}))
        yield (side[1] - side[0]) / (2 * t)
