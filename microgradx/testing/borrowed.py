"""Has another of the op's rules, or the op itself, the piece that a wrong rule lacks?

A rule is recorded as a graph; a repair multiplies one of its nodes by a piece, adds the piece, or puts it in the node's
place. It counts only when it gives the right gradient on all the evidence.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import Tensor, recording, topological
from microgradx.rules import BOOK
from microgradx.testing.evidence import Evidence
from microgradx.testing.repairs import pulled, rule_leaves, text_of

_PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "left": lambda node, piece: node.mT @ piece,
    "right": lambda node, piece: piece @ node.mT,
}
_LONGEST = 100  # characters of a formula that is still read
_PIECES = 60  # more are not tried
# what may be too much, of the ops that have more than one input
_TOO_MUCH = {"add": "a term too many: {}", "sub": "a term too many: {}", "mul": "a factor too many: {}",
             "div": "a factor too many: {}"}  # fmt: skip


class _Graph(NamedTuple):
    """A rule as recorded on one piece of evidence, and what may be borrowed for it."""

    order: list[Any]
    pieces: list[Any]


class _Way(NamedTuple):
    """How a piece is put in: the row that joins it to a node ("": it takes the node's place), and the mistake."""

    op: str
    says: str


_WAYS = (
    _Way("mul", "a missing factor: it looks like you forgot {piece}"),
    _Way("div", "a missing factor: it looks like you forgot to divide by {piece}"),
    _Way("", "it has {node} where {piece} belongs"),
    _Way("add", "a dropped dependence, one of several paths: it looks like you forgot to add {piece}"),
    _Way("left", "a dropped dependence, one of several paths: it looks like you forgot to add {node}.mT @ ({piece})"),
    _Way("right", "a dropped dependence, one of several paths: it looks like you forgot to add {piece} @ {node}.mT"),
    _Way("sub", "a dropped dependence, one of several paths: it looks like you forgot to subtract {piece}"),
)


def borrowed(evidence: list[Evidence]) -> str | None:
    """The rule with one piece more, with one op less, or with one matrix transposed on the way."""
    evidence = sorted(evidence, key=lambda e: -np.size(e.truth))  # large ones refuse a wrong repair at once
    graphs = [_recorded(e) for e in evidence]
    kept = [graph for graph in graphs if graph is not None]
    if len(kept) < len(graphs) or len({tuple(map(len, graph)) for graph in kept}) != 1:
        return None
    for at, change, says in _repairs(kept[0]):
        if all(_rights(e, graph, at, change) for e, graph in zip(evidence, kept, strict=True)):
            return _told(kept[-1], at, change, says)
    return None


def _recorded(e: Evidence) -> _Graph | None:
    op, leaves = e.call.op, rule_leaves(e)
    known, own, pieces = {**e.known(), **leaves}, None, []
    with recording(), np.errstate(all="ignore"):
        for position in () if op.variadic else range(len(op.inputs)):
            rule = op.rule_for(position)
            found = rule and _tried(rule, known)
            own = found if position == e.position else own
            pieces += _nodes(found) if position != e.position else []
        pieces += _nodes(_tried(lambda known: op.run(*(known[n] for n in op.inputs), **e.call.static), known))
    if not isinstance(own, Tensor):
        return None
    order = topological(own)
    return _Graph(order, [*[node for node in order if node.op is not None][:-1], *pieces])


def _tried(make: Callable[[dict[str, Any]], Any], known: dict[str, Any]) -> Any:
    try:
        return make(known)
    except Exception:  # a rule of a user's, or an op that does not take nodes
        return None


def _nodes(found: Any) -> list[Any]:
    return [node for node in topological(found) if node.op is not None] if isinstance(found, Tensor) else []


def _repairs(graph: _Graph) -> Iterator[tuple[int, Any, str]]:
    """Where, what to do there, and what the mistake is called."""
    seen: dict[str, int] = {}
    for k, piece in enumerate(graph.pieces):
        text = text_of(piece)
        if _varies(piece) and len(text) <= _LONGEST and len(seen) < _PIECES:
            seen.setdefault(text, k)
    short = sorted(seen.items(), key=lambda each: len(each[0]))
    for at, node in enumerate(graph.order):
        yield from ((at, ("less", kept), says) for kept, says in _too_much(node))
        if node.op is not None and node.op.name != "mT" and node.ndim >= 2 and node is not graph.order[-1]:
            yield at, ("mT", 0), f"a missing transpose, of {text_of(node)}"
    for way in _WAYS:
        for text, k in short:
            for at, node in enumerate(graph.order):
                if node.dtype.kind == "f" and _fits(way, node, graph.pieces[k]):
                    yield at, (way.op, k), way.says.format(piece=text, node=text_of(node))


def _too_much(node: Any) -> Iterator[tuple[int, str]]:
    """Which input of an op may stand alone in its place, and what is too much then."""
    if node.op is not None and node.op.name in _TOO_MUCH:
        for kept, other in enumerate(node.inputs[::-1]):
            if node.inputs[kept].shape == node.shape:
                yield kept, _TOO_MUCH[node.op.name].format(text_of(other))
    elif node.op is not None and len(node.inputs) == 1 and node.inputs[0].dtype.kind == "f":
        yield 0, f"an extra {node.op.name}, which does not belong there"


def _varies(piece: Any) -> bool:
    """True of what is made of something the rule reads: a constant is no piece of it."""
    return piece.dtype.kind == "f" and any(leaf.name for leaf in topological(piece) if leaf.op is None)


def _fits(way: _Way, node: Any, piece: Any) -> bool:
    if way.op in ("mul", "div"):
        return bool(piece.ndim <= node.ndim and _spread(node.shape, piece.shape) == node.shape)
    if way.op in _PRODUCTS:
        return node.op is None and node.ndim == piece.ndim == 2
    return bool(node.shape == piece.shape and node is not piece)


def _spread(one: Any, other: Any) -> Any:
    try:
        return np.broadcast_shapes(one, other)
    except ValueError:
        return None


def _rights(e: Evidence, graph: _Graph, at: int, change: Any) -> bool:
    try:
        with recording(), np.errstate(all="ignore"):
            return e.right(pulled(e, _changed(graph, at, change).data))
    except Exception:  # rows of a user's raise what they like: then it is not this change
        return False


def _changed(graph: _Graph, at: int, change: Any) -> Any:
    """The rule's result with node `at` changed."""
    new: dict[Any, Any] = {}
    if change[0] in _PRODUCTS:
        return graph.order[-1] + _PRODUCTS[change[0]](graph.order[at], graph.pieces[change[1]])
    for k, node in enumerate(graph.order):
        made = node
        if any(new[each] is not each for each in node.inputs):
            made = node.op(*(new[each] for each in node.inputs), **(node.static or {}))
        if k == at:
            made = _put(made, change, graph.pieces)
        new[node] = made
    return new[graph.order[-1]]


def _put(node: Any, change: Any, pieces: list[Any]) -> Any:
    op, k = change
    if op == "less":
        return node.inputs[k]
    if op == "mT":
        return BOOK["mT"](node)
    return BOOK[op](node, pieces[k]) if op else pieces[k]


def _told(graph: _Graph, at: int, change: Any, says: str) -> str:
    with recording(), np.errstate(all="ignore"):
        text = text_of(_changed(graph, at, change))
    return says if "…" in text or "reshape" in text or len(text) > _LONGEST else f"{says}: it should read {text}"
