"""Running an op: lift the inputs, compute, and record the result as a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.graph.node import Node, Tensor, Value, as_array, default_dtype, note
from microgradx.graph.state import state
from microgradx.rules.refusals import refused

if TYPE_CHECKING:
    from microgradx.rules.op import Op

OPERANDS = (Node, int, float, np.ndarray, np.generic, list)  # what an operator accepts on its other side
_new = object.__new__


def call(op: Op, args: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """The general way; `unary` and `binary` are short cuts for inputs of one kind."""
    inputs = lift(op, args)
    if op.noop is not None and op.noop(*inputs, **static):
        return inputs[0]
    scalar = bool(inputs) and all(type(node) is Value for node in inputs)
    raw = [node.data for node in inputs]
    try:
        data = op.scalar(*raw, **static) if scalar and op.scalar else op.run(*raw, **static)
    except MemoryError:
        raise
    except (ValueError, IndexError, TypeError, np.exceptions.AxisError) as problem:
        raise refused(op, raw, static, problem) from problem
    kind = Value if (scalar and op.scalar) or type(data) is float else Tensor
    return record(kind, data, op, tuple(inputs), static or None)


def lift(op: Op, args: tuple[Any, ...]) -> list[Any]:
    """Nodes of one kind: plain numbers and arrays become constants, a Value among Tensors a 0-d Tensor."""
    number = (Value, int, float, np.floating, np.integer) if any(type(a) is Value for a in args) else (int, float)
    if op.scalar and all(isinstance(a, number) for a in args):
        return [a if isinstance(a, Value) else Value(a, requires_grad=False) for a in args]
    if op.shapes == "value" or all(isinstance(a, Tensor) for a in args):  # "value": the row `tensor` itself
        return list(args)
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
    return nodes


def _number_dtype(number: float, kinds: list[Any]) -> Any:
    """A Python number takes the dtype of the arrays it meets; a float among integers takes the default dtype."""
    floats = [d for d in kinds if d.kind == "f"]
    if floats or not kinds or isinstance(number, float):
        return np.result_type(*floats) if floats else default_dtype()
    together = np.result_type(*kinds)
    return together if together.kind in "iu" else np.dtype(np.int64)


def record(kind: Any, data: Any, op: Op, inputs: tuple[Any, ...], static: Any) -> Any:
    """A new node for `data`; linked to its inputs when a gradient, or everything, is recorded."""
    node = _new(kind)
    if kind is Tensor:
        if type(data) is not np.ndarray:
            data = np.asarray(data)
        needed = state.gradients and data.dtype.kind == "f" and _any_needs(op, inputs)
    else:
        needed = state.gradients and _any_needs(op, inputs)
    node.data, node.grad, node.name, node.scope = data, None, None, state.scope
    node.requires_grad = needed
    node.source = None
    if needed or state.everything:
        node.op, node.inputs, node.static = op, inputs, static
    else:
        node.op, node.inputs, node.static = None, (), None
    if state.made is not None:
        note(node)
    return node


def _any_needs(op: Op, inputs: tuple[Any, ...]) -> bool:
    if not op.nondiff:
        return any(node.requires_grad for node in inputs)
    return any(node.requires_grad for name, node in zip(op.inputs, inputs, strict=True) if name not in op.nondiff)


def unary(op: Op) -> Callable[[Any], Any]:
    """The method form of a one-input op without static parameters."""
    scalar = op.scalar

    def method(self: Any) -> Any:
        if scalar is not None and type(self) is Value:
            return record(Value, scalar(self.data), op, (self,), None)
        return op(self)

    method.__name__, method.__doc__ = op.name, op.form
    return method


def binary(op: Op, reflected: bool = False) -> Callable[[Any, Any], Any]:
    """The operator form of a two-input op: a short cut when both sides are Values."""
    assert op.scalar is not None
    scalar, differentiable = op.scalar, op.smooth

    def method(self: Any, other: Any) -> Any:
        kind = type(other)
        if type(self) is Value:
            if kind is float or kind is int:
                other, kind = Value(other, False), Value
            if kind is Value:
                left, right = (other, self) if reflected else (self, other)
                node = _new(Value)
                node.data = scalar(left.data, right.data)
                node.grad = node.name = node.source = node.static = None
                node.scope = state.scope
                needed = differentiable and state.gradients and (left.requires_grad or right.requires_grad)
                node.requires_grad = needed
                if needed or state.everything:
                    node.op, node.inputs = op, (left, right)
                else:
                    node.op, node.inputs = None, ()
                if state.made is not None:
                    note(node)
                return node
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return op(other, self) if reflected else op(self, other)

    method.__name__, method.__doc__ = op.name, op.form
    return method
