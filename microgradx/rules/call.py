"""Running an op: compute on the lifted inputs, and record the result as a node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.graph.node import Node, Tensor, Value, note
from microgradx.graph.state import now
from microgradx.rules.lifting import lift
from microgradx.rules.refusals import refused

if TYPE_CHECKING:
    from microgradx.rules.op import Op

OPERANDS = (Node, int, float, np.ndarray, np.generic, list)  # what an operator accepts on its other side
_REFUSALS = (ValueError, IndexError, TypeError, np.exceptions.AxisError)  # NumPy's ways to say that inputs do not fit
_ANY = (ArithmeticError, *_REFUSALS)
_new = object.__new__


def call(op: Op, args: tuple[Any, ...], static: dict[str, Any]) -> Any:
    """The general way to run an op; `unary` and `binary` are short cuts for inputs of one kind."""
    inputs = lift(op, args)
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
        elif kind is Tensor and self.data.dtype is not other.data.dtype:
            return op(other, self) if reflected else op(self, other)
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
