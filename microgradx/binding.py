"""One table of operators, methods and NumPy functions, bound to the nodes when the package is imported."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from microgradx import functional as F
from microgradx import linalg
from microgradx.autodiff import backward
from microgradx.functional.indexing import sliding, trace
from microgradx.graph import Node, OpError, Tensor, Value
from microgradx.graph._methods import Methods, TensorMethods
from microgradx.rules import shaping
from microgradx.rules.arithmetic import where as where_row
from microgradx.rules.call import OPERANDS, binary, call, unary
from microgradx.rules.linear_algebra import matmul as matmul_row
from microgradx.rules.op import BOOK, Op
from microgradx.rules.reductions import mean as mean_row
from microgradx.rules.reductions import var as var_row

# Binary operators, each with its reflected form.
OPERATORS: dict[str, Op] = {
    "add": F.add, "sub": F.sub, "mul": F.mul, "truediv": F.div, "floordiv": F.floor_divide, "mod": F.remainder,
}  # fmt: skip
# Logic on boolean tensors.
LOGIC: dict[str, Op] = {"and": F.logical_and, "or": F.logical_or, "xor": F.logical_xor}
# Comparisons: a Value gives a plain bool (so `if v > 0:` works), a Tensor a boolean tensor.
COMPARISONS: dict[str, Op] = {
    "gt": F.greater, "ge": F.greater_equal, "lt": F.less, "le": F.less_equal, "eq": F.equal, "ne": F.not_equal,
}  # fmt: skip
# Elementwise functions of one argument, as methods.
UNARY = [
    "exp",
    "log",
    "log1p",
    "expm1",
    "sqrt",
    "abs",
    "sign",
    "square",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "sigmoid",
    "relu",
    "neg",
    "exp2",
    "log2",
    "log10",
    "erf",
    "floor",
    "ceil",
    "trunc",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
]
# Functions whose first argument is the node, as methods of tensors and values alike.
METHODS = [
    "clip", "clamp", "leaky_relu", "elu", "maximum", "minimum",
    "softplus", "reciprocal", "rsqrt", "frac", "sinc", "logit", "nan_to_num", "round", "remainder", "fmod",
    "floor_divide", "copysign", "hypot", "atan2", "logaddexp", "xlogy", "lerp", "addcmul", "addcdiv",
    "logical_and", "logical_or", "logical_xor", "hardshrink", "prelu",
]  # fmt: skip
# Functions that need axes: methods of tensors.
TENSOR_METHODS = [
    "sum",
    "mean",
    "max",
    "min",
    "amax",
    "amin",
    "var",
    "std",
    "logsumexp",
    "softmax",
    "log_softmax",
    "matmul",
    "dot",
    "reshape",
    "transpose",
    "permute",
    "squeeze",
    "unsqueeze",
    "flip",
    "astype",
    "all",
    "any",
    "argmax",
    "argmin",
    "median",
    "norm",
    "prod",
    "cumsum",
    "cumprod",
    "cummax",
    "cummin",
    "logcumsumexp",
    "sort",
    "argsort",
    "topk",
    "eq",
    "ne",
    "gt",
    "ge",
    "lt",
    "le",
]
# Functions that move, choose or place elements, and products: methods of tensors too.
MOVING = [
    "broadcast_to", "chunk", "diag", "diag_embed", "diagonal", "expand", "flatten", "gather", "index_add", "index_put",
    "index_select", "kron", "masked_fill", "masked_select", "movedim", "narrow", "repeat", "roll", "rot90", "scatter",
    "scatter_add", "select", "split", "take", "take_along_dim", "tensor_split", "tile", "tril", "triu", "unbind",
    "unflatten", "addmm", "bmm", "mv", "outer",
]  # fmt: skip


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
    np.power: lambda a, b: _power(a, b), np.where: where_row, np.matmul: F.matmul, np.dot: F.matmul,
    np.max: F.amax, np.min: F.amin, np.amax: F.amax, np.amin: F.amin, np.concatenate: F.concatenate,
    np.clip: lambda x, a_min=None, a_max=None, **bounds: F.clip(x, **{"min": a_min, "max": a_max, **bounds}),
    np.sum: F.sum, np.mean: mean_row, np.stack: F.stack, np.reshape: F.reshape, np.transpose: F.transpose,
    np.broadcast_to: F.broadcast_to, np.squeeze: shaping.squeeze, np.expand_dims: F.unsqueeze, np.flip: F.flip,
    np.pad: lambda x, pad_width, mode="constant", constant_values=0.0: _np_pad(x, pad_width, mode, constant_values),
    np.moveaxis: F.movedim, np.swapaxes: F.transpose, np.roll: F.roll, np.rot90: F.rot90, np.tile: F.tile,
    np.hstack: F.hstack, np.vstack: F.vstack, np.diag: F.diag, np.diagonal: F.diagonal, np.trace: trace,
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


def _power(a: Any, b: Any) -> Any:
    if isinstance(b, (int, float)) and not isinstance(b, bool):
        return call(F.power, (a,), {"n": b if type(b) is int else float(b)})
    return F.pow(a, b) if isinstance(b, OPERANDS) else NotImplemented


_matrix_product = binary(matmul_row)


def _matmul(self: Any, other: Any) -> Any:
    if isinstance(other, Tensor) and self.data.ndim > 1 and other.data.ndim > 1:
        return _matrix_product(self, other)
    return F.matmul(self, other) if isinstance(other, OPERANDS) else NotImplemented


def _np_pad(x: Any, pad_width: Any, mode: str, constant_values: float) -> Any:
    if mode != "constant":
        raise OpError(f"np.pad on a tensor knows mode='constant', not {mode!r}.")
    return shaping.pad(
        x, pads=tuple(map(tuple, np.broadcast_to(pad_width, (x.ndim, 2)).tolist())), value=constant_values
    )


def _array_ufunc(self: Any, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
    ours = NUMPY.get(ufunc) or _ROWS.get(ufunc)
    if method == "__call__" and not options and ours is not None:
        return ours(*args)
    if method == "__call__" and ufunc in PLAIN and not options:
        return ufunc(*_data(args))
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    if ours is not None and method == "__call__":
        raise OpError(f"np.{name} on a tensor takes no {', '.join(options)}: its result is always a new tensor.")
    raise _no_such_op(f"np.{name}")


def _array_function(self: Any, function: Any, types: Any, args: Any, options: Any) -> Any:
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


def _comparison(row: Op) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        result = row(self, other)
        return bool(result) if isinstance(result, Value) else result

    return compare


def _logic(row: Op) -> Callable[[Any, Any], Any]:
    def combine(self: Any, other: Any) -> Any:
        for each in (self, other):
            if np.asarray(_data(each)).dtype.kind != "b":
                raise OpError("&, |, ^ and ~ combine boolean tensors, such as (x > 0) & (x < 1); note the parentheses.")
        return row(self, other)

    return combine


def _bind(name: str, method: Any, to: type = Methods) -> None:
    setattr(to, name, method)


def bind() -> None:
    """Fill the node classes from the tables above."""
    for name, row in OPERATORS.items():
        _bind(f"__{name}__", binary(row))
        _bind(f"__r{name}__", binary(row, reflected=True))
    for name, row in LOGIC.items():
        _bind(f"__{name}__", _logic(row), TensorMethods)
        _bind(f"__r{name}__", _logic(row), TensorMethods)
    _bind("__invert__", lambda self: _logic(F.logical_xor)(self, True), TensorMethods)
    for name, row in COMPARISONS.items():
        _bind(f"__{name}__", _comparison(row))
    for name in UNARY:
        _bind(name, unary(getattr(F, name)))
    for name in METHODS:
        _bind(name, _method(getattr(F, name)))
    for name in [*TENSOR_METHODS, *MOVING]:
        _bind(name, _method(getattr(F, name)), TensorMethods)
    _bind("__pos__", lambda self: self)
    _bind("__neg__", unary(F.neg))
    _bind("__abs__", unary(F.abs))
    _bind("__pow__", _power)
    _bind("__rpow__", lambda self, other: F.pow(other, self) if isinstance(other, OPERANDS) else NotImplemented)
    _bind("__matmul__", _matmul, TensorMethods)
    _bind("__rmatmul__", lambda self, other: F.matmul(other, self) if isinstance(other, OPERANDS) else NotImplemented,
          TensorMethods)  # fmt: skip
    _bind("__getitem__", F.getitem, TensorMethods)
    _bind("__iter__", lambda self: (self[i] for i in range(len(self))), TensorMethods)
    _bind("mT", property(F.mT), TensorMethods)
    _bind("T", property(F.transpose), TensorMethods)
    _bind("unfold", _method(sliding), TensorMethods)
    _bind("trace", _method(trace), TensorMethods)
    _bind("to", _method(F.astype), TensorMethods)
    _bind("backward", backward)
    _bind("__array_ufunc__", _array_ufunc)
    _bind("__array_function__", _array_function)


def _method(function: Any) -> Any:
    if isinstance(function, FunctionType):
        return function  # its first parameter becomes self

    def method(self: Any, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    method.__name__ = method.__qualname__ = function.__name__
    method.__doc__, method.__wrapped__ = function.__doc__, function  # type: ignore[attr-defined]
    return method


_ROWS = {row.run: row for row in BOOK.values() if isinstance(row.run, np.ufunc) and row.run not in PLAIN}
