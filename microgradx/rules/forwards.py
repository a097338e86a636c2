"""Making an op's forward mode fast, as `specialise` does for its backward: straight code from the same rules.

An elementwise op multiplies a tangent by the same partial as an upstream gradient; an op that is linear in an input
runs on that input's tangent. For `matmul` on arrays:

    def push(node, tangents):
        A_, B_ = node.left, node.right
        total = None
        g = tangents[0]
        if g is not None:
            c = run(g, B_.data)
            total = c if total is None else total + c
        ...
        return total
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microgradx.rules.specialise import contribution, namespace, taken_apart

if TYPE_CHECKING:
    from microgradx.rules.op import Op


def push_function(op: Op, kind: str) -> Callable[[Any, list[Any]], Any] | None:
    """The tangent of a node from those of its inputs (None: it stands still), all bare; None for ops of other kinds."""
    alone = {name for group in op.linear if len(group) == 1 for name in group}
    if op.variadic or op.shapes == "value" or not (op.elementwise or alone >= op.rules.keys()):
        return None
    space = namespace(op, kind)
    space["run"] = op.scalar if kind == "scalar" and op.scalar else op.run
    lines = ["def push(node, tangents):", f"    {taken_apart(op)}", "    total = None"]
    for position, name in enumerate(op.inputs):
        if name in op.rules:
            lines += [f"    g = tangents[{position}]", "    if g is not None:"]
            lines += contribution(op, name, op.rules[name], kind) if op.elementwise else [_run(op, name)]
            lines += ["        total = c if total is None else total + c"]
    exec("\n".join([*lines, "    return total"]), space)  # the text above, built from checked identifiers only
    return space["push"]  # type: ignore[no-any-return]  # what exec defined


def _run(op: Op, name: str) -> str:
    given = ["g" if each == name else f"{each}_.data" for each in op.inputs]
    return f"        c = run({', '.join([*given, *(f'{n}=node.static[{n!r}]' for n in op.static)])})"
