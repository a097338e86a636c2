"""A number as people read it, the same in traces, pictures and tables."""

import math

DIGITS = 4  # significant ones, where there is no reason for more


def shown(x: float, digits: int = DIGITS) -> str:
    """`x` with `digits` significant digits, on the screen: −0.242, 1.53e−07, ∞."""
    return plain(x, digits).replace("e-", "e−").replace("-", "−").replace("inf", "∞")


def plain(x: float, digits: int = DIGITS) -> str:
    """The same in characters that Python reads back."""
    if x == 0 or not math.isfinite(x):
        return "0" if x == 0 else str(x)
    if x == int(x) and abs(x) < 10**digits:
        return str(int(x))
    exponent = int(f"{abs(x):.{digits - 1}e}".partition("e")[2])
    if not -4 <= exponent < 7:
        mantissa, _, power = f"{x:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if float(f"{x:.{digits - 1}e}") == x else mantissa
        return f"{mantissa}e{int(power)}"
    text = f"{x:.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text and float(text) == x else text


def rounded(x: float, digits: int = DIGITS) -> float:
    """The number that is read where `x` is shown with so many digits."""
    if abs(x) < 10 ** (digits - 1):  # no digits before the point are dropped: the same number, found quicker
        return float(f"{x:.{digits - 1}e}")
    return float(plain(x, digits))


def full(x: float) -> str:
    """`x` as it is, on the screen: 0.1, 1e−05."""
    return repr(x).removesuffix(".0").replace("-", "−")
