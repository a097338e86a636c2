"""The output of a trace at other numbers: what one gradient step does to it is computed, not claimed."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.autodiff.backward import constant
from microgradx.graph import MicrogradxError, Node, Value, no_grad

if TYPE_CHECKING:
    from microgradx.explain.trace import Trace


def by_function(target: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any], data: dict[Any, Any]) -> Any:
    """The function's result at other data of its arguments; None where it depends on more than those."""
    arguments = {id(each) for each in (*given, *named.values())}
    if any(id(node) not in arguments for node in data):
        return None

    def other(each: Any) -> Any:
        return constant(each, data[each]) if isinstance(each, Node) and each in data else each

    with no_grad(), redirect_stdout(StringIO()):  # what it prints, it has printed
        try:
            result = target(*map(other, given), **{name: other(each) for name, each in named.items()})
            return float(result.item())
        except Exception:  # a step may lead out of where the function is defined
            return None


def loss_after(trace: Trace) -> float | None:
    """The output computed once more after one gradient step, w − lr · grad, on the parameters."""
    stepping = [trace.rows[i].node for i in trace.parameters if trace.rows[i].node.grad is not None]
    return trace.rerun({node: node.data - trace.lr * node.grad for node in stepping}) if stepping else None


def by_graph(
    order: list[Any], again: Callable[[dict[Any, Any]], float | None] | None, given: dict[Any, Any]
) -> float | None:
    """The output computed once more, with the data `given` for some leaves; nan where it is not defined there.

    By the function itself, `again`, where that is possible: it may take another branch there. Else by its graph.
    """
    if again is not None and (found := again(given)) is not None:
        return found
    data = {node: node.data for node in order if node.op is None} | given
    try:
        with np.errstate(all="ignore"):
            for node in order:
                if node not in data:
                    data[node] = running(node)(*(data[each] for each in node.inputs), **(node.static or {}))
    except (ArithmeticError, ValueError, MicrogradxError):  # a singular matrix, say
        return math.nan
    return float(np.asarray(data[order[-1]]).item())


def running(node: Any) -> Callable[..., Any]:
    """The function that computes what `node` is from the data of its inputs."""
    op: Any = node.op
    scalar = op.scalar if isinstance(node, Value) else None
    return scalar or op.run  # type: ignore[no-any-return]  # both are functions
