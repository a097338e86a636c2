"""A learner's my_ops.py, broken: functions of numbers. Above each row the words that its diagnosis must have."""
# ruff: noqa: E501  (one row, one line, as a learner writes it)
# fmt: off

import numpy as np

import microgradx as mx
from microgradx import op
from microgradx.rules.domains import above_one, away_from, distinct, inside_one, nonzero, positive

# --- functions of one number
# you forgot (1 - y)
a01 = op("a01(x)", lambda x: 1/(1+np.exp(-x)), x=lambda y: y)
# you forgot y
a02 = op("a02(x)", lambda x: 1/(1+np.exp(-x)), x=lambda y: 1 - y)
# it reads x where y belongs
a03 = op("a03(x)", lambda x: 1/(1+np.exp(-x)), x=lambda x: x * (1 - x))
# you forgot (1 + y)
a04 = op("a04(x)", np.tanh, x=lambda y: 1 - y)
# should read 1 - y ** 2
a05 = op("a05(x)", np.tanh, x=lambda y: 1 + y**2)
# it reads x where y belongs
a06 = op("a06(x)", np.tanh, x=lambda x: 1 - x**2)
# wrong sign
a07 = op("a07(x)", np.cos, x=lambda x: mx.sin(x))
# wrong sign
a08 = op("a08(x)", np.sin, x=lambda x: -mx.cos(x))
# should read cos(x)
a09 = op("a09(x)", np.sin, x=lambda x: mx.sin(x))
# multiply it by 3
a10 = op("a10(x)", lambda x: x**3, x=lambda x: x**2)
# multiply by 1 / x
a11 = op("a11(x)", lambda x: x**3, x=lambda x: 3*x**3)
# multiply it by 2
a12 = op("a12(x)", lambda x: np.exp(2*x), x=lambda y: y)
# wrong sign
a13 = op("a13(x)", lambda x: np.exp(-x), x=lambda y: y)
# you forgot -2 * x
a14 = op("a14(x)", lambda x: np.exp(-x**2), x=lambda y: y)
# wrong sign
a15 = op("a15(x)", lambda x: np.exp(-x**2), x=lambda x, y: 2*x*y)
# multiply by 1 / (x ** 2)
a16 = op("a16(x)", np.log, x=lambda x: x, where=dict(x=positive))
# wrong sign
a17 = op("a17(x)", np.log, x=lambda x: -1/x, where=dict(x=positive))
# you forgot x
a18 = op("a18(x)", np.log, x=lambda x: 1/x**2, where=dict(x=positive))
# it reads y where x belongs
a19 = op("a19(x)", np.log, x=lambda x, y: 1/y, where=dict(x=above_one))
# multiply it by 0.5
a20 = op("a20(x)", np.sqrt, x=lambda y: 1/y, where=dict(x=positive))
# it reads x where y belongs
a21 = op("a21(x)", np.sqrt, x=lambda x: 1/(2*x), where=dict(x=positive))
# wrong sign
a22 = op("a22(x)", lambda x: 1/x, x=lambda x: 1/x**2, where=dict(x=nonzero))
# you forgot y
a23 = op("a23(x)", lambda x: 1/x, x=lambda y: -y, where=dict(x=nonzero))
# 1 if x > 0 else 0
a24 = op("a24(x)", lambda x: np.maximum(x, 0), x=lambda x: mx.where(x < 0.0, 1.0, 0.0), where=dict(x=nonzero))
# another op, softplus(x)
a28 = op("a28(x)", lambda x: x/(1+np.exp(-x)), x=lambda x: mx.sigmoid(x))
# forgot to add tanh(x)
a29 = op("a29(x)", lambda x: x*np.tanh(x), x=lambda x: x*(1 - mx.tanh(x)**2))
# another op, atanh(x)
a30 = op("a30(x)", np.arctan, x=lambda x: 1/(1 - x**2), where=dict(x=inside_one))
# another op, log(x)
a31 = op("a31(x)", lambda x: np.log10(x), x=lambda x: 1/x, where=dict(x=positive))
# multiply it by 57.2958
a32 = op("a32(x)", lambda x: np.degrees(x), x=lambda: 1)
# you forgot cos(y)
a33 = op("a33(x)", np.arcsin, x=lambda x: 1/(1 - x**2), where=dict(x=inside_one))

