"""Numbers for people: as many digits as it takes for a pocket calculator to agree with the line."""

import ast
import math
import re
from collections.abc import Mapping, Sequence

from microgradx.rules.elementary import sigmoid
from microgradx.rules.notation import in_slot, python_text, screen_text
from microgradx.rules.numbers import DIGITS, plain, rounded, shown

_MOST = 17
_EVAL = {name: getattr(math, name) for name in dir(math) if not name.startswith("_")} | {
    "abs": abs, "max": max, "min": min, "__builtins__": {},
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
    "sigmoid": sigmoid.scalar,
}  # fmt: skip


def agreeing(expr: ast.expr, values: Mapping[str, float], result: float, wanted: int = DIGITS) -> tuple[str, str]:
    """The formula with numbers, and its result with `wanted` digits, rounded so that the one reproduces the other."""
    for digits in range(DIGITS, _MOST + 1):
        texts = {name: in_slot(plain(value, digits)) for name, value in values.items()}
        if _reproduces(python_text(expr, texts), result, wanted):
            break
    signed = {name: in_slot(shown(value, digits)) for name, value in values.items()}
    return screen_text(expr, signed), shown(result, wanted)


def _reproduces(text: str, result: float, digits: int) -> bool:
    try:
        value = eval(text, _EVAL)  # the text holds only our own formula and numbers
    except (ArithmeticError, ValueError, NameError, TypeError):
        return True  # beyond a pocket calculator (inf, nan): more digits will not help
    return rounded(float(value), digits) == rounded(result, digits)


def total_of(parts: Sequence[float], total: float, wanted: int = DIGITS) -> str:
    """`0.0131 + (−0.0477) = −0.0346`, digits chosen so that it holds as shown."""
    values = {f"p{i}": float(part) for i, part in enumerate(parts)}
    text, answer = agreeing(ast.parse(" + ".join(values), mode="eval").body, values, total, wanted)
    return f"{text} = {answer}"


def fitting_digits(parts: Sequence[float], total: float, wanted: int = DIGITS) -> int:
    """How many digits the parts of a sum need, for its `wanted` digits to come out right."""
    known = range(DIGITS, _MOST)
    right = (n for n in known if rounded(sum(rounded(p, n) for p in parts), wanted) == rounded(total, wanted))
    return next(right, _MOST)


def strip_group(text: str) -> str:
    """A number without the parentheses it needs inside a product."""
    return re.sub(r"^\((.*)\)$", r"\1", text)
