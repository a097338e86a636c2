"""Rows: the elementary functions and the activations. All elementwise, y = f(x)."""

import math
from typing import Any

import numpy as np

from microgradx.rules.arithmetic import equal, greater, greater_equal, logical_and, real_power, where
from microgradx.rules.domains import (
    above_minus_one,
    above_one,
    away_from,
    between_poles,
    inside_one,
    off_origin,
    positive,
)
from microgradx.rules.op import op

LN2, LN10 = math.log(2), math.log(10)
BELL = 2 / math.sqrt(math.pi)  # the height of the bell curve under erf

exp = op("exp(x)", np.exp, math.exp, x=lambda y: y)
log = op("log(x)", np.log, math.log, where=dict(x=positive), x=lambda x: 1 / x)
pow = op(
    "pow(a, b) = a ** b", np.power, real_power, where=dict(a=positive),
    a=lambda a, b: where(logical_and(equal(a, 0.0), equal(b, 0.0)), 0.0, b * pow(a, b - 1.0)),
    b=lambda a, b, y: where(logical_and(equal(a, 0.0), greater_equal(b, 0.0)), 0.0, y * log(a)),
    words=dict(
        a="of {b} equal factors one moves and {b} - 1 stay (at 0 to the power 0 nothing moves)",
        b="a power grows in proportion to itself, at the rate log({a}); powers of 0 stay where they are",
    ),
)  # fmt: skip
exp2 = op("exp2(x) = 2 ** x", np.exp2, math.exp2, x=lambda y: y * LN2)
log2 = op("log2(x)", np.log2, math.log2, where=dict(x=positive), x=lambda x: 1 / (x * LN2))
log10 = op("log10(x)", np.log10, math.log10, where=dict(x=positive), x=lambda x: 1 / (x * LN10))
log1p = op("log1p(x)", np.log1p, math.log1p, where=dict(x=above_minus_one), x=lambda x: 1 / (1 + x))
expm1 = op("expm1(x)", np.expm1, math.expm1, x=lambda y: y + 1)
sqrt = op("sqrt(x)", np.sqrt, math.sqrt, where=dict(x=positive), x=lambda y: 0.5 / y)

sin = op("sin(x)", np.sin, math.sin, x=lambda x: cos(x))
cos = op("cos(x)", np.cos, math.cos, x=lambda x: -sin(x))
tan = op("tan(x)", np.tan, math.tan, where=dict(x=between_poles), x=lambda y: 1 + y**2)
sinh = op("sinh(x)", np.sinh, math.sinh, x=lambda x: cosh(x))
cosh = op("cosh(x)", np.cosh, math.cosh, x=lambda x: sinh(x))
tanh = op("tanh(x)", np.tanh, math.tanh, x=lambda y: 1 - y**2)
asin = op("asin(x)", np.arcsin, math.asin, where=dict(x=inside_one), x=lambda x: 1 / sqrt(1 - x**2))
acos = op("acos(x)", np.arccos, math.acos, where=dict(x=inside_one), x=lambda x: -1 / sqrt(1 - x**2))
atan = op("atan(x)", np.arctan, math.atan, x=lambda x: 1 / (1 + x**2))
asinh = op("asinh(x)", np.arcsinh, math.asinh, x=lambda x: 1 / sqrt(x**2 + 1))
acosh = op("acosh(x)", np.arccosh, math.acosh, where=dict(x=above_one), x=lambda x: 1 / sqrt(x**2 - 1))
atanh = op("atanh(x)", np.arctanh, math.atanh, where=dict(x=inside_one), x=lambda x: 1 / (1 - x**2))
atan2 = op(
    "atan2(a, b)", np.arctan2, math.atan2, where=dict(a=off_origin, b=off_origin),
    a=lambda a, b: b / (a**2 + b**2),
    b=lambda a, b: -a / (a**2 + b**2),
    words=dict(
        a="the angle of the point ({b}, {a}) turns the faster the nearer it is to the origin",
        b="moving along the axis turns the angle the other way",
    ),
)  # fmt: skip
hypot = op(
    "hypot(a, b)", np.hypot, math.hypot, where=dict(a=off_origin, b=off_origin),
    a=lambda a, y: a / y,
    b=lambda b, y: b / y,
    words=dict(a="the share that {a} has of the hypotenuse", b="the share that {b} has of the hypotenuse"),
)  # fmt: skip
logaddexp = op(
    "logaddexp(a, b)", np.logaddexp, None,
    a=lambda a, b: sigmoid(a - b),
    b=lambda a, b: sigmoid(b - a),
    words=dict(a="the share of exp({a}) in exp({a}) + exp({b})", b="the share of exp({b}) in exp({a}) + exp({b})"),
)  # fmt: skip


_erf_each = np.frompyfunc(math.erf, 1, 1)  # NumPy has no erf


def _erf(x: Any) -> Any:
    return np.asarray(_erf_each(x)).astype(np.result_type(x.dtype, 0.0))


erf = op("erf(x)", _erf, math.erf, x=lambda x: BELL * exp(-(x**2)), words=dict(x="the bell curve"))


@np.errstate(over="ignore")  # e^-x may become inf, and one over that is the right 0
def _logistic(x: Any) -> Any:
    return np.reciprocal(1 + np.exp(-x))


def _logistic_scalar(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x > -709 else math.exp(x)  # e^-x may become too large for a float


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softplus_scalar(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-math.fabs(x)))


def _leaky(x: Any, negative_slope: float = 0.01) -> Any:
    return np.where(x > 0, x, negative_slope * x)


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


sigmoid = op("sigmoid(x)", _logistic, _logistic_scalar, x=lambda y: y * (1 - y))
softplus = op("softplus(x)", _softplus, _softplus_scalar, x=lambda x: sigmoid(x))
relu = op(
    "relu(x)", lambda x: np.maximum(x, 0), lambda x: x if x > 0 or x != x else 0.0, where=dict(x=away_from(0.0)),
    x=lambda x: where(greater(x, 0.0), 1.0, 0.0),
    words=dict(x="where {x} is positive the gradient passes, elsewhere it stops"),
)  # fmt: skip
leaky_relu = op(
    "leaky_relu(x, negative_slope=0.01)", _leaky, None,
    where=dict(x=away_from(0.0)), cases=(dict(negative_slope=0.01), dict(negative_slope=-0.3)),
    x=lambda x, negative_slope: where(greater(x, 0.0), 1.0, negative_slope),
    words=dict(x="above zero the gradient passes whole, below it is scaled down"),
)  # fmt: skip
elu = op(
    "elu(x, alpha=1.0)", _elu, None,
    where=dict(x=away_from(0.0)), cases=(dict(alpha=1.0), dict(alpha=-0.5)),
    x=lambda x, y, alpha: where(greater(x, 0.0), 1.0, y + alpha),
    words=dict(x="above zero the gradient passes whole; below, the exponential flattens it"),
)  # fmt: skip
