"""What a run is given in the place of arrays, so that it lists its calls instead of computing."""

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.compiler.to_numpy.rows import literal

if TYPE_CHECKING:
    from microgradx.compiler.to_numpy.calls import Listed

SLIDING = np.lib.stride_tricks.sliding_window_view
# In these no numbers move.
VIEWS = {
    np.reshape, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to, SLIDING,
}  # fmt: skip
FILLS: dict[Any, Any] = {np.empty_like: None, np.zeros_like: 0, np.ones_like: 1}  # the memory that they make
REDUCTIONS: dict[Any, str] = {np.sum: "np.add.reduce", np.max: "np.maximum.reduce", np.min: "np.minimum.reduce"}


class UntraceableError(Exception):
    """The run goes its own way with the numbers."""


class Name(str):
    """An operand that is the result of an earlier call, an argument or a constant."""


def names_in(operands: Iterable[Any]) -> list[str]:
    """The operands that are results, arguments or named constants; those in lists too."""
    found: list[str] = []
    for each in operands:
        if isinstance(each, Name):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            found += names_in(each)
    return found


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for the array `name` while a run is listed; it knows its shape, dtype and strides, but no numbers.

    `memory` is the call that made the memory it stands on, where the run may write into that.
    """

    labels: Any = None  # what this is the one-hot of
    scalar: bool = False  # a Python float, which makes no array wider

    def __init__(self, listed: "Listed", name: str, sample: Any, memory: str = "") -> None:
        self.listed, self.name, self.sample, self.memory = listed, Name(name), sample, memory

    shape = property(lambda self: self.sample.shape)
    dtype = property(lambda self: self.sample.dtype)
    ndim = property(lambda self: self.sample.ndim)
    size = property(lambda self: self.sample.size)
    flags = property(lambda self: self.sample.flags)

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def mT(self) -> Any:
        """Rows and columns changed."""
        return np.swapaxes(self, -1, -2) if self.ndim > 2 else self.T

    @property
    def T(self) -> Any:
        """The axes in reverse."""
        return self.listed.call(lambda x: x.T, "{0}.T", (self,), {}, "view")

    def __pow__(self, n: Any) -> Any:  # as arrays do it
        plain = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal} if isinstance(n, (int, float)) else {}
        return plain[n](self) if n in plain and self.dtype.kind == "f" else np.power(self, n)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if not _public(ufunc) or method not in ("__call__", "reduce") or ufunc.nout > 1:
            raise UntraceableError
        (out,) = keywords.pop("out", (None,))
        if {"where", "casting", "initial"} & set(keywords) or (out is not None and method == "reduce"):
            raise UntraceableError
        if out is not None:
            return self.listed.write(f"np.{ufunc.__name__}", (*inputs, out))
        if ufunc is np.subtract and getattr(inputs[1], "labels", None) is not None and _alike(*inputs):
            return _less_one(inputs[0], inputs[1].labels)
        text = f"np.{ufunc.__name__}" + (".reduce" if method == "reduce" else "")
        how = "reduce" if method == "reduce" else "dot" if ufunc is np.matmul else "ufunc"
        return self.listed.call(getattr(ufunc, method), text, inputs, keywords, how)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if function is np.copyto and not keywords:
            return self.listed.copy_into(*args)
        if function in FILLS or function is np.full_like:
            return self.listed.memory(function, args, keywords)
        if (not _public(function) and function is not SLIDING) or function in (np.copyto, np.put):
            raise UntraceableError
        if function in REDUCTIONS:
            shown = {k: v for k, v in {"axis": None, **keywords}.items() if v is not np._NoValue}
            return self.listed.call(function, REDUCTIONS[function], args, shown, "reduce")
        if function is np.swapaxes and args[0].ndim == 2 and args[1:] == (-1, -2):
            return args[0].T
        if function is np.reshape:  # which copies where it must
            before, after = args[0].sample, np.reshape(args[0].sample, *args[1:], **keywords)
            if not np.may_share_memory(before, after):
                return self.listed.call(function, "np.reshape", (args[0].copy(), *args[1:]), keywords, "view")
        how = "view" if function in VIEWS else "dot" if function is np.dot else "plain"
        home = "np.lib.stride_tricks" if function is SLIDING else "np"
        return self.listed.call(function, f"{home}.{function.__name__}", args, keywords, how)

    def dot(self, other: Any) -> Any:
        return np.dot(self, other)

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int) -> Any:
        return np.transpose(self, axes[0] if len(axes) == 1 else axes)

    def swapaxes(self, a: int, b: int) -> Any:
        return np.swapaxes(self, a, b)

    def astype(self, dtype: Any) -> Any:
        text = f"{{0}}.astype('{np.dtype(dtype)}')"
        return self.listed.call(lambda x: x.astype(dtype), text, (self,), {}, "copy")

    def copy(self) -> Any:
        """In one piece, the last axis the innermost."""
        return self.listed.call(lambda x: x.copy(), "{0}.copy()", (self,), {}, "copy")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, StandIn):
            return self.listed.call(lambda x, k: x[k], "{0}[{1}]", (self, key), {}, "plain")
        parts = key if isinstance(key, tuple) else (key,)
        basic = all(p is None or p is Ellipsis or isinstance(p, (int, slice)) for p in parts)
        text = f"{{0}}[{ast.unparse(literal(key, set()))}]"
        return self.listed.call(lambda x: x[key], text, (self,), {}, "view" if basic else "plain")

    def __setitem__(self, key: Any, value: Any) -> None:
        part = self[key]
        if not isinstance(value, StandIn) or value.name != part.name:  # x[key] += … has been written already
            self.listed.write("np.copyto", (value, part))

    def _looked_at(self, *_: Any) -> Any:
        raise UntraceableError

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __array__ = _looked_at


def _alike(a: Any, b: Any) -> bool:
    return isinstance(a, StandIn) and (a.shape, a.dtype) == (b.shape, b.dtype) and a.flags.c_contiguous


def _less_one(x: StandIn, labels: Any) -> Any:
    """x less a one-hot: one number changes in each row."""
    return x.listed.call(lambda x, _: x, "{0}[{1}] -= 1", (x, chosen(x, labels)), {}, "put")


def chosen(x: Any, labels: Any) -> Any:
    """Where the labels' entries of rows are, counted from the first entry of all."""
    return labels + np.arange(0, x.size, x.shape[-1]).reshape(labels.shape)


def _public(function: Any) -> bool:
    """True for what NumPy itself offers under that name."""
    return vars(np).get(function.__name__) is function
