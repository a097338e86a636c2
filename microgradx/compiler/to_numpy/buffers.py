"""The NumPy program that is run: the calls of a form, with every large result written into memory that is kept.

A fresh array costs as much as the arithmetic that fills it, so each result gets a place (`out=`) that is used again as
soon as nobody needs what it holds; an elementwise call writes over its own input where that is the last use. Places
never move, so a transpose of one is made once, beforehand. What leaves the program is never such a place.
"""

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from microgradx.compiler.form import Form
from microgradx.compiler.to_numpy.calls import Call, Listed, listed
from microgradx.compiler.to_numpy.lines import Lines
from microgradx.compiler.to_numpy.pieces import Piece, joins, pieces
from microgradx.compiler.to_numpy.places import Before, Memory, fits, in_memory, number
from microgradx.compiler.to_numpy.rows import preamble
from microgradx.compiler.to_numpy.stand_in import names_in
from microgradx.compiler.to_numpy.together import together

_FRESH = ("np.where", "np.concatenate", "np.stack", "{0}[{1}]")  # these plain calls return new memory


@dataclass
class Fixed:
    """Arrays that stay where they are between calls: arguments that are not passed, and where results shall go."""

    arrays: dict[str, Any] = field(default_factory=dict)  # argument of the form -> its array
    gradients: dict[str, Any] = field(default_factory=dict)  # argument -> the array for its gradient
    updates: dict[str, Any] = field(default_factory=dict)  # argument -> the array for its next value, often its own
    in_place: bool = False  # no arrays are fixed: those to update are passed, and take their next values


def source(form: Form, fixed: Fixed | None = None, name: str = "step") -> tuple[str, dict[str, Any]]:
    """Source of `make()`, which gives the function; and the arrays that it refers to."""
    return _Writer(listed(together(form)), fixed or Fixed(), name).run()


def memory(form: Form) -> tuple[int, int, int]:
    """How many calls the program makes, how many arrays it keeps for them, and how many write over an operand."""
    writer = _Writer(listed(together(form)), Fixed(), "step")
    writer.run()
    return len(writer.found.calls), len(writer.memory.made), writer.over


def function(form: Form, fixed: Fixed | None = None) -> Callable[..., Any]:
    """The form as a function of its arguments but the fixed ones: (outputs, {argument: gradient}, {argument: next})."""
    return guarded(unguarded(form, fixed))


def unguarded(form: Form, fixed: Fixed | None = None) -> Callable[..., Any]:
    """The same, for calls that are guarded already."""
    text, space = source(form, fixed)
    exec(text, space)  # source that we have just written
    return space["make"]()  # type: ignore[no-any-return]  # what exec defined


