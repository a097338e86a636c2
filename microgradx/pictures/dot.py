"""The picture as DOT text: values as boxes, ops as circles, scopes as clusters, gradients as colour."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any

import numpy as np

from microgradx.autodiff.backward import apply_rule
from microgradx.graph import Node, OpError, no_grad, topological
from microgradx.graph.order import FREED
from microgradx.pictures import labels
from microgradx.pictures.collapse import Fold, chosen, collapse
from microgradx.pictures.colour import Scale, strongest
from microgradx.pictures.engines import PictureError

FONT = "DejaVu Sans"  # the embedded engine knows its widths, and the PNG view bundles it
_GRAPH = dict(
    rankdir="LR", ranksep="0.16", nodesep="0.13", fontname=FONT, fontsize="9", fontcolor="#555555", labelloc="b",
    labeljust="l", pad="0.1", tooltip=" ",
)  # fmt: skip
_NODE = dict(fontname=FONT, fontsize="10", color="#444444", fillcolor="#ffffff", penwidth="0.8", width="0", height="0")
_EDGE = dict(color="#bebebe", penwidth="0.8", arrowsize="0.5")
_VALUE = dict(shape="record", style="filled", margin="0.07,0.035")
_OP = dict(
    shape="ellipse", style="filled", fillcolor="#444444", fontcolor="#ffffff", margin="0.03,0.01", height="0.27",
    width="0.27",
)  # fmt: skip
_CONSTANT = dict(color="#c4c4c4", fontcolor="#767676", fillcolor="#fafafa")
_FOLD = dict(shape="folder", style="filled", fillcolor="#f2ecd9", margin="0.12,0.08")
_TANGLED = 3000  # edges this long together are drawn straight: bending them around boxes would take minutes
_CLUSTER = dict(style="rounded,filled", fillcolor="#3b5b7b12", color="#9fb0c0", fontcolor="#3b5b7b", labelloc="t")


@dataclass
class Drawing:
    """DOT text, and what one needs to find one's way in it."""

    dot: str
    ids: dict[Any, str]  # node -> SVG id of its box (or of the fold it is in)
    scale: Scale | None  # None when no gradient is shown
    notes: list[str]
    shown: int  # values drawn as boxes of their own, of `total`
    total: int


@dataclass
class _Scope:
    """A cluster being filled: its own statements (DOT name and attributes), and the clusters inside."""

    nodes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    inside: dict[str, "_Scope"] = field(default_factory=dict)


def dot_source(
    nodes: Any, *, grads: bool = True, max_nodes: int | None = 150, names: Mapping[Any, str] | None = None
) -> str:
    """The DOT text of the graph that ends in `nodes` (a node, or several); the options are `draw`'s."""
    return drawing(nodes, grads=grads, max_nodes=max_nodes, names=names).dot


def drawing(
    nodes: Any, *, grads: bool, max_nodes: int | None, names: Mapping[Any, str] | None,
    folds: Mapping[Any, tuple[str, str]] | None = None,
) -> Drawing:  # fmt: skip
    """The DOT text with its ids and its scale."""
    roots = _roots(nodes)
    order = topological(*roots)
    if any(node.op is FREED for node in order):
        raise PictureError(
            'draw: the graph was released by backward(keep="leaves"); draw it before, or run backward with keep="all".'
        )
    folded = chosen(order, folds) if folds else collapse(order, roots, max_nodes)
    return _Writer(
        order, grads, folded, names or {}, "" if folds else " (all: max_nodes=None, or graph --max-nodes 0)"
    ).drawing()


def _roots(nodes: Any) -> list[Any]:
    several = [nodes] if isinstance(nodes, Node) else list(nodes) if isinstance(nodes, (list, tuple)) else []
    if not several or not all(isinstance(node, Node) for node in several):
        raise OpError(f"draw needs a Value or Tensor, or a list of them, not {type(nodes).__name__}.")
    return list(dict.fromkeys(several))


def _homes(order: list[Any]) -> dict[Any, str]:
    """The cluster of each node: its scope; for a tracked leaf made outside all scopes, where all its users are."""
    home = {node: node.scope for node in order}
    used: dict[Any, list[list[str]]] = {}
    for node in order:
        for each in node.inputs:
            if each.op is None and each.requires_grad and not each.scope:
                used.setdefault(each, []).append(node.scope.split("."))
    return home | {leaf: _common(scopes) for leaf, scopes in used.items()}


