"""A guess at the mistake in a wrong rule, in words.

Every guess is a repair: it is made only when the repaired rule gives the right gradient on all the evidence, and again
on fresh evidence, so a right rule is never accused. The order is from the plain mistakes to the odd ones.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from microgradx.graph import Node
from microgradx.rules import Op
from microgradx.testing.borrowed import borrowed
from microgradx.testing.calls import OpCall, need_row
from microgradx.testing.evidence import Evidence, gather, matches, same
from microgradx.testing.factors import factor_of_g, missing_factor, missing_term, wrong_power
from microgradx.testing.functions import plain
from microgradx.testing.other_ops import copied, other_op
from microgradx.testing.partly import product_rule, right_in_part
from microgradx.testing.repairs import dropped_path, missing_product, no_mask, one_change, upstream_ignored, wrong_way
from microgradx.testing.shapes import (
    no_padding,
    no_reshape,
    no_spread,
    no_unbroadcast,
    no_unsqueeze,
    summed_too_far,
    wrong_order,
    wrong_part,
)
from microgradx.testing.transposes import product_guess, transpose_guess

Guess = Callable[[list[Evidence]], str | None]

_ONLY_HERE = (
    "right at every other point that was tried; look at this one: it may be a kink, or where one branch ends and "
    "another begins"
)
_UNDEFINED = "it is right, but has no finite value at every point of its domain: say where it holds (where=, shapes=)"


def diagnose(op: Op, *inputs: Any, **static: Any) -> str | None:
    """What is wrong with the rules of `op`, in words; None when they are right.

    Args:
        op: a row of the rulebook.
        inputs, static: a call on which to look first; calls drawn from the row's own domain follow.

    Raises:
        RuleError: `op` is no row.
    """
    need_row(op, "diagnose")
    first = None
    if inputs:
        inputs, static = op.bind(inputs, dict(static))
        first = OpCall(op, tuple(plain(x.data if isinstance(x, Node) else x) for x in inputs), static)
    said = []
    for position in range(1 if op.variadic else len(op.inputs)):
        if op.rule_for(position) is None:
            continue
        evidence = [e for e in gather(op, None if op.variadic else position, first) if np.size(e.x)]
        if all(e.right(e.pull()) for e in evidence):
            continue
        name = op.inputs[position]
        if _right_where_defined(evidence):
            said.append(f"the rule for {name}: {_UNDEFINED}.")
            continue
        fresh = [e for e in gather(op, None if op.variadic else position, fresh=True) if np.size(e.x)]
        alone = fresh and all(e.right(e.pull()) for e in fresh)  # nothing to confirm a guess by
        guess = _ONLY_HERE if alone else _confirmed(_told(evidence), _told(fresh))
        said.append(f"the rule for {name}: {guess or _last_resort(evidence)}.")
    return "\n".join(said) or None


@cache
def right_elsewhere(op: Op, position: int) -> bool:
    """True when the rule is right on every call drawn from the row's domain on which it has a finite value."""
    return _right_where_defined(gather(op, None if op.variadic else position))


def _right_where_defined(evidence: list[Evidence]) -> bool:
    told = [(e, a) for e in evidence if (a := e.pull()) is not None and np.isfinite(a).all()]
    return all(e.right(a) for e, a in told) and any(np.any(e.truth) for e, _ in told)


def _told(evidence: list[Evidence]) -> list[Evidence]:
    """The evidence on which the rule has a finite value, where that is not all and not too little."""
    found = [e for e in evidence if (a := e.pull()) is None or np.isfinite(a).all()]
    return found if len(found) > len(evidence) / 2 else evidence


def _confirmed(evidence: list[Evidence], fresh: list[Evidence]) -> str | None:
    """The first guess whose repair is right on the evidence, and on fresh evidence too."""
    for look in GUESSES:
        text = _tried(look, evidence) and _tried(look, [*evidence, *fresh])
        if text:
            return text
    return None


def _tried(look: Guess, evidence: list[Evidence]) -> str | None:
    """The guess; None where trying it raises, as broken rules may: then it is not this mistake."""
    try:
        return look(evidence)
    except Exception:
        return None


def _last_resort(evidence: list[Evidence]) -> str:
    problem = next((e.problem for e in evidence if e.pull() is None and e.problem), None)
    if problem is not None:
        return f"it cannot be computed: {type(problem).__name__}: {str(problem).rstrip('.')}"
    return "not one of the usual mistakes; derive it once more by hand"


def _no_dependence(evidence: list[Evidence]) -> str | None:
    if all(matches(e.pull(), 0.0 * e.truth) for e in evidence):
        return f"it is 0, so the dependence on {evidence[0].name} is dropped; yet y changes with {evidence[0].name}"
    return None


def _sign(evidence: list[Evidence]) -> str | None:
    return "wrong sign: a minus too many or too few" if all(matches(e.pull(), -e.truth) for e in evidence) else None


