"""What must hold for every row of the rulebook, as functions of one call: the claims that tests walk the book with."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microgradx.autodiff.backward import Edge, apply_rule
from microgradx.graph import OpError, Tensor, Value
from microgradx.rules import BOOK, Op, forget
from microgradx.rules import zoom as scalars
from microgradx.rules.shaping import sum_to
from microgradx.testing.calls import OpCall
from microgradx.testing.checks import check_call
from microgradx.testing.functions import is_real, outputs, weights


class Property(NamedTuple):
    """A claim about rows, how to check it on one call, and which rows it is about."""

    claim: str
    check: Callable[[OpCall], None]
    about: Callable[[Op], bool] = lambda op: op.smooth


def first_derivative(call: OpCall) -> None:
    """Every derivative equals the difference quotient."""
    check_call(call, order=1, modes=("rev",))


def second_derivative(call: OpCall) -> None:
    """So does the derivative of the derivative, by inputs and upstream gradient."""
    check_call(call, order=2, modes=("rev",), lowest=2)


def forward_mode(call: OpCall) -> None:
    """Forward mode and reverse mode are transposes of each other, for the op and for its pull-back."""
    check_call(call, order=2, modes=("fwd",))


def gradient_shape(call: OpCall) -> None:
    """A gradient has the shape and kind of its input, broadcast or not."""
    nodes, y, g = _run(call)
    y.backward(g)
    for k in call.smooth:
        grad = nodes[k].grad
        if isinstance(nodes[k], Value):
            assert type(grad) is float, f"the gradient of the Value {call.names[k]} is a {type(grad).__name__}"
        else:
            assert grad.shape == nodes[k].shape, (
                f"{call.names[k]} is {nodes[k].shape}, its gradient {grad.shape}: {call}"
            )


def backward_ways(call: OpCall) -> None:
    """The fast backward, the explained one, the differentiable one, and one for a single input all agree."""
    nodes, y, g = _run(call)
    y.backward(g)
    fast = [node.grad for node in nodes]
    edges: list[Edge] = []
    for options in (dict(watcher=edges.append), dict(create_graph=True), dict(keep="leaves")):
        nodes, y, g = _run(call)
        y.backward(g, **options)
        for k in call.smooth:
            _same(fast[k], _plain(nodes[k].grad), f"backward() and backward({', '.join(options)}) differ for", call, k)
    for edge in edges:
        if edge.local is not None:
            again = edge.upstream * edge.local
            shape = np.shape(edge.contribution)
            again = again if np.shape(again) == shape else sum_to.run(again, shape)
            _same(edge.contribution, again, "upstream times local is not the contribution of", call, edge.position)
    for k in call.smooth:
        nodes, y, g = _run(call, only=k)
        y.backward(g)
        _same(fast[k], nodes[k].grad, "alone, without gradients for the others, it is another for", call, k)
        assert all(node.grad is None for j, node in enumerate(nodes) if j != k), f"a constant got a gradient: {call}"


def raw_twin(call: OpCall) -> None:
    """A rule gives the same on raw data and on nodes."""
    nodes, y, g = _run(call)
    if y is nodes[0]:
        return  # there was nothing to do, so nothing was recorded
    upstream = Value(g, False) if isinstance(y, Value) else Tensor(g, False)
    for k in call.smooth:
        raw, recorded = apply_rule(y, k, g), apply_rule(y, k, upstream, as_nodes=True)
        for one, other in zip(raw, recorded, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                _same(one, _plain(other), "the rule says something else about nodes than about numbers, for", call, k)


def linearity(call: OpCall) -> None:
    """Where a row says it is linear, f(2a - 3b) = 2 f(a) - 3 f(b)."""
    names = [f"*{call.op.inputs[0]}"] * len(call.inputs) if call.op.variadic else call.names
    groups = [[k for k, name in enumerate(names) if name in group] for group in call.op.linear]
    if call.op.variadic and call.op.linear and not call.op.linear[0][0].startswith("*"):
        groups = [[k] for k in range(len(call.inputs))]
    for group in groups:
        other = weights(call.inputs)
        a, b = list(call.inputs), list(call.inputs)
        for k in group:
            a[k], b[k] = 2 * a[k] - 3 * other[k], other[k]
        f = [call.on(*OpCall(call.op, tuple(x), call.static).leaves()).data for x in (a, call.inputs, b)]
        wanted = 2 * f[1] - 3 * f[2]
        _same(f[0], wanted, "not linear, though declared so, in", call, group[0], scale=np.abs(f[1]) + np.abs(f[2]))


def scalar_run(call: OpCall) -> None:
    """The run on Python floats gives, element by element, what the run on arrays gives."""
    call = OpCall(call.op, tuple(map(np.asarray, call.inputs)), call.static)
    y = call.on(*call.leaves())
    spread = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in call.inputs)) if len(call.inputs) else []
    each = [call.op.scalar(*map(float, row), **call.static) for row in zip(*(x.ravel() for x in spread), strict=True)]  # type: ignore[misc]  # elementwise rows have one
    assert all(type(v) is float for v in each), f"the scalar run gives {type(each[0]).__name__}, not a float: {call}"
    _same(np.reshape(each, y.shape), y.data, "floats and arrays differ for", call, 0)


def single_precision(call: OpCall) -> None:
    """float32 stays float32, with nearly the same numbers."""
    nodes, y, g = _run(call)
    if not all(isinstance(node, Tensor) for node in (*nodes, y)) or "dtype" in call.static:
        return
    small = OpCall(call.op, tuple(x.astype(np.float32) if is_real(x) else x for x in call.inputs), call.static)
    others, z, _ = _run(small)
    y.backward(g)
    z.backward(g.astype(np.float32))
    assert z.dtype == np.float32, f"float32 inputs give {z.dtype}: {call}"
    for k in call.smooth:
        assert others[k].grad.dtype == np.float32, (
            f"the gradient of a float32 {call.names[k]} is {others[k].grad.dtype}"
        )
        size = 1 + float(np.max(np.abs(nodes[k].grad), initial=0.0))
        assert np.all(np.abs(others[k].grad - nodes[k].grad) <= 1e-3 * size), f"float32 is too far off: {call}"


def nothing_changes(call: OpCall) -> None:
    """Neither running nor differentiating changes the inputs, and no gradient shares memory with anything."""
    before = [np.array(x) for x in call.inputs]
    nodes, y, g = _run(call)
    result, upstream = np.array(y.data), np.array(g)
    y.backward(g)
    arrays = [y.data, g, *(node.data for node in nodes)]
    for k in call.smooth:
        grad = nodes[k].grad
        if isinstance(grad, np.ndarray):
            assert not any(np.shares_memory(grad, a) for a in arrays if isinstance(a, np.ndarray)), (
                f"the gradient of {call.names[k]} shares memory with another array: {call}"
            )
            grad += 1.0
    unchanged = zip([*before, result, upstream], [*(node.data for node in nodes), y.data, g], strict=True)
    assert all(np.array_equal(a, b, equal_nan=is_real(a)) for a, b in unchanged), (
        f"something was changed in place: {call}"
    )


def zoom(call: OpCall) -> None:
    """Computed scalar by scalar, on Values, the result and the gradients are the same."""
    nodes, y, g = _run(call)
    if y is nodes[0]:
        return
    y.backward(g)
    result, inputs = scalars.zoom(y, dict(zip([*nodes, y], [*call.names, "y"], strict=True)))
    _same(y.data, np.array([v.data for v in result.ravel()]).reshape(result.shape), "scalars give another", call, 0)
    found = scalars.pulled_back(result, inputs, g)
    for k in call.smooth:
        _same(nodes[k].grad, found[nodes[k]], "scalars give another gradient for", call, k)


def zooms(op: Op) -> bool:
    """True for rows with a scalar graph inside: elementwise ones, and those of this package.

    Conversions only change the kind of a number; the run of a row from elsewhere need not understand Values.
    """
    if op.elementwise or not op.smooth:
        return op.smooth
    return (
        op.home.startswith("microgradx.")
        and op.name not in ("tensor", "number", "astype")
        and scalars.has_scalar_form(op)
    )


PROPERTIES: dict[str, Property] = {
    "first derivative": Property("every first derivative agrees with finite differences", first_derivative),
    "second derivative": Property("every second derivative does, too", second_derivative),
    "forward mode": Property("forward mode is the transpose of reverse mode", forward_mode),
    "gradient shape": Property("the gradient has its input's shape, broadcast or not", gradient_shape),
    "ways of backward": Property("the fast, the explained and the differentiable backward agree", backward_ways),
    "raw twin": Property("a rule says the same about numbers and about nodes", raw_twin),
    "linearity": Property("it is linear where it says so", linearity, lambda op: bool(op.linear)),
    "scalar run": Property("one Python float and an array of one give the same", scalar_run, lambda op: op.elementwise),
    "single precision": Property("float32 stays float32", single_precision),
    "nothing changes": Property("inputs are never changed, gradients never shared", nothing_changes),
    "zoom": Property("computed scalar by scalar, result and gradient are the same", zoom, lambda op: zooms(op)),
}


def rows_of(path: str | Path) -> list[Op]:
    """The rows that a Python file defines, in order; the file is run, anew when it was run before.

    Raises:
        OpError: there is no such file, or it defines no op.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise OpError(f"{path}: no such file; name a Python file that defines ops with microgradx.op.")
    for op in [op for op in BOOK.values() if op.home == file.stem]:
        forget(op.name)
    before = set(BOOK)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [op for name, op in BOOK.items() if name not in before]
    if not found:
        raise OpError(f"{path} defines no op; write a row such as swish = op('swish(x)', run, x=lambda x, y: …).")
    return found


def _run(call: OpCall, only: int | None = None) -> tuple[list[Any], Any, Any]:
    """Leaves, result, and numbers of the result's shape to arrive there."""
    nodes = call.leaves()
    for k in call.smooth if only is not None else ():
        nodes[k].requires_grad = k == only
    y = call.on(*nodes)
    return nodes, y, weights(outputs(y))[0]


def _plain(grad: Any) -> Any:
    return grad.data if isinstance(grad, (Value, Tensor)) else grad


def _same(one: Any, other: Any, problem: str, call: OpCall, k: int, scale: Any = 0.0) -> None:
    size = max(float(np.max(np.abs(one), initial=0.0)), float(np.max(scale, initial=0.0)))
    close = np.shape(one) == np.shape(other) and np.allclose(
        one, other, rtol=1e-11, atol=1e-12 * (1 + size), equal_nan=True
    )
    assert close, f"{problem} {call.names[k]}: {one!r} and {other!r} in {call}"