def guarded(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step`, one call at a time, since its memory serves one; and without NumPy's warnings."""
    lock, context = Lock(), copy_context()
    context.run(np.seterr, all="ignore")  # once, in a context of its own: cheaper than errstate in every call

    def run(*args: Any) -> Any:
        with lock:
            return context.run(step, *args)

    return run


class _Writer:
    def __init__(self, found: Listed, fixed: Fixed, name: str) -> None:
        self.found, self.form, self.fixed, self.name = found, found.form, fixed, name
        self.calls = {call.name: call for call in found.calls}
        self.memory, self.over = Memory(), 0
        self.last: dict[str, int] = {}  # when what a name stands on is read for the last time
        self.before = Before({*self.form.arguments, *self.form.constants, *found.constants})
        self.written: dict[str, str] = {}  # a name of a call, argument or constant -> how it is written
        self.here = {n: found.names.get(n, n) for n in self.form.results}
        # Results with a place to go to: (its name here, the word for the place, the array)
        self.targets = [
            (self.here[self.form.gradients[a]], f"into_d_{a}", array) for a, array in fixed.gradients.items()
        ]
        for a, array in fixed.updates.items():
            own = fixed.in_place or fixed.arrays.get(a) is array
            self.targets.append((self.here[self.form.updates[a]], a if own else f"into_{a}", array))
        self.into: dict[str, str] = {}  # a call that writes straight into a target -> the word for it
        self.pieces: dict[str, Piece] = {}  # a call that writes straight into a part of a later one's place

    def run(self) -> tuple[str, dict[str, Any]]:
        self._liveness()
        lines = Lines(self.found, self.written, self.memory.places, self.pieces, self.before)
        body: list[str] = []
        section = ""
        for i, call in enumerate(self.found.calls):
            line = self._line(i, call, lines)
            if line and call.section != section:
                section = call.section
                body.append(f"# {section}")
            if line:
                body += line.split("\n")
        body += self._copies()
        body.append(f"return {self._results()}")
        arguments = [n for n in self.form.arguments if n not in self.fixed.arrays]
        memory = [f"{n} = np.empty({s.shape}, '{s.dtype}')" for n, s in self.memory.made.items()]
        program = ["def make():", *(f"    {line}" for line in [*memory, *self.before.setup])]
        program += [f"    def {self.name}({', '.join(arguments)}):", *(f"        {line}" for line in body)]
        program += [f"    return {self.name}"]
        targets = {word: array for _, word, array in self.targets if word not in arguments}
        space = {**self.found.constants, **self.fixed.arrays, **targets}
        return f"{preamble(self.found.needed)}\n\n\n" + "\n".join(program) + "\n", space

    # What is alive until when

    def bases(self, name: str) -> set[str]:
        """The calls whose memory a name may stand on."""
        if name in self.pieces:
            return self.bases(self.pieces[name].whole)
        call = self.calls.get(name)
        if call is None or call.how not in ("view", "plain") or call.text.startswith(_FRESH):
            return {name}
        return {name}.union(*(self.bases(n) for n in names_in(call.operands)))

    def _liveness(self) -> None:
        passed = [*self.form.outputs]
        passed += [n for a, n in self.form.gradients.items() if a not in self.fixed.gradients]
        passed += [n for a, n in self.form.updates.items() if a not in self.fixed.updates]
        self.leaving = set().union(*(self.bases(self.here[n]) for n in passed))
        placed = set().union(*(self.bases(name) for name, _, _ in self.targets))
        self.pieces = pieces(self.found, self.leaving | placed)
        self.base = {name: self.bases(name) for name in [*self.calls, *self.form.arguments, *self.found.constants]}
        for i, call in enumerate(self.found.calls):
            for name in (call.name, *names_in(call.operands)):
                self.last.update(dict.fromkeys(self.base.get(name, ()), i))
        self.last |= dict.fromkeys(self.leaving | placed, len(self.calls))
        for name, word, array in self.targets:
            call = self.calls.get(name)  # type: ignore[assignment]  # None where an argument is the result
            if call is not None and name not in self.into and name not in self.leaving and fits(call, array):
                at = self.found.calls.index(call)
                last = max((self.last.get(n, -1) for n in self.base if word in self.base[n]), default=-1)
                if last < at or (last == at and call.how == "ufunc"):
                    self.into[name] = word

    # One call as a line

    def _line(self, i: int, call: Call, lines: Lines) -> str:
        word, place = self._out(i, call)
        text = lines.text(call, word)
        self._free(i, call, place)
        if word:
            self.written[call.name] = word
            if place:
                self.memory.places[call.name] = place
            if call.how == "memory":  # what writes into it comes later
                return ""
        elif call.how == "view" and all(self._stays(n) for n in names_in(call.operands)) and not self._may_copy(call):
            owner = self._owner(call.operands[0]) if call.text == "np.reshape" else ""
            place = self.memory.places.get(owner, "")
            self.written[call.name] = self._shaped(place, call) if owner else self.before(text)
            return ""
        elif call.how not in ("check", "write"):
            self.written[call.name] = call.name
            text = f"{call.name} = {text}"
        return text + (f"  # {call.note}" if text and call.note else "")

    def _free(self, i: int, call: Call, keep: str) -> None:
        """Places whose contents nobody reads after this call are free; `keep` is where its own result goes."""
        for name in {b for n in names_in(call.operands) for b in self.base.get(n, ())} - {call.name}:
            place = self.memory.places.get(name)
            if place in self.memory.made and self.last[name] <= i:
                del self.memory.places[name]
                if place != keep:
                    self.memory.give(place)

    def _stays(self, name: str) -> bool:
        """True for memory that is the same in every call."""
        return (
            name in self.memory.places
            or name in self.fixed.arrays
            or name in self.found.constants
            or (name in self.calls and self.written.get(name, "") in self.before.made.values())
        )

    def _may_copy(self, call: Call) -> bool:
        """True for another shape of what lies in memory otherwise than it would by itself: a piece, a turned matrix."""
        if call.text != "np.reshape":
            return False
        seen = [self.calls.get(n) for n in names_in(call.operands)]
        while seen and (each := seen.pop()):
            if each.name in self.pieces or each.how == "turned":
                return True
            seen += [self.calls.get(n) for n in names_in(each.operands)] if each.how == "view" else []
        return False

    def _out(self, i: int, call: Call) -> tuple[str, str]:
        """Where the result goes, and the place that it then owns; "" when the call makes it, or others own it."""
        if call.name in self.into:
            return self.into[call.name], self.into[call.name]
        if call.name in self.pieces or call.name in self.memory.places:  # a part of a place, or one filled in parts
            return self._part(call.name), self.memory.places.get(call.name, "")
        takes = call.how in ("reduce", "copy", "memory", "put", "turned") or joins(call)
        takes = takes or (call.how in ("ufunc", "dot") and not call.keywords)
        if not takes or not call.sample.ndim or call.name in self.leaving or call.keywords.get("dtype"):
            return "", ""
        over = (
            names_in(call.operands) if call.how in ("ufunc", "put") else ()
        )  # an operand that is read for the last time
        for name in over:
            owner = self._owner(name)
            if owner and self.last[owner] <= i and self._like(name, call):
                self.over += 1
                return self.written[name], self.memory.places[owner]
        return self._taken(call)

    def _taken(self, call: Call) -> tuple[str, str]:
        """A place for the result, in its shape."""
        place = self.memory.take(call.sample)
        return self._shaped(place, call), place

    def _shaped(self, place: str, call: Call) -> str:
        """A place as an array of the result's shape, with its axes in memory in the order that the result's have."""
        shape, axes = in_memory(call.sample)
        text = place if self.memory.made[place].shape == shape else f"{place}.reshape({shape})"
        text = f"{text}.transpose({axes})" if axes else text
        return place if text == place else self.before(text)

    def _part(self, name: str) -> str:
        """How the place of a piece, or of what is made of pieces, is written; it is taken for the first of them."""
        if name in self.pieces:
            return self.before(f"{self._part(self.pieces[name].whole)}[{self.pieces[name].key}]")
        if name not in self.memory.places:
            self.written[name], self.memory.places[name] = self._taken(self.calls[name])
        return self.written[name]

    def _owner(self, name: str) -> str:
        """The call in whose place of our own the numbers of `name` are, all of them and in order; "" for others."""
        call = self.calls.get(name)
        if call is not None and call.text == "np.reshape":
            return self._owner(call.operands[0])
        return name if self.memory.places.get(name) in self.memory.made else ""

    def _like(self, name: str, call: Call) -> bool:
        sample = self.calls[name].sample
        same = (sample.shape, sample.dtype) == (call.sample.shape, call.sample.dtype)
        return same and in_memory(sample) == in_memory(call.sample)

    def _copies(self) -> list[str]:
        """What no call could write into its place."""
        left = [(name, word) for name, word, _ in self.targets if self.into.get(name) != word]
        values = [self._shown(name) for name, _ in left]
        kept = [
            f"next_{word} = np.array({value})" for (name, word), value in zip(left, values) if name not in self.calls
        ]
        return kept + [
            f"np.copyto({word}, {value if name in self.calls else f'next_{word}'})"
            for (name, word), value in zip(left, values)
        ]

    def _shown(self, name: str) -> str:
        plain = name in self.form.constants and name not in self.found.constants
        return number(self.form.constants[name]) if plain else self.written.get(name, name)

    def _results(self) -> str:
        seen: set[str] = set()

        def text(name: str) -> str:
            here = self.here[name]
            mine = here in self.calls and here not in seen and self.written[here] not in self.before.made.values()
            scalar = self.form.kinds().get(name, None)
            seen.add(here)
            shown = self._shown(here)
            return shown if mine or (scalar is not None and scalar.scalar) else f"np.array({shown})"

        outputs = f"({''.join(f'{text(n)}, ' for n in self.form.outputs).strip()})"
        groups = [(self.form.gradients, self.fixed.gradients), (self.form.updates, self.fixed.updates)]
        parts = [[f"{a!r}: {text(n)}" for a, n in all_.items() if a not in placed] for all_, placed in groups]
        return ", ".join([outputs, *("{" + ", ".join(part) + "}" for part in parts)])
