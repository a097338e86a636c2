"""Is a wrong rule one small change away from the right one? And what is missing, where a path was forgotten?

The rule is recorded as a graph on each piece of evidence; a change rebuilds that graph with one op, one reading or one
exponent replaced. A change counts only when the rebuilt rule gives the right gradient on all the evidence.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import Tensor, recording, topological
from microgradx.rules import BOOK
from microgradx.rules.formula import constant, expression
from microgradx.rules.notation import python_text
from microgradx.testing.evidence import Evidence, same

# op -> what may have been meant, and what the mistake is called
_SWAPS = {
    "add": ("sub", "wrong sign of a term"), "sub": ("add", "wrong sign of a term"),
    "mul": ("div", "a product where a quotient belongs"), "div": ("mul", "a quotient where a product belongs"),
    "sin": ("cos", "sin for cos"), "cos": ("sin", "cos for sin"), "greater": ("less", "the other branch"),
    "less": ("greater", "the other branch"), "equal": ("not_equal", "the other branch"),
    "not_equal": ("equal", "the other branch"), "maximum": ("minimum", "max for min"),
}  # fmt: skip

# what a name in the rule may lack
_TURNS = {
    "mT": "a missing transpose", "flip": "the wrong way round: {} should be flipped", "square": "{} should be squared",
    "sigmoid": "{} lacks its sigmoid", "tanh": "{} lacks its tanh", "exp": "{} lacks its exp",
    "softmax": "{} lacks its softmax",
}  # fmt: skip


class _Change(NamedTuple):
    """At node `at` of the rule's graph (counted in order): another op, or another input at `position`."""

    kind: str
    at: int
    op: str = ""
    position: int = -1
    reads: str = ""  # the name to read there instead
    turn: str = ""  # of _TURNS: what to do to what is read there
    axis: int | None = None  # to work along instead
    power: float = 0.0  # to add to the exponent


def one_change(evidence: list[Evidence]) -> str | None:
    """The rule with one change that makes it right."""
    graphs = [_recorded(e) for e in evidence]
    if any(graph is None for graph in graphs) or len({len(graph[1]) for graph in graphs}) != 1:
        return None
    for change in _changes(evidence[0], graphs[0]):
        made = None
        for e, graph in zip(evidence, graphs, strict=True):
            made = _changed(graph, change)
            if made is None or not e.right(pulled(e, made.data)):
                break
        else:
            text = text_of(made)
            return f"{change.kind}: it should read {text}" if "reshape" not in text else change.kind
    return None


def _recorded(e: Evidence) -> Any:
    """The result of the rule as a node, the nodes on the way in order, and the leaves by name; None when it raises."""
    rule = e.call.op.rule_for(e.position)
    if rule is None or e.call.op.variadic:
        return None
    leaves = rule_leaves(e)
    try:
        with recording(), np.errstate(all="ignore"):
            result = rule({**e.known(), **leaves})
    except Exception:
        return None
    return (result, topological(result), leaves) if isinstance(result, Tensor) else None


def rule_leaves(e: Evidence) -> dict[str, Any]:
    """The arrays that a rule may read, each as a leaf of that name."""
    return {n: Tensor(v, requires_grad=False, name=n) for n, v in e.known().items() if isinstance(v, np.ndarray)}


