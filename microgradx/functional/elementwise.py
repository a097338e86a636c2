"""Composites that act on each element alone."""

import math
from typing import Any

import numpy as np

from microgradx.functional.arguments import bare, constant
from microgradx.functional.inputs import astype, node, tensor
from microgradx.graph import Node, OpError, Value, default_dtype
from microgradx.rules import arithmetic as rows
from microgradx.rules.arithmetic import abs, isnan, less, less_equal, logical_and, logical_or, mul, sign
from microgradx.rules.elementary import log, log1p, sin, sqrt
from microgradx.rules.lifting import lift
from microgradx.rules.steps import floor_divide, trunc


def add(a: Any, b: Any, *, alpha: float = 1) -> Any:
    """a + alpha · b."""
    return rows.add(a, b if alpha == 1 else _times(alpha, b))


def sub(a: Any, b: Any, *, alpha: float = 1) -> Any:
    """a − alpha · b."""
    return rows.sub(a, b if alpha == 1 else _times(alpha, b))


def _times(alpha: float, b: Any) -> Any:
    return mul(alpha, b) if isinstance(b, (Node, list)) else alpha * b  # a plain number stays one


def div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Any:
    """a / b; rounding_mode "floor" rounds the quotient down, "trunc" towards 0 (integers then stay integers)."""
    if rounding_mode not in (None, "floor", "trunc"):
        raise OpError(f"div: rounding_mode is None, 'floor' or 'trunc', not {rounding_mode!r}.")
    if rounding_mode is None:
        return rows.div(a, b)
    if rounding_mode == "floor":
        return floor_divide(a, b)
    a, b = lift(floor_divide, (a, b))
    if "f" in a.dtype.kind + b.dtype.kind:
        return trunc(rows.div(a, b))
    return sign(a) * sign(b) * floor_divide(abs(a), abs(b))


def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where |a − b| ≤ atol + rtol · |b|, as a boolean tensor; infinities are close to themselves."""
    a, b = bare(tensor(a)), bare(tensor(b))
    if rtol < 0 or atol < 0:
        raise OpError(f"isclose: rtol and atol must be 0 or more, not {rtol} and {atol}.")
    try:
        return constant(np.isclose(a, b, rtol, atol, equal_nan))
    except ValueError:
        raise OpError(f"isclose: shapes {a.shape} and {b.shape} do not broadcast together.") from None


def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """True when `isclose` holds everywhere."""
    return bool(isclose(a, b, rtol, atol, equal_nan).data.all())


def equal(a: Any, b: Any) -> bool:
    """True when both have the same shape and the same elements; `eq` compares element by element."""
    return np.array_equal(bare(tensor(a)), bare(tensor(b)))


def where(c: Any, a: Any = None, b: Any = None) -> Any:
    """`a` where the condition `c` holds, `b` elsewhere; all three broadcast. No gradient flows through `c`.

    `where(c)` alone gives the places where `c` is not 0: a tuple with one tensor of positions for each axis.

    Raises:
        OpError: `c` is not boolean; compare it with something, for example `where(x > 0, a, b)`.
    """
    if a is None and b is None:
        return tuple(map(constant, np.nonzero(np.atleast_1d(bare(tensor(c))))))
    if a is None or b is None:
        raise OpError("where takes a condition and two choices, where(x > 0, a, b), or a condition alone.")
    if not isinstance(c, Value) and node(c).dtype.kind != "b" and not isinstance(c, bool):
        raise OpError(
            f"where needs a condition of dtype bool, not {node(c).dtype}; write for example where(x > 0, a, b)."
        )
    return rows.where(c, a, b)


def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """`x` kept within bounds: numbers, or tensors that broadcast with it (and then collect gradients).

    On a bound the gradient goes to `x`; where min > max the result is max. At least one bound is needed.
    """
    if min is None and max is None:
        raise OpError("clamp needs a lower bound, an upper bound, or both: clamp(x, min=0).")
    if not any(isinstance(bound, (Node, np.ndarray, list)) for bound in (min, max)):
        return rows.clip(x, low=min, high=max)
    if min is not None:
        x = rows.where(logical_or(less(x, min), isnan(min)), min, x)
    if max is not None:
        x = rows.where(logical_or(rows.greater(x, max), isnan(max)), max, x)
    return x


def reciprocal(x: Any) -> Any:
    """1 / x."""
    return rows.div(1.0, x)


def rsqrt(x: Any) -> Any:
    """1 / √x."""
    return rows.div(1.0, sqrt(x))


def frac(x: Any) -> Any:
    """The part after the point, with the sign of `x`: x − trunc(x)."""
    return rows.sub(x, trunc(x))


def lerp(a: Any, b: Any, weight: Any) -> Any:
    """From `a` (weight 0) to `b` (weight 1) in a straight line: a + weight · (b − a)."""
    return node(a) + mul(weight, rows.sub(b, a))


def addcmul(x: Any, a: Any, b: Any, *, value: float = 1.0) -> Any:
    """x + value · a · b."""
    product = mul(a, b)
    return node(x) + (product if value == 1 else value * product)


def addcdiv(x: Any, a: Any, b: Any, *, value: float = 1.0) -> Any:
    """x + value · a / b."""
    quotient = rows.div(a, b)
    return node(x) + (quotient if value == 1 else value * quotient)


def sinc(x: Any) -> Any:
    """sin(πx) / (πx), and 1 at 0. Near 0, where the quotient is 0 / 0, its Taylor polynomial stands in."""
    u, near = math.pi * node(x), less(abs(x), 1e-3)
    small, large = rows.where(near, u, 0.0), rows.where(near, 1.0, u)  # each branch stays finite where it is not used
    return rows.where(near, 1 - small**2 / 6 + small**4 / 120, sin(large) / large)


def logit(x: Any, eps: float | None = None) -> Any:
    """log(x / (1 − x)), the inverse of sigmoid; with `eps`, x is first clamped to [eps, 1 − eps]."""
    x = node(x)
    if x.dtype.kind != "f":  # 1 - x may have no answer among whole numbers
        x = astype(x, default_dtype())
    if eps is not None:
        x = rows.clip(x, low=eps, high=1 - eps)
    return log(x) - log1p(-x)


def xlogy(a: Any, b: Any) -> Any:
    """a · log(b), and 0 where a is 0 (unless b is nan): what entropies need."""
    a, b = lift(rows.mul, (a, b))  # a number takes the dtype of the other: the where below has only a mask beside it
    silent = logical_and(rows.equal(a, 0.0), logical_or(less_equal(b, 0.0), rows.equal(b, math.inf)))
    return mul(a, log(rows.where(silent, 1.0, b)))


def nan_to_num(x: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """`x` with nan replaced (by 0) and the infinities (by the largest and smallest number of its dtype)."""
    x = node(x)
    if x.dtype.kind != "f":
        return x
    most = float(np.finfo(x.dtype).max)
    x = rows.where(rows.equal(x, math.inf), most if posinf is None else posinf, x)
    x = rows.where(rows.equal(x, -math.inf), -most if neginf is None else neginf, x)
    return rows.where(isnan(x), nan or 0.0, x)
