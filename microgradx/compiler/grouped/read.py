"""A recorded graph of single numbers as arrays, its nodes sorted into groups that one vector op computes.

Nodes of one depth and op are one group. A chain of additions, as Python's `sum` makes it, counts as one sum of many
terms, so that its depth is 1. Within a group the nodes stand in the order in which later groups read them, which turns
most gathers into plain slices.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from microgradx.graph import Value
from microgradx.rules.arithmetic import add
from microgradx.rules.op import Op

Array = np.ndarray[Any, np.dtype[Any]]
Ints = list[int]


class NoGroupsError(Exception):
    """The graph is not one of numbers, or too few of them could be computed at once."""


@dataclass
class Group:
    """Nodes computed by one vector op; for `sum`, of `terms` rows that are added."""

    op: Op
    static: dict[str, Any]
    example: Any  # one of the nodes
    nodes: Array  # numbers of nodes
    inputs: Array  # one row per input (or term), one column per node
    sum: bool = False
    pulls: tuple[bool, ...] = ()  # per row: does a gradient go there?
    numbers: dict[int, float] = field(default_factory=dict)  # rows that are one and the same constant


@dataclass
class Graph:
    """Groups in the order of computation, and where each node's number lies."""

    arguments: int
    constants: Array
    groups: list[Group]
    places: Array  # by the number of a node
    outputs: Array  # numbers of nodes
    reached: Array  # by the number of a node: does it get a gradient?
    size: int = field(init=False)  # how many nodes were recorded

    def __post_init__(self) -> None:
        self.size = len(self.places)


def read(outputs: Sequence[Any], arguments: Sequence[Any], wanted: int, most: Callable[[int], int]) -> Graph:
    """The graph of `outputs` as a function of the leaves `arguments`, with gradients for the first `wanted` of them.

    Raises:
        NoGroupsError: a node is not a Value, or there are more groups than `most` allows for that many nodes.
    """
    numbers, left, right, more = _numbered(outputs, arguments)
    if set(map(type, numbers)) != {Value}:
        raise NoGroupsError
    nodes = list(numbers)
    results = np.array([numbers[each] for each in outputs])
    groups = _by_depth(nodes, left, right, more, len(arguments), results, most(len(nodes)))
    reached = np.zeros(len(nodes), bool)
    if wanted:
        needs = np.zeros(len(nodes), bool)
        for members in (np.arange(wanted), *(group.nodes for group in groups)):
            needs[members] = [nodes[k].requires_grad for k in members.tolist()]
        reached[results[0]] = needs[results[0]]
        groups = [part for group in reversed(groups) for part in _by_pulls(group, needs, reached)][::-1]
    _find_numbers(groups, nodes, len(arguments))
    first = _in_reading_order(groups, len(nodes))
    computed = np.concatenate([np.arange(len(arguments)), *(group.nodes for group in groups)]).astype(int)
    first[results] = np.minimum(first[results], _NEVER - 1)  # a result may be a constant that no group reads
    first[computed] = _NEVER
    leaves = np.flatnonzero(first < _NEVER)
    leaves = leaves[np.argsort(first[leaves], kind="stable")]
    laid = np.concatenate([computed[: len(arguments)], leaves, computed[len(arguments) :]])
    places = np.full(len(nodes), -1)
    places[laid] = np.arange(len(laid))
    constants = np.array([nodes[k].data for k in leaves.tolist()], float)
    return Graph(len(arguments), constants, groups, places, results, reached)


def _numbered(outputs: Sequence[Any], arguments: Sequence[Any]) -> tuple[dict[Any, int], Ints, Ints, dict[int, Ints]]:
    """All nodes with their numbers, inputs first; the numbers of their first and second inputs; all inputs of the rest.

    -1 stands for an input that is not there.
    """
    numbers: dict[Any, int] = dict(zip(arguments, range(len(arguments)), strict=True))
    left, right = [-1] * len(arguments), [-1] * len(arguments)
    more: dict[int, Ints] = {}
    stack = list(reversed(outputs))
    find = numbers.get
    while stack:
        node = stack[-1]
        first, second = node.left, node.right
        a = -1 if first is None else find(first)
        if a is None:
            stack.append(first)
            continue
        b = -1 if second is None else find(second)
        if b is None:
            stack.append(second)
            continue
        if node.rest is not None and node not in numbers:  # it may have been met on another way
            new = [each for each in node.rest if each not in numbers]
            if new:
                stack += reversed(new)
                continue
            more[len(left)] = [numbers[each] for each in node.rest]
        stack.pop()
        if node not in numbers:
            numbers[node] = len(left)
            left.append(a)
            right.append(b)
    return numbers, left, right, more


