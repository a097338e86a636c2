"""Which nodes of a large graph are folded into one box, so that a person can still read the picture.

Three means, each used only when the one before was not enough: repeated scopes (neuron1 … neuron9 look like
neuron0), whole scopes, innermost first, and at last whatever is farthest from the result.
"""

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Fold:
    """Several nodes drawn as one box, in the cluster `scope`."""

    scope: str
    title: str
    words: str
    members: list[Any]


def collapse(order: list[Any], roots: list[Any], limit: int | None) -> dict[Any, Fold]:
    """The fold of every folded node; empty when the graph has at most `limit` nodes, or limit is None."""
    folds: dict[Any, Fold] = {}
    if limit is None or len(order) <= limit:
        return folds
    keep = set(roots)
    within = _within(order, keep)
    depths = sorted({path.count(".") for path in within})
    for depth in depths:
        if _shown(order, folds) > limit:
            _fold_repeats(within, depth, folds)
    for depth in reversed(depths):
        for path in sorted((p for p in within if p.count(".") == depth), key=lambda p: -len(within[p])):
            if _shown(order, folds) > limit and not any(node in folds for node in within[path]):
                _add(folds, Fold(_parent(path), _last(path), _contents(within[path]), within[path]))
    if _shown(order, folds) > limit:
        _fold_far(order, roots, folds, limit)
    return folds


def chosen(order: list[Any], folds: Mapping[Any, tuple[str, str]]) -> dict[Any, Fold]:
    """The folds that the caller chose: for each node of one, its title and what the box says."""
    members: dict[tuple[str, str], list[Any]] = {}
    for node in order:
        if node in folds:
            members.setdefault(folds[node], []).append(node)
    return {node: fold for look, nodes in members.items() for fold in [Fold("", *look, nodes)] for node in nodes}


def _within(order: list[Any], keep: set[Any]) -> dict[str, list[Any]]:
    """For every scope, the nodes made in it or deeper."""
    within: dict[str, list[Any]] = {}
    for node in order:
        if node in keep:
            continue
        parts = node.scope.split(".") if node.scope else []
        for depth in range(len(parts)):
            within.setdefault(".".join(parts[: depth + 1]), []).append(node)
    return within


def _fold_repeats(within: dict[str, list[Any]], depth: int, folds: dict[Any, Fold]) -> None:
    alike: dict[Any, list[str]] = {}
    for path, nodes in within.items():
        if path.count(".") == depth and not any(node in folds for node in nodes):
            alike.setdefault((_parent(path), _without_numbers(path), _structure(path, nodes)), []).append(path)
    for paths in alike.values():
        first, *others = sorted(paths, key=_by_number)
        if others:
            title = _last(others[0]) if len(others) == 1 else f"{_last(others[0])} … {_last(others[-1])}"
            members = [node for path in others for node in within[path]]
            _add(folds, Fold(_parent(first), title, f"×{len(others)} more like {_last(first)}", members))


def _structure(path: str, nodes: list[Any]) -> frozenset[tuple[Any, int]]:
    """How often each kind of node occurs: op, static parameters, shape, and the scope seen from `path`."""
    return frozenset(
        Counter(
            (n.op.name if n.op else None, repr(n.static), n.shape, _without_numbers(n.scope[len(path) :]))
            for n in nodes
        ).items()
    )


def _fold_far(order: list[Any], roots: list[Any], folds: dict[Any, Fold], limit: int) -> None:
    near: set[Any] = set()
    queue = deque(roots)
    while queue and len(near) < limit:
        node = queue.popleft()
        if node not in near:
            near.add(node)
            queue.extend(node.inputs)
    rest = [node for node in order if node not in near and node not in folds]
    if rest:
        _add(folds, Fold("", f"{len(rest):,} nodes", "farther from the result", rest))


def _add(folds: dict[Any, Fold], fold: Fold) -> None:
    folds.update(dict.fromkeys(fold.members, fold))


def _shown(order: list[Any], folds: dict[Any, Fold]) -> int:
    return sum(node not in folds for node in order)


def _contents(nodes: list[Any]) -> str:
    ops = Counter(node.op.name for node in nodes if node.op is not None)
    common = ", ".join(f"{name} ×{count}" for name, count in ops.most_common(3))
    return f"{len(nodes):,} values\n{common}{', …' if len(ops) > 3 else ''}" if ops else f"{len(nodes):,} values"


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _without_numbers(path: str) -> str:
    return re.sub(r"\d+", "#", path)


def _by_number(path: str) -> list[Any]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path)]
