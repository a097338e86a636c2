"""Numbers for people: as many digits as it takes for a pocket calculator to agree with the line."""

import ast
import math
import re
from collections.abc import Mapping, Sequence

from microgradx.rules.notation import in_slot, python_text, screen_text

_LEAST, _MOST = 4, 17
_EVAL = {name: getattr(math, name) for name in dir(math) if not name.startswith("_")} | {
    "abs": abs, "max": max, "min": min, "__builtins__": {},
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x)),
}  # fmt: skip


def shown(x: float, digits: int = _LEAST) -> str:
    """`x` with `digits` significant digits, on the screen: −0.242, 1.53e−07, ∞."""
    return _plain(x, digits).replace("e-", "e−").replace("-", "−").replace("inf", "∞")


def _plain(x: float, digits: int) -> str:
    """The same in characters that Python reads back."""
    if x == 0 or not math.isfinite(x):
        return "0" if x == 0 else str(x)
    if x == int(x) and abs(x) < 10**digits:
        return str(int(x))
    exponent = int(f"{abs(x):.{digits - 1}e}".partition("e")[2])
    if not -4 <= exponent < 7:
        mantissa, _, power = f"{x:.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(power):+03d}".replace("+0", "+").replace("-0", "-").replace("+", "")
    text = f"{x:.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text and float(text) == x else text


def agreeing(expr: ast.expr, values: Mapping[str, float], result: float) -> tuple[str, str]:
    """The formula with numbers, and its result, rounded so that the one reproduces the other."""
    for digits in range(_LEAST, _MOST + 1):
        texts = {name: in_slot(_plain(value, digits)) for name, value in values.items()}
        if _reproduces(python_text(expr, texts), result):
            break
    signed = {name: in_slot(shown(value, digits)) for name, value in values.items()}
    return screen_text(expr, signed), shown(result)


def _reproduces(text: str, result: float) -> bool:
    try:
        value = eval(text, _EVAL)  # the text holds only our own formula and numbers
    except (ArithmeticError, ValueError, NameError, TypeError):
        return True  # beyond a pocket calculator (inf, nan): more digits will not help
    return float(_plain(float(value), _LEAST)) == float(_plain(result, _LEAST))


_PRODUCT = ast.parse("a * b", mode="eval").body


def product(a: float, b: float, result: float) -> str:
    """`−0.242 × 0.197 = −0.0477`, digits chosen so that it holds as shown."""
    text, answer = agreeing(_PRODUCT, {"a": a, "b": b}, result)
    return f"{text.replace(' · ', ' × ')} = {answer}"


def total_of(parts: Sequence[float], total: float) -> str:
    """`0.0131 + (−0.0477) = −0.0346`, digits chosen so that it holds as shown."""
    values = {f"p{i}": float(part) for i, part in enumerate(parts)}
    text, answer = agreeing(ast.parse(" + ".join(values), mode="eval").body, values, total)
    return f"{text} = {answer}"


def strip_group(text: str) -> str:
    """A number without the parentheses it needs inside a product."""
    return re.sub(r"^\((.*)\)$", r"\1", text)
