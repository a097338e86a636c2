"""One input of a function at a point, looked at by differences and by forward mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.graph import OpError
from microgradx.testing.differences import REACH, Slope, derivative, moved, reach_at
from microgradx.testing.functions import Point, weights

RTOL = 1e-8
ATOL = 1e-9  # below this, a gradient is as good as 0
_FEW = 64  # entries to look at one by one: of larger inputs, only those near the error


@dataclass
class Look:
    """How one input of a point is looked at."""

    point: Point
    k: int
    mode: str
    factors: list[Any]
    rtol: float = RTOL
    atol: float = ATOL
    reach: float = REACH  # the largest step of the differences
    jumps: bool = False  # the function itself, not a gradient, which jumps at each kink below

    def at(self, step: Any) -> float:
        """The weighted outputs with input k moved by `step`."""
        return self.shifted({self.k: step})

    def shifted(self, steps: dict[int, Any]) -> float:
        """The weighted outputs with several inputs moved, each by its step."""
        args = list(self.point.args)
        for k, step in steps.items():
            args[k] = float(args[k] + step) if type(args[k]) is float else args[k] + step
        return dot(self.factors, self.point.values(args))

    def entry(self, index: tuple[int, ...]) -> Any:
        """The weighted outputs as a function of how far one entry is moved."""
        zero = np.zeros(np.shape(self.point.args[self.k]))
        return lambda t: self.at(moved(zero, index, t))

    def slopes(self, indices: Sequence[tuple[int, ...]] | None = None) -> Slope:
        """The gradient by finite differences, entry by entry; nan for entries that are not in `indices`."""
        x = np.asarray(self.point.args[self.k], dtype=float)
        value, error = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        for index in np.ndindex(x.shape) if indices is None else indices:
            value[index], error[index] = derivative(self.entry(index), self.reach / REACH * reach_at(float(x[index])))
        return Slope(value, error)

    def forward(self, step: Any) -> float:
        """The rate of change of the weighted outputs along `step`, by forward mode."""
        return dot(self.factors, self.point.pushed(self.k, step))

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
                part = np.zeros(analytic.size)
                part[half] = np.ravel(self.direction())[half]
                part = part.reshape(analytic.shape)
                slope = derivative(lambda t, u=part: self.at(t * u), self.reach)  # type: ignore[misc]  # a bound default has no type
                errors.append(abs(float(slope.value) - float(np.vdot(analytic, part))))
            flat = halves[int(not errors[0] >= errors[1])]
        return [tuple(int(i) for i in np.unravel_index(k, analytic.shape)) for k in flat]

    def direction(self) -> Any:
        """A direction without small entries, longer where x is large (so that steps stay visible beside it)."""
        x = np.asarray(self.point.args[self.k])
        return np.asarray(weights([x], seed=2 + self.k)[0]) * np.maximum(1.0, np.abs(x) / 4)


def dot(factors: list[Any], values: list[Any]) -> float:
    """The outputs, each times its weight, added up."""
    same_shapes(factors, values)
    return sum(float(np.vdot(f, v)) for f, v in zip(factors, values, strict=True))


def same_shapes(here: list[Any], there: list[Any]) -> None:
    """Refuse outputs that have other shapes a little beside the point.

    Raises:
        OpError: they have.
    """
    before, now = (", ".join(str(np.shape(x)) for x in each) for each in (here, there))
    if before != now:
        raise OpError(
            f"the result has shape {before} here and {now} close by, so its entries cannot be compared; check what is "
            "inside with a fixed selection, or at a point where the selection is not about to change."
        )


def only_factor(factors: list[Any]) -> float:
    """What arrived at an output that is one number: dividing by it gives the plain derivative. 1 for other outputs."""
    return float(np.ravel(factors[0])[0]) if len(factors) == 1 and np.size(factors[0]) == 1 else 1.0
