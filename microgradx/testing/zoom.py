"""The scalar graph inside a tensor op: the same call on Values, one per element."""

from typing import Any

import numpy as np

from microgradx.graph import Value
from microgradx.testing.calls import OpCall


def zoomed(call: OpCall, g: Any) -> tuple[Any, list[Any]]:
    """The result and the inputs' gradients, for `g` arriving, computed by scalar nodes only.

    Elementwise rows apply the op to each element; the others run their own `run` on object arrays of Values.
    Gradients of inputs without a rule are None.
    """
    values = [_values(x) if k in call.smooth else x for k, x in enumerate(call.inputs)]
    if call.op.elementwise:
        spread = np.broadcast_arrays(*(np.asarray(v, dtype=object) for v in values))
        y = np.empty(spread[0].shape, dtype=object)
        for index in np.ndindex(y.shape):
            y[index] = call.op(*(_as_value(x[index]) for x in spread), **call.static)
    else:
        y = np.asarray(call.op.run(*values, **call.static), dtype=object)
    total = Value(0.0, requires_grad=False)
    for one, weight in zip(y.ravel(), np.ravel(g), strict=True):
        total = total + one * float(weight)
    total.backward()
    result = np.array([_number(one) for one in y.ravel()], dtype=float).reshape(y.shape)
    return result, [_gradient(v, call.inputs[k]) if k in call.smooth else None for k, v in enumerate(values)]


def _values(x: Any) -> Any:
    if type(x) is float:
        return Value(x)
    out = np.empty(np.shape(x), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = Value(x[index])
    return out


def _as_value(x: Any) -> Any:
    return x if isinstance(x, Value) else Value(x, requires_grad=False)


def _number(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


def _gradient(values: Any, x: Any) -> Any:
    if isinstance(values, Value):
        return values.grad or 0.0
    return np.array([0.0 if v.grad is None else v.grad for v in values.ravel()]).reshape(np.shape(x))
