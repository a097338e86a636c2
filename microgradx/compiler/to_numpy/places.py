"""Places in memory that are kept from call to call, and small questions about calls."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.compiler.to_numpy.calls import Call

_LONG = 30  # letters of a name that says how something was made


@dataclass
class Memory:
    """Which place each result has."""

    places: dict[str, str] = field(default_factory=dict)  # name of a call -> its place
    made: dict[str, Any] = field(default_factory=dict)  # place -> an array of its shape and dtype
    free: dict[Any, list[str]] = field(default_factory=dict)  # by how many numbers of which dtype

    def take(self, sample: Any) -> str:
        """A place for so many numbers; one of this very shape, where there is one."""
        spare, shape = self.free.get((sample.size, sample.dtype)), in_memory(sample)[0]
        if spare:
            return spare.pop(max(range(len(spare)), key=lambda k: (self.made[spare[k]].shape == shape, k)))
        name = f"m{len(self.made) + 1}"
        self.made[name] = np.broadcast_to(np.empty((), sample.dtype), shape)
        return name

    def give(self, place: str) -> None:
        """Nobody needs what it holds."""
        sample = self.made[place]
        self.free.setdefault((sample.size, sample.dtype), []).append(place)


def in_memory(sample: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How an array without gaps lies in memory: its shape there, and the transpose that gives the array's own axes."""
    if sample.flags.c_contiguous:
        return sample.shape, ()
    order = sorted(range(sample.ndim), key=lambda axis: -sample.strides[axis])
    shape = tuple(sample.shape[axis] for axis in order)
    return shape, tuple(order.index(axis) for axis in range(sample.ndim))


@dataclass
class Before:
    """What is made once, before the first call."""

    taken: set[str]  # names that others have
    made: dict[str, str] = field(default_factory=dict)  # an expression -> its name
    setup: list[str] = field(default_factory=list)

    def __call__(self, expression: str, word: str = "") -> str:
        """The name (`word`, or one like it) of something that is made once, before the first call."""
        if expression not in self.made:
            word = word or "_".join(re.findall(r"\w+", expression.removeprefix("np.")))
            word = word if len(word) <= _LONG else "view"
            plain, count = word.rstrip("0123456789") if word == "c1" else f"{word}_", 1
            while word in self.taken:
                count += 1
                word = f"{plain}{count}"
            self.taken.add(word)
            self.made[expression] = word
            self.setup.append(f"{word} = {expression}")
        return self.made[expression]


def fits(call: Call, array: Any) -> bool:
    """True when the call can write its result straight into the array."""
    takes = call.how in ("ufunc", "reduce", "dot", "copy") and not call.keywords.get("dtype")
    same = (call.sample.shape, call.sample.dtype) == (array.shape, array.dtype)
    return bool(takes and same and array.flags.c_contiguous and call.sample.flags.c_contiguous and array.ndim)


def number(value: Any) -> str:
    """A plain number as source."""
    return repr(value) if np.isfinite(value) else f"float('{value}')"
