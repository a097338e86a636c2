"""What a rule says beside what is true, on several calls of the op: the material a diagnosis is made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.rules.op import Op
from microgradx.rules.shaping import unbroadcast
from microgradx.testing.calls import Chance, OpCall, draw_call
from microgradx.testing.differences import along_axes
from microgradx.testing.functions import plain, weights

_CALLS = 10


@dataclass
class Evidence:
    """One call of an op, seen from one input: the pull-back by the rule and by the true Jacobian."""

    call: OpCall
    position: int
    y: Any
    g: Any
    jacobian: Any  # y.shape + x.shape, by finite differences
    problem: Exception | None = None  # why the rule could not be computed, the last time

    @property
    def x(self) -> Any:
        """The input in question."""
        return self.call.inputs[self.position]

    @property
    def name(self) -> str:
        """What the input is called."""
        return self.call.op.inputs[0 if self.call.op.variadic else self.position]

    @property
    def truth(self) -> Any:
        """The right pull-back of g."""
        return np.tensordot(self.g, self.jacobian, np.ndim(self.y))

    def known(self) -> dict[str, Any]:
        """What a rule may read, by name."""
        return self.call.op.known(list(self.call.inputs), self.y, self.g, self.call.static, self.position)

    def pull(self, **changed: Any) -> Any:
        """The pull-back by the rule, some of what it reads changed.

        None when it cannot be computed: the rule raises, or gives something that is not numbers.
        """
        found = self._by(self.call.op, changed)
        if found is None or not self.call.op.elementwise:
            return found
        try:
            return self.fitted(found)
        except Exception as problem:
            self.problem = problem
            return None

    def local(self, other: Op | None = None, **changed: Any) -> Any:
        """Of an elementwise op the local partial by the rule (or by the rule of `other`, copied), as large as y."""
        row, known = other or self.call.op, self.known()
        copied = {name: known[own] for name, own in zip(row.inputs, self.call.op.inputs, strict=True)}
        found = self._by(row, {**row.static, **copied, "g": np.ones(np.shape(self.y)), **changed})
        return found if found is None or found.shape == np.shape(self.y) else None

    @property
    def partial(self) -> Any:
        """Of an elementwise op the true local partial, as large as y."""
        return self.jacobian.sum(axis=tuple(range(np.ndim(self.y), self.jacobian.ndim)))

    def _by(self, row: Op, changed: dict[str, Any]) -> Any:
        rule = row.rule_for(self.position)
        assert rule is not None
        known = {**self.known(), **changed}
        try:
            with np.errstate(all="ignore"):
                result = row.twin(rule, "array")(*(known[name] for name in rule.reads))
                return np.asarray(result if rule.whole else known["g"] * result, dtype=np.float64)
        except Exception as problem:
            self.problem = problem
            return None

    def fitted(self, found: Any) -> Any:
        """As the engine does for elementwise ops: summed over the axes along which the input was stretched."""
        return found if found.shape == np.shape(self.x) else unbroadcast(found, np.shape(self.x))

    def right(self, found: Any) -> bool:
        """True when `found` is the right pull-back."""
        return found is not None and same(found, self.truth)


def same(a: Any, b: Any) -> bool:
    """Equal shapes, and equal numbers up to the precision of the differences."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        return False
    scale = max(float(np.max(np.abs(a), initial=0.0)), float(np.max(np.abs(b), initial=0.0)), 1e-3)
    if not np.isfinite(scale):
        return False
    return bool(np.all(np.abs(a - b) <= 1e-6 * scale))


def matches(found: Any, wanted: Any) -> bool:
    """`same`, where there is something on both sides."""
    return found is not None and wanted is not None and same(found, wanted)


def gather(op: Op, position: int | None, first: OpCall | None = None, fresh: bool = False) -> list[Evidence]:
    """Evidence from `first` and from calls drawn at random, others when `fresh`, where the op is finite.

    Every other goes as far out as the domains reach: a rule may be wrong only there.
    """
    seeds = range(_CALLS * fresh, _CALLS * (fresh + 1))
    drawn = [draw_call(op, Chance(seed), scalar=False, wide=seed % 2 == 1) for seed in seeds]
    found = []
    for call in [*([first] if first else []), *drawn]:
        call = OpCall(op, tuple(plain(np.asarray(x)) for x in call.inputs), call.static)
        found += list(_seen(call, position))
    return found


def _seen(call: OpCall, position: int | None) -> Iterator[Evidence]:
    def run(*inputs: Any) -> Any:
        return np.asarray(call.op.run(*inputs, **call.static), dtype=float)

    with np.errstate(all="ignore"):
        try:
            y = run(*call.inputs)
        except Exception:
            return
        g = np.asarray(weights([y])[0])
        for k in call.smooth if position is None else [position]:
            before, after = call.inputs[:k], call.inputs[k + 1 :]
            slope = along_axes(lambda x, b=before, a=after: run(*b, x, *a), call.inputs[k])  # type: ignore[misc]  # mypy takes no default in a lambda
            settled = slope.error <= 1e-3 * (1 + np.abs(slope.value))  # not on a jump
            if np.isfinite(y).all() and np.isfinite(slope.value).all() and np.all(settled):
                yield Evidence(call, k, y, g, slope.value)