def _by_depth(
    nodes: list[Any], left: Ints, right: Ints, more: dict[int, Ints], arguments: int, results: Array, most: int
) -> list[Group]:
    """What depends on the arguments, sorted by depth and op; all the rest counts as constants."""
    kinds: dict[Any, int] = {None: -1}  # a leaf
    kind = [kinds.setdefault(node.op if node.static is None else _kind(node), len(kinds)) for node in nodes]
    adds = kinds.get(add, -2)
    inner = _inner(np.array(kind) == adds, np.array(left), np.array(right), more, results)
    depth = [0] * arguments + [-1] * (len(nodes) - arguments + 1)  # the last one: that of an input that is not there
    terms: dict[int, list[int]] = {}
    members: dict[Any, list[int]] = {}
    last = (~inner).tolist()
    for k, op, a, b, ends in zip(range(len(nodes)), kind, left, right, last, strict=True):
        if op < 0:
            continue
        deepest = depth[a] if depth[a] > depth[b] else depth[b]
        if k in more:
            deepest = max(depth[each] for each in more[k])
        count = 0
        if op == adds:
            if a in terms and not last[a]:
                terms[k] = terms.pop(a)
                terms[k].append(b)
                count = len(terms[k]) if ends else 0
            elif not ends:
                terms[k] = [a, b]
        if deepest >= 0:
            depth[k] = deepest + ends  # a chain's inner node only passes on how deep its terms are
            if ends:
                key = (depth[k], op, count)
                if key in members:
                    members[key].append(k)
                else:
                    members[key] = [k]
    ops = {node.op for node in nodes} - {None}
    if len(members) > most or not all(isinstance(op, Op) and op.elementwise for op in ops):
        raise NoGroupsError
    found = []
    for (_, _, count), ks in sorted(members.items(), key=lambda item: item[0][0]):
        node = nodes[ks[0]]
        if count or ks[0] in more:
            rows = np.array([(terms if count else more)[k] for k in ks]).T
        else:
            rows = np.array([[each[k] for k in ks] for each in (left, right)[: len(node.inputs)]])
        found.append(Group(node.op, dict(node.static or {}), node, np.array(ks), rows, count > 0))
    return found


def _kind(node: Any) -> Any:
    return node.op, repr(sorted(node.static.items()))


def _inner(adds: Array, left: Array, right: Array, more: dict[int, list[int]], results: Array) -> Array:
    """Which additions only go on to the left of another one: the inner nodes of a sum of many terms."""
    count = len(adds)
    read = np.concatenate([left, right, np.array([each for row in more.values() for each in row], int)])
    uses = np.bincount(read[read >= 0], minlength=count)
    onward = np.zeros(count, bool)
    onward[left[adds]] = True
    onward[results] = False
    found: Array = adds & onward & (uses == 1)
    return found


def _by_pulls(group: Group, needs: Array, reached: Array) -> Iterator[Group]:
    """The group in parts whose nodes send gradients to the same inputs; these inputs are marked as reached."""
    rows = group.inputs
    ruled = np.array([group.sum or group.op.rule_for(r) is not None for r in range(len(rows))])
    pulls = needs[rows] & reached[group.nodes] & ruled[:, None]
    reached[rows[pulls]] = True
    left = np.arange(len(group.nodes))
    while len(left):
        kind = pulls[:, left[0]]
        same = (pulls[:, left] == kind[:, None]).all(axis=0)
        here, left = left[same], left[~same]
        yield replace(group, numbers={}, nodes=group.nodes[here], inputs=rows[:, here], pulls=tuple(kind.tolist()))


def _find_numbers(groups: list[Group], nodes: list[Any], arguments: int) -> None:
    """Note the rows of the groups that are one constant number, such as the 2 of 2 * x."""
    constant = np.ones(len(nodes), bool)
    for varying in (np.arange(arguments), *(group.nodes for group in groups)):
        constant[varying] = False
    values = np.full(len(nodes), np.nan)
    places = np.flatnonzero(constant)
    values[places] = [nodes[k].data for k in places.tolist()]
    bits = values.view(np.int64)  # 0.0 and -0.0 differ
    for group in groups:
        for r, row in enumerate(group.inputs[:1] if group.sum else group.inputs):  # sum() starts from a 0
            if np.isfinite(values[row[0]]) and (bits[row] == bits[row[0]]).all():  # nan: what is computed
                group.numbers[r] = float(values[row[0]])


_NEVER = np.iinfo(np.int64).max


def _in_reading_order(groups: list[Group], count: int) -> Array:
    """Sort each group's nodes by where the later groups first read them; returns that place for every node."""
    first = np.full(count, _NEVER)
    read = 0
    for group in reversed(groups):
        order = np.argsort(first[group.nodes], kind="stable")
        group.nodes, group.inputs = group.nodes[order], group.inputs[:, order]
        flat = group.inputs[[r for r in range(len(group.inputs)) if r not in group.numbers]].ravel()
        np.minimum.at(first, flat, np.arange(read, read + len(flat)))
        read += len(flat)
    return first
