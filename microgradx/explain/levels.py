"""Layer, tensor, scalar: the same trace at each of the three levels, and zooming from one into the next."""

from typing import Any

import numpy as np

from microgradx.explain.arrays import shape_text
from microgradx.explain.layers import by_layer, inside, open_layer, scopes
from microgradx.explain.trace import Trace, traced
from microgradx.explain.zooming import zoom_into, zoom_through
from microgradx.graph import topological
from microgradx.pictures import Picture, draw
from microgradx.rules.zoom import zoom_all

MOST_SCALARS = 5000  # more numbers than this are not a trace that anybody reads: one entry is chosen instead


def at_level(trace: Trace, level: str | None = None, zoom: str | None = None) -> Trace:
    """The trace as layers, as tensors (as it is) or as scalars; with `zoom` only one layer, or one entry, of it.

    Args:
        trace: at tensor level (or at scalar level, where that is how the program computes).
        zoom: a layer such as "hidden" or "recurrent.layer0.t3"; or an entry such as "Z[0,1]", or "hidden[0,1]" of what
            leaves a layer, which is always scalars.

    Raises:
        OpError: there is no such layer or entry.
    """
    if zoom is not None and not any(inside(scope, zoom) for scope in scopes(trace)):
        layer = zoom.partition("[")[0]
        if layer in scopes(trace) and all(row.name not in (layer, zoom) for row in trace.rows.values()):
            return zoom_through(open_layer(trace, layer), zoom)
        return zoom_into(trace, zoom)
    if level == "layer":
        return by_layer(open_layer(trace, zoom) if zoom else trace)
    if level == "scalar" and not trace.scalar:
        least = sum(row.node.size for row in trace.rows.values())  # which spares expanding what nobody will read
        if least > MOST_SCALARS:
            return _one_entry(trace, zoom, least)
        names = {row.node: row.name for row in trace.rows.values()}
        whole = trace.rows[trace.output].node
        entries = zoom_all(whole, names)
        output = entries[whole].item()
        count = len(topological(output))
        if count > MOST_SCALARS:
            return _one_entry(trace, zoom, count)
        trace = _scalars(trace, output, entries)
    return open_layer(trace, zoom) if zoom else trace


def picture(trace: Trace, engine: str = "auto", max_nodes: int | None = 150) -> Picture:
    """The graph of the trace, drawn; at layer level every layer is one box."""
    names = {row.node: row.name for row in trace.rows.values()}
    read = {i for row in trace.rows.values() for i in row.inputs.values()}
    ends = [row.node for i, row in trace.rows.items() if row.op and i not in read]
    return draw(ends, names=names, engine=engine, max_nodes=max_nodes, folds=_labels(trace))


def _labels(trace: Trace) -> dict[Any, tuple[str, str]] | None:
    """For every node in a layer, the layer and what its box says."""
    words = {}
    for layer in trace.layers:
        name = layer.name[len(trace.path) :].lstrip(".")
        weights = f"\n{layer.parameters:,} parameters" if layer.parameters else ""
        gradient = "" if layer.gradient is None else f"\ngradient norm {layer.gradient:.3g}"
        words[name] = f"{shape_text(layer.shape)}{weights}{gradient}"
    folds = {node: (name, words[name]) for node, name in trace.folds.items()}
    for i in trace.parameters:
        users = {trace.folds.get(row.node, "") for row in trace.rows.values() if i in row.inputs.values()}
        if len(users) == 1 and users != {""}:  # a layer's own weights are in its box
            name = users.pop()
            folds[trace.rows[i].node] = (name, words[name])
    return folds or None


def _scalars(trace: Trace, output: Any, entries: dict[Any, Any]) -> Trace:
    """The trace with every number a node of its own; `entries` are those of each tensor."""
    if output.name is None:
        output.name = trace.rows[trace.output].name
    chosen = [trace.rows[i].node for i in trace.parameters]
    parameters = [value.name for node in chosen for value in np.ravel(entries[node])]

    def again(data: dict[Any, Any]) -> float | None:
        """The program itself at other numbers, which are put back into its tensors."""
        whole = {node: [data.get(each, each.data) for each in np.ravel(entries[node])] for node in chosen}
        return trace.rerun({n: np.reshape(each, n.shape).astype(n.dtype) for n, each in whole.items()})

    found = traced(output, {}, trace.title, parameters, trace.lr, again)
    worst = 0.0
    for node in chosen:
        if node.grad is not None:
            scalars = np.array([value.grad or 0.0 for value in np.ravel(entries[node])]).reshape(node.shape)
            worst = max(worst, float(np.max(np.abs(scalars - node.grad), initial=0.0)))
    found.notes += [*trace.notes, f"all gradients are those of the tensor level (largest difference {worst:.1g})"]
    return found


def _one_entry(trace: Trace, zoom: str | None, count: int) -> Trace:
    """The entry with the largest gradient of the first result that is computed from a parameter."""
    read = [
        row for row in trace.rows.values()
        if row.op and inside(row.node.scope, zoom or "") and row.node.grad is not None
    ]  # fmt: skip
    learned = (row for row in read if set(row.inputs.values()) & set(trace.parameters))
    first = next((row for row in learned if row.op != "lookup"), read[0])  # a lookup computes nothing
    at = np.unravel_index(int(np.argmax(np.abs(first.node.grad))), first.node.shape)
    where = f"{first.name}[{','.join(map(str, at))}]" if at else first.name
    found = zoom_into(trace, where)
    found.notes.append(
        f"as scalars the whole is {count:,} numbers or more; this entry of {first.name} has the largest gradient. "
        'Choose any other with --zoom "NODE[i,j]".'
    )
    return found
