"""Running an op: lift the inputs, compute, and record the result as a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.graph.node import Node, Tensor, Value, as_array, default_dtype, note
from microgradx.graph.state import now
from microgradx.rules.refusals import refused

if TYPE_CHECKING:
    from microgradx.rules.op import Op

OPERANDS = (Node, int, float, np.ndarray, np.generic, list)  # what an operator accepts on its other side
_REFUSALS = (ValueError, IndexError, TypeError, np.exceptions.AxisError)  # NumPy's ways to say that inputs do not fit
_ANY = (ArithmeticError, *_REFUSALS)
_new = object.__new__
# Of whole numbers and booleans these are real numbers of the default dtype (NumPy alone makes float16 of small ones).
_REALS = """
acos acosh asin asinh atan atan2 atanh cos cosh erf exp exp2 expm1 hypot log log10 log1p log2 logaddexp logsumexp
sigmoid sin sinh softplus sqrt tan tanh
"""
_OF_REALS = frozenset(_REALS.split())


def call(op: Op, args: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """The general way to run an op; `unary` and `binary` are short cuts for inputs of one kind."""
    inputs = lift(op, args)
    if op.name in _OF_REALS and type(inputs[0]) is Tensor and all(each.data.dtype.kind != "f" for each in inputs):
        from microgradx.rules.shaping import astype

        inputs = tuple(astype(each, default_dtype().name) for each in inputs)
    if op.noop is not None and op.noop(*inputs, **static):
        return inputs[0]
    raw = [node.data for node in inputs]
    if op.scalar and inputs and type(inputs[0]) is Value:  # then all of them are
        return record(Value, op.scalar(*raw, **static), op, inputs, static)
    try:
        data = op.run(*raw, **static)
    except _REFUSALS as problem:
        raise refused(op, raw, static, problem) from problem
    return record(Value if type(data) is float else Tensor, data, op, inputs, static)


def lift(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Nodes of one kind: plain numbers and arrays become constants, a Value among Tensors a 0-d Tensor."""
    kind = type(args[0]) if args else None
    if kind is Tensor or (kind is Value and op.scalar):
        for a in args:
            if type(a) is not kind:
                break
        else:
            return args
    number = (Value, int, float, np.floating, np.integer) if any(type(a) is Value for a in args) else (int, float)
    if op.scalar and all(isinstance(a, number) for a in args):
        return tuple(a if isinstance(a, Value) else Value(a, requires_grad=False) for a in args)
    if op.shapes == "value" or all(isinstance(a, Tensor) for a in args):  # "value": the row `tensor` itself
        return args
    from microgradx.rules.shaping import tensor

    kinds = [a.dtype for a in args if isinstance(a, (Tensor, np.ndarray, np.generic))]
    nodes = []
    for a in args:
        if isinstance(a, Value):
            nodes.append(tensor(a, dtype=_number_dtype(0.0, kinds)))
        elif isinstance(a, Node):
            nodes.append(a)
        else:
            python = isinstance(a, (int, float)) and not isinstance(a, (bool, np.generic))
            nodes.append(Tensor(as_array(a, _number_dtype(a, kinds) if python else None), requires_grad=False))
    return tuple(nodes)


def _number_dtype(number: float, kinds: list[Any]) -> Any:
    """A Python number takes the dtype of the arrays it meets; a float among integers takes the default dtype."""
    floats = [d for d in kinds if d.kind == "f"]
    if floats or not kinds or isinstance(number, float):
        return np.result_type(*floats) if floats else default_dtype()
    together = np.result_type(*kinds)
    fits = together.kind in "iu" and np.iinfo(together).min <= number <= np.iinfo(together).max
    return together if fits else np.dtype(np.int64)


def record(kind: Any, data: Any, op: Op, inputs: tuple[Any, ...], static: Any = None) -> Any:
    """A new node for `data`; linked to its inputs when a gradient, or everything, is recorded."""
    gradients, everything, made, scope, _, _ = now()
    needed = False
    if gradients:
        for each in inputs if not op.nondiff else op.differentiable(inputs):
            if each.requires_grad:
                needed = True
                break
    if kind is Tensor:
        if type(data) is not np.ndarray:
            data = np.asarray(data)
        needed = needed and data.dtype.kind == "f"
    node = _new(kind)
    node.data, node.requires_grad, node.scope = data, needed, scope
    node.op = node.left = node.right = node.rest = node.static = node.grad = node.name = node.source = None
    if needed or everything:
        node.op, node.static = op, static or None
        if len(inputs) == 2:
            node.left, node.right = inputs
        elif len(inputs) == 1:
            node.left = inputs[0]
        else:
            node.rest = inputs
    if made is not None:
        note(node, made)
    return node


def unary(op: Op) -> Callable[[Any], Any]:
    """The method form of a one-input op without static parameters."""
    run, fast, hot = op.run, _unguarded(op), not op.nondiff

    def method(self: Any) -> Any:
        kind, here = type(self), now()
        if hot and here.usual and self.requires_grad and (kind is Value or kind is Tensor):
            try:
                data = fast(self.data) if kind is Value else run(self.data)
            except _ANY:
                return op(self)
            node = _new(kind)
            node.data, node.op, node.left, node.requires_grad, node.scope = data, op, self, True, here.scope
            node.right = node.rest = node.static = node.grad = node.name = node.source = None
            return node
        return op(self)

    method.__name__, method.__doc__ = op.name, op.form
    return method


def binary(op: Op, reflected: bool = False) -> Callable[[Any, Any], Any]:
    """The operator form of a two-input op: a short cut for two nodes of one kind, or a node and a Python number."""
    run, fast, hot = op.run, _unguarded(op), not op.nondiff

    def method(self: Any, other: Any) -> Any:
        kind = type(self)
        if type(other) is not kind:
            if type(other) in _NUMBERS and (kind is Value or (kind is Tensor and self.data.dtype.kind == "f")):
                other = _constant(kind, other, self.data)
            elif not isinstance(other, OPERANDS):
                return NotImplemented
        left, right = (other, self) if reflected else (self, other)
        here = now()
        if hot and here.usual and type(other) is kind and (left.requires_grad or right.requires_grad):
            try:
                data = fast(left.data, right.data) if kind is Value else run(left.data, right.data)
            except _ANY:
                return op(left, right)
            node = _new(kind)
            node.data, node.op, node.left, node.right = data, op, left, right
            node.requires_grad, node.scope = True, here.scope
            node.rest = node.static = node.grad = node.name = node.source = None
            return node
        return op(left, right)

    method.__name__, method.__doc__ = op.name, op.form
    return method


_NUMBERS = (int, float)


def _constant(kind: Any, number: float, beside: Any) -> Any:
    """A Python number as a node beside data of a float dtype, which it takes on."""
    node = _new(kind)
    node._leaf(float(number) if kind is Value else np.array(number, beside.dtype), False, None)
    return node


def _unguarded(op: Op) -> Any:
    """The scalar run as written: it may raise where IEEE has an answer, and costs no detour where it does not."""
    return getattr(op.scalar, "__wrapped__", op.scalar)
