"""Methods that `functional` does not have by the same name, and NumPy's functions on tensors.

Loaded when one is first used; `microgradx.binding` says which.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradx import functional as F
from microgradx import linalg
from microgradx.binding import power
from microgradx.graph import Node, OpError, Tensor
from microgradx.graph.node import caller
from microgradx.graph.notes import became_number
from microgradx.rules import BOOK, shaping
from microgradx.rules import arithmetic as rows
from microgradx.rules.call import OPERANDS
from microgradx.rules.reductions import mean as mean_row
from microgradx.rules.reductions import var as var_row


def clone(self: Any) -> Any:
    """A copy with memory of its own, linked to this node: gradients pass through it unchanged."""
    return self * 1 if self.dtype.kind == "f" else Tensor(self.data.copy(), requires_grad=False)


def numel(self: Any) -> int:
    """How many elements there are."""
    return int(self.size)


def tolist(self: Any) -> Any:
    """The data as nested lists of Python numbers; of a single number, that number."""
    became_number(self, caller)
    return np.asarray(self.data).tolist()


def expand_as(self: Any, other: Any) -> Any:
    """Broadcast to the shape of `other`."""
    return F.expand(self, other.shape)


def view_as(self: Any, other: Any) -> Any:
    """The same elements in the shape of `other`."""
    return F.reshape(self, other.shape)


def type_as(self: Any, other: Any) -> Any:
    """The same numbers in the dtype of `other`."""
    return F.astype(self, other.dtype)


def where(self: Any, condition: Any, other: Any) -> Any:
    """This tensor where the condition holds, `other` elsewhere."""
    return F.where(condition, self, other)


def rmatmul(self: Any, other: Any) -> Any:
    """other @ self, where `other` is no node."""
    return F.matmul(other, self) if isinstance(other, OPERANDS) else NotImplemented


def _flat(x: Any, axis: int | None) -> tuple[Any, int]:
    return (x, axis % x.ndim) if axis is not None else (F.reshape(x, -1), 0)


def _np_median(x: Any, axis: int | None = None) -> Any:
    """NumPy's median of an even number of elements is the mean of the two in the middle."""
    x, at = _flat(x, axis)
    n = x.shape[at]
    return F.mean(F.sort(x, at).values[(*(slice(None),) * at, slice((n - 1) // 2, n // 2 + 1))], at)


# What np.linalg and our linalg call by the same name and with the same arguments.
LINALG = ["cholesky", "det", "inv", "matrix_power", "multi_dot", "norm", "pinv", "slogdet", "solve", "svdvals"]
# NumPy functions on tensors, where the name or the arguments differ from ours.
NUMPY: dict[Any, Callable[..., Any]] = {
    np.power: power, np.where: rows.where, np.matmul: F.matmul, np.dot: F.matmul,
    np.max: F.amax, np.min: F.amin, np.amax: F.amax, np.amin: F.amin, np.concatenate: F.concatenate,
    np.clip: lambda x, a_min=None, a_max=None, **bounds: F.clip(x, **{"min": a_min, "max": a_max, **bounds}),
    np.sum: F.sum, np.mean: mean_row, np.stack: F.stack, np.reshape: F.reshape, np.ravel: F.ravel,
    np.transpose: F.transpose, np.broadcast_to: F.broadcast_to, np.squeeze: shaping.squeeze,
    np.expand_dims: F.unsqueeze, np.flip: shaping.flip,
    np.pad: lambda x, pad_width, mode="constant", constant_values=0.0: _np_pad(x, pad_width, mode, constant_values),
    np.moveaxis: F.movedim, np.swapaxes: F.transpose, np.roll: F.roll, np.rot90: F.rot90, np.tile: F.tile,
    np.hstack: F.hstack, np.vstack: F.vstack, np.diag: F.diag, np.diagonal: F.diagonal, np.trace: F.trace,
    np.tril: F.tril, np.triu: F.triu, np.kron: F.kron, np.tensordot: F.tensordot,
    **{getattr(np.linalg, name): getattr(linalg, name) for name in LINALG},
    np.einsum: F.einsum, np.outer: F.outer, np.linalg.outer: F.outer, np.matrix_transpose: F.mT,
    np.var: lambda x, axis=None, ddof=0, keepdims=False: var_row(x, axis, ddof, keepdims),
    np.std: lambda x, axis=None, ddof=0, keepdims=False: F.std(x, axis, correction=ddof, keepdims=keepdims),
    np.prod: F.prod, np.sort: lambda x, axis=-1: F.sort(x, axis).values, np.median: _np_median,
    np.cumsum: lambda x, axis=None: F.cumsum(*_flat(x, axis)),
    np.cumprod: lambda x, axis=None: F.cumprod(*_flat(x, axis)),
    np.nan_to_num: F.nan_to_num, np.sinc: F.sinc, np.reciprocal: F.reciprocal,
    np.absolute: F.abs, np.negative: F.neg,
}  # fmt: skip
# Questions about a tensor that carry no gradient: answered by NumPy on the data.
PLAIN = {np.shape, np.ndim, np.size, np.allclose, np.isclose, np.array_equal, np.argmax, np.argmin, np.isnan,
         np.isfinite, np.isinf, np.any, np.all, np.array2string, np.array_repr, np.array_str, np.argsort,
         np.result_type, np.round, np.count_nonzero, np.isneginf, np.isposinf, np.copy}  # fmt: skip


def _np_pad(x: Any, pad_width: Any, mode: str, constant_values: float) -> Any:
    if mode != "constant":
        raise OpError(f"np.pad on a tensor knows mode='constant', not {mode!r}.")
    return shaping.pad(
        x, pads=tuple(map(tuple, np.broadcast_to(pad_width, (x.ndim, 2)).tolist())), value=constant_values
    )


def array_ufunc(self: Any, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
    ours = NUMPY.get(ufunc) or _ROWS.get(ufunc)
    if method == "__call__" and not options and ours is not None:
        return ours(*args)
    if method == "__call__" and ufunc in PLAIN and not options:
        return ufunc(*_data(args))
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    if ours is not None and method == "__call__":
        raise OpError(f"np.{name} on a tensor takes no {', '.join(options)}: its result is always a new tensor.")
    raise _no_such_op(f"np.{name}")


def array_function(self: Any, function: Any, types: Any, args: Any, options: Any) -> Any:
    if function in NUMPY:
        return NUMPY[function](*args, **options)
    if function in PLAIN:
        return function(*_data(args), **dict(zip(options, _data(tuple(options.values())), strict=True)))
    raise _no_such_op(f"{function.__module__}.{function.__name__}".replace("numpy", "np"))


def _no_such_op(name: str) -> OpError:
    return OpError(
        f"{name} is not an op of the rulebook; use the function of microgradx that you mean, "
        "or node.data for the bare array."
    )


def _data(args: Any) -> Any:
    if isinstance(args, (list, tuple)):
        return type(args)(_data(list(args))) if isinstance(args, tuple) else [_data(a) for a in args]
    return args.data if isinstance(args, Node) else args


_ROWS = {  # of rows with the same run the first: no row of a user's takes a NumPy function over from the book
    row.run: row for row in reversed(BOOK.values()) if isinstance(row.run, np.ufunc) and row.run not in PLAIN
}
