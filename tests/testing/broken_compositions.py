"""A learner's my_ops.py, broken: whole functions as one row; branches. Above each row what its diagnosis must say."""
# ruff: noqa: E501  (one row, one line, as a learner writes it)
# fmt: off

import numpy as np

import microgradx as mx
from microgradx import custom_op as op
from microgradx.rules.domains import distinct, labels, nonzero, positive


def _row_softmax(s):
    return np.exp(s) / np.exp(s).sum(-1, keepdims=True)


# --- networks: what one rule lacks stands in another
# wrong sign of a term
k01 = op("k01(x, W, b)", lambda x, W, b: 1 / (1 + np.exp(-x @ W - b)), x=lambda g, W, y: (g * y * (1 + y)) @ W.mT, W=lambda g, x, y: x.mT @ (g * y * (1 - y)), b=lambda g, y: mx.sum(g * y * (1 - y), 0), shapes="(n,k),(k,m),(m)->(n,m)")
# forgot 1 - tanh(x @ W) ** 2
k02 = op("k02(x, W, V)", lambda x, W, V: np.tanh(x @ W) @ V, x=lambda g, x, W, V: ((g @ V.mT) * (1 - mx.tanh(x @ W)**2)) @ W.mT, W=lambda g, x, W, V: x.mT @ (g @ V.mT), V=lambda g, x, W: mx.tanh(x @ W).mT @ g, shapes="(n,k),(k,m),(m,l)->(n,l)")
# it has x @ W where tanh(x @ W) belongs
k03 = op("k03(x, W, V)", lambda x, W, V: np.tanh(x @ W) @ V, x=lambda g, x, W, V: ((g @ V.mT) * (1 - mx.tanh(x @ W)**2)) @ W.mT, W=lambda g, x, W, V: x.mT @ ((g @ V.mT) * (1 - mx.tanh(x @ W)**2)), V=lambda g, x, W: (x @ W).mT @ g, shapes="(n,k),(k,m),(m,l)->(n,l)")
# forgot to add g * (1 - y ** 2) @ U.mT * (1 - tanh(x + h @ U) ** 2)
k04 = op("k04(x, h, U)", lambda x, h, U: np.tanh(x + np.tanh(x + h @ U) @ U), x=lambda g, y: g * (1 - y**2), h=lambda g, x, h, U, y: (((g * (1 - y**2)) @ U.mT) * (1 - mx.tanh(x + h @ U)**2)) @ U.mT, U=lambda g, x, h, U, y: mx.tanh(x + h @ U).mT @ (g * (1 - y**2)) + h.mT @ (((g * (1 - y**2)) @ U.mT) * (1 - mx.tanh(x + h @ U)**2)), shapes="(b,m),(b,m),(m,m)->(b,m)")
# forgot to add h.mT @ (g * (1 - y ** 2) @ U.mT * (1 - tanh(x + h @ U) ** 2))
k05 = op("k05(x, h, U)", lambda x, h, U: np.tanh(x + np.tanh(x + h @ U) @ U), x=lambda g, x, h, U, y: g * (1 - y**2) + ((g * (1 - y**2)) @ U.mT) * (1 - mx.tanh(x + h @ U)**2), h=lambda g, x, h, U, y: (((g * (1 - y**2)) @ U.mT) * (1 - mx.tanh(x + h @ U)**2)) @ U.mT, U=lambda g, x, h, U, y: mx.tanh(x + h @ U).mT @ (g * (1 - y**2)), shapes="(b,m),(b,m),(m,m)->(b,m)")
# it has y where tanh(c) belongs
k06 = op("k06(o, c)", lambda o, c: o * np.tanh(c), o=lambda c: mx.tanh(c), c=lambda o, y: o * (1 - y**2))
# a missing transpose, of softmax(q @ k.mT)
k07 = op("k07(q, k, v)", lambda q, k, v: _row_softmax(q @ k.T) @ v, nondiff="q k", v=lambda g, q, k: mx.softmax(q @ k.mT, -1) @ g, shapes="(n,d),(n,d),(n,e)->(n,e)")
# forgot to divide by sqrt(mean(x ** 2, axis=-1, keepdims=True))
k08 = op("k08(x, a)", lambda x, a: x / np.sqrt((x**2).mean(-1, keepdims=True)) * a, nondiff="x", a=lambda g, x: mx.sum(g * x, 0), shapes="(n,m),(m)->(n,m)", where=dict(x=positive))
# forgot to divide by sum(abs(x)
k09 = op("k09(x, p=3)", lambda x, p: np.sum(np.abs(x)**p) ** (1/p), x=lambda g, x, y, p: g * x ** (p - 1), cases=[dict(p=3), dict(p=4)], shapes="(n)->()", where=dict(x=positive))
# a dropped dependence: each entry also acts through
k10 = op("k10(x, t)", lambda x, t: -np.log(np.take_along_axis(_row_softmax(x), t[:, None], 1)).mean(), x=lambda g, x, t: -g * mx.one_hot(t, x.shape[1]) / x.shape[0], nondiff="t", shapes="(n,m),(n)->()", where=dict(t=labels("m")))

# --- sums: too far, not far enough, along the wrong axis
# an un-broadcast too far
k11 = op("k11(x, s)", lambda x, s: x * s, x=lambda g, s: g * s, s=lambda g, x: mx.sum(g * x), shapes="(n,m),(m)->(n,m)")
# an un-broadcast too far
k12 = op("k12(x, b)", lambda x, b: x + b, x=lambda g: g + 0, b=lambda g: mx.sum(g), shapes="(n,m),(n,1)->(n,m)")
# an un-broadcast too far
k13 = op("k13(A, B)", lambda A, B: np.einsum("bij,bjk->ik", A, B), A=lambda g, B: g @ B.mT, B=lambda g, A: mx.sum(A.mT @ g, 0), shapes="(b,n,k),(b,k,m)->(n,m)")
# it should be unsqueeze(g, -1)
k14 = op("k14(x)", lambda x: np.sum(x**2, axis=1), x=lambda g, x: 2 * x * g, shapes="(n,n)->(n)")
# sum for mean: it should be divided by the number of the elements that are combined
k15 = op("k15(x)", lambda x: np.std(x), x=lambda g, x, y: g * (x - mx.mean(x)) / y, shapes="(n)->()", where=dict(x=distinct))
# the right numbers in the wrong order
k16 = op("k16(x)", lambda x: np.sort(x), x=lambda g: g + 0, shapes="(n)->(n)", where=dict(x=distinct))

# --- branches and products
# a term too many: 1
k17 = op("k17(x)", lambda x: np.where(x > 0, x, np.exp(x) - 1), x=lambda x: mx.where(x > 0, 1.0, mx.exp(x) - 1), where=dict(x=nonzero))
# right for -1 < x < 1 and wrong for x < -1 or x > 1
k18 = op("k18(x)", lambda x: np.where(np.abs(x) < 1, 0.5 * x**2, np.abs(x) - 0.5), x=lambda x: x)
# the product rule: add x times its derivative
k19 = op("k19(x)", lambda x: x / (1 + np.exp(-1.702 * x)), x=lambda x: mx.sigmoid(1.702 * x))
# forgot -(y > 0)
k20 = op("k20(a, n)", lambda a, n: np.maximum(0, 50 - ((a - n)**2).sum()), a=lambda g, a, n: 2 * g * (a - n), n=lambda g, a, n, y: 2 * g * (a - n) * (y > 0), shapes="(n),(n)->()")
