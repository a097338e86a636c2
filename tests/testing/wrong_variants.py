"""Rules with a mistake, written as people make them, as text: the guess must name each of them.

A table per mistake; its words must be in the guess. A line is: the op | shapes ("-": elementwise) | domains | rules.
"""

from typing import Any

import numpy as np

from microgradx.rules import BOOK, domains, op
from microgradx.rules.convolution import window
from microgradx.rules.decompositions import inv

VARIANTS = {
    "wrong sign": """
np.exp(x) | - | - | x: -y
-np.cos(x) | - | - | x: -sin(x)
np.linalg.inv(A) | (n,n) | A invertible | A: y.mT @ g @ y.mT
a / b | - | b positive | a: 1 / b; b: a / b**2
x - np.max(x) | (n) | x distinct | x: sum(g) * winners(x) - g
cv(x, w) | (1,1,4,4),(1,1,2,2) | - | x: -into_x(g, w, x); w: into_w(g, x, w)
np.arctan2(a, b) | - | a positive, b positive | a: b / (a**2 + b**2); b: a / (a**2 + b**2)
-(t * np.log(x) + (1 - t) * np.log(1 - x)) | - | x unit, t unit | x: (t - x) / (x * (1 - x))
np.diff(x) | (4) | - | x: concatenate(g, np.zeros(1)) - concatenate(np.zeros(1), g)
np.log1p(-x) | - | x unit | x: 1 / (1 - x)
a * b - c | - | - | a: b; b: a; c: 1.0
soft(x) | (n,m) | - | x: y * (g + sum(g * y, -1, keepdims=True))
    """,
    "you forgot (1 - y ** 2)": """
np.tanh(x) | - | - | x: 1.0
    """,
    "you forgot x": """
x**2 | - | - | x: 2.0
np.where(x > 0, x, 0)**2 / 2 | - | x away_from(0.0) | x: where(greater(x, 0.0), 1.0, 0.0)
np.sum(x**2) | (n,m) | - | x: spread(g, x.shape) * 2
    """,
    "you forgot y": """
np.exp(-x) | - | - | x: -1.0
soft(x) | (n,m) | - | x: g - sum(g * y, -1, keepdims=True)
1 / x | - | x positive | x: -1 / x
np.prod(x) | (n) | x positive | x: spread(g, x.shape) / x
np.linalg.det(A) | (n,n) | A invertible | A: g * inv(A).mT
np.exp(np.sin(x)) | - | - | x: cos(x)
    """,
    "constant factor": """
x**2 | - | - | x: x
logistic(3 * x) | - | - | x: y * (1 - y)
0.5 * x**2 | - | - | x: 2 * x
2 * (A @ B) | (n,k),(k,m) | - | A: g @ B.mT; B: 2 * (A.mT @ g)
np.sqrt(x) | - | x positive | x: 1 / y
cv(x, w) | (1,1,4,4),(1,1,2,2) | - | x: into_x(g, w, x); w: into_w(g, x, w) * 2
np.arcsin(x) * 2 | - | x inside_one | x: 1 / sqrt(1 - x**2)
2 * np.var(x, axis=-1) | (n,4) | - | x: spread(g, x.shape, -1) * 2 * (x - mean(x, -1, True))
np.trace(A.T @ A) / 2 | (n,n) | - | A: 2 * g * A
cv(x, w) | (1,1,4,4),(1,1,3,3) | - | x: into_x(g, w, x) * 0.5; w: into_w(g, x, w)
x**3 / 3 | - | - | x: 3 * x**2
    """,
    "you forgot exp(x)": """
np.exp(x) * x | - | - | x: 1 + x
    """,
    "you forgot cos(x)": """
np.sin(x)**2 | - | - | x: 2 * sin(x)
    """,
    "you forgot b": """
np.sin(a * b) | - | - | a: cos(a * b); b: a * cos(a * b)
    """,
    "you forgot (1 - y)": """
1 / (1 + np.exp(-2 * x)) | - | - | x: 2 * y
    """,
    "multiply by 1 / y": """
np.sqrt(np.sum(x * x)) | (n,m) | x positive | x: spread(g, x.shape) * x
    """,
    "derivative of another op, log(x)": """
np.log10(x) | - | x positive | x: 1 / x
    """,
    "transpose": """
A @ B | (n,k),(k,m) | - | A: g @ B; B: A.mT @ g
A @ B | (n,n),(n,n) | - | A: g @ B.mT; B: A @ g
np.linalg.inv(A) | (n,n) | A invertible | A: -(y @ g @ y)
A.T | (n,m) | - | A: g
x @ W.T | (n,k),(m,k) | - | x: g @ W.mT; W: g.mT @ x
x @ W.T | (n,k),(m,k) | - | x: g @ W; W: x.mT @ g
A @ A.T | (n,n) | - | A: (g + g.mT) @ A.mT
A @ x | (n,n),(n) | - | A: outer(x, g); x: A.mT @ g
A @ B | (...,n,k),(...,k,m) | - | A: sum_to(g @ B, A.shape); B: sum_to(A.mT @ g, B.shape)
A.mT | (...,n,n) | - | A: g
np.linalg.solve(A, B) | (n,n),(n,m) | A invertible | A: -(solve(A.mT, g) @ y.mT); B: solve(A, g)
np.linalg.det(A) | (n,n) | A invertible | A: g * y * inv(A)
np.outer(a, b) | (n),(m) | - | a: g @ b; b: g @ a
A.T @ B | (k,n),(k,m) | - | A: g @ B.mT; B: A @ g
A @ B.T | (n,k),(m,k) | - | A: g @ B; B: A.mT @ g
np.log(np.linalg.det(A)) | (n,n) | A invertible | A: g * inv(A)
    """,
    "un-broadcast": """
A + b | (n,m),(m) | - | A: g; b: g
A @ B | (...,n,k),(...,k,m) | - | A: g @ B.mT; B: A.mT @ g
x @ W + b | (n,k),(k,m),(m) | - | x: g @ W.mT; W: x.mT @ g; b: g
np.broadcast_to(x, (3, *x.shape)) | (n) | - | x: g
A * s | (n,m),(n,1) | - | A: g * s; s: g * A
x - c | (n,m),(n,1) | - | x: g; c: -g
x * s | (n,m),() | - | x: g * s; s: g * x
cv(x, w) + b | (1,1,4,4),(1,1,2,2),(1) | - | x: into_x(g, w, x); w: into_w(g, x, w); b: g
a - b | (n,1,m),(k,m) | - | a: sum(g, 1, keepdims=True); b: -g
cv(x, w) + b | (1,1,3,3),(1,1,2,2),(1,1,1) | - | x: into_x(g, w, x); w: into_w(g, x, w); b: g
    """,
    "overwritten": """
np.stack([x, x]) | (n) | - | x: g[1]
np.concatenate([x, x, x]) | (n,m) | - | x: g[:x.shape[0]]
np.repeat(x, 2, axis=0) | (n,m) | - | x: g[::2]
pairs(x) | (4) | - | x: concatenate(g[:, 0], g[-1:, 1])
x[np.array([1, 1, 3])] | (4) | - | x: concatenate(np.zeros(1), g[1:2], np.zeros(1), g[2:3], axis=0)
np.concatenate([x, 2 * x]) | (n,2) | - | x: 2 * g[x.shape[0]:]
    """,
    "a dropped dependence": """
x + x[..., ::-1] | (n,4) | - | x: g
soft(x) | (n,m) | - | x: g * y * (1 - y)
x - np.mean(x, axis=-1, keepdims=True) | (n,m) | - | x: g
np.cumsum(x, axis=-1) | (n,m) | - | x: g
x / np.sum(x, axis=-1, keepdims=True) | (n,m) | x positive | x: g / sum(x, -1, keepdims=True)
x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True)) | (n,4) | x positive | x: g / sqrt(mean(x * x, -1, keepdims=True))
(x - x.mean(0)) / np.sqrt(x.var(0) + 1) | (4,m) | - | x: g / sqrt(var(x, 0, 0, True) + 1)
x - np.log(np.sum(np.exp(x), -1, keepdims=True)) | (n,m) | - | x: g
    """,
    "mean for sum": """
np.sum(x) | (n,m) | - | x: spread(g, x.shape) / x.size
A + b | (n,m),(m) | - | A: g; b: mean(g, 0)
cv(x, w) | (2,1,4,4),(1,1,2,2) | - | x: into_x(g, w, x); w: into_w(g, x, w) / x.shape[0]
np.sum(x, axis=-1, keepdims=True) | (n,m) | - | x: spread(g, x.shape, -1, True) / x.shape[-1]
np.tile(x, (2, 1)) | (n,m) | - | x: mean(reshape(g, (2, *x.shape)), 0)
x.sum((0, 1)) | (n,m,k) | - | x: spread(g, x.shape, (0, 1)) / (x.shape[0] * x.shape[1])
cv(x, w) + b | (2,1,3,3),(1,1,2,2),(1) | - | x: into_x(g, w, x); w: into_w(g, x, w); b: mean(g, (0, 2, 3))
    """,
    "sum for mean": """
np.mean(x) | (n,m) | - | x: spread(g, x.shape)
np.mean((p - q)**2) | (n,m),(n,m) | - | p: 2 * g * (p - q); q: -2 * g * (p - q) / p.size
np.mean(x, axis=(0, 2)) | (n,m,k) | - | x: spread(g, x.shape, (0, 2))
np.mean((x - t)**2, axis=-1) | (n,m),(n,m) | - | x: spread(g, x.shape, -1) * 2 * (x - t)
    """,
    "dropped": """
a * np.exp(b) | - | - | a: exp(b); b: 0.0
np.maximum(a, b) | - | a distinct, b distinct | a: where(greater(a, b), 1.0, 0.0); b: 0.0
A @ A | (n,n) | - | A: g @ A.mT
cv(x, w) | (1,1,4,4),(1,1,2,2) | - | x: into_x(g, w, x); w: 0.0 * into_w(g, x, w)
np.sqrt(a * a + b * b) | - | a positive, b positive | a: a / y; b: 0.0
np.exp(x) / np.exp(x).sum(0) | (n,m) | - | x: g * y
(x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) | (n,4) | x distinct | x: g / sqrt(var(x, -1, 0, True))
    """,
    "derivative of another op, sin": """
np.cos(x) + 0 * x | - | - | x: cos(x)
    """,
    "derivative of another op, tanh": """
logistic(x) | - | - | x: 1 - tanh(x)**2
    """,
    "derivative of another op, sigmoid": """
np.tanh(x) | - | - | x: sigmoid(x) * (1 - sigmoid(x))
    """,
    "derivative of another op, log": """
np.sqrt(x) | - | x positive | x: 1 / x
    """,
    "derivative of another op": """
np.log1p(np.exp(x)) | - | - | x: where(greater(x, 0.0), 1.0, 0.0)
soft(x) | (n,m) | - | x: g - softmax(x) * sum(g, -1, keepdims=True)
np.where(x > 0, x, np.expm1(np.minimum(x, 0))) | - | x away_from(0.0) | x: where(greater(x, 0.0), 1.0, 0.01)
np.cosh(x) | - | - | x: -sin(x)
np.max(x) | (n,m) | x distinct | x: g * winners(-x)
np.arctan(x) | - | - | x: 1 / sqrt(1 + x**2)
np.log(x) | - | x positive | x: 1 / (1 + x)
    """,
    "it should read g @ B.mT": """
A @ B | (n,k),(k,m) | - | A: B @ g; B: A.mT @ g
    """,
    "it cannot be computed": """
np.sin(x) | - | - | x: cos(x) @ x
cv(x, w) | (1,1,5),(1,1,3) | - | x: into_x(g, w, w); w: into_w(x, g, w)
    """,
    "it should read A.mT @ g": """
A @ B | (n,k),(k,m) | - | A: g @ B.mT; B: g @ A.mT
    """,
    "it reads a where b belongs": """
a**2 * b**3 | - | a positive, b positive | a: 2 * a * b**3; b: 3 * a**2 * a**2
    """,
    "where": """
np.hypot(a, b) | - | a positive, b positive | a: a / y; b: a / y
cv(x, w) | (1,1,3),(1,1,3) | - | x: into_x(g, x, x); w: into_w(g, x, w)
    """,
    "a missing factor": """
a * np.tanh(b) | - | - | a: tanh(b); b: 1 - tanh(b)**2
np.log(np.cosh(x)) | - | - | x: 1 / cosh(x)
np.sin(x**2) | - | - | x: cos(x**2)
np.sqrt(1 + x**2) | - | - | x: 1 / y
np.sum((x - t)**2) | (n,m),(n,m) | - | x: 2 * (x - t) + 0 * g; t: -2 * g * (x - t)
    """,
    "you forgot a": """
a**b | - | a positive, b positive | a: b * y / a**2; b: y * log(a)
    """,
    "missing term": """
x * np.log(x) | - | x positive | x: log(x)
x * logistic(x) | - | - | x: y * (1 - sigmoid(x))
    """,
    "x * (1 - x)": """
-(t * np.log(x) + (1 - t) * np.log(1 - x)) | - | x unit, t unit | x: x - t
    """,
    "wrong sign of a term": """
x - np.log(np.sum(np.exp(x), -1, keepdims=True)) | (n,m) | - | x: g + exp(y) * sum(g, -1, keepdims=True)
np.tanh(x) | - | - | x: 1 + y**2
logistic(x) | - | - | x: y * (1 + y)
    """,
    "wrong direction": """
np.cumsum(x, -1) | (n,4) | - | x: cumsum(g, -1)
    """,
    "the factors are in the wrong order": """
A @ B | (n,n),(n,n) | - | A: B.mT @ g; B: A.mT @ g
    """,
    "leaves out g": """
cv(x, w) | (1,1,4,4),(1,1,2,2) | - | x: into_x(g, w, x); w: into_w(g * 0 + 1, x, w)
    """,
    "the wrong way round: w is flipped: it should read conv_transpose(g, w": """
cv(x, w) | (1,1,4,4),(1,1,2,2) | - | x: into_x(g, flip(w, (2, 3)), x); w: into_w(g, x, w)
    """,
    "a factor x too many": """
x**4 | - | - | x: 4 * x**4
    """,
    "its result is the wrong way round": """
cv(x, w) | (1,1,5),(1,1,3) | - | x: into_x(g, w, x); w: flip(into_w(g, x, w), 2)
    """,
}
_SPACE: dict[str, Any] = {
    "__name__": __name__, **BOOK, "np": np, "inv": inv, "window": window, "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "soft": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "pairs": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2) + 0,
    "cv": lambda x, w: BOOK["conv"].run(x, w, how=window(x.ndim - 2)),
}  # fmt: skip
_DOMAINS = {**vars(domains), "invertible": domains.near_diagonal("invertible")}


