"""Reverse and forward mode against finite differences, at one point: what agrees, what does not, where a kink is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microgradx.graph import GradientError, OpError
from microgradx.testing.differences import Slope, derivative, moved, one_sided, reach_at
from microgradx.testing.functions import Point, weights

RTOL = 1e-8
ATOL = 1e-9  # below this, a gradient is as good as 0
_FEW = 64  # entries to look at one by one: of larger inputs, only those near the error
_EXACT = 1e-11  # forward and reverse mode do the same sums in another order


@dataclass
class Kink:
    """A point where left and right slope differ; the gradient may be anything between them."""

    name: str
    index: tuple[int, ...]
    left: float
    right: float
    gradient: float
    values: tuple[float, float] | None = None  # left and right, where the function itself jumps

    @property
    def allowed(self) -> bool:
        """True when the gradient lies between the two slopes."""
        low, high = min(self.left, self.right), max(self.left, self.right)
        near = 1e-3 if self.values else 1e-6  # the slopes beside a jump are taken a little away from it
        return low - near * (1 + abs(low)) <= self.gradient <= high + near * (1 + abs(high))

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        if self.values:
            left, right = self.values
            return (
                f"{place} sits on a jump: the value is {left:.6g} to the left and {right:.6g} to the right, so "
                f"there is no slope; the gradient there is {self.gradient:.6g}, as beside it"
            )
        return (
            f"{place} sits on a kink: the slope is {self.left:.6g} to the left and {self.right:.6g} to the right; "
            f"the gradient there is {self.gradient:.6g}"
        )


@dataclass
class Mismatch:
    """One input whose gradient is wrong: the numbers of both sides, or why there are none."""

    point: Point
    position: int
    mode: str
    factors: list[Any]  # what arrived at the outputs
    analytic: Any = None
    numeric: Any = None
    index: tuple[int, ...] = ()  # the worst entry
    slopes: tuple[float, float] | None = None  # left and right, where they differ
    settled: bool = True  # False: the differences themselves do not converge
    problem: Exception | None = None  # raised instead of a gradient


@dataclass
class Comparison:
    """The result of `compare`: the worst relative error seen, what failed, and kinks that explain a difference."""

    worst: float = 0.0
    mismatches: list[Mismatch] = field(default_factory=list)
    kinks: list[Kink] = field(default_factory=list)


@dataclass
class _Look:
    """How one input of a point is looked at."""

    point: Point
    k: int
    mode: str
    factors: list[Any]
    rtol: float
    atol: float
    jumps: bool = False  # the function itself, not a gradient, which jumps at each kink below

    def at(self, step: Any) -> float:
        """The weighted outputs with input k moved by `step`."""
        x = self.point.args[self.k]
        there = float(x + step) if type(x) is float else x + step
        return _dot(
            self.factors, self.point.values([*self.point.args[: self.k], there, *self.point.args[self.k + 1 :]])
        )

    def entry(self, index: tuple[int, ...]) -> Any:
        """The weighted outputs as a function of how far one entry is moved."""
        zero = np.zeros(np.shape(self.point.args[self.k]))
        return lambda t: self.at(moved(zero, index, t))

    def slopes(self, indices: Sequence[tuple[int, ...]] | None = None) -> Slope:
        """The gradient by finite differences, entry by entry; nan for entries that are not in `indices`."""
        x = np.asarray(self.point.args[self.k], dtype=float)
        value, error = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        for index in np.ndindex(x.shape) if indices is None else indices:
            value[index], error[index] = derivative(self.entry(index), reach_at(float(x[index])))
        return Slope(value, error)

    def forward(self, direction: Any) -> float:
        """The rate of change of the weighted outputs along `direction`, by forward mode."""
        return _dot(self.factors, self.point.pushed(self.k, direction))

    def forward_entries(self, indices: Sequence[tuple[int, ...]]) -> Any:
        """The gradient by forward mode, entry by entry."""
        zero = np.zeros(np.shape(self.point.args[self.k]))
        if type(self.point.args[self.k]) is float:
            return np.asarray(self.forward(1.0))
        found = np.full(zero.shape, np.nan)
        for index in indices:
            found[index] = self.forward(moved(zero, index, 1.0))
        return found

    def suspects(self, analytic: Any) -> list[tuple[int, ...]]:
        """The entries to look at alone: all of a small input; of a large one, those near the largest error."""
        flat = np.arange(analytic.size)
        while flat.size > _FEW:
            halves = np.array_split(flat, 2)
            errors = []
            for half in halves:
                direction = np.zeros(analytic.size)
                direction[half] = np.ravel(_direction(np.asarray(self.point.args[self.k]), self.k))[half]
                direction = direction.reshape(analytic.shape)
                slope = derivative(lambda t, u=direction: self.at(t * u))  # type: ignore[misc]
                errors.append(abs(float(slope.value) - float(np.vdot(analytic, direction))))
            flat = halves[int(not errors[0] >= errors[1])]
        return [tuple(int(i) for i in np.unravel_index(k, analytic.shape)) for k in flat]

    def mismatch(self, **numbers: Any) -> Mismatch:
        """What is wrong here."""
        return Mismatch(self.point, self.k, self.mode, self.factors, **numbers)


def compare(
    point: Point, modes: Sequence[str] = ("rev",), rtol: float = RTOL, atol: float = ATOL, jumps: bool = False
) -> Comparison:
    """The derivative against differences along one dense direction per input; entry by entry where they disagree.

    With the mode "fwd", forward mode is held against reverse mode: <g, J u> = <J^T g, u>.

    With `jumps`, a step of the function is told as such, where the gradient agrees with the slopes beside it.

    Raises:
        OpError: the function is not finite at the point, or on one side of it.
    """
    found = Comparison()
    values = point.values(point.args)
    if not all(np.isfinite(v).all() for v in values):
        raise OpError("the function is not finite (inf or nan) at these inputs; check it where it has a value.")
    factors = weights(values)
    try:
        gradient = [np.asarray(a, dtype=float) for a in point.gradient(factors)]
    except GradientError:
        raise
    except Exception as problem:  # whatever a broken rule does
        found.mismatches.append(Mismatch(point, _raiser(point, factors), "rev", factors, problem=problem))
        return found
    for mode in modes:
        for k, analytic in zip(point.smooth, gradient, strict=True):
            look = _Look(point, k, mode, factors, rtol, atol, jumps)
            (_reverse if mode == "rev" else _forward)(found, look, analytic)
        if found.mismatches:
            break
    return found


def _raiser(point: Point, factors: list[Any]) -> int:
    """The input whose own gradient raises; where only several together do, the first."""
    for k in point.smooth:
        try:
            replace(point, smooth=[k]).gradient(factors)
        except Exception:
            return k
    return point.smooth[0]


def _reverse(found: Comparison, look: _Look, analytic: Any) -> None:
    x = np.asarray(look.point.args[look.k])
    if analytic.shape != x.shape:
        found.mismatches.append(look.mismatch(analytic=analytic, numeric=look.slopes().value))
        return
    direction = _direction(x, look.k)
    slope = derivative(lambda t: look.at(t * direction))
    expected, size = float(np.vdot(analytic, direction)), float(np.vdot(np.abs(analytic), np.abs(direction)))
    error, size = abs(expected - float(slope.value)), max(size, abs(float(slope.value)))
    if np.isfinite(expected) and error <= look.rtol * size + look.atol + _doubt(float(slope.error), size):
        found.worst = max(found.worst, error / (size + look.atol / look.rtol))
    else:
        _by_entry(found, look, analytic)


def _forward(found: Comparison, look: _Look, analytic: Any) -> None:
    direction = _direction(np.asarray(look.point.args[look.k]), look.k)
    try:
        rate = look.forward(float(direction) if type(look.point.args[look.k]) is float else direction)
    except Exception as problem:
        found.mismatches.append(look.mismatch(problem=problem))
        return
    expected, size = float(np.vdot(analytic, direction)), float(np.vdot(np.abs(analytic), np.abs(direction)))
    if not abs(rate - expected) <= _EXACT * max(size, abs(rate), look.atol / look.rtol):
        _by_entry(found, look, analytic)


def _by_entry(found: Comparison, look: _Look, reverse: Any) -> None:
    indices = look.suspects(reverse)
    a = reverse if look.mode == "rev" else look.forward_entries(indices)
    slope = look.slopes(indices)
    largest = float(np.nanmax(np.abs(slope.value), initial=0.0))
    worst, one = -1.0, only_factor(look.factors)
    for index in indices:
        analytic, numeric, doubt = float(a[index]), float(slope.value[index]), float(slope.error[index])
        if not np.isfinite(numeric):
            raise OpError(
                f"the function has no finite values on both sides of {look.point.names[look.k]} = "
                f"{np.asarray(look.point.args[look.k])[index]}: it ends there, so it has no slope to compare with."
            )
        error, size = abs(analytic - numeric), max(abs(analytic), abs(numeric), 1e-3 * largest)
        if not np.isfinite(analytic) and doubt > 1e-3 * abs(numeric) + look.atol:
            raise OpError(f"the slope for {look.point.names[look.k]} is not finite here: there is nothing to compare.")
        if np.isfinite(analytic) and error <= look.rtol * size + look.atol + _doubt(doubt, size):
            found.worst = max(found.worst, error / (size + look.atol / look.rtol))
            continue
        kink = (_jump(look, index, analytic) if look.jumps else None) or _kink(look, index, analytic)
        if kink is not None and kink.allowed:
            found.kinks.append(kink)
            continue
        score = error / (size + look.atol) if np.isfinite(error) else np.inf
        if score > worst:
            worst = score
            mismatch = look.mismatch(
                analytic=a / one, numeric=slope.value / one, index=index,
                slopes=(kink.left, kink.right) if kink else None,
                settled=doubt <= 1e-3 * (abs(numeric) + largest + look.atol),
            )  # fmt: skip
    if worst >= 0:
        found.mismatches.append(mismatch)


def moves(point: Point, k: int) -> bool:
    """True when the outputs change smoothly with input k, whether or not it is differentiated by."""
    look = _Look(point, k, "rev", weights(point.values(point.args)), RTOL, ATOL)
    direction = _direction(np.asarray(point.args[k]), k)
    slope = derivative(lambda t: look.at(t * direction))
    return abs(float(slope.value)) > 1e-6 and float(slope.error) < 1e-3 * abs(float(slope.value))


def _doubt(error: float, size: float) -> float:
    """What the differences themselves may be off by; never so much that a wrong gradient could hide behind it."""
    return min(10 * error, 1e-5 * size)


def _direction(x: Any, k: int) -> Any:
    """A direction without small entries, longer where x is large (so that steps stay visible beside it)."""
    return np.asarray(weights([x], seed=2 + k)[0]) * np.maximum(1.0, np.abs(x) / 4)


def only_factor(factors: list[Any]) -> float:
    """What arrived at an output that is one number: dividing by it gives the plain derivative. 1 for other outputs."""
    return float(np.ravel(factors[0])[0]) if len(factors) == 1 and np.size(factors[0]) == 1 else 1.0


def kinks_at(point: Point) -> list[Kink]:
    """Every input entry whose left and right slope differ at this point."""
    factors = weights(point.values(point.args))
    found = [
        _kink(_Look(point, k, "rev", factors, RTOL, ATOL), index, float(np.asarray(a)[index]))
        for k, a in zip(point.smooth, point.gradient(factors), strict=True)
        for index in np.ndindex(np.shape(a))
    ]
    return [kink for kink in found if kink is not None]


def _kink(look: _Look, index: tuple[int, ...], gradient: float) -> Kink | None:
    curve, one = look.entry(index), only_factor(look.factors)
    left, right = one_sided(curve, -1), one_sided(curve, 1)
    jump = abs(float(right.value) - float(left.value))
    if jump > 1e-6 and jump > 1e3 * (float(left.error) + float(right.error)):
        name = look.point.names[look.k]
        return Kink(name, index, float(left.value) / one, float(right.value) / one, gradient / one)
    return None


def _jump(look: _Look, index: tuple[int, ...], gradient: float) -> Kink | None:
    """Where the function itself jumps: a step that stays as high however near one looks."""
    curve, one = look.entry(index), only_factor(look.factors)
    left, right = float(curve(-1e-9)), float(curve(1e-9))
    wide, step = float(curve(1e-6)) - float(curve(-1e-6)), right - left
    if not (abs(step) > 1e-6 and abs(wide - step) <= 1e-3 * abs(step)):
        return None
    beside = [float(derivative(lambda t, s=side: curve(s + t), 5e-5).value) / one for side in (-1e-4, 1e-4)]  # type: ignore[misc]
    return Kink(look.point.names[look.k], index, beside[0], beside[1], gradient / one, (left / one, right / one))


def _dot(factors: list[Any], values: list[Any]) -> float:
    return sum(float(np.vdot(f, v)) for f, v in zip(factors, values, strict=True))
