"""Rows: the elementary functions and the activations. All elementwise, y = f(x)."""

import math
from typing import Any

import numpy as np

from microgradx.rules.arithmetic import equal, greater, real_power, where
from microgradx.rules.domains import above_minus_one, above_one, away_from, inside_one, positive
from microgradx.rules.op import op

exp = op("exp(x)", np.exp, math.exp, x=lambda y: y)
log = op("log(x)", np.log, math.log, where=dict(x=positive), x=lambda x: 1 / x)
pow = op(
    "pow(a, b) = a ** b", np.power, real_power, where=dict(a=positive),
    a=lambda a, b: where(equal(b, 0.0), 0.0, b * a ** (b - 1.0)),
    b=lambda a, y: where(equal(y, 0.0), 0.0, y * log(a)),
)  # fmt: skip
log1p = op("log1p(x)", np.log1p, math.log1p, where=dict(x=above_minus_one), x=lambda x: 1 / (1 + x))
expm1 = op("expm1(x)", np.expm1, math.expm1, x=lambda y: y + 1)
sqrt = op("sqrt(x)", np.sqrt, math.sqrt, where=dict(x=positive), x=lambda y: 0.5 / y)

sin = op("sin(x)", np.sin, math.sin, x=lambda x: cos(x))
cos = op("cos(x)", np.cos, math.cos, x=lambda x: -sin(x))
tan = op("tan(x)", np.tan, math.tan, where=dict(x=inside_one), x=lambda y: 1 + y**2)
sinh = op("sinh(x)", np.sinh, math.sinh, x=lambda x: cosh(x))
cosh = op("cosh(x)", np.cosh, math.cosh, x=lambda x: sinh(x))
tanh = op("tanh(x)", np.tanh, math.tanh, x=lambda y: 1 - y**2)
asin = op("asin(x)", np.arcsin, math.asin, where=dict(x=inside_one), x=lambda x: 1 / sqrt(1 - x**2))
acos = op("acos(x)", np.arccos, math.acos, where=dict(x=inside_one), x=lambda x: -1 / sqrt(1 - x**2))
atan = op("atan(x)", np.arctan, math.atan, x=lambda x: 1 / (1 + x**2))
asinh = op("asinh(x)", np.arcsinh, math.asinh, x=lambda x: 1 / sqrt(x**2 + 1))
acosh = op("acosh(x)", np.arccosh, math.acosh, where=dict(x=above_one), x=lambda x: 1 / sqrt(x**2 - 1))
atanh = op("atanh(x)", np.arctanh, math.atanh, where=dict(x=inside_one), x=lambda x: 1 / (1 - x**2))


def _logistic(x: Any) -> Any:
    # 1 / (1 + e^-x), written with e^-|x| so that nothing overflows
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _logistic_scalar(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softplus_scalar(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-math.fabs(x)))


sigmoid = op("sigmoid(x)", _logistic, _logistic_scalar, x=lambda y: y * (1 - y))
softplus = op("softplus(x)", _softplus, _softplus_scalar, x=lambda x: sigmoid(x))
relu = op(
    "relu(x)", lambda x: np.maximum(x, 0), lambda x: x if x > 0 or x != x else 0.0, where=dict(x=away_from(0.0)),
    x=lambda x: where(greater(x, 0.0), 1.0, 0.0),
)  # fmt: skip
leaky_relu = op(
    "leaky_relu(x, slope=0.01)", lambda x, slope=0.01: np.where(x > 0, x, slope * x), None,
    where=dict(x=away_from(0.0)), cases=(dict(slope=0.01), dict(slope=0.3)),
    x=lambda x, slope: where(greater(x, 0.0), 1.0, slope),
)  # fmt: skip
elu = op(
    "elu(x, alpha=1.0)", lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), None,
    where=dict(x=away_from(0.0)), cases=(dict(alpha=1.0), dict(alpha=0.5)),
    x=lambda x, y, alpha: where(greater(x, 0.0), 1.0, y + alpha),
)  # fmt: skip
