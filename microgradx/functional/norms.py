"""Composites: the lengths of vectors, the norms of matrices."""

import math
from typing import Any

from microgradx.functional.arguments import axes_of
from microgradx.functional.inputs import cast, real
from microgradx.functional.shaping import movedim
from microgradx.graph import OpError
from microgradx.rules.arithmetic import abs, equal, not_equal, power, where
from microgradx.rules.decompositions import svd
from microgradx.rules.reductions import amax, amin, norm2, sum
from microgradx.rules.shaping import index, unsqueeze


def vector_norm(x: Any, ord: float = 2, axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """(Σ |x|^ord)^(1/ord) over `axis`; inf and −inf give the largest and smallest |x|, 0 counts what is not 0.

    Where the norm is 0 and has no slope, the gradient is 0.

    Raises:
        OpError: a negative ord of no elements at all.
    """
    x = cast(real("norm", x), dtype)
    if ord == 2:
        return norm2(x, axis, keepdims)
    if ord == 0:
        return sum(not_equal(x, 0.0).astype(x.dtype), axis, keepdims)
    size = abs(x)
    if ord == 1:
        return sum(size, axis, keepdims)
    if math.isinf(ord):
        return (amax if ord > 0 else amin)(size, axis, keepdims)
    if ord < 0 and 0 in (x.shape if axis is None else [x.shape[k] for k in axes_of("norm", x, axis)]):
        raise OpError(f"norm: shape {x.shape} has no elements to take the norm of order {ord} of.")
    total = sum(_power_at_zero(size, ord), axis, keepdims)
    return _power_at_zero(total, 1 / ord)


def _power_at_zero(x: Any, n: float) -> Any:
    """x^n for x ≥ 0, with slope 0 at 0, where the true slope may be infinite."""
    zero = equal(x, 0.0)
    return where(zero, 0.0 if n > 0 else math.inf, power(where(zero, 1.0, x), n=n))


def norm(x: Any, p: Any = "fro", axis: Any = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The length of `x` over `axis` (all axes by default): p a number, or "fro", which is 2.

    p="nuc" is the nuclear norm of a matrix, or of the matrices that two axes make: the sum of their singular values.
    """
    if p == "nuc":
        x = real("norm", x)
        return matrix_norm(x, "nuc", tuple(range(x.ndim)) if axis is None else axis, keepdims, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise OpError(f"norm: p must be a number, inf, -inf, 'fro' or 'nuc', not {p!r}.")
    if p == "fro" and isinstance(axis, (tuple, list)) and len(axis) > 2:
        raise OpError(f"norm: 'fro' is the norm of a matrix, whose axes are two, not {axis}; p=2 takes any number.")
    return vector_norm(x, 2 if p is None or p == "fro" else p, axis, keepdims, dtype=dtype)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """A norm of matrices whose rows and columns are the axes `dim`.

    ord: "fro" (root of the sum of squares), "nuc" (sum of the singular values), 2 and −2 (the largest and smallest
    of them), 1 and −1 (the largest and smallest column sum of |A|), inf and −inf (the same of rows).
    """
    A = cast(real("matrix_norm", A), dtype)
    if A.ndim < 2:
        raise OpError(f"matrix_norm takes matrices (…, n, m), not shape {A.shape}.")
    axes = axes_of("matrix_norm", A, dim)
    if len(axes) != 2 or ord not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise OpError(f"matrix_norm: dim names two axes, and ord is 'fro', 'nuc', ±1, ±2 or ±inf, not {dim}, {ord!r}.")
    if ord == "fro":
        return vector_norm(A, 2, axes, keepdim)
    A = movedim(A, axes, (-2, -1))
    if ord in ("nuc", 2, -2):
        sizes = singular_values(A)
    else:
        sizes = sum(abs(A), -2 if ord in (1, -1) else -1)
    if ord == "nuc" or (ord > 0 and sizes.shape[-1] == 0):  # the largest of no sizes is 0
        y = sum(sizes, -1)
    else:
        y = (amax if ord > 0 else amin)(sizes, -1)
    for axis in sorted(axes) if keepdim else ():
        y = unsqueeze(y, axis)
    return y


def singular_values(A: Any) -> Any:
    """Of matrices (…, m, n), descending: the row below U of what the row `svd` gives."""
    return index(svd(A), key=(..., A.shape[-2], slice(None)))