def _mean_instead_of_sum(evidence: list[Evidence]) -> str | None:
    own = evidence[0].name
    counts: dict[str, Callable[[Evidence], float]] = {
        "the elements that are combined": lambda e: max(np.size(e.x), 1) / max(np.size(e.y), 1),
        "the copies that are made": lambda e: max(np.size(e.y), 1) / max(np.size(e.x), 1),
        "all elements": lambda e: np.size(e.x),
        **{
            f"entries along axis {axis}{f' of {name}' if name != own else ''}": _length(name, axis)
            for name in (own, *(n for n, v in evidence[0].known().items() if isinstance(v, np.ndarray) and n != own))
            for axis in range(3)
        },
    }
    if evidence[0].call.op.elementwise:
        return None
    for what, count in counts.items():
        counts_seen = {count(e) for e in evidence}
        if counts_seen == {1} or any(n % 1 for n in counts_seen):
            continue
        or_else = f" (or it is a constant factor {_number(min(counts_seen))})" if len(counts_seen) == 1 else ""
        if all(matches(e.pull(), e.truth / count(e)) for e in evidence):
            return f"mean for sum: it divides by the number of {what}, but their gradients add up{or_else}"
        if all(matches(e.pull(), e.truth * count(e)) for e in evidence):
            return f"sum for mean: it should be divided by the number of {what}{or_else}"
        if all(matches(e.pull(), e.truth * count(e) ** 0.5) for e in evidence):
            return f"a missing factor: it should be divided by the square root of the number of {what}{or_else}"
    return None


def _length(name: str, axis: int) -> Callable[[Evidence], float]:
    def length(e: Evidence) -> float:
        shape = np.shape(e.known()[name])
        return shape[axis] if len(shape) > axis else 1

    return length


def _wrong_name(evidence: list[Evidence]) -> str | None:
    """It reads one thing where another belongs: a for b, x for y."""
    rule = evidence[0].call.op.rule_for(evidence[0].position)
    real = [n for n, v in evidence[0].known().items() if n != "i" and isinstance(v, np.ndarray) and v.dtype.kind == "f"]
    for read in rule.reads if rule else ():
        for other in real:
            if other != read and read in real and all(e.right(e.pull(**{read: e.known()[other]})) for e in evidence):
                return f"it reads {read} where {other} belongs"
    return None


def _overwrite(evidence: list[Evidence]) -> str | None:
    """Of the several contributions to an entry only one is there."""
    met = False
    for e in evidence:
        a, n = e.pull(), e.truth
        if a is None or a.shape != n.shape:
            return None
        parts = (np.reshape(e.g, (*np.shape(e.g), *(1,) * n.ndim)) * e.jacobian).reshape(-1, n.size)
        close = np.abs(parts - a.ravel()) <= 1e-6 * (1 + np.abs(a.ravel()))
        one = np.any(close, axis=0) if parts.size else np.ones(n.size, bool)
        several = np.count_nonzero(np.abs(parts) > 1e-9, axis=0) > 1
        if not np.all(np.where(several, one | np.isclose(a, n).ravel(), np.isclose(a, n, atol=1e-6).ravel())):
            return None
        met |= bool(np.any(several & ~np.isclose(a, n).ravel()))
    if not met:
        return None
    return "overwritten instead of accumulated: where several gradients meet, only one is kept (= where += belongs)"


def _only_own(evidence: list[Evidence]) -> str | None:
    """The diagonal of the Jacobian alone: as if every output depended on its own input only."""
    if any(np.shape(e.x) != np.shape(e.y) for e in evidence):
        return None
    own = [np.diag(e.jacobian.reshape(e.x.size, e.x.size)).reshape(e.x.shape) * e.g for e in evidence]
    if all(matches(e.pull(), o) for e, o in zip(evidence, own, strict=True)):
        return (
            "a dropped dependence: it follows each output back to its own entry, but outputs depend on the others too"
        )
    return None


def _constant(evidence: list[Evidence]) -> str | None:
    factor = _ratio(evidence)
    if not factor:
        return None
    settings = [n for n, v in evidence[0].call.static.items() if isinstance(v, (int, float)) and abs(v - factor) < 1e-6]
    named = f", here {settings[0]}" if settings else ""
    return (
        f"a constant factor: it is {_number(1 / factor)} times what it should be "
        f"(multiply it by {_number(factor)}{named})"
    )


def _whole_constant(evidence: list[Evidence]) -> str | None:
    """A factor such as 2, 3 or a half: likelier than one that merely is constant on this evidence."""
    factor = _ratio(evidence)
    whole = factor and min(abs(r - round(r)) for r in (factor, 1 / factor)) < 1e-6
    return _constant(evidence) if whole else None


def _ratio(evidence: list[Evidence]) -> float:
    """What the rule would have to be multiplied by, everywhere; 0 when there is no such number."""
    pairs = [(e.pull(), e.truth) for e in evidence]
    if any(a is None or a.shape != n.shape for a, n in pairs):
        return 0.0
    a, n = (np.concatenate([np.ravel(p[k]) for p in pairs]) for k in (0, 1))
    factor = float(np.dot(a, n) / np.dot(a, a)) if np.any(a) else 0.0
    return factor if same(a * factor, n) else 0.0


def _number(x: float) -> str:
    return f"{x:.6g}"


def _factor(evidence: list[Evidence]) -> str | None:
    text = missing_factor(evidence)
    other = other_op(evidence) if text else None
    if text and "too many" in text:
        return other or copied(evidence) or text
    return f"{text} ({other})" if other else text


def _factor_of_g(evidence: list[Evidence]) -> str | None:
    text = factor_of_g(evidence)
    other = other_op(evidence) if text else None
    return f"{text} ({other})" if other else text


GUESSES: tuple[Guess, ...] = (
    _no_dependence, _sign, _mean_instead_of_sum, _wrong_name, transpose_guess, no_unbroadcast, no_spread, no_unsqueeze,
    no_reshape, summed_too_far, wrong_part, no_padding, _only_own, _overwrite, _whole_constant, _factor, no_mask,
    _factor_of_g, other_op, _constant, product_guess, one_change, wrong_power, copied, missing_term, upstream_ignored,
    missing_product, wrong_way, wrong_order, product_rule, borrowed, dropped_path, right_in_part,
)  # fmt: skip
