"""The operators of nodes, and the names of their methods, bound when the package is imported.

Operators are rows of the rulebook. Methods are functions of `functional`, `linalg` and `methods`, which are loaded when
the first of them is used; so are the rows that work on arrays as a whole, and those that few programs need.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from microgradx.graph import Node, OpError, Tensor, Value
from microgradx.graph._methods import Methods, TensorMethods
from microgradx.graph.state import now
from microgradx.rules import arithmetic as rows
from microgradx.rules import elementary
from microgradx.rules.call import OPERANDS, binary, call, unary
from microgradx.rules.op import BOOK, Op

# Binary operators, each with its reflected form.
OPERATORS: dict[str, Op] = {"add": rows.add, "sub": rows.sub, "mul": rows.mul, "truediv": rows.div}
OF_STEPS = {"floordiv": "floor_divide", "mod": "remainder"}
# Logic on boolean tensors.
LOGIC: dict[str, Op] = {"and": rows.logical_and, "or": rows.logical_or, "xor": rows.logical_xor}
# Comparisons: a Value gives a plain bool (so `if v > 0:` works), a Tensor a boolean tensor.
COMPARISONS: dict[str, Op] = {
    "gt": rows.greater, "ge": rows.greater_equal, "lt": rows.less, "le": rows.less_equal, "eq": rows.equal,
    "ne": rows.not_equal,
}  # fmt: skip
# Elementwise rows of one argument, as methods.
UNARY = """
abs acos acosh asin asinh atan atanh cos cosh erf exp exp2 expm1 isfinite isinf isnan log log10 log1p log2 logical_not
neg relu sigmoid sign sin sinh sqrt square tan tanh
"""
UNARY_STEPS = "ceil floor trunc"
# Functions of `functional` whose first argument is the node, as methods of tensors and values alike.
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
masked_select matmul median movedim mv narrow norm outer permute ravel repeat reshape roll rot90 scatter scatter_add
select softmax sort split squeeze std take take_along_dim tensor_split tile topk trace transpose tril triu unbind
unflatten unsqueeze var
"""
# Functions of `linalg` that are methods too.
MATRIX_METHODS = "cholesky det matrix_power slogdet"
# What is found in `methods`.
OWN, TENSORS_OWN = "clone numel tolist", "expand_as type_as view_as where"
# PyTorch's short ways to another dtype.
CASTS = {"double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32", "bool": "bool"}


def power(a: Any, b: Any) -> Any:
    """a ** b: a row of its own where b is a plain number."""
    if isinstance(b, (int, float)) and not isinstance(b, bool):
        return call(rows.power, (a,), {"n": b if type(b) is int else float(b)})
    return elementary.pow(a, b) if isinstance(b, OPERANDS) else NotImplemented


def _matmul(row: Op) -> Callable[[Any, Any], Any]:
    product = binary(row)

    def multiply(self: Any, other: Any) -> Any:
        if isinstance(other, Tensor) and self.data.ndim > 1 and other.data.ndim > 1:
            return product(self, other)
        return self.matmul(other) if isinstance(other, OPERANDS) else NotImplemented

    return multiply


def _no_matrix_product(self: Any, other: Any) -> Any:
    if not isinstance(other, OPERANDS):
        return NotImplemented
    raise OpError("a Value is a single number, and @ multiplies vectors and matrices; multiply numbers with *.")


def _cast(name: str, dtype: str) -> Any:
    def method(self: Any) -> Any:
        return self.astype(dtype)

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
            if np.asarray(each.data if isinstance(each, Node) else each).dtype.kind != "b":
                raise OpError("&, |, ^ and ~ combine boolean tensors, such as (x > 0) & (x < 1); note the parentheses.")
        return row(self, other)

    return combine


class _Later:
    """Stands in for a method until it is first used: then it is made of its function, and takes this place."""

    def __init__(self, home: type, name: str, module: str, function: str = "", make: Any = None) -> None:
        self.home, self.name, self.module, self.function, self.make = home, name, module, function or name, make
        setattr(home, name, self)

    def __get__(self, node: Any, kind: type) -> Any:
        method = (self.make or _method)(getattr(import_module(f"microgradx.{self.module}"), self.function))
        setattr(self.home, self.name, method)
        return method.__get__(node, kind)


def bind() -> None:
    """Fill the node classes from the tables above."""
    for name, row in OPERATORS.items():
        setattr(Methods, f"__{name}__", binary(row))
        setattr(Methods, f"__r{name}__", binary(row, reflected=True))
    for name, step in OF_STEPS.items():
        _Later(Methods, f"__{name}__", "rules.steps", step, binary)
        _Later(Methods, f"__r{name}__", "rules.steps", step, partial(binary, reflected=True))
    for name, row in LOGIC.items():
        setattr(TensorMethods, f"__{name}__", _logic(row))
        setattr(TensorMethods, f"__r{name}__", _logic(row))
    for name, row in COMPARISONS.items():
        setattr(Methods, f"__{name}__", _comparison(row))
    for name in UNARY.split():
        setattr(Methods, name, unary(BOOK[name]))
    for name in UNARY_STEPS.split():
        _Later(Methods, name, "rules.steps", name, unary)
    for name in METHODS.split():
        _Later(Methods, name, "functional")
    for name in TENSOR_METHODS.split():
        _Later(TensorMethods, name, "functional")
    for name in MATRIX_METHODS.split():
        _Later(TensorMethods, name, "linalg")
    for name in OWN.split():
        _Later(Methods, name, "methods")
    for name in TENSORS_OWN.split():
        _Later(TensorMethods, name, "methods")
    for name, dtype in CASTS.items():
        setattr(TensorMethods, name, _cast(name, dtype))
    _Later(Methods, "__array_ufunc__", "methods", "array_ufunc")
    _Later(Methods, "__array_function__", "methods", "array_function")
    _Later(Methods, "backward", "autodiff")
    _Later(TensorMethods, "__getitem__", "functional", "getitem")
    _Later(TensorMethods, "__matmul__", "rules.linear_algebra", "matmul", _matmul)
    _Later(TensorMethods, "__rmatmul__", "methods", "rmatmul")
    _Later(TensorMethods, "mT", "rules.shaping", "mT", property)
    _Later(TensorMethods, "view", "functional", "reshape")
    _Later(TensorMethods, "to", "functional", "astype")
    _Later(TensorMethods, "unfold", "functional.indexing", "sliding")
    operators: dict[str, Any] = {
        "__pos__": lambda self: self, "__neg__": unary(rows.neg), "__abs__": unary(rows.abs), "__pow__": power,
        "__rpow__": lambda self, other: elementary.pow(other, self) if isinstance(other, OPERANDS) else NotImplemented,
    }  # fmt: skip
    for name, method in operators.items():
        setattr(Methods, name, method)
    for name in ("__matmul__", "__rmatmul__"):
        setattr(Value, name, _no_matrix_product)
    of_tensors: dict[str, Any] = {
        "__invert__": lambda self: _logic(rows.logical_xor)(self, True),
        "__iter__": lambda self: (self[i] for i in range(len(self))),
        "T": property(lambda self: self.transpose(), doc="The axes in reverse order: of a matrix, its transpose."),
    }  # fmt: skip
    for name, method in of_tensors.items():
        setattr(TensorMethods, name, method)


def _method(function: Any) -> Any:
    if isinstance(function, FunctionType):
        return function  # its first parameter becomes self

    def method(self: Any, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    method.__name__ = method.__qualname__ = function.__name__
    method.__doc__, method.__wrapped__ = function.__doc__, function  # type: ignore[attr-defined]  # a function takes any attribute
    return method
