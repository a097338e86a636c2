"""Rows: arithmetic, comparison, logic and choice. All elementwise; inputs broadcast against each other."""

import math
import operator
from typing import Any

import numpy as np

from microgradx.rules.domains import Domain, away_from, boolean, distinct, nonzero
from microgradx.rules.op import op


def _flag(compare: Any) -> Any:
    return lambda a, b: float(compare(a, b))


# Comparisons have no slope of their own: they choose between branches.
greater = op("greater(a, b) = a > b", np.greater, _flag(operator.gt), nondiff="a b")
greater_equal = op("greater_equal(a, b) = a >= b", np.greater_equal, _flag(operator.ge), nondiff="a b")
less = op("less(a, b) = a < b", np.less, _flag(operator.lt), nondiff="a b")
less_equal = op("less_equal(a, b) = a <= b", np.less_equal, _flag(operator.le), nondiff="a b")
equal = op("equal(a, b) = a == b", np.equal, _flag(operator.eq), nondiff="a b")
not_equal = op("not_equal(a, b) = a != b", np.not_equal, _flag(operator.ne), nondiff="a b")
# Logic works on booleans; any other number counts as true unless it is 0.
logical_and = op("logical_and(a, b) = a and b", np.logical_and, _flag(lambda a, b: a != 0 and b != 0), nondiff="a b")
logical_or = op("logical_or(a, b) = a or b", np.logical_or, _flag(lambda a, b: a != 0 or b != 0), nondiff="a b")
logical_xor = op("logical_xor(a, b)", np.logical_xor, _flag(lambda a, b: (a != 0) != (b != 0)), nondiff="a b")
logical_not = op("logical_not(x)", np.logical_not, lambda x: float(x == 0), nondiff="x")
isnan = op("isnan(x)", np.isnan, lambda x: float(math.isnan(x)), nondiff="x")
isinf = op("isinf(x)", np.isinf, lambda x: float(math.isinf(x)), nondiff="x")
isfinite = op("isfinite(x)", np.isfinite, lambda x: float(math.isfinite(x)), nondiff="x")


def _choose(c: Any, a: Any, b: Any) -> Any:
    return a if c else b


def _select(c: Any, a: Any, b: Any) -> Any:
    if type(a) is float and type(b) is float and (a, b) == (1.0, 0.0) and c.dtype == bool:
        return c.view(np.int8)  # as a factor the flags do what 1.0 and 0.0 do, at a tenth of the cost
    return np.where(c, a, b)


where = op(
    "where(c, a, b) = a if c else b", _select, _choose, nondiff="c", where=dict(c=boolean), linear=("a b",),
    a=lambda c: where(c, 1.0, 0.0),
    b=lambda c: where(c, 0.0, 1.0),
    words=dict(
        a="the gradient goes to the branch that was chosen",
        b="the gradient goes to the branch that was chosen",
    ),
)  # fmt: skip

add = op("add(a, b) = a + b", np.add, operator.add, linear=("a b",), a=lambda: 1.0, b=lambda: 1.0)
sub = op("sub(a, b) = a - b", np.subtract, operator.sub, linear=("a b",), a=lambda: 1.0, b=lambda: -1.0)
mul = op("mul(a, b) = a * b", np.multiply, operator.mul, linear="a b", a=lambda b: b, b=lambda a: a)
div = op(
    "div(a, b) = a / b", np.true_divide, operator.truediv, where=dict(b=nonzero), linear="a",
    a=lambda b: 1 / b,
    b=lambda b, y: -y / b,
)  # fmt: skip
alias = op("alias(x) = x", lambda x: x, lambda x: x, linear="x", x=lambda: 1.0)  # a second name for a node
neg = op("neg(x) = -x", np.negative, operator.neg, linear="x", x=lambda: -1.0)


def _is_one(x: Any, n: float) -> bool:
    return n == 1


def real_power(a: float, b: float) -> Any:
    """a ** b for floats, refusing the complex results of a negative base (IEEE says nan)."""
    result = a**b
    if isinstance(result, complex):
        raise ValueError
    return result


power = op(
    "power(x, n=2) = x ** n", lambda x, n: x**n, lambda x, n: real_power(x, n), noop=_is_one,
    cases=(dict(n=2), dict(n=3), dict(n=-1), dict(n=0.5), dict(n=0)),
    where=dict(x=Domain("x > 0; x < 0 too when n is whole; 0 too when n ≥ 1 or n = 0", 0.2, 5.0)),
    x=lambda x, n: n * power(x, n=n - 1) if n else 0.0,
)  # fmt: skip

square = op("square(x) = x ** 2", np.square, lambda x: x * x, x=lambda x: 2 * x)
abs = op("abs(x)", np.abs, operator.abs, where=dict(x=away_from(0.0)), x=lambda x: sign(x))
sign = op("sign(x)", np.sign, None, where=dict(x=away_from(0.0)), x=lambda: 0.0)


# At a tie each side gets half: the middle of the two one-sided slopes.
maximum = op(
    "maximum(a, b) = max(a, b)", np.maximum, None, where=dict(a=distinct, b=distinct),
    a=lambda a, b: where(greater(a, b), 1.0, where(equal(a, b), 0.5, 0.0)),
    b=lambda a, b: where(less(a, b), 1.0, where(equal(a, b), 0.5, 0.0)),
    words=dict(a="the gradient goes to the larger one", b="the gradient goes to the larger one"),
)  # fmt: skip
minimum = op(
    "minimum(a, b) = min(a, b)", np.minimum, None, where=dict(a=distinct, b=distinct),
    a=lambda a, b: where(less(a, b), 1.0, where(equal(a, b), 0.5, 0.0)),
    b=lambda a, b: where(greater(a, b), 1.0, where(equal(a, b), 0.5, 0.0)),
    words=dict(a="the gradient goes to the smaller one", b="the gradient goes to the smaller one"),
)  # fmt: skip


def _clip(x: Any, low: float | None, high: float | None) -> Any:
    if low is None and high is None:
        return x + 0
    return np.clip(x, low, high)


def _inside(x: Any, low: float | None, high: float | None) -> Any:
    inside = (x >= (-np.inf if low is None else low)) & (x <= (np.inf if high is None else high))
    return np.where(inside, 1.0, 0.0) if np.ndim(x) else float(inside)


inside = op(
    "inside(x, low=None, high=None) = 1 if low <= x <= high else 0",
    lambda x, low, high: np.asarray(_inside(x, low, high), dtype=x.dtype), _inside,
    nondiff="x", cases=(dict(low=-1.0, high=1.5),),
)  # fmt: skip
clip = op(
    "clip(x, low=None, high=None)", _clip, None,
    cases=(dict(low=-1.0, high=1.5), dict(low=0.5), dict(high=-0.5)),
    where=dict(x=Domain("x ≠ low, high", kinks=(-1.0, 1.5, 0.5, -0.5))),
    x=lambda x, low, high: inside(x, low, high),
    words=dict(x="inside the bounds the gradient passes, outside it stops"),
)  # fmt: skip
