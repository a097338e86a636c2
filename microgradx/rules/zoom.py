"""Zoom: a tensor computation as the scalar graph it stands for, with no second definition of any op.

An elementwise op is applied to each element; a structural op (matmul, sums, windows) runs its own `run` on
NumPy object arrays whose entries are `Value`s, so that its additions and products become nodes.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from microgradx.graph import OpError, Value, recording, scope, topological
from microgradx.rules.notation import in_slot
from microgradx.rules.op import Op

Array = np.ndarray[Any, Any]


def has_scalar_form(op: Op) -> bool:
    """False for the decompositions: LAPACK computes them as a whole, so there is no scalar program inside."""
    return not op.home.endswith(".decompositions")


def zoom(node: Any, names: Mapping[Any, str]) -> tuple[Array, dict[Any, Array]]:
    """One op of the graph as scalars.

    Args:
        node: the Tensor (or Value) that the op made.
        names: what each node is called; entry (0, 1) of Z becomes "Z[0,1]".

    Returns:
        The entries of the result, and for each input its entries: object arrays of Values.

    Raises:
        OpError: the node is a leaf, or its op has no scalar form (it calls a library as a whole).
    """
    if node.op is None:
        raise OpError(f"{names[node]} is a leaf: there is no op to zoom into.")
    inputs = {each: entries(each, names[each]) for each in node.inputs}
    return _applied(node, inputs, names[node]), inputs


def zoom_all(output: Any, names: Mapping[Any, str]) -> dict[Any, Array]:
    """The whole graph that ends in `output` as scalars, down to its leaves: the entries of every node."""
    found: dict[Any, Array] = {}
    for node in topological(output):
        with scope(node.scope) if node.scope else nullcontext():
            found[node] = entries(node, names[node]) if node.op is None else _applied(node, found, names[node])
    return found


def entries(node: Any, name: str) -> Array:
    """A leaf Value for every entry of the node."""
    data = np.asarray(node.data)
    if data.dtype.kind in "bi":
        return data  # labels, masks and indices stay what they are
    out = np.empty(data.shape, dtype=object)
    for at in np.ndindex(data.shape):
        out[at] = Value(data[at], requires_grad=node.requires_grad, name=_entry(name, at))
    return out


def _applied(node: Any, inputs: Mapping[Any, Array], name: str) -> Array:
    op, static = node.op, dict(node.static or {})
    arrays = [inputs[each] for each in node.inputs]
    with recording(), np.errstate(all="ignore"):
        try:
            if op.elementwise:
                made = np.frompyfunc(lambda *one: op(*map(_plain, one), **static), len(arrays), 1)(*arrays)
            elif op.shapes in ("value", "()") or (op.name == "astype" and node.dtype.kind == "f"):
                made = arrays[0]  # the same number as a tensor, as a scalar or with another number of digits
            else:
                made = op.run(*arrays, **static)
        except (TypeError, ValueError, AttributeError, np.linalg.LinAlgError) as problem:
            raise OpError(f"{op.name} has no scalar form: it is computed as a whole ({problem}).") from problem
    out = np.empty(np.shape(node.data), dtype=object)
    out[...] = made
    for at in np.ndindex(out.shape):
        value = out[at]
        if not isinstance(value, Value):
            out[at] = Value(value, requires_grad=False)
        elif value.op is not None and value.name is None:
            value.name = _entry(name, at)
    return out


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _entry(name: str, at: tuple[int, ...]) -> str:
    return f"{in_slot(name)}[{','.join(map(str, at))}]" if at else name


def pulled_back(result: Array, inputs: Mapping[Any, Array], upstream: Any) -> dict[Any, Array]:
    """What the scalar graph hands back to each input when `upstream` arrives at the result."""
    share = sum((v * float(g) for v, g in zip(result.ravel(), np.ravel(upstream), strict=True)), Value(0.0, False))
    if share.requires_grad:
        share.backward()
    back = {}
    for each, values in inputs.items():
        if each.requires_grad:
            back[each] = np.array([v.grad or 0.0 for v in values.ravel()]).reshape(values.shape)
    return back
