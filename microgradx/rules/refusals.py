"""What an op says when it cannot run on the inputs it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.graph import Node
from microgradx.graph.errors import OpError

if TYPE_CHECKING:
    from microgradx.rules.op import Op


def refused(op: Op, raw: list[Any], static: dict[str, Any], problem: Exception) -> OpError:
    """The error for `problem`, with the shapes that were seen and what the op accepts."""
    if isinstance(problem, OpError):
        return problem
    shapes = [np.shape(r) for r in raw]
    if op.name == "matmul" and min(map(len, shapes)) >= 2:
        return OpError(_matmul(*shapes))
    names = [f"{op.inputs[0]}[{i}]" for i in range(len(raw))] if op.variadic else op.inputs
    seen = ", ".join(f"{name} is {shape}" for name, shape in zip(names, shapes, strict=False))
    options = ", ".join(f"{k}={v!r}" for k, v in static.items() if v is not None)
    seen += f" with {options}" if options else ""
    accepts = ""
    if op.elementwise and len(raw) > 1:
        accepts = "; their shapes must broadcast together"
    elif op.shapes and "->" in op.shapes:  # other rows list sample shapes for the tests
        accepts = f"; it takes {op.shapes}"
    return OpError(f"{op.name}: cannot run on these inputs: {seen}{accepts}. ({problem})")


def _matmul(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    if a[-1] == b[-2]:
        return f"matmul: A is {a}, B is {b}; their batch axes {a[:-2]} and {b[:-2]} must broadcast together."
    hint = " Did you mean B.T?" if a[-1] == b[-1] else " Did you mean A.T?" if a[-2] == b[-2] else ""
    return f"matmul: inner sizes differ: A is {a}, B is {b}; A's last axis must equal B's second-to-last.{hint}"


def settings(name: str, static: dict[str, Any]) -> dict[str, Any]:
    """A setting is a plain value in every reading: NumPy's number would widen float32, a node lose its gradient."""
    for setting, value in static.items():
        if isinstance(value, np.generic):
            static = {**static, setting: value.item()}
        elif isinstance(value, Node):
            raise OpError(
                f"{name}: {setting} is a setting, a plain number through which no gradient flows, not a node. Pass "
                f"float({setting}); or use a function in which it is an input, as pow, prelu or celu have it."
            )
    return static
