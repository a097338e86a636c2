"""One table of operators, methods and NumPy functions, bound to the nodes when the package is imported."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from microgradx import functional as F
from microgradx import linalg
from microgradx.autodiff import backward
from microgradx.functional.indexing import sliding
from microgradx.graph import Node, OpError, Tensor, Value
from microgradx.graph._methods import Methods, TensorMethods
from microgradx.graph.state import now
from microgradx.rules import arithmetic as rows
from microgradx.rules import shaping
from microgradx.rules.call import OPERANDS, binary, call, unary
from microgradx.rules.linear_algebra import matmul as matmul_row
from microgradx.rules.op import BOOK, Op
from microgradx.rules.reductions import mean as mean_row
from microgradx.rules.reductions import var as var_row

# Binary operators, each with its reflected form.
OPERATORS: dict[str, Op] = {
    "add": rows.add, "sub": rows.sub, "mul": F.mul, "truediv": rows.div, "floordiv": F.floor_divide,
    "mod": F.remainder,
}  # fmt: skip
# Logic on boolean tensors.
LOGIC: dict[str, Op] = {"and": F.logical_and, "or": F.logical_or, "xor": F.logical_xor}
# Comparisons: a Value gives a plain bool (so `if v > 0:` works), a Tensor a boolean tensor.
COMPARISONS: dict[str, Op] = {"gt": F.gt, "ge": F.ge, "lt": F.lt, "le": F.le, "eq": F.eq, "ne": F.ne}
# Elementwise functions of one argument, as methods.
UNARY = """
abs acos acosh asin asinh atan atanh ceil cos cosh erf exp exp2 expm1 floor isfinite isinf isnan log log10 log1p log2
logical_not neg relu sigmoid sign sin sinh sqrt square tan tanh trunc
"""
# Functions whose first argument is the node, as methods of tensors and values alike.
METHODS = """
add addcdiv addcmul allclose amax amin atan2 clamp clip copysign div elu eq equal floor_divide fmod frac ge greater
greater_equal gt hardshrink hypot isclose le leaky_relu lerp less less_equal logaddexp logical_and logical_or
logical_xor logit lt max maximum mean min minimum mul nan_to_num ne not_equal pow prelu prod reciprocal remainder
round rsqrt sinc softplus sub sum xlogy
"""
# Functions that need axes, or move, choose and place elements: methods of tensors.
TENSOR_METHODS = """
addmm all any argmax argmin argsort astype bmm broadcast_to chunk cummax cummin cumprod cumsum diag diag_embed diagonal
dot expand flatten flip gather index_add index_put index_select kron log_softmax logcumsumexp logsumexp masked_fill
masked_select matmul median movedim mv narrow norm outer permute repeat reshape roll rot90 scatter scatter_add select
softmax sort split squeeze std take take_along_dim tensor_split tile topk trace transpose tril triu unbind unflatten
unsqueeze var
"""
# Functions of `linalg` that are methods too.
MATRIX_METHODS = "cholesky det matrix_power slogdet"
# PyTorch's short ways to another dtype.
CASTS = {"double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32", "bool": "bool"}


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
    np.power: lambda a, b: _power(a, b), np.where: rows.where, np.matmul: F.matmul, np.dot: F.matmul,
    np.max: F.amax, np.min: F.amin, np.amax: F.amax, np.amin: F.amin, np.concatenate: F.concatenate,
    np.clip: lambda x, a_min=None, a_max=None, **bounds: F.clip(x, **{"min": a_min, "max": a_max, **bounds}),
    np.sum: F.sum, np.mean: mean_row, np.stack: F.stack, np.reshape: F.reshape, np.transpose: F.transpose,
    np.broadcast_to: F.broadcast_to, np.squeeze: shaping.squeeze, np.expand_dims: F.unsqueeze, np.flip: shaping.flip,
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


def clone(self: Any) -> Any:
    """A copy with memory of its own, linked to this node: gradients pass through it unchanged."""
    return self * 1 if self.dtype.kind == "f" else Tensor(self.data.copy(), requires_grad=False)


def numel(self: Any) -> int:
    """How many elements there are."""
    return int(self.size)


def tolist(self: Any) -> Any:
    """The data as nested lists of Python numbers; of a single number, that number."""
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


def _cast(name: str, dtype: str) -> Any:
    def method(self: Any) -> Any:
        return F.astype(self, dtype)

    method.__name__, method.__doc__ = name, f"The same numbers as {dtype}."
    return method


def _comparison(row: Op) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        result = row(self, other)
        if isinstance(result, Value) and not now().everything:  # while formulas are read, the question itself is kept
            return bool(result)
        return result

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
    for name in UNARY.split():
        _bind(name, unary(getattr(F, name)))
    for name in METHODS.split():
        _bind(name, _method(getattr(F, name)))
    for name in TENSOR_METHODS.split():
        _bind(name, _method(getattr(F, name)), TensorMethods)
    for name in MATRIX_METHODS.split():
        _bind(name, getattr(linalg, name), TensorMethods)
    for name, dtype in CASTS.items():
        _bind(name, _cast(name, dtype), TensorMethods)
    own: list[Any] = [clone, numel, tolist, expand_as, type_as, view_as, where]
    for method in own:
        _bind(method.__name__, method, Methods if method in (clone, numel, tolist) else TensorMethods)
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
    _bind("view", F.reshape, TensorMethods)
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
    method.__doc__, method.__wrapped__ = function.__doc__, function  # type: ignore[attr-defined]  # a function takes any attribute
    return method


_ROWS = {row.run: row for row in BOOK.values() if isinstance(row.run, np.ufunc) and row.run not in PLAIN}
