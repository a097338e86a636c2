"""Which factor or term is missing from a wrong rule: a short list of usual ones, tried on what the rule may read."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microgradx.testing.evidence import Evidence, same

# What derivatives are usually made of; {v} is an input, y, or a static parameter.
_USUAL: dict[str, Callable[[Any], Any]] = {
    "{v}": lambda v: v,
    "({v} > 0)": lambda v: np.where(v > 0, 1.0, 0.0),
    "(1 - {v})": lambda v: 1 - v,
    "(1 + {v})": lambda v: 1 + v,
    "{v} * (1 - {v})": lambda v: v * (1 - v),
    "{v} ** 2": lambda v: v**2,
    "(1 - {v} ** 2)": lambda v: 1 - v**2,
    "(1 + {v} ** 2)": lambda v: 1 + v**2,
    "{v} ** 3": lambda v: v**3,
    "sqrt({v})": np.sqrt,
    "sigmoid({v})": lambda v: 1 / (1 + np.exp(-v)),
    "sigmoid({v}) * (1 - sigmoid({v}))": lambda v: np.exp(-v) / (1 + np.exp(-v)) ** 2,
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
    if any(a is None for a in found):
        return None
    for number in _NUMBERS:
        for text, values in _parts(evidence):
            if all(_close(a, number * v, e) for a, v, e in zip(found, values, evidence, strict=True)):
                return f"a missing factor: it looks like you forgot {_scaled(text, number)}"
        for text, values in _parts(evidence):
            if all(_too_much(a, number, v, e) for a, v, e in zip(found, values, evidence, strict=True)):
                over = _scaled(text, number, over=True)
                return (
                    f"a factor {text} too many, or a division forgotten: it looks like you meant to multiply by {over}"
                )
    return None


def factor_of_g(evidence: list[Evidence]) -> str | None:
    """The factor that g lacks before it is passed through a product, a sum or a window."""
    if evidence[0].call.op.elementwise:
        return None
    for number in _NUMBERS:
        for text, values in _parts(evidence):
            if all(
                _fits(v, e.g) and e.right(e.pull(g=e.g * number * v)) for v, e in zip(values, evidence, strict=True)
            ):
                return f"a missing factor: it looks like you forgot to multiply g by {_scaled(text, number)} first"
    return None


def missing_term(evidence: list[Evidence]) -> str | None:
    """The term that is missing from an elementwise rule, or the factor in place of another, when they are usual ones.

    Terms and factors are the usual expressions, products of two, and quotients of two.
    """
    told = [(a, e) for e in evidence if e.call.op.elementwise and (a := e.local()) is not None]
    if len(told) < len(evidence):
        return None
    rule, truth = (np.concatenate([np.ravel(v) for v in side]) for side in zip(*((a, e.partial) for a, e in told)))
    texts, rows = _table(evidence)
    for number in _NUMBERS:
        if text := _combined(texts, rows, (truth - rule) / number):
            return f"a missing term: it looks like you forgot to add {_scaled(text, number)}"
    for i, (text, row) in enumerate(zip(texts, rows, strict=True)):
        for j in np.flatnonzero(_equal(rule * rows, truth * row)):
            if i not in (0, j) and np.all(row):
                return f"a factor {text} where {texts[j]} belongs"
    return None


def wrong_power(evidence: list[Evidence]) -> str | None:
    """The whole rule, squared or under a root, is right."""
    if not evidence[0].call.op.elementwise:
        return None
    for power, words in ((2.0, "squared"), (0.5, "under a square root")):
        with np.errstate(all="ignore"):
            if all((a := e.local()) is not None and same(a**power, e.partial) for e in evidence):
                return f"a wrong exponent: the whole of it belongs {words}"
    return None


def _table(evidence: list[Evidence]) -> tuple[list[str], Any]:
    """The usual expressions that are numbers everywhere, 1 first, one row of numbers each."""
    texts, rows = [], []
    for text, values in [("1", [np.ones(()) for _ in evidence]), *_parts(evidence, local=True)]:
        spread = [np.broadcast_to(v, np.shape(e.y)) for v, e in zip(values, evidence, strict=True)]
        row = np.concatenate([np.ravel(v) for v in spread])
        if np.isfinite(row).all():
            texts.append(text)
            rows.append(row)
    return texts, np.array(rows)


@np.errstate(over="ignore")  # what overflows is not equal
def _combined(texts: list[str], rows: Any, wanted: Any) -> str | None:
    """The expression, or the shortest product or quotient of two, that equals `wanted`."""
    found = []
    for one, row in zip(texts, rows, strict=True):
        for j in np.flatnonzero(_equal(row * rows, wanted)):
            both = [text for text in (one, texts[j]) if text != "1"] or ["1"]
            found.append((len(both), " * ".join(both)))
        for j in np.flatnonzero(_equal(wanted * rows, row)):
            if np.all(rows[j]):
                found.append((2, f"{one} / ({texts[j]})" if "*" in texts[j] else f"{one} / {texts[j]}"))
    return min(found, key=lambda each: (each[0], len(each[1])), default=(0, None))[1]


def _equal(rows: Any, row: Any) -> Any:
    """For each row whether it is `row`, as nearly as differences tell."""
    scale = max(float(np.max(np.abs(row), initial=0.0)), 1e-6)
    return np.all(np.abs(rows - row) <= 1e-6 * scale, axis=1) & np.isfinite(scale)


def _parts(evidence: list[Evidence], local: bool = False) -> Iterator[Part]:
    """Every usual expression of everything the rule may read (of a local partial: not g); then products of two."""
    skipped = ("i", "g") if local else ("i",)
    told: dict[str, list[Any]] = {n: [e.known()[n] for e in evidence] for n in evidence[0].known() if n not in skipped}
    names = [n for n, values in told.items() if all(map(_is_real, values)) or _varies(values)]
    atoms = [(n, [np.asarray(e.known()[n], dtype=float) for e in evidence]) for n in names]
    with np.errstate(all="ignore"):
        for text, make in _USUAL.items():
            for name, values in atoms:
                if name != "g" or text == "{v}":
                    yield text.format(v=name), [make(v) for v in values]
        for k, (one, a) in enumerate(() if local else atoms):
            for other, b in atoms[k + 1 :]:
                if all(_broadcast(p, q) for p, q in zip(a, b, strict=True)):
                    yield f"{one} * {other}", [p * q for p, q in zip(a, b, strict=True)]


def _close(a: Any, factor: Any, e: Evidence) -> bool:
    """The rule times the factor is the truth; the factor may have the input's shape, or lack its last axis."""
    if e.call.op.elementwise and np.shape(e.x) != np.shape(e.y):
        return _before_summing(factor, e)
    shapes = (factor, np.expand_dims(factor, -1)) if a.shape == np.shape(e.x) else (factor,)
    return any(_broadcast(shaped, a) and same(a * shaped, e.truth) for shaped in shapes)