def _changes(e: Evidence, graph: Any) -> Iterator[_Change]:
    """Every small change, the likely ones first."""
    result, order, leaves = graph
    if result.op is not None and result.op.name == "flip":
        yield _Change("its result is the wrong way round", len(order) - 1, turn="none")
    real = [n for n, leaf in leaves.items() if leaf.dtype.kind == "f"]
    made = [(at, node) for at, node in enumerate(order) if node.op is not None]
    for at, node in made:
        if node.op.name in _SWAPS:
            op, kind = _SWAPS[node.op.name]
            yield _Change(kind, at, op=op)
        for position, each in enumerate(node.inputs):
            if each.op is not None and each.op.name in ("mT", "flip"):
                leaf = next((leaf.name for leaf in topological(each) if leaf.op is None), None) or "it"
                kind = "an extra transpose" if each.op.name == "mT" else f"the wrong way round: {leaf} is flipped"
                yield _Change(kind, at, position=position, turn="none")
    for at, node in made:
        if node.op.name == "power":
            for step in (1.0, -1.0):
                yield _Change("a wrong exponent", at, power=step)
        axis = (node.static or {}).get("axis")
        for other in range(node.inputs[0].ndim) if isinstance(axis, int) else ():
            if other != axis % node.inputs[0].ndim:
                yield _Change("the wrong axis", at, axis=other)
        for position, each in enumerate(node.inputs):
            for name in real if each.op is None and each.name in real else ():
                if name != each.name:
                    yield _Change(f"it reads {each.name} where {name} belongs", at, position=position, reads=name)
            if each.name in real and each.op is None:
                for turn, kind in _TURNS.items():
                    if each.ndim >= {"mT": 2, "flip": 1, "softmax": 1}.get(turn, 0):
                        yield _Change(kind.format(each.name), at, position=position, reads=each.name, turn=turn)


def _changed(graph: Any, change: _Change) -> Any:
    """The rule's result with the change made; None when it cannot be computed."""
    result, order, leaves = graph
    new: dict[Any, Any] = {}
    try:
        with recording(), np.errstate(all="ignore"):
            for at, node in enumerate(order):
                if node.op is None:
                    new[node] = node
                    continue
                inputs, static, op = [new[each] for each in node.inputs], dict(node.static or {}), node.op
                if at == change.at:
                    op = BOOK[change.op] if change.op else op
                    if change.axis is not None:
                        static["axis"] = change.axis
                    if change.power:
                        static["n"] += change.power
                    if change.position >= 0:
                        inputs[change.position] = _turned(change, node.inputs[change.position], new, leaves)
                peeled = at == change.at and change.turn == "none" and change.position < 0
                new[node] = inputs[0] if peeled else op(*inputs, **static)
    except Exception:  # rows of a user's raise what they like: then it is not this change
        return None
    return new[result]


def _turned(change: _Change, old: Any, new: dict[Any, Any], leaves: dict[str, Any]) -> Any:
    if change.turn == "none":
        return new[old.inputs[0]]
    read = leaves[change.reads]
    if change.turn == "flip":
        return BOOK["flip"](read, axis=tuple(range(max(read.ndim - 2, 0), read.ndim)))
    if change.turn == "square":
        return BOOK["power"](read, n=2)
    return BOOK[change.turn](read) if change.turn else read


def pulled(e: Evidence, made: Any) -> Any:
    """The pull-back that a changed rule gives, whose result is the array `made`."""
    rule = e.call.op.rule_for(e.position)
    whole = rule is not None and rule.whole
    found = np.asarray(made if whole else e.g * made, dtype=float)
    try:
        return e.fitted(found) if e.call.op.elementwise else found
    except ValueError:
        return None


def text_of(made: Any) -> str:
    """A rule, or a piece of one, as the learner would write it."""
    import ast

    def leaf(node: Any) -> ast.expr:
        return ast.Name(node.name) if node.name else constant(node.item()) if node.size == 1 else ast.Name("…")

    return python_text(expression(made, leaf))


def upstream_ignored(evidence: list[Evidence]) -> str | None:
    """It gives what would be right if ones arrived."""
    if all((a := e.pull()) is not None and same(a, e.jacobian.sum(axis=tuple(range(np.ndim(e.y))))) for e in evidence):
        return "it leaves out g: what arrives from above must be multiplied in"
    return None


def wrong_way(evidence: list[Evidence]) -> str | None:
    """Right when the result goes out in reversed order, or g comes in so, or both."""
    for axis, both in product((-1, 0), (False, True)):
        if all(
            np.ndim(e.g) and np.ndim(e.x) and (a := e.pull(**({"g": np.flip(e.g, axis)} if both else {}))) is not None
            and np.ndim(a) and e.right(np.flip(a, axis))
            for e in evidence
        ):  # fmt: skip
            how = "flip g, and flip the result" if both else "flip the result"
            return f"it runs in the wrong direction along axis {axis}: {how}"
    return None


