"""A learner's my_ops.py, broken: functions of arrays. Above each row the words that its diagnosis must have."""
# ruff: noqa: E501  (one row, one line, as a learner writes it)
# fmt: off

import numpy as np

import microgradx as mx
from microgradx import op
from microgradx.rules.domains import distinct, labels, near_diagonal, positive, unit

# --- products of matrices
# B should enter as B.mT
c01 = op("c01(A, B)", np.matmul, A=lambda g, B: g @ B, B=lambda g, A: A.mT @ g, shapes="(n,n),(n,n)->(n,n)")
# A should enter as A.mT
c02 = op("c02(A, B)", np.matmul, A=lambda g, B: g @ B.mT, B=lambda g, A: A @ g, shapes="(n,k),(k,m)->(n,m)")
# wrong order: it should read g @ B.mT
c03 = op("c03(A, B)", np.matmul, A=lambda g, B: B.mT @ g, B=lambda g, A: A.mT @ g, shapes="(n,k),(k,m)->(n,m)")
# wrong order: it should read A.mT @ g
c04 = op("c04(A, B)", np.matmul, A=lambda g, B: g @ B.mT, B=lambda g, A: g @ A.mT, shapes="(n,n),(n,n)->(n,n)")
# mean for sum: it divides by the number of entries along axis 0 of x
c05 = op("c05(x, W)", lambda x, W: x @ W, x=lambda g, W: g @ W.mT, W=lambda g, x: x.mT @ g / x.shape[0], shapes="(n,k),(k,m)->(n,m)")
# missing un-broadcast: b was stretched
c06 = op("c06(x, W, b)", lambda x, W, b: x @ W + b, x=lambda g, W: g @ W.mT, W=lambda g, x: x.mT @ g, b=lambda g: g, shapes="(n,k),(k,m),(m)->(n,m)")
# mean for sum
c07 = op("c07(x, W, b)", lambda x, W, b: x @ W + b, x=lambda g, W: g @ W.mT, W=lambda g, x: x.mT @ g, b=lambda g: mx.mean(g, 0), shapes="(n,k),(k,m),(m)->(n,m)")
# overwritten instead of accumulated
c08 = op("c08(x, W, b)", lambda x, W, b: x @ W + b, x=lambda g, W: g @ W.mT, W=lambda g, x: x.mT @ g, b=lambda g: g[0], shapes="(n,k),(k,m),(m)->(n,m)")
# g should enter as g.mT
c09 = op("c09(x)", lambda x: np.swapaxes(x, -1, -2), x=lambda g: g, shapes="(n,m)->(m,n)")
# g should enter as g.mT
c10 = op("c10(x)", lambda x: np.swapaxes(x, -1, -2), x=lambda g: g, shapes="(n,n)->(n,n)")
# forgot to add g * (x @ A)
c11 = op("c11(x, A)", lambda x, A: x @ A @ x, x=lambda g, x, A: g * (A @ x), A=lambda g, x: g * mx.outer(x, x), shapes="(n),(n,n)->()")
# in place of half of it belongs g * (x @ A)
c12 = op("c12(x, A)", lambda x, A: x @ A @ x, x=lambda g, x, A: 2 * g * (A @ x), A=lambda g, x: g * mx.outer(x, x), shapes="(n),(n,n)->()")
# it reads b where a belongs
c13 = op("c13(a, b)", np.dot, a=lambda g, b: g * b, b=lambda g, b: g * b, shapes="(n),(n)->()")
# g should enter as g.mT
c14 = op("c14(a, b)", np.outer, a=lambda g, b: g @ b, b=lambda g, a: g @ a, shapes="(n),(n)->(n,n)")
# forgot to add A @ g.mT
c15 = op("c15(A)", lambda A: A.T @ A, A=lambda g, A: A @ g, shapes="(n,m)->(m,m)")
# forgot to add A.mT @ g
c16 = op("c16(A)", lambda A: A @ A, A=lambda g, A: g @ A.mT, shapes="(n,n)->(n,n)")
# in place of half of it belongs A.mT @ g
c17 = op("c17(A)", lambda A: A @ A, A=lambda g, A: 2 * g @ A.mT, shapes="(n,n)->(n,n)")
# wrong sign
c18 = op("c18(A)", np.linalg.inv, A=lambda g, y: y.mT @ g @ y.mT, shapes="(n,n)->(n,n)", where=dict(A=near_diagonal("invertible")))
# y should enter as y.mT
c19 = op("c19(A)", np.linalg.inv, A=lambda g, y: -y @ g @ y, shapes="(n,n)->(n,n)", where=dict(A=near_diagonal("invertible")))
# forgot to multiply g by (1 - y ** 2) first
c20 = op("c20(x, W, b)", lambda x, W, b: np.tanh(x @ W + b), x=lambda g, W, y: g @ W.mT, W=lambda g, x, y: x.mT @ (g*(1-y**2)), b=lambda g, y: mx.sum(g*(1-y**2), 0), shapes="(n,k),(k,m),(m)->(n,m)")
# forgot to multiply g by (1 - y ** 2) first
c21 = op("c21(x, W, b)", lambda x, W, b: np.tanh(x @ W + b), x=lambda g, W, y: (g*(1-y**2)) @ W.mT, W=lambda g, x, y: x.mT @ g, b=lambda g, y: mx.sum(g*(1-y**2), 0), shapes="(n,k),(k,m),(m)->(n,m)")
# forgot to multiply g by (1 - y ** 2) first
c22 = op("c22(x, W, b)", lambda x, W, b: np.tanh(x @ W + b), x=lambda g, W, y: (g*(1-y**2)) @ W.mT, W=lambda g, x, y: x.mT @ (g*(1-y**2)), b=lambda g, y: mx.sum(g, 0), shapes="(n,k),(k,m),(m)->(n,m)")