def _common(scopes: list[list[str]]) -> str:
    return ".".join(names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*scopes, strict=False)))


class _Writer:
    """Collects boxes by scope, then edges, then writes them; DOT names are n3 (value), o3 (its op), f0 (fold)."""

    def __init__(
        self, order: list[Any], grads: bool, folds: dict[Any, Fold], names: Mapping[Any, str], unfold: str
    ) -> None:
        self.order, self.folds, self.unfold = order, folds, unfold
        self.number = {node: i for i, node in enumerate(order)}
        self.fold_number = {fold: i for i, fold in enumerate(dict.fromkeys(folds.values()))}
        self.names = labels.names_of(order, folds) | {node: name for node, name in names.items() if node in self.number}
        self.asked = grads
        self.grads = {n: labels.plain(n.grad) for n in order if grads and n.requires_grad and n.grad is not None}
        sizes = [abs(strongest(g)) for g in self.grads.values()]
        self.scale = Scale(max((s for s in sizes if np.isfinite(s)), default=0.0)) if self.grads else None
        self.uses = Counter(each for node in order for each in node.inputs)
        self.home = _homes(order)
        self.top = _Scope()
        self.clusters = count()
        self.edges: list[tuple[str, str, dict[str, str]]] = []

    def drawing(self) -> Drawing:
        import graphviz

        for fold in self.fold_number:
            self._scope(fold.scope).nodes.append((self._key(fold), self._fold(fold)))
        for node in self.order:
            if node not in self.folds:
                boxes = self._scope(self.home[node]).nodes
                boxes.append((self._key(node), self._value(node)))
                if node.op is not None:
                    boxes.append((f"o{self.number[node]}", self._op(node)))
        self._connect()
        content = repr((self.top, self.edges)).encode("utf-8", "replace")
        prefix = "g" + hashlib.sha256(content).hexdigest()[:6]  # pictures on one page do not share ids
        notes = self._notes()
        dot = graphviz.Digraph("microgradx")
        dot.attr("graph", id=f"{prefix}graph", label=_lines(self._legend() + notes), **_GRAPH)
        if self._span() > _TANGLED:
            dot.attr("graph", splines="line", nslimit="1")
        dot.attr("node", **_NODE)
        dot.attr("edge", **_EDGE)
        self._write(dot, self.top, "", prefix)
        for tail, head, look in reversed(self.edges):  # a column is filled from below: w1 comes to stand above w2
            dot.edge(tail, head, **{**look, "id": prefix + look["id"]})
        ids = {node: prefix + self._key(self.folds.get(node, node)) for node in self.order}
        return Drawing(dot.source, ids, self.scale, notes, len(self.order) - len(self.folds), len(self.order))

    def _key(self, thing: Any) -> str:
        return f"f{self.fold_number[thing]}" if isinstance(thing, Fold) else f"n{self.number[thing]}"

    def _scope(self, path: str) -> _Scope:
        found = self.top
        for part in path.split(".") if path else []:
            found = found.inside.setdefault(part, _Scope())
        return found

    def _value(self, node: Any) -> dict[str, str]:
        name, gradient = self.names[node], self.grads.get(node)
        title = " ".join([labels.short(labels.one_line(name)), labels.shape(node)]).rstrip()
        parts = [title] if title == labels.numbers(node.data) else [title, labels.numbers(node.data)]
        if gradient is not None:
            parts.append(("grad\n" if node.shape else "grad ") + labels.numbers(gradient))
        look = dict(_VALUE, label="|".join(labels.escaped(part) for part in parts))
        look["class"] = "value"
        look["tooltip"] = labels.hover(labels.tooltip(node, name, gradient))
        if node.op is None:
            look |= dict(penwidth="1.4") if node.requires_grad else _CONSTANT
        if gradient is not None and self.scale is not None:
            look["fillcolor"] = self.scale.fill(strongest(gradient))
        return look

    def _op(self, node: Any) -> dict[str, str]:
        return {
            **_OP,
            "label": labels.escaped(labels.symbol(node)),
            "class": "op",
            "tooltip": labels.hover(labels.op_tooltip(node)),
        }

    def _fold(self, fold: Fold) -> dict[str, str]:
        look = {**_FOLD, "label": labels.escaped(f"{fold.title}\n{fold.words}"), "class": "fold"}
        look["tooltip"] = f"{len(fold.members):,} values"
        found = [strongest(self.grads[node]) for node in fold.members if node in self.grads]
        if found and self.scale is not None:
            look["fillcolor"] = self.scale.fill(strongest(found))
        return look

    def _connect(self) -> None:
        merged: dict[tuple[str, str], list[float]] = {}
        for node in self.order:
            here, i = self.folds.get(node), self.number[node]
            for position, each in enumerate(node.inputs):
                there = self.folds.get(each)
                if here is not None and there is here:
                    continue
                tail, head = self._key(there or each), self._key(here) if here else f"o{i}"
                flow = self._flow(node, position)
                if there or here:
                    merged.setdefault((tail, head), []).extend([] if flow is None else [strongest(flow)])
                else:
                    told = f"gradient back to {self.names[each]}: {labels.exact(flow)}"
                    enters = node.scope not in ("", each.scope) and (each.op is not None or self.uses[each] > 1)
                    apart = dict(minlen="2") if enters else {}  # so that scopes come to stand beside each other
                    self._edge(tail, head, f"e{i}-{position}", flow, told, **apart)
            if here is None and node.op is not None:
                told = f"upstream gradient: {labels.exact(self.grads.get(node))}"
                self._edge(f"o{i}", self._key(node), f"e{i}", self.grads.get(node), told, arrowhead="none")
        for (tail, head), flows in merged.items():
            flow = strongest(flows) if flows else None
            self._edge(tail, head, f"e-{tail}-{head}", flow, f"strongest gradient: {labels.exact(flow)}")

    def _edge(self, tail: str, head: str, name: str, flow: Any, told: str, **look: str) -> None:
        look["id"] = name
        if flow is not None and self.scale is not None:
            strength = strongest(flow)
            look |= dict(color=self.scale.line(strength), penwidth=f"{self.scale.width(strength):.2f}")
            look["tooltip"] = labels.hover(labels.one_line(told))
        self.edges.append((tail, head, look))

    def _flow(self, node: Any, position: int) -> Any:
        """What this edge alone hands back: the chain rule once more, from the node's gradient."""
        if node not in self.grads or not node.inputs[position].requires_grad or node.op.rule_for(position) is None:
            return None
        with no_grad(), np.errstate(all="ignore"):
            return apply_rule(node, position, self.grads[node])[1]

    def _span(self) -> int:
        """The length of all edges together, counted in columns: what laying the graph out costs grows with it."""
        column: dict[str, int] = {}
        for tail, head, _ in self.edges:
            column[head] = max(column.get(head, 0), column.get(tail, 0) + 1)
        return sum(abs(column[head] - column.get(tail, 0)) for tail, head, _ in self.edges)

    def _notes(self) -> list[str]:
        notes = []
        if self.asked and not self.grads:
            possible = any(node.requires_grad for node in self.order)
            notes.append("backward not run: no gradients yet" if possible else "nothing here collects a gradient")
        if self.folds:
            where = "1 folder" if len(self.fold_number) == 1 else f"{len(self.fold_number)} folders"
            notes.append(f"{len(self.folds):,} of {len(self.order):,} values are in {where}{self.unfold}")
        return notes

    def _legend(self) -> list[str]:
        drawn = [data for n in self.order if n not in self.folds for data in (n.data, self.grads.get(n))]
        lines = ["numbers are rounded to four digits"] if any(map(labels.is_rounded, drawn)) else []
        if self.scale is None:
            return lines
        lines.append("colour: gradient, blue below zero, orange above, white at zero")
        if any(node.shape for node in self.grads):
            lines.append("an array has the colour of its element of largest magnitude")
        if any(not np.isfinite(g).all() for g in self.grads.values()):
            lines.append("pink: nan or ∞")
        return lines

    def _write(self, dot: Any, scope: _Scope, path: str, prefix: str) -> None:
        for key, look in reversed(scope.nodes):
            dot.node(key, **{**look, "id": prefix + key})
        for name, inner in scope.inside.items():
            full = f"{path}.{name}" if path else name
            key = f"c{next(self.clusters)}"
            with dot.subgraph(name=f"cluster_{key}") as cluster:
                label = labels.escaped(labels.short(labels.one_line(name)))
                cluster.attr(id=prefix + key, label=label, tooltip=labels.hover(full), **_CLUSTER)
                self._write(cluster, inner, full, prefix)


def _lines(lines: list[str]) -> str:
    return "".join(labels.escaped(line) + r"\l" for line in lines)
