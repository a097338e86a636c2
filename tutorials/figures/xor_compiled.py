"""xor: forward, backward and update as straight-line code, written by microgradx."""

import numpy as np


def _log_floor(p):
    with np.errstate(divide='ignore'):
        return np.maximum(np.log(p), -100.0)


def _bce(p, t):
    return -(t * _log_floor(p) + (1 - t) * _log_floor(1 - p))


@np.errstate(over='ignore')
def _logistic(x):
    return np.reciprocal(1 + np.exp(-x))


np.seterr(all='ignore')

x1 = np.array([0.0, 0.0, 1.0, 1.0], dtype='float64')
x2 = np.array([0.0, 1.0, 0.0, 1.0], dtype='float64')
w11 = np.float64(0.35)
w12 = np.float64(0.82)
b1 = np.float64(0.33)
w21 = np.float64(-1.3)
w22 = np.float64(0.91)
b2 = np.float64(0.45)
w31 = np.float64(-0.54)
w32 = np.float64(0.58)
b3 = np.float64(0.36)
t = np.array([0.0, 1.0, 1.0, 0.0], dtype='float64')
lr = 0.5

for step in range(1000):
    # forward
    z1 = w11 * x1 + w12 * x2 + b1
    h1 = _logistic(z1)
    z2 = w21 * x1 + w22 * x2 + b2
    h2 = _logistic(z2)
    z3 = w31 * h1 + w32 * h2 + b3
    y = _logistic(z3)
    L = np.mean(_bce(y, t))
    # backward
    t1 = y * (1 - y)  # part of ∂bce(y, t)/∂y
    d_y = 0.25 * ((y - t) / np.maximum(t1, 1e-12))  # ∂bce(y, t)/∂y = (y − t) / max(y ⊙ (1 − y), 1e−12)
    d_z3 = d_y * t1  # ∂y/∂z3 = y ⊙ (1 − y)
    d_h1 = d_z3 * w31  # ∂(w31 · h1)/∂h1 = w31
    d_z1 = d_h1 * (h1 * (1 - h1))  # ∂h1/∂z1 = h1 ⊙ (1 − h1)
    d_w11 = np.float64(np.sum(d_z1 * x1))  # ∂(w11 · x1)/∂w11 = x1
    d_w12 = np.float64(np.sum(d_z1 * x2))  # ∂(w12 · x2)/∂w12 = x2
    d_b1 = np.float64(np.sum(d_z1))  # ∂z1/∂b1 = 1
    d_h2 = d_z3 * w32  # ∂(w32 · h2)/∂h2 = w32
    d_z2 = d_h2 * (h2 * (1 - h2))  # ∂h2/∂z2 = h2 ⊙ (1 − h2)
    d_w21 = np.float64(np.sum(d_z2 * x1))  # ∂(w21 · x1)/∂w21 = x1
    d_w22 = np.float64(np.sum(d_z2 * x2))  # ∂(w22 · x2)/∂w22 = x2
    d_b2 = np.float64(np.sum(d_z2))  # ∂z2/∂b2 = 1
    d_w31 = np.float64(np.sum(d_z3 * h1))  # ∂(w31 · h1)/∂w31 = h1
    d_w32 = np.float64(np.sum(d_z3 * h2))  # ∂(w32 · h2)/∂w32 = h2
    d_b3 = np.float64(np.sum(d_z3))  # ∂z3/∂b3 = 1
    # update
    w11 = w11 - lr * d_w11
    w12 = w12 - lr * d_w12
    b1 = b1 - lr * d_b1
    w21 = w21 - lr * d_w21
    w22 = w22 - lr * d_w22
    b2 = b2 - lr * d_b2
    w31 = w31 - lr * d_w31
    w32 = w32 - lr * d_w32
    b3 = b3 - lr * d_b3
    if step % 100 == 0 or step == 999:
        print(step, L)