# --- sums, softmax, windows, losses
# sum for mean
d02 = op("d02(x)", lambda x: np.mean(x, axis=0), x=lambda g, x: mx.broadcast_to(g, x.shape), shapes="(n,m)->(m)")
# a missing broadcast
d03 = op("d03(x)", lambda x: np.sum(x, axis=0), x=lambda g: g, shapes="(n,m)->(m)")
# multiply it by 2
d04 = op("d04(x)", lambda x: np.sum(x**2), x=lambda g, x: g * x, shapes="(n,m)->()")
# follows each output back to its own entry
d06 = op("d06(x)", lambda x: np.exp(x)/np.sum(np.exp(x)), x=lambda g, y: g * y * (1 - y), shapes="(n)->(n)")
# that path is missing
d07 = op("d07(x)", lambda x: np.exp(x)/np.sum(np.exp(x)), x=lambda g, y: g * y, shapes="(n)->(n)")
# you forgot y
d08 = op("d08(x)", lambda x: np.exp(x)/np.sum(np.exp(x)), x=lambda g, y: g - mx.sum(g*y), shapes="(n)->(n)")
# that path is missing
d09 = op("d09(x)", lambda x: x - np.mean(x), x=lambda g: g, shapes="(n)->(n)")
# runs in the wrong direction
d11 = op("d11(x)", lambda x: np.cumsum(x), x=lambda g: mx.cumsum(g, 0), shapes="(n)->(n)")
# overwritten instead of accumulated
d14 = op("d14(x)", lambda x: np.repeat(x, 2), x=lambda g: g[::2], shapes="(n)->(m)")
# overwritten instead of accumulated
d15 = op("d15(x)", lambda x: np.concatenate([x, x]), x=lambda g, x: g[:x.shape[0]], shapes="(n)->(m)")
# wrong direction along axis -1: flip the result
d17 = op("d17(x)", lambda x: np.flip(x), x=lambda g: g, shapes="(n)->(n)")
# the wrong way round: w is flipped
d18 = op("d18(x, w)", lambda x, w: np.convolve(x, w, 'full'), x=lambda g, w: mx.convolve(g, w, mode='valid'), w=lambda g, x: mx.correlate(g, x, mode='valid'), shapes="(3),(2)->(4)")
# sum for mean
d19 = op("d19(x, t)", lambda x, t: np.mean((x-t)**2), x=lambda g, x, t: g * 2 * (x - t), t=lambda g, x, t: -g * 2 * (x-t)/x.size, shapes="(n),(n)->()")
# you forgot exp(-y)
d21 = op("d21(x)", lambda x: np.log(np.sum(np.exp(x))), x=lambda g, x: g * mx.exp(x), shapes="(n)->()")
# multiply by 1 / y
d22 = op("d22(x)", lambda x: np.linalg.norm(x), x=lambda g, x: g * x, shapes="(n)->()")
# sum for mean
d25 = op("d25(x)", lambda x: np.var(x), x=lambda g, x: g * 2 * (x - mx.mean(x)), shapes="(n)->()")
# multiply by 1 / (p * (1 - p))
d26 = op("d26(p, t)", lambda p, t: -(t*np.log(p)+(1-t)*np.log(1-p)), p=lambda p, t: p - t, t=lambda p: mx.log(1-p)-mx.log(p), where=dict(p=unit,t=unit))
# forgot to add (1 - t) / (1 - p)
d27 = op("d27(p, t)", lambda p, t: -(t*np.log(p)+(1-t)*np.log(1-p)), p=lambda p, t: -t/p, t=lambda p: mx.log(1-p)-mx.log(p), where=dict(p=unit,t=unit))

