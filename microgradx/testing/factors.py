"""Which factor or term is missing from a wrong rule: a short list of usual ones, tried on what the rule may read."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microgradx.testing.evidence import Evidence, same

# What derivatives are usually made of; {v} is an input, y, or a static parameter.
_USUAL: dict[str, Callable[[Any], Any]] = {
    "{v}": lambda v: v,
    "(1 - {v})": lambda v: 1 - v,
    "(1 + {v})": lambda v: 1 + v,
    "{v} * (1 - {v})": lambda v: v * (1 - v),
    "{v} ** 2": lambda v: v**2,
    "(1 - {v} ** 2)": lambda v: 1 - v**2,
    "(1 + {v} ** 2)": lambda v: 1 + v**2,
    "{v} ** 3": lambda v: v**3,
    "sqrt({v})": np.sqrt,
    "sigmoid({v})": lambda v: 1 / (1 + np.exp(-v)),
    "tanh({v})": np.tanh,
    "sinh({v})": np.sinh,
    "cosh({v})": np.cosh,
    "exp({v})": np.exp,
    "exp(-{v})": lambda v: np.exp(-v),
    "log({v})": np.log,
    "sin({v})": np.sin,
    "cos({v})": np.cos,
    "abs({v})": np.abs,
    "sign({v})": np.sign,
}
_NUMBERS = (1, -1, 2, -2, 0.5, -0.5, 3, -3)

Part = tuple[str, list[Any]]  # a text and its numbers, one array per piece of evidence


def missing_factor(evidence: list[Evidence]) -> str | None:
    """The factor by which the rule differs from the truth, when it is a usual one."""
    found = [e.pull() for e in evidence]
    if any(a is None or a.shape != np.shape(e.x) for a, e in zip(found, evidence, strict=True)):
        return None
    for number in _NUMBERS:
        for text, values in _parts(evidence):
            if all(_close(a, number * v, e) for a, v, e in zip(found, values, evidence, strict=True)):
                return f"a missing factor: it looks like you forgot {_scaled(text, number)}"
        for text, values in _parts(evidence):
            with np.errstate(all="ignore"):
                inverse = [number / v for v in values]
            if all(_close(a, v, e) for a, v, e in zip(found, inverse, evidence, strict=True)):
                over = _scaled(text, number, over=True)
                return (
                    f"a factor {text} too many, or a division forgotten: it looks like you meant to multiply by {over}"
                )
    return None


def missing_term(evidence: list[Evidence]) -> str | None:
    """The term that is missing from an elementwise rule, when it is a usual one."""
    if not evidence[0].call.op.elementwise:
        return None
    found = [e.pull() for e in evidence]
    if any(a is None for a in found):
        return None
    for number in _NUMBERS:
        ones = [("1", [np.ones(np.shape(e.y)) for e in evidence])]
        for text, values in [*ones, *_parts(evidence)]:
            terms = [number * v * e.g for v, e in zip(values, evidence, strict=True)]
            if all(
                np.shape(t) == np.shape(e.y) and same(a + e.fitted(t), e.truth)
                for a, t, e in zip(found, terms, evidence, strict=True)
            ):
                return f"a missing term: it looks like you forgot to add {_scaled(text, number)}"
    return None


def _parts(evidence: list[Evidence]) -> Iterator[Part]:
    """Every usual expression of everything the rule may read; then products of two."""
    names = [n for n in evidence[0].known() if n != "i" and all(_is_real(e.known()[n]) for e in evidence)]
    atoms = [(n, [np.asarray(e.known()[n], dtype=float) for e in evidence]) for n in names]
    with np.errstate(all="ignore"):
        for text, make in _USUAL.items():
            for name, values in atoms:
                if name != "g" or text == "{v}":
                    yield text.format(v=name), [make(v) for v in values]
        for k, (one, a) in enumerate(atoms):
            for other, b in atoms[k + 1 :]:
                if all(_broadcast(p, q) for p, q in zip(a, b, strict=True)):
                    yield f"{one} * {other}", [p * q for p, q in zip(a, b, strict=True)]


def _close(a: Any, factor: Any, e: Evidence) -> bool:
    """The rule times the factor is the truth; the factor may have the input's shape, or lack its last axis."""
    if e.call.op.elementwise and np.shape(e.x) != np.shape(e.y):
        return _before_summing(factor, e)
    for shaped in (factor, np.expand_dims(factor, -1)):
        fits = _broadcast(shaped, a) and np.broadcast_shapes(np.shape(shaped), a.shape) == a.shape
        if fits and same(a * shaped, e.truth):
            return True
    return False


def _before_summing(factor: Any, e: Evidence) -> bool:
    """For a stretched input the factor belongs inside the sum over the stretched axes."""
    if not _broadcast(factor, e.g) or np.broadcast_shapes(np.shape(factor), np.shape(e.g)) != np.shape(e.g):
        return False
    return e.right(e.pull(g=e.g * factor))


def _broadcast(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return False
    return True


def _is_real(value: Any) -> bool:
    return not isinstance(value, (bool, str, tuple, list)) and np.asarray(value).dtype.kind == "f"


def _scaled(text: str, number: float, over: bool = False) -> str:
    if over:
        return f"{number:g} / ({text})" if " " in text.replace(" - ", "").replace(" + ", "") else f"{number:g} / {text}"
    return text if number == 1 else f"-{text}" if number == -1 else f"{number:g} * {text}"
