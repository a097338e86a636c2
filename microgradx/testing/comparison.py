"""Reverse and forward mode against finite differences, at one point: what agrees, what does not, where a kink is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microgradx.graph import GradientError, OpError
from microgradx.testing.differences import REACH, derivative
from microgradx.testing.functions import Point, shaken, weights
from microgradx.testing.kinks import Kink, kink
from microgradx.testing.look import ATOL, RTOL, Look, only_factor

_EXACT = 1e-11  # forward and reverse mode do the same sums in another order


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

    @property
    def undefined(self) -> bool:
        """True when the rule has no finite value here: 0 / 0, or an op in it that refuses these numbers."""
        if self.problem is not None or np.shape(self.analytic) != np.shape(self.numeric):
            return isinstance(self.problem, OpError)
        return not np.isfinite(np.asarray(self.analytic)[self.index]).all()


@dataclass
class Comparison:
    """The result of `compare`: the worst relative error seen, what failed, and kinks that explain a difference."""

    worst: float = 0.0
    mismatches: list[Mismatch] = field(default_factory=list)
    kinks: list[Kink] = field(default_factory=list)


def _mismatch(look: Look, **numbers: Any) -> Mismatch:
    """What is wrong with the gradient for the input that is looked at."""
    return Mismatch(look.point, look.k, look.mode, look.factors, **numbers)


def compare(
    point: Point, modes: Sequence[str] = ("rev",), rtol: float = RTOL, atol: float = ATOL, jumps: bool = False,
    reach: float = REACH,
) -> Comparison:  # fmt: skip
    """The derivative against differences along one dense direction per input; entry by entry where they disagree.

    With the mode "fwd", forward mode is held against reverse mode: <g, J u> = <J^T g, u>.

    `reach` is the largest step of the differences.

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
            look = Look(point, k, mode, factors, rtol, atol, reach, jumps)
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


def _reverse(found: Comparison, look: Look, analytic: Any) -> None:
    x = np.asarray(look.point.args[look.k])
    if analytic.shape != x.shape:
        found.mismatches.append(_mismatch(look, analytic=analytic, numeric=look.slopes().value))
        return
    direction = look.direction()
    slope = derivative(lambda t: look.at(t * direction), look.reach)
    expected, size = float(np.vdot(analytic, direction)), float(np.vdot(np.abs(analytic), np.abs(direction)))
    error, size = abs(expected - float(slope.value)), max(size, abs(float(slope.value)))
    if np.isfinite(expected) and error <= look.rtol * size + look.atol + _doubt(float(slope.error), size):
        found.worst = max(found.worst, error / (size + look.atol / look.rtol))
    else:
        _by_entry(found, look, analytic)


def _forward(found: Comparison, look: Look, analytic: Any) -> None:
    direction = look.direction()
    try:
        rate = look.forward(float(direction) if type(look.point.args[look.k]) is float else direction)
    except Exception as problem:
        found.mismatches.append(_mismatch(look, problem=problem))
        return
    expected, size = float(np.vdot(analytic, direction)), float(np.vdot(np.abs(analytic), np.abs(direction)))
    gap, exact = abs(rate - expected), _EXACT * max(1.0, look.rtol / RTOL) * max(size, abs(rate), look.atol / look.rtol)
    if not (gap <= exact or gap <= exact + _rounding(look, direction)):
        _by_entry(found, look, analytic)


def _by_entry(found: Comparison, look: Look, reverse: Any) -> None:
    indices = look.suspects(reverse)
    a = reverse if look.mode == "rev" else look.forward_entries(indices)
    slope = look.slopes(indices)
    largest = float(np.max(np.abs(np.nan_to_num(slope.value)), initial=0.0))
    wrong: list[tuple[float, tuple[int, ...]]] = []
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
        else:
            wrong.append((error / (size + look.atol) if np.isfinite(error) else np.inf, index))
    kinks = {}
    for _, index in sorted(wrong, reverse=True):  # the worst first: one that no kink explains is enough
        seen = kink(look, index, float(a[index]))
        if seen is not None and np.isnan(seen.gradient):
            raise OpError(f"{look.point.names[look.k]} sits on a kink and its gradient is nan: nothing to compare.")
        if seen is None or not seen.allowed:
            one = only_factor(look.factors)
            found.mismatches.append(
                _mismatch(
                    look, analytic=a / one, numeric=slope.value / one, index=index,
                    slopes=(seen.left, seen.right) if seen else None,
                    settled=float(slope.error[index]) <= 1e-3 * (abs(float(slope.value[index])) + largest + look.atol),
                )
            )  # fmt: skip
            return
        kinks[index] = seen
    found.kinks += [kinks[index] for index in indices if index in kinks]


def _rounding(look: Look, direction: Any) -> float:
    """What rounding alone may do to the gradient along a direction: it moves when the inputs' last digits do.

    Never so much that a wrong gradient could hide behind it.
    """
    at, rng = look.point.smooth.index(look.k), np.random.default_rng(0)
    others = [shaken(look.point, rng) for _ in range(3)]
    found = [float(np.vdot(look.point.gradient(look.factors, args)[at], direction)) for args in others]
    return min(10 * (max(found) - min(found)), 1e-6 * max(map(abs, found)))


def moves(point: Point, k: int) -> bool:
    """True when the outputs change smoothly with input k, whether or not it is differentiated by."""
    look = Look(point, k, "rev", weights(point.values(point.args)))
    direction = look.direction()
    slope = derivative(lambda t: look.at(t * direction))
    return abs(float(slope.value)) > 1e-6 and float(slope.error) < 1e-3 * abs(float(slope.value))


def _doubt(error: float, size: float) -> float:
    """What the differences themselves may be off by; never so much that a wrong gradient could hide behind it."""
    return min(10 * error, 1e-5 * size)