# --- losses and softmax by rows
# wrong sign
f01 = op("f01(x, t)", lambda x, t: (x-t)**2, x=lambda x, t: 2*(t-x), t=lambda x, t: 2*(t-x))
# wrong sign
f02 = op("f02(x, t)", lambda x, t: np.abs(x-t), x=lambda x, t: mx.sign(t-x), t=lambda x, t: mx.sign(t-x), where=dict(x=distinct,t=distinct))
# multiply it by 0.5
f03 = op("f03(x, t)", lambda x, t: 0.5*np.sum((x-t)**2), x=lambda g, x, t: g*2*(x-t), t=lambda g,x,t: -g*(x-t), shapes="(n),(n)->()")
# z lacks its sigmoid: it should read sigmoid(z) - t
f04 = op("f04(z, t)", lambda z, t: np.logaddexp(0,z)-t*z, z=lambda z, t: z - t, t=lambda z: -z)
# should read sigmoid(z) - t
f05 = op("f05(z, t)", lambda z, t: np.logaddexp(0,z)-t*z, z=lambda z, t: mx.sigmoid(z) + t, t=lambda z: -z)
# wrong sign
f06 = op("f06(z, t)", lambda z, t: np.logaddexp(0,z)-t*z, z=lambda z, t: t - mx.sigmoid(z), t=lambda z: -z)
# you forgot g
f07 = op("f07(z)", lambda z: np.log(np.sum(np.exp(z),axis=-1)), z=lambda g, z: mx.softmax(z), shapes="(n,k)->(n)")
# that path is missing or wrong
f08 = op("f08(z)", lambda z: z - np.log(np.sum(np.exp(z),axis=-1,keepdims=True)), z=lambda g, z, y: g - mx.exp(y), shapes="(n,k)->(n,k)")
# that path is missing
f09 = op("f09(z)", lambda z: z - np.log(np.sum(np.exp(z),axis=-1,keepdims=True)), z=lambda g, y: g, shapes="(n,k)->(n,k)")
# should read g - exp(y) * sum(g
f10 = op("f10(z)", lambda z: z - np.log(np.sum(np.exp(z),axis=-1,keepdims=True)), z=lambda g, y: g + mx.exp(y)*mx.sum(g,-1,keepdims=True), shapes="(n,k)->(n,k)")
# that path is missing or wrong
f11 = op("f11(z)", lambda z: z - np.log(np.sum(np.exp(z),axis=-1,keepdims=True)), z=lambda g, y: g - mx.exp(y)*mx.sum(g), shapes="(n,k)->(n,k)")
# that path is missing
f12 = op("f12(z)", lambda z: np.exp(z)/np.sum(np.exp(z),axis=-1,keepdims=True), z=lambda g, y: y*(g - mx.sum(g,-1,keepdims=True)), shapes="(n,k)->(n,k)")
# the wrong axis
f13 = op("f13(z)", lambda z: np.exp(z)/np.sum(np.exp(z),axis=-1,keepdims=True), z=lambda g, y: y*(g - mx.sum(g*y,0,keepdims=True)), shapes="(n,k)->(n,k)")
# follows each output back to its own entry
f14 = op("f14(z)", lambda z: np.exp(z)/np.sum(np.exp(z),axis=-1,keepdims=True), z=lambda g, y: y*(1-y)*g, shapes="(n,k)->(n,k)")

