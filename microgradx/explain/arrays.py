"""Arrays for people: the numbers when they fit, otherwise a summary and a small heat strip."""

from typing import Any

import numpy as np

from microgradx.rules.numbers import DIGITS, shown

FITS = 16  # up to this many numbers are written out
_STRIP = 24  # cells of a heat strip
_BARS = " ▁▂▃▄▅▆▇█"


def value_text(value: Any, digits: Any = DIGITS) -> str:
    """A number or array on one line; `digits` says how many significant ones, for all numbers or for each."""
    array = np.asarray(value)
    if array.ndim == 0:
        return shown(float(array), int(digits))
    if array.size == 0:
        return f"empty {shape_text(array.shape)}"
    return _numbers(array, np.broadcast_to(digits, array.shape)) if array.size <= FITS else summary(array)


def fits(value: Any) -> bool:
    """True when every number of it is shown."""
    return not isinstance(value, tuple) and 0 < np.size(value) <= FITS


def _numbers(array: np.ndarray[Any, Any], digits: np.ndarray[Any, Any]) -> str:
    if array.ndim == 0:
        return shown(float(array), int(digits))
    return "[" + ", ".join(map(_numbers, array, digits)) + "]"


def summary(array: np.ndarray[Any, Any]) -> str:
    """Shape, smallest, mean, largest, norm, and the size of the entries as a strip of bars."""
    with np.errstate(all="ignore"):
        facts = {"min": array.min(), "mean": array.mean(), "max": array.max(), "norm": np.linalg.norm(array.ravel())}
    text = "  ".join(f"{name} {shown(float(fact))}" for name, fact in facts.items())
    return f"{shape_text(array.shape)}  {text}  {strip(array)}"


def strip(array: np.ndarray[Any, Any]) -> str:
    """The magnitudes of the entries, in order, as bars; long arrays are averaged into cells."""
    size = np.abs(np.nan_to_num(np.asarray(array, dtype=float).ravel(), nan=0.0, posinf=0.0, neginf=0.0))
    cells = np.array([cell.mean() for cell in np.array_split(size, min(_STRIP, size.size))])
    top = cells.max()
    levels = np.zeros(len(cells), dtype=int) if top == 0 else np.ceil(cells / top * (len(_BARS) - 1)).astype(int)
    return "│" + "".join(_BARS[level] for level in levels) + "│"


def shape_text(shape: tuple[int, ...]) -> str:
    """(2,4): a shape without blanks."""
    return "(" + ",".join(map(str, shape)) + ")" if shape else "one number"
