"""Where an op is defined and smooth, per input; the property tests draw their numbers from here."""

from typing import NamedTuple


class Domain(NamedTuple):
    """An interval in which to test, and the points (kinks) to keep away from.

    `text` is what a person reads; `labels` names the axis size that integer labels stay below. Where the interval
    stands for all real numbers, every other call is drawn from -`reach` … `reach`, and every call may hold numbers
    up to 4 to either side of each kink.
    """

    text: str
    low: float = -4.0
    high: float = 4.0
    kinks: tuple[float, ...] = ()
    labels: str = ""
    distinct: bool = False  # elements must differ clearly (max, sort: ties are kinks)
    diagonal: bool = False  # matrices: add 4, 6, 8 … to the diagonal after drawing (see `near_diagonal`)
    reach: float = 0.0  # 0: nothing beyond low … high

    def __str__(self) -> str:
        return self.text


_REACH = 10.0  # further out, exp and its kin leave nothing of the other entries for differences to see

REAL = Domain("all real numbers", reach=_REACH)
positive = Domain("x > 0", 0.2, 5.0)
nonzero = Domain("x ≠ 0", -4.0, 4.0, (0.0,))
unit = Domain("0 < x < 1", 0.1, 0.9)
share = Domain("0 ≤ x ≤ 1", 0.1, 0.9)
between_poles = Domain("x ≠ ±π/2, ±3π/2, …", -0.9, 0.9)
off_origin = Domain("not both 0", -4.0, 4.0, (0.0,))
inside_one = Domain("-1 < x < 1", -0.9, 0.9)
above_one = Domain("x > 1", 1.2, 5.0)
above_minus_one = Domain("x > -1", -0.8, 4.0)
small = Domain("all real numbers (tested in -2 … 2)", -2.0, 2.0)
boolean = Domain("true or false", 0.0, 1.0)
between_steps = Domain("x between two steps", kinks=tuple(k / 2 for k in range(-8, 9)))
distinct = Domain("all real numbers, no ties", distinct=True, reach=_REACH)


def near_diagonal(text: str) -> Domain:
    """Matrices with small positive entries round the diagonal 4, 6, 8 …: invertible, definite, eigenvalues apart."""
    return Domain(text, 0.1, 0.6, diagonal=True)


def away_from(*kinks: float) -> Domain:
    """All real numbers except the kinks, where left and right slope differ."""
    return Domain("x ≠ " + ", ".join(f"{k:g}" for k in kinks), kinks=kinks, reach=_REACH)


def labels(axis: str) -> Domain:
    """Integer labels 0 … size-1 of the axis named `axis` in the row's shapes."""
    last = int(axis) - 1 if axis.isdigit() else f"{axis} - 1"
    return Domain(f"integers in 0 … {last}", labels=axis)
