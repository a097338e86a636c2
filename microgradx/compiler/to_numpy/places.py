"""Places in memory that are kept from call to call, and small questions about calls."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.compiler.to_numpy.calls import Call


@dataclass
class Memory:
    """Which place each result has."""

    places: dict[str, str] = field(default_factory=dict)  # name of a call -> its place
    made: dict[str, Any] = field(default_factory=dict)  # place -> an array of its shape and dtype
    free: dict[Any, list[str]] = field(default_factory=dict)  # by how many numbers of which dtype

    def take(self, sample: Any) -> str:
        """A place for so many numbers; one of this very shape, where there is one."""
        spare = self.free.get((sample.size, sample.dtype))
        if spare:
            return spare.pop(max(range(len(spare)), key=lambda k: (self.made[spare[k]].shape == sample.shape, k)))
        name = f"m{len(self.made) + 1}"
        self.made[name] = sample
        return name

    def give(self, place: str) -> None:
        """Nobody needs what it holds."""
        sample = self.made[place]
        self.free.setdefault((sample.size, sample.dtype), []).append(place)


def fits(call: Call, array: Any) -> bool:
    """True when the call can write its result straight into the array."""
    takes = call.how in ("ufunc", "reduce", "dot") and not call.keywords.get("dtype")
    same = (call.sample.shape, call.sample.dtype) == (array.shape, array.dtype)
    return bool(takes and same and array.flags.c_contiguous and array.ndim)


def number(value: Any) -> str:
    """A plain number as source."""
    return repr(value) if np.isfinite(value) else f"float('{value}')"