# --- taking, stacking, normalising, linear algebra
# overwritten instead of accumulated
g01 = op("g01(x, t)", lambda x, t: x[t], x=lambda g, x, t: mx.index_put(0*x, (t,), g), nondiff="t", shapes="(n,m),(k)->(k,m)", where=dict(t=labels("n")))
# wrong sign
g02 = op("g02(x, t)", lambda x, t: x[t], x=lambda g, x, t: mx.index_put(0*x, (t,), -g, accumulate=True), nondiff="t", shapes="(n,m),(k)->(k,m)", where=dict(t=labels("n")))
# a missing scatter
g03 = op("g03(x)", lambda x: x[:, :-1] , x=lambda g: g, shapes="(n,3)->(n,2)")
# a missing reshape
g04 = op("g04(x)", lambda x: x.reshape(-1), x=lambda g: g, shapes="(n,m)->(k)")
# it takes the wrong part of g
g05 = op("g05(a, b)", lambda a, b: np.concatenate([a,b]), a=lambda g, a: g[:a.shape[0]], b=lambda g, b: g[:b.shape[0]], shapes="(n),(n)->(m)")
# overwritten instead of accumulated
g06 = op("g06(x)", lambda x: np.stack([x,x,x]), x=lambda g: g[0], shapes="(n)->(3,n)")
# mean for sum
g07 = op("g07(x)", lambda x: np.stack([x,x,x]), x=lambda g: mx.mean(g, 0), shapes="(n)->(3,n)")
# a missing un-broadcast
g08 = op("g08(x)", lambda x: np.broadcast_to(x, (4, *x.shape)), x=lambda g: g, shapes="(n)->(4,n)")
# a missing transpose
g09 = op("g09(x)", lambda x: x.sum(-1), x=lambda g, x: mx.broadcast_to(g, x.shape), shapes="(n,n)->(n)")
# sum for mean
g10 = op("g10(x)", lambda x: x.mean(), x=lambda g, x: g + 0*x, shapes="(n,m)->()")
# a missing mask
g11 = op("g11(x)", lambda x: x.max(-1), x=lambda g, x: mx.unsqueeze(g,-1) + 0*x, shapes="(n,m)->(n)", where=dict(x=distinct))
# follows each output back to its own entry
g12 = op("g12(x)", lambda x: np.cumsum(x), x=lambda g: g, shapes="(n)->(n)")
# multiply by 1 / x
g13 = op("g13(x)", lambda x: np.prod(x), x=lambda g, x, y: g*y + 0*x, shapes="(n)->()", where=dict(x=positive))
# you forgot x
g14 = op("g14(x)", lambda x: np.linalg.norm(x), x=lambda g, x, y: g/y + 0*x, shapes="(n)->()", where=dict(x=positive))
# you forgot y
g15 = op("g15(x)", lambda x: np.linalg.norm(x), x=lambda g, x, y: g*x/y**2, shapes="(n)->()", where=dict(x=positive))
# that path is missing
g16 = op("g16(x)", lambda x: x/np.sum(x), x=lambda g, x: g/mx.sum(x), shapes="(n)->(n)", where=dict(x=positive))
# that path is missing
g17 = op("g17(x)", lambda x: (x-x.mean())/np.sqrt(x.var()+1e-5), x=lambda g, x: g/mx.sqrt(mx.var(x,correction=0)+1e-5), shapes="(4)->(4)")
# that path is missing
g18 = op("g18(x)", lambda x: (x-x.mean())/np.sqrt(x.var()+1e-5), x=lambda g, x: (g-mx.mean(g))/mx.sqrt(mx.var(x,correction=0)+1e-5), shapes="(4)->(4)")
# a missing un-broadcast: gamma
g19 = op("g19(x, gamma)", lambda x, gamma: x*gamma, x=lambda g, gamma: g*gamma, gamma=lambda g, x: g*x, shapes="(n,m),(m)->(n,m)")
# you forgot gamma
g20 = op("g20(x, gamma)", lambda x, gamma: x*gamma, x=lambda g, gamma: g, gamma=lambda g, x: mx.sum(g*x,0), shapes="(n,m),(m)->(n,m)")
# forgot to multiply g by x first
g21 = op("g21(x, gamma)", lambda x, gamma: x*gamma, x=lambda g, gamma: g*gamma, gamma=lambda g, x: mx.sum(g,0), shapes="(n,m),(m)->(n,m)")
# w is flipped
g22 = op("g22(x, w)", lambda x, w: np.correlate(x, w, 'valid'), x=lambda g, w: mx.correlate(g, w, mode='full'), w=lambda g, x: mx.correlate(x, g, mode='valid'), shapes="(5),(2)->(4)")
# g is flipped
g23 = op("g23(x, w)", lambda x, w: np.correlate(x, w, 'valid'), x=lambda g, w: mx.convolve(g, w, mode='full'), w=lambda g, x: mx.convolve(x, g, mode='valid'), shapes="(5),(2)->(4)")
# A should enter as A.mT
g24 = op("g24(A, b)", np.linalg.solve, A=lambda g, A, y: -mx.outer(mx.linalg.solve(A.mT, g), y), b=lambda g, A: mx.linalg.solve(A, g), shapes="(n,n),(n)->(n)", where=dict(A=near_diagonal("inv")))
# A should enter as A.mT
g25 = op("g25(A)", np.linalg.det, A=lambda g, A, y: g*y*mx.linalg.inv(A), shapes="(n,n)->()", where=dict(A=near_diagonal("inv")))
# you forgot y
g26 = op("g26(A)", np.linalg.det, A=lambda g, A, y: g*mx.linalg.inv(A).mT, shapes="(n,n)->()", where=dict(A=near_diagonal("inv")))
# A should enter as A.mT
g27 = op("g27(A)", lambda A: np.trace(A @ A), A=lambda g, A: 2*g*A, shapes="(n,n)->()")
# in place of half of it belongs g.mT @ A
g28 = op("g28(A)", lambda A: A @ A.T, A=lambda g, A: 2 * g @ A, shapes="(n,m)->(n,n)")
# forgot to add g.mT @ A
g29 = op("g29(A)", lambda A: A @ A.T, A=lambda g, A: g @ A, shapes="(n,m)->(n,n)")
# divided by the square root of the number of entries along axis 1
g31 = op("g31(q, k)", lambda q, k: q @ k.T / np.sqrt(q.shape[-1]), q=lambda g, k: g @ k, k=lambda g, q: g.mT @ q / q.shape[-1]**0.5, shapes="(n,d),(m,d)->(n,m)")
# g should enter as g.mT
g32 = op("g32(q, k)", lambda q, k: q @ k.T, q=lambda g, k: g @ k, k=lambda g, q: g @ q, shapes="(n,d),(n,d)->(n,n)")
