"""Results that lie side by side: where np.stack and np.concatenate would copy, each piece is written into its place."""

from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

from microgradx.compiler.to_numpy.calls import Call, Listed
from microgradx.compiler.to_numpy.stand_in import Name


class Piece(NamedTuple):
    """A call whose result is `whole[key]`."""

    whole: str  # the call that lays the pieces side by side
    key: str


def pieces(found: Listed, elsewhere: Container[str]) -> dict[str, Piece]:
    """The calls that can write straight into a part of a later call's result; those `elsewhere` may not."""
    made, shapes = {call.name: call for call in found.calls}, shapes_of(found)
    chosen: dict[str, Piece] = {}
    wholes = [call for call in found.calls if joins(call) and call.name not in elsewhere]
    for whole in sorted(wholes, key=lambda call: -len(call.operands[0])):  # the longest first: over time, then gates
        for name, key in parts(whole, shapes):
            call = made.get(name)
            if call is not None and name not in chosen and name not in elsewhere and _can(call, whole):
                chosen[name] = Piece(whole.name, key)
    return chosen


def joins(call: Call) -> bool:
    """True for np.stack and np.concatenate along an axis counted from the front."""
    named = call.text in ("np.stack", "np.concatenate") and all(isinstance(n, Name) for n in call.operands[0])
    return named and call.keywords.get("axis", 0) >= 0


def parts(whole: Call, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[Name, str]]:
    """The operands of such a call, and the key of each in the result."""
    axis, start = whole.keywords.get("axis", 0), 0
    for name in whole.operands[0]:
        stop = start + (1 if whole.text == "np.stack" else shapes[name][axis])
        yield name, ":, " * axis + (f"{start}" if whole.text == "np.stack" else f"{start}:{stop}")
        start = stop


def shapes_of(found: Listed) -> dict[str, tuple[int, ...]]:
    """The shape of everything that an operand can be."""
    kinds = {name: kind.shape for name, kind in found.form.kinds().items()}
    return kinds | {n: a.shape for n, a in found.constants.items()} | {c.name: c.sample.shape for c in found.calls}


def _can(call: Call, whole: Call) -> bool:
    """True when a call can write its result into a part of another's: where BLAS writes, that is in one piece."""
    in_one = whole.keywords.get("axis", 0) == 0 and whole.sample.flags.c_contiguous
    takes = call.how == "ufunc" or (call.how == "dot" and in_one)
    return call.sample.dtype == whole.sample.dtype and (joins(call) or (takes and not call.keywords))
