"""What was computed: a `Node` is one recorded result, scalar (`Value`) or array (`Tensor`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from os.path import abspath, dirname, join
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from microgradx.graph._methods import Methods, TensorMethods
from microgradx.graph.errors import GradientError, OpError
from microgradx.graph.notes import became_number, decided, was_cut
from microgradx.graph.state import now

if TYPE_CHECKING:
    from microgradx.rules.op import Op

_PACKAGE = dirname(dirname(abspath(__file__)))
_NOT_LEARNERS = (_PACKAGE, dirname(abspath(np.__file__)))  # NumPy calls operators on arrays of nodes
_default_dtype: np.dtype[Any] = np.dtype(np.float64)


def set_default_dtype(dtype: Any) -> None:
    """The dtype of tensors made from plain Python numbers: float64 (the default) or float32."""
    global _default_dtype
    chosen = np.dtype(dtype)
    if chosen.kind != "f":
        raise OpError(f"the default dtype must be a float type, not {chosen}; try 'float32'.")
    _default_dtype = chosen


def default_dtype() -> np.dtype[Any]:
    """The dtype that `Tensor([1.0, 2.0])` gets."""
    return _default_dtype


class Node(Methods):
    """One result in the graph: its data, the op that made it, and the input nodes.

    Operators and methods (`+`, `.exp()`, `.sum(axis=0)` …) are bound from the rulebook.
    `grad` is None until `backward()` passes: then a float (Value) or an array (Tensor).
    """

    # One or two inputs have slots of their own: a tuple on each node would double what the garbage collector visits.
    __slots__ = (
        "data", "grad", "left", "name", "op", "requires_grad", "rest", "right", "scope", "source", "static",
    )  # fmt: skip

    data: Any
    op: Op | None
    left: Any
    right: Any
    rest: tuple[Any, ...] | None
    static: Mapping[str, Any] | None
    grad: Any
    requires_grad: bool
    name: str | None
    scope: str
    source: tuple[str, int] | None

    def _leaf(self, data: Any, requires_grad: bool, name: str | None) -> None:
        self.data, self.requires_grad, self.name = data, requires_grad, name
        self.op = self.left = self.right = self.rest = self.static = self.grad = None
        _, _, made, self.scope, _, _ = now()
        self.source = None
        if made is not None:
            note(self, made)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The nodes this one was computed from; () for a leaf."""
        if self.rest is not None:
            return self.rest
        return () if self.left is None else (self.left,) if self.right is None else (self.left, self.right)

    def named(self, name: str) -> Self:
        """Give this node the name that traces and pictures show; returns the node."""
        self.name = name
        return self

    def zero_grad(self) -> None:
        """Forget the gradient collected so far."""
        self.grad = None

    def detach(self) -> Self:
        """The same data as a new constant: no gradient flows through it."""
        node = object.__new__(type(self))
        node._leaf(self.data, requires_grad=False, name=self.name)
        was_cut(node, self)
        return node

    def item(self) -> float:
        """The single number inside, as a Python number; an OpError when there are several."""
        data = np.asarray(self.data)
        if data.size != 1:
            raise OpError(f"item() needs a single number, but this tensor has shape {self.shape}.")
        became_number(self, caller)
        return data.item()  # type: ignore[no-any-return]  # a Python number, which NumPy types as Any

    def numpy(self) -> np.ndarray[Any, Any]:
        """The data as a NumPy array (a Tensor's own array, not a copy)."""
        became_number(self, caller)
        return np.asarray(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        """() for a Value, the array's shape for a Tensor."""
        return np.shape(self.data)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.size(self.data))

    @property
    def is_leaf(self) -> bool:
        """True when no recorded op made this node."""
        return self.op is None

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise OpError(
                f"the truth of a tensor with {self.size} elements is ambiguous; use .any() or .all() of its "
                "data, or mx.where."
            )
        decided(caller)
        return bool(self.data)

    __hash__ = object.__hash__

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Turn gradient collection of a leaf on or off, in place; returns the node."""
        if self.op is not None:
            raise GradientError("requires_grad can be changed on leaves only; use .detach() to cut a graph.")
        if requires_grad and np.asarray(self.data).dtype.kind != "f":
            raise _no_integer_gradient(np.asarray(self.data).dtype)
        self.requires_grad = requires_grad
        return self


class Value(Node):
    """A scalar node: one Python float (IEEE 754 double).

    `Value(2.0)` collects gradients; `Value(2.0, requires_grad=False)` is a constant.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, name: str | None = None) -> None:
        try:
            number = float(data)
        except (TypeError, ValueError, OverflowError):
            raise OpError(f"Value holds one real number, not {data!r:.60}; use Tensor for arrays.") from None
        self._leaf(number, requires_grad, name)

    def __repr__(self) -> str:
        grad = "" if self.grad is None else f", grad={_plain(self.grad)!r}"
        return f"Value({self.data!r}{grad}{_label(self)})"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always float64."""
        return np.dtype(np.float64)


class Tensor(Node, TensorMethods):
    """An array node: one NumPy array of any shape, 0-d included.

    Arrays keep their dtype; lists of Python numbers become the default dtype (float64).
    Float tensors made by hand collect gradients; integer and boolean ones cannot.

    Raises:
        OpError: the data is ragged, complex or not numeric.
        GradientError: `requires_grad=True` for an integer or boolean array.
    """

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool | None = None, dtype: Any = None, name: str | None = None
    ) -> None:
        array = as_array(data, dtype)
        can = array.dtype.kind == "f"
        if requires_grad and not can:
            raise _no_integer_gradient(array.dtype)
        self._leaf(array, can if requires_grad is None else requires_grad, name)

    def __repr__(self) -> str:
        extra = "" if self.data.dtype == _default_dtype else f", dtype={self.data.dtype}"
        return f"Tensor({np.array2string(self.data, separator=', ', prefix='Tensor(')}{extra}{_label(self)})"

    def __len__(self) -> int:
        if not self.shape:
            raise OpError("a 0-d tensor has no length.")
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        became_number(self, caller)
        return np.array(self.data, dtype=dtype, copy=copy)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.data.shape  # type: ignore[no-any-return]  # an array's own

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]  # an array's own

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's dtype."""
        return self.data.dtype  # type: ignore[no-any-return]  # data is Any: a float or an array

    def __setitem__(self, key: Any, value: Any) -> None:
        raise OpError(
            "tensors are not changed in place, because the graph remembers them; "
            "mx.index_put(t, key, value) gives a new tensor with the change made."
        )