def _function(names: str, body: str) -> Any:
    return eval(f"lambda {names}: {body}", _SPACE)  # a line of the table above


exec(  # in that space, so that they are read like a learner's own helpers
    "def into_x(g, w, x): return conv_transpose(g, w, x.shape[2:], window(x.ndim - 2))\n"
    "def into_w(g, x, w): return conv_weight(g, x, w.shape[2:], window(x.ndim - 2))\n",
    _SPACE,
)


def lines() -> list[tuple[str, str]]:
    """Every line of the table, with the words that its guess must have."""
    return [(says, line.strip()) for says, table in VARIANTS.items() for line in table.strip().split("\n")]


def variant(line: str) -> Any:
    """The row that a line describes."""
    body, shapes, where, rules = (part.strip() for part in line.split("|"))
    given = dict(rule.split(": ", 1) for rule in rules.split("; "))
    used = compile(body, "<variant>", "eval").co_names
    inputs = list(dict.fromkeys([*given, *(["t"] if "t" in used else [])]))
    held = dict(pair.split(" ", 1) for pair in where.split(", ")) if where != "-" else {}
    reads = [*inputs, "y", "g"]
    return op(
        f"variant({', '.join(inputs)})", _function(", ".join(inputs), body), shapes=None if shapes == "-" else shapes,
        where={n: eval(text, dict(_DOMAINS)) for n, text in held.items()},
        nondiff=tuple(n for n in inputs if n not in given),
        **{n: _function(", ".join(r for r in reads if _reads(text, r)), text) for n, text in given.items()},
    )  # fmt: skip


def _reads(text: str, name: str) -> bool:
    return name in compile(text, "<rule>", "eval").co_names
