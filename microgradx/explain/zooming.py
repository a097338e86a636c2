"""From a tensor step of a trace down to scalars: one entry of a result, as the graph of numbers it is."""

import re
from typing import Any

import numpy as np

from microgradx.explain.jacobian import long_way
from microgradx.explain.trace import Row, Trace, traced
from microgradx.explain.wording import d, forward_text, words_text
from microgradx.graph import OpError, Value
from microgradx.rules.numbers import shown
from microgradx.rules.zoom import pulled_back, zoom, zoom_all

MOST_OPS = 40  # results of a layer that is opened down to its numbers


def zoom_into(trace: Trace, where: str) -> Trace:
    """The scalar trace of one entry, such as "Z[0,1]"; a note says how it ties in with the tensor step.

    Raises:
        OpError: no such node or entry, a leaf, or an entry that depends on nothing that collects a gradient.
    """
    row, at = _find(trace, where)
    names = {each.node: each.name for each in trace.rows.values()}
    value = zoom(row.node, names)[0][at]
    if not isinstance(value, Value) or not value.requires_grad:
        raise OpError(f"{where} does not depend on anything that collects a gradient: nothing to trace.")
    found = traced(value, {}, f"{where}, zoomed out of {trace.title}", (), trace.lr)
    found.notes += trace.notes
    upstream = row.node.grad
    if upstream is not None:
        share = shown(float(np.asarray(upstream)[at]))
        part = "times a gradient below, it is this entry's part of the tensor step"
        found.notes += [
            f"{row.name} = {forward_text(trace, row)}; this is entry {where}",
            f"{d(trace, where)} = {share} arrived here; {part}",
            _check(trace, row, pulled_back(*zoom(row.node, names), upstream)),
            *dict.fromkeys(words_text(trace, s) for s in trace.steps if s.node == row.id and s.words),
            *(line for s in trace.steps if s.node == row.id for line in long_way(trace, s, row, at)),
        ]
    return found


def zoom_through(layer: Trace, where: str) -> Trace:
    """The scalar trace of one entry of what leaves an opened layer, such as "hidden[0,3]", from what enters it.

    Raises:
        OpError: no such entry; a layer of more than MOST_OPS results; an op of it that is computed as a whole.
    """
    made = [row for row in layer.rows.values() if row.op]
    row = made[-1]
    if len(made) > MOST_OPS:
        part = next((each for each in reversed(made) if each.node.scope not in ("", layer.path)), row)
        name = part.name if part is row else part.node.scope
        raise OpError(
            f"{layer.path} is {len(made)} results: too many for one scalar graph. Choose a part of it, such as --zoom "
            f'"{_first(name, part.node.shape)}"; --zoom {layer.path} names them.'
        )
    names = {each.node: each.name for each in layer.rows.values()} | {row.node: layer.path}
    at = _place(where[len(layer.path) :], row.node.shape, layer.path)
    value = zoom_all(row.node, names)[row.node][at]
    if not value.requires_grad:
        raise OpError(f"{where} does not depend on anything that collects a gradient: nothing to trace.")
    found = traced(value, {}, f"{where}, zoomed out of {layer.title}", (), layer.lr)
    found.notes += layer.notes[:-1]
    if row.node.grad is not None:
        share = shown(float(np.asarray(row.node.grad)[at]))
        found.notes.append(
            f"∂L/∂{where} = {share} arrived here; times a gradient below, it is what this entry hands on"
        )
    return found


def _place(text: str, shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """ "[0,3]" as an index into this shape."""
    at = tuple(int(i) for i in re.findall(r"-?\d+", text))
    if len(at) != len(shape) or any(not -n <= i < n for i, n in zip(at, shape, strict=True)):
        raise OpError(f"{name} has shape {shape}; choose one entry of it, such as {_first(name, shape)}.")
    return at


def _first(name: str, shape: tuple[int, ...]) -> str:
    """Its first entry, as it is typed."""
    return f"{name}[{','.join('0' for _ in shape)}]" if shape else name


def _find(trace: Trace, where: str) -> tuple[Row, tuple[int, ...]]:
    rows = {row.name: row for row in trace.rows.values()}
    entry = re.fullmatch(r"(.+)\[(-?\d+(?:\s*,\s*-?\d+)*)\]", where.strip())
    name, index = where.strip(), ""
    if name not in rows and entry:
        name, index = entry.groups()
    name = name if name in rows else re.sub(r"^\((.*)\)$", r"\1", name)
    if name not in rows:
        raise OpError(f"there is no node {name} in this trace; it has {', '.join(rows)}.")
    return rows[name], _place(index, rows[name].node.shape, name)


def _check(trace: Trace, row: Row, back: dict[Any, Any]) -> str:
    """Compare what the scalars hand back with the tensor steps of the same op."""
    worst = 0.0
    for step in trace.steps:
        node = trace.rows[step.input].node
        if step.node == row.id and node in back:
            whole = sum(s.contribution for s in trace.steps if (s.node, s.input) == (step.node, step.input))
            worst = max(worst, float(np.max(np.abs(back[node] - whole), initial=0.0)))
    return f"all entries together hand back what the tensor step did (largest difference {worst:.1g})"
