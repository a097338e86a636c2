"""A gradient as the sum over all paths of products of local derivatives, and what reverse mode saves of it.

The chain rule in this form (Bauer 1974, Computational graphs and rounding error) has a product for every path from the
result to a leaf. Paths share their beginnings: reverse mode computes what they share once, as the gradient of the node
where they part.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np

from microgradx.explain.digits import agreeing, fitting_digits
from microgradx.explain.trace import Step, Trace, trace
from microgradx.explain.wording import d
from microgradx.graph import OpError
from microgradx.rules.notation import in_slot
from microgradx.rules.numbers import shown

_MOST = 12  # paths written out
_LONGEST = 40  # steps of a path whose factors are written out


@dataclass(frozen=True)
class Paths:
    """The paths from the result of a trace to one of its nodes; `str()` tells of them.

    `count` may be astronomic: it is computed without walking them. `multiplications` and `additions` are what the
    sum costs path by path, and in reverse mode.
    """

    trace: Trace
    to: str  # id of the row
    count: int
    multiplications: tuple[int, int]
    additions: tuple[int, int]
    through: dict[str, int]  # how many of the paths pass an inner node, by id

    def __iter__(self) -> Iterator[tuple[Step, ...]]:
        """The paths, each as its steps from the result on."""
        edges = _edges(self.trace, self.to)
        path: list[Step] = []
        open_ = [iter(edges[self.trace.output])]
        while open_:
            step = next(open_[-1], None)
            if step is None:
                open_.pop()
                del path[-1:]
            elif step.input == self.to:
                yield (*path, step)
            else:
                open_.append(iter(edges[step.input]))
                path.append(step)

    @property
    def total(self) -> Any:
        """The gradient that the paths add up to."""
        return self.trace.rows[self.to].node.grad

    def __str__(self) -> str:
        return "\n".join(f"{label:>6}  {text}".rstrip() for label, text in told(self))


def paths(loss: Any, leaf: Any) -> Paths:
    """All paths from `loss` to `leaf`, with the product of local derivatives along each.

    Args:
        loss: a scalar Value that was computed already (its backward runs anew), or a `Trace` at scalar level.
        leaf: a node that `loss` depends on, or its name in the trace.

    Raises:
        OpError: there is no such node, no gradient reaches it, or a step on the way is not between single numbers.
        GradientError: `loss` is not a single number, or depends on nothing that collects a gradient.
    """
    found = loss if isinstance(loss, Trace) else trace(loss)
    asked = (lambda row: row.name == leaf) if isinstance(leaf, str) else (lambda row: row.node is leaf)
    to = next((i for i, row in found.rows.items() if asked(row)), None)
    if to is None:
        name = f"node {leaf}" if isinstance(leaf, str) else "such node"
        raise OpError(
            f"paths: there is no {name} in this trace; it has {', '.join(r.name for r in found.rows.values())}."
        )
    edges = _edges(found, to)
    if found.output not in edges:
        raise OpError(f"paths: no gradient reaches {found.rows[to].name} from {found.rows[found.output].name}.")
    for step in (step for steps in edges.values() for step in steps):
        if step.local is None or np.ndim(step.local):
            where = f"{found.rows[step.node].name} → {found.rows[step.input].name}"
            raise OpError(
                f"paths: the step {where} is one of arrays; paths are of single numbers: take --level scalar."
            )
    return _counted(found, to, edges)


def _edges(found: Trace, to: str) -> dict[str, list[Step]]:
    """The steps that lie on a path to `to`, by the node they start from, results before what they are computed from."""
    reaching = {to}
    edges: dict[str, list[Step]] = {}
    for step in reversed(found.steps):  # a node's steps come after those that lead into it
        if step.input in reaching:
            reaching.add(step.node)
            edges.setdefault(step.node, []).insert(0, step)
    return dict(reversed(edges.items()))


def _counted(found: Trace, to: str, edges: dict[str, list[Step]]) -> Paths:
    before = {found.output: 1}  # paths from the result to a node
    for node, steps in edges.items():
        for step in steps:
            before[step.input] = before.get(step.input, 0) + before[node]
    after, length = {to: 1}, {to: 0}  # paths from a node to the end, and their steps together
    for node, steps in reversed(edges.items()):
        after[node] = sum(after[step.input] for step in steps)
        length[node] = sum(length[step.input] + after[step.input] for step in steps)
    count, walked = after[found.output], sum(map(len, edges.values()))
    arriving = {step.input for each in edges.values() for step in each}
    through = {node: before[node] * after[node] for node in edges if node not in (found.output, to)}
    return Paths(
        found, to, count, (length[found.output] - count, walked - len(edges[found.output])),
        (count - 1, walked - len(arriving)), through,
    )  # fmt: skip


def told(found: Paths) -> Iterator[tuple[str, str]]:
    """The lines of the story, each with its label."""
    rows, numbers = found.trace.rows, found.trace.numbers
    goal = d(found.trace, rows[found.to].name)
    written = list(islice(found, _MOST))
    products = [float(np.prod([float(step.local) for step in path])) for path in written]
    total = float(np.asarray(found.total).item())
    whole = len(written) == found.count
    wanted = int(numbers.precision(("gradient", found.to)))
    digits = fitting_digits(products, total, wanted) if whole else wanted
    yield "", f"{goal} is the sum over {_of(found.count, 'path')}, each the product of its local derivatives."
    for number, (path, product) in enumerate(zip(written, products, strict=True), start=1):
        names = [rows[found.trace.output].name, *(rows[step.input].name for step in path)]
        yield "", ""
        if len(path) > _LONGEST:
            yield str(number), f"{names[0]} → … {len(path):,} steps … → {names[-1]}: {shown(product, digits)}"
            continue
        yield str(number), " → ".join(names)
        yield "", " · ".join(f"∂{in_slot(a)}/∂{in_slot(b)}" for a, b in pairwise(names))
        factors = {f"p{k}": float(step.local) for k, step in enumerate(path)}
        text, answer = agreeing(ast.parse(" * ".join(factors), mode="eval").body, factors, product, digits)
        yield "", f"= {text.replace(' · ', ' × ')} = {answer}"
    yield "", ""
    if found.count == 1:
        yield "sum", f"{goal} = {shown(total, wanted)}, for there is no other path"
    elif whole:
        yield "sum", f"{goal} = {' + '.join(in_slot(shown(p, digits)) for p in products)} = {shown(total, wanted)}"
    else:
        yield "sum", f"{found.count - len(written):,} more paths; all together {goal} = {shown(total, wanted)}"
    shared = [node for node, count in found.through.items() if count > 1]
    for node in shared[:_MOST]:
        once = f"{d(found.trace, rows[node].name)} = {numbers['gradient', node]}"
        yield "shared", f"{once}   on {_of(found.through[node], 'path')}; reverse mode computes it once"
    if len(shared) > _MOST:
        yield "shared", f"… and {_of(len(shared) - _MOST, 'more node')}"
    by_path, reverse = zip(found.multiplications, found.additions, strict=True)
    yield "cost", f"path by path {_cost(*by_path)}; reverse mode {_cost(*reverse)}"


def _cost(multiplications: int, additions: int) -> str:
    return f"{_of(multiplications, 'multiplication')} and {_of(additions, 'addition')}"


def _of(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
