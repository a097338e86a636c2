"""Running an op: compute on the lifted inputs, and record the result as a node."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.graph.node import Node, Tensor, Value, note
from microgradx.graph.state import now
from microgradx.rules.lifting import lift
from microgradx.rules.refusals import refused

if TYPE_CHECKING:
    from microgradx.rules.op import Op

OPERANDS = (Node, int, float, np.ndarray, np.generic, list)  # what an operator accepts on its other side
_REFUSALS = (
    ValueError,
    IndexError,
    TypeError,
    OverflowError,
    np.exceptions.AxisError,
)  # NumPy's ways to say that inputs do not fit
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
    """The short way through a one-input op, its static parameters at their defaults; also its method form."""
    run, fast, hot, static = _settled(op.run, op), _settled(_unguarded(op), op), not op.nondiff, op.static or None

    def method(self: Any) -> Any:
        kind, here = type(self), now()
        if hot and here.usual and (kind is Value or kind is Tensor) and self.requires_grad:
            try:
                data = fast(self.data) if kind is Value else run(self.data)
            except _ANY:
                return call(op, (self,), op.static)
            if kind is Tensor and type(data) is not np.ndarray:  # NumPy gives bare numbers for shape ()
                kind, data = (Value, data) if type(data) is float else (Tensor, np.asarray(data))
            node = _new(kind)
            node.data, node.op, node.left, node.requires_grad, node.scope = data, op, self, True, here.scope
            node.right = node.rest = node.grad = node.name = node.source = None
            node.static = static
            return node
        return call(op, (self,), op.static)

    method.__name__, method.__doc__ = op.name, op.form
    return method


def binary(op: Op, reflected: bool = False) -> Callable[[Any, Any], Any]:
    """The short way through a two-input op, for nodes of one kind or a node and a number; also its operator form."""
    run, fast, hot, static = _settled(op.run, op), _settled(_unguarded(op), op), not op.nondiff, op.static or None

    def method(self: Any, other: Any) -> Any:
        kind, here = type(self), now()
        if type(other) is not kind:
            if type(other) in _NUMBERS and (kind is Value or (kind is Tensor and self.data.dtype.kind == "f")):
                other = _constant(kind, other, self.data)
            elif not isinstance(other, OPERANDS):
                return NotImplemented
        left, right = self, other
        if reflected:
            left, right = other, self
        alike = hot and here.usual and type(other) is kind
        if alike and kind is Tensor:
            alike = left.data.dtype is right.data.dtype and left.data.dtype.kind == "f"
        if alike and (kind is Tensor or kind is Value):
            try:
                data = fast(left.data, right.data) if kind is Value else run(left.data, right.data)
            except _ANY:
                return call(op, (left, right), op.static)
            node = _new(kind)
            node.data, node.scope = data, here.scope
            node.requires_grad = left.requires_grad or right.requires_grad
            if node.requires_grad:
                node.op, node.left, node.right, node.static = op, left, right, static
            else:
                node.op = node.left = node.right = node.static = None
            node.rest = node.grad = node.name = node.source = None
            return node
        return call(op, (left, right), op.static)

    method.__name__, method.__doc__ = op.name, op.form
    return method


_NUMBERS = (int, float)


def _constant(kind: Any, number: float, beside: Any) -> Any:
    """A Python number as a node beside data of a float dtype, which it takes on."""
    node = _new(kind)
    node._leaf(float(number) if kind is Value else np.array(number, beside.dtype), False, None)
    return node


def _settled(run: Any, op: Op) -> Any:
    return partial(run, **op.static) if op.static and run else run


def _unguarded(op: Op) -> Any:
    """The scalar run as written: it may raise where IEEE has an answer, and costs no detour where it does not."""
    return getattr(op.scalar, "__wrapped__", op.scalar)