def _too_much(a: Any, number: float, factor: Any, e: Evidence) -> bool:
    """Divided by the factor the rule would be the truth, where the factor is not 0."""
    if e.call.op.elementwise and np.shape(e.x) != np.shape(e.y):
        with np.errstate(all="ignore"):
            return _before_summing(number / np.asarray(factor), e)
    shapes = (factor, np.expand_dims(factor, -1)) if a.shape == np.shape(e.x) else (factor,)
    return any(
        _fits(shaped, e.truth) and _fits(a, e.truth) and np.any(shaped)
        and same(np.broadcast_to(number * a, np.shape(e.truth)), e.truth * shaped)
        for shaped in shapes
    )  # fmt: skip


def _before_summing(factor: Any, e: Evidence) -> bool:
    """For a stretched input the factor belongs inside the sum over the stretched axes."""
    return _fits(factor, e.g) and e.right(e.pull(g=e.g * factor))


def _fits(factor: Any, other: Any) -> bool:
    """True when multiplying by the factor leaves the shape as it is."""
    return _broadcast(factor, other) and np.broadcast_shapes(np.shape(factor), np.shape(other)) == np.shape(other)


def _broadcast(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(np.shape(a), np.shape(b))
    except ValueError:
        return False
    return True


def _varies(values: list[Any]) -> bool:
    """True of a whole number among the static parameters that is not the same in all cases."""
    return all(type(v) in (int, float) for v in values) and len(set(values)) > 1


def _is_real(value: Any) -> bool:
    return not isinstance(value, (bool, str, tuple, list)) and np.asarray(value).dtype.kind == "f"


def _scaled(text: str, number: float, over: bool = False) -> str:
    if over:
        return f"{number:g} / ({text})" if " " in text.replace(" - ", "").replace(" + ", "") else f"{number:g} / {text}"
    return text if number == 1 else f"-{text}" if number == -1 else f"{number:g} * {text}"