def no_mask(evidence: list[Evidence]) -> str | None:
    """Right where the input matters, but not 0 where it does not."""
    found = [(a, e.truth) for e in evidence if (a := e.pull()) is not None]
    if len(found) < len(evidence) or any(a.shape not in ((), n.shape) for a, n in found):
        return None
    if all(same(np.where(n != 0, a, 0.0), n) for a, n in found) and any(np.any(n) for _, n in found):
        return "a missing mask: entries that do not move the output (not the winner, clipped, …) must get 0"
    return None


def missing_product(evidence: list[Evidence]) -> str | None:
    """A second product of matrices is missing: the input was used twice."""
    names = [n for n, v in evidence[0].known().items() if isinstance(v, np.ndarray) and v.ndim]
    for (left, a), (right, b), share in product(product(names, (False, True)), product(names, (False, True)), (1, 0.5)):
        if all(_adds(e, left, a, right, b, share) for e in evidence):
            text = f"{left}{'.mT' * a} @ {right}{'.mT' * b}"
            text = text if "g" in (left, right) else f"g * ({text})"
            if share == 1:
                return f"a dropped dependence, one of several paths: it looks like you forgot to add {text}"
            return f"one of two paths is taken twice: in place of half of it belongs {text}"
    return None


def _adds(e: Evidence, left: str, a: bool, right: str, b: bool, share: float) -> bool:
    known, found = e.known(), e.pull()
    if "g" not in (left, right) and np.ndim(e.g):
        return False
    try:
        term = (known[left].mT if a else known[left]) @ (known[right].mT if b else known[right])
        return found is not None and e.right(share * found + (term if "g" in (left, right) else e.g * term))
    except ValueError:
        return False


# What the missing part may be made of, line by line along an axis: the same number, times one of these.
_SHAPES: tuple[Callable[[Evidence], tuple[Any, ...]], ...] = (
    lambda e: (np.ones_like(e.truth),),
    lambda e: (e.x,),
    lambda e: (e.y,),
    lambda e: (np.exp(np.minimum(e.y, 0.0)),),  # of a log_softmax the softmax
    lambda e: (np.exp(e.x - np.max(e.x)),),  # of a cross-entropy, too
    lambda e: (np.ones_like(e.truth), e.x),
    lambda e: (np.ones_like(e.truth), e.y),
)


def dropped_path(evidence: list[Evidence]) -> str | None:
    """What is missing is one number for all along an axis, or in proportion to x or y: a forgotten statistic."""
    missing = [(e.truth - a, e) for e in evidence if (a := e.pull()) is not None and a.shape == e.truth.shape]
    if len(missing) < len(evidence):
        return None
    for axis, basis in product((-1, 0), _SHAPES):
        lines = [each for m, e in missing if m.ndim for each in _lines(m, basis(e), axis)]
        told = [(m, b) for m, b in lines if len(m) > b.shape[1] and np.any(np.abs(m) > 1e-6)]
        if len(told) > 1 and all(_spans(m, b) for m, b in lines):
            return (
                f"a dropped dependence: each entry also acts through something made of all entries along axis {axis} "
                "(a sum, a mean, a norm …), and that path is missing or wrong"
            )
    return None


def _lines(missing: Any, basis: tuple[Any, ...], axis: int) -> Iterator[tuple[Any, Any]]:
    if any(np.shape(b) != missing.shape for b in basis):
        yield missing.ravel(), np.zeros((missing.size, 0))
        return
    moved = [np.moveaxis(each, axis, -1).reshape(-1, missing.shape[axis]) for each in (missing, *basis)]
    for line in zip(*moved, strict=True):
        yield line[0], np.stack(line[1:], axis=1)


def _spans(m: Any, b: Any) -> bool:
    if not b.shape[1]:
        return False
    with np.errstate(all="ignore"):
        fit = b @ np.linalg.lstsq(b, m, rcond=None)[0] if np.isfinite(b).all() else m + 1
    return same(fit, m) or bool(np.max(np.abs(m), initial=0.0) < 1e-7)