# --- functions of two
# it reads b where a belongs
b01 = op("b01(a, b)", lambda a, b: a*b, a=lambda a: a, b=lambda b: b)
# wrong sign
b02 = op("b02(a, b)", lambda a, b: a-b, a=lambda: 1, b=lambda: 1)
# it reads a where y belongs
b03 = op("b03(a, b)", lambda a, b: a/b, a=lambda b: 1/b, b=lambda a, b: -a/b, where=dict(b=positive))
# another op, mul(a, b)
b04 = op("b04(a, b)", lambda a, b: a/b, a=lambda b: b, b=lambda a, b: -a/b**2, where=dict(b=positive))
# wrong sign
b05 = op("b05(a, b)", lambda a, b: a/b, a=lambda b: 1/b, b=lambda a, b: a/b**2, where=dict(b=positive))
# multiply by 1 / a
b06 = op("b06(a, b)", lambda a, b: a**b, a=lambda a, b: b*a**b, b=lambda a, y: y*mx.log(a), where=dict(a=positive))
# a factor b where log(a) belongs
b07 = op("b07(a, b)", lambda a, b: a**b, a=lambda a, b: b*a**(b-1), b=lambda a, b, y: b*y, where=dict(a=positive))
# dependence on b is dropped
b08 = op("b08(a, b)", lambda a, b: a*b, a=lambda b: b, b=lambda: 0)
# another op, mul(a, b)
b09 = op("b09(a, b)", lambda a, b: a+b, a=lambda g: g, b=lambda g, a: g*a)
# wrong sign
b10 = op("b10(a, b)", lambda a, b: (a-b)**2, a=lambda a, b: 2*(a-b), b=lambda a, b: 2*(a-b))
# multiply it by 2
b11 = op("b11(a, b)", lambda a, b: (a-b)**2, a=lambda a, b: (a-b), b=lambda a, b: -(a-b))
# multiply by 1 / y
b12 = op("b12(a, b)", lambda a, b: np.hypot(a, b), a=lambda a: a, b=lambda b, y: b/y, where=dict(a=positive, b=positive))
# another op, minimum(a, b)
b13 = op("b13(a, b)", lambda a, b: np.maximum(a, b), a=lambda a, b: mx.where(a > b, 1.0, 0.0), b=lambda a, b: mx.where(a > b, 1.0, 0.0), where=dict(a=distinct,b=distinct))

# --- more functions of one number
# the rule of another op, sigmoid(x), with x for y
e01 = op("e01(x)", np.tanh, x=lambda x: x * (1 - x))  # sigmoid's, x for y
# the rule of another op, tanh(x), whose y is another
e02 = op("e02(x)", np.arctan, x=lambda y: 1 - y**2)  # tanh's copied, y another
# the rule of another op, tanh(x), whose y is another
e03 = op("e03(x)", lambda x: np.sqrt(1+x**2), x=lambda y: 1 - y**2)  # tanh's copied
# the rule of another op, sigmoid(x), with x for y
e04 = op("e04(x)", np.exp, x=lambda x: x * (1 - x))
# the rule of another op, sigmoid(x), whose y is another
e05 = op("e05(x)", lambda x: np.log(1+np.exp(x)), x=lambda y: y*(1-y))  # sigmoid's rule
# the rule of another op, sqrt(x), whose y is another
e06 = op("e06(x)", np.sin, x=lambda y: 1/(2*y) , where=dict(x=positive))  # sqrt's
# the rule of another op, log(x), with y for x
e07 = op("e07(x)", np.sin, x=lambda y: 1/y , where=dict(x=positive))  # log's with y
# x should be squared: it should read 1 / (1 + x ** 2)
e08 = op("e08(x)", np.arctan, x=lambda x: 1/(1 + x))
# you forgot x
e09 = op("e09(x)", lambda x: x**4, x=lambda x: 4*x**2)
# another op, power(x, n=2)
e10 = op("e10(x)", lambda x: x**2 + 3*x, x=lambda x: 2*x)
# multiply it by 2
e12 = op("e12(x)", lambda x: (2*x+1)**3, x=lambda x: 3*(2*x+1)**2)
# you forgot 2 * x
e13 = op("e13(x)", lambda x: np.sin(x**2), x=lambda x: mx.cos(x**2))
# you forgot cos(x)
e14 = op("e14(x)", lambda x: np.sin(x)**2, x=lambda x: 2*mx.sin(x))
# you forgot y
e15 = op("e15(x)", lambda x: np.exp(np.sin(x)), x=lambda x: mx.cos(x))
# you forgot (1 + x)
e16 = op("e16(x)", lambda x: x*np.exp(x), x=lambda x: mx.exp(x))
# forgot to add 1
e17 = op("e17(x)", lambda x: x*np.log(x), x=lambda x: mx.log(x), where=dict(x=positive))
# the whole of it belongs squared
e18 = op("e18(x)", lambda x: x/(1+np.abs(x)), x=lambda x: 1/(1+mx.abs(x)), where=dict(x=nonzero))
# another op, relu(x)
e19 = op("e19(x)", lambda x: np.maximum(x, 0.1*x), x=lambda x: mx.where(x > 0, 1.0, 0.0), where=dict(x=nonzero))
# a missing mask
e20 = op("e20(x)", lambda x: np.clip(x, -1, 1), x=lambda: 1, where=dict(x=away_from(-1.0, 1.0)))
# you forgot (x > 0)
e21 = op("e21(x)", lambda x: np.maximum(x, 0), x=lambda: 1, where=dict(x=nonzero))
# you forgot (x > 0)
e22 = op("e22(x)", lambda x: np.maximum(x, 0)**2, x=lambda x: 2*x, where=dict(x=nonzero))
# forgot to add 1
e23 = op("e23(x)", lambda x: np.exp(x)-1, x=lambda y: y)
# multiply it by 0.693147
e24 = op("e24(x)", lambda x: 2**x, x=lambda y: y)
# multiply by 1 / x
e25 = op("e25(x)", lambda x: x**0.5, x=lambda x: 0.5*x**0.5, where=dict(x=positive))
# you forgot y
e26 = op("e26(x)", lambda x: x**-2, x=lambda x: -2*x**-1, where=dict(x=positive))
# multiply it by 3, here n
e27 = op("e27(x, n=3)", lambda x, n: x**n, x=lambda x, n: x**(n-1))
# multiply by 1 / x
e28 = op("e28(x, n=3)", lambda x, n: x**n, x=lambda x, n: n*x**n)
# multiply it by 2, here s
e30 = op("e30(x, s=2.0)", lambda x, s: x*s, x=lambda: 1)