def _no_integer_gradient(dtype: Any) -> GradientError:
    return GradientError(
        f"a tensor of dtype {dtype} cannot collect a gradient: a derivative needs real numbers. "
        "Make it a float tensor, for example Tensor(data, dtype='float64')."
    )


def _label(node: Any) -> str:
    decided(caller)  # a text holds the node's numbers
    return f", name={node.name!r}" if node.name else ""


def _plain(grad: Any) -> Any:
    return grad.data if isinstance(grad, Node) else grad


def as_array(data: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """A real NumPy array of `data`; Python numbers take the default dtype."""
    if isinstance(data, Node):
        became_number(data, caller)
        data = data.data
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data, dtype=dtype)
    else:
        try:
            array = np.array(data, dtype=dtype)
        except (ValueError, TypeError) as problem:
            raise OpError(f"Tensor needs numbers in a regular (not ragged) list: {problem}") from None
        if dtype is None and array.dtype.kind in "iuf":
            array = array.astype(_default_dtype)
    if array.dtype == object and any(isinstance(each, Node) for each in array.flat):
        raise OpError("Tensor takes numbers, not nodes; to join nodes and keep their graph, use mx.stack([a, b]).")
    if array.dtype.kind not in "biuf":
        raise OpError(f"Tensor holds real numbers or booleans, not data of type {array.dtype}.")
    return array


def note(node: Any, made: list[Any]) -> None:
    """Keep a new node for the trace that is being made, with the learner's line."""
    node.source = caller()
    made.append(node)


def caller() -> tuple[str, int] | None:
    """File and line of the nearest frame outside this package and NumPy."""
    frame = sys._getframe(1)
    while frame is not None and not of_learner(frame.f_code.co_filename):
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def of_learner(file: str) -> bool:
    """True for code outside this package and NumPy; the named programs count as the learner's own."""
    return not file.startswith(_NOT_LEARNERS) or file.startswith(_LEARNERS)


_LEARNERS = tuple(join(_PACKAGE, folder) for folder in ("examples", "programs"))
