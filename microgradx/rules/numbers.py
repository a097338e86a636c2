"""A number as people read it, the same in traces, pictures and tables."""

import math

DIGITS = 4  # significant ones, where there is no reason for more
_SHORT = 12  # a number of at most so many digits is rounded as at school: halves away from zero
_TIP = 1 + 1e-14  # 0.17745 is stored as a hair less; so much more makes it the half that it reads as


def shown(x: float, digits: int = DIGITS) -> str:
    """`x` with `digits` significant digits, on the screen: −0.242, 1.53e−07, ∞."""
    return plain(x, digits).replace("e-", "e−").replace("-", "−").replace("inf", "∞")


def plain(x: float, digits: int = DIGITS) -> str:
    """The same in characters that Python reads back."""
    if x == 0 or not math.isfinite(x):
        return "0" if x == 0 else str(x)
    if x == int(x) and abs(x) < 10**digits:
        return str(int(x))
    near = x * _TIP if digits <= _SHORT and math.isfinite(x * _TIP) else x
    whole = f"{near:.{digits - 1}e}"
    mantissa, _, power = whole.partition("e")
    if not -4 <= int(power) < 7:
        mantissa = mantissa.rstrip("0").rstrip(".") if float(whole) == x else mantissa
        return f"{mantissa}e{int(power)}"
    text = f"{near:.{max(0, digits - 1 - int(power))}f}"
    return text.rstrip("0").rstrip(".") if "." in text and float(text) == x else text


def rounded(x: float, digits: int = DIGITS) -> float:
    """The number that is read where `x` is shown with so many digits."""
    if abs(x) < 10 ** (digits - 1):  # no digits before the point are dropped: the same number, found quicker
        return float(f"{x * _TIP if digits <= _SHORT else x:.{digits - 1}e}")
    return float(plain(x, digits))


def full(x: float) -> str:
    """`x` as it is, on the screen: 0.1, 1e−05."""
    return repr(x).removesuffix(".0").replace("-", "−")
