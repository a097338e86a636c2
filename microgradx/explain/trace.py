"""A trace: every result of the forward pass and every application of the chain rule, in order."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.autodiff import Edge, backward
from microgradx.explain.lost import lost_gradients, without_a_path
from microgradx.explain.rerun import by_function, by_graph, loss_after
from microgradx.explain.unusual import not_finite
from microgradx.graph import GradientError, Node, Tensor, Value, topological
from microgradx.graph.naming import run_and_name
from microgradx.graph.notes import noting_numbers
from microgradx.graph.reads import noting_reads
from microgradx.random import noting_draws
from microgradx.rules.formula import forward_formula, rule_formula, slots
from microgradx.rules.names import display_names

if TYPE_CHECKING:
    from microgradx.explain.precision import Numbers


@dataclass(frozen=True)
class Row:
    """One node of the forward pass."""

    id: str
    node: Any
    name: str
    expr: ast.expr  # the name, as it stands in formulas
    formula: ast.expr | None  # over the slots of `inputs`; None for a leaf
    inputs: dict[str, str]  # slot -> id

    @property
    def op(self) -> str | None:
        """The name of the op that made the node; None for a leaf."""
        return self.node.op.name if self.node.op is not None else None


@dataclass(frozen=True)
class Step:
    """One application of the chain rule: what `node` hands back to `input`."""

    number: int
    node: str  # ids of rows
    input: str
    slot: str  # which input of the op this is
    upstream: Any
    formula: ast.expr  # the local partial over the slots and y; or the whole pull-back, of g
    values: dict[str, Any]  # the numbers in the formula's slots
    local: Any  # None where the rule is a whole pull-back
    contribution: Any
    before: Any  # the input's total until now; None: nothing
    total: Any
    path: int  # the how-many-eth path into the input this is
    paths: int  # how many there are
    summed: tuple[int, ...]  # axes that broadcasting stretched, so the contribution was summed over them
    words: str  # what the rule does, in words ("" when the formula says it all)

    @property
    def complete(self) -> bool:
        """True when the last path into the input has arrived."""
        return self.path == self.paths


@dataclass(frozen=True)
class Layer:
    """One layer in the table of a trace at layer level; norms are those of all entries together."""

    name: str
    shape: tuple[int, ...]  # of what leaves it
    parameters: int
    output: float  # norm of what leaves it
    gradient: float | None  # norm of the gradient that arrives there
    weights: float | None  # norm of the gradient of its parameters; None without any
    results: int  # how many it is made of, one level down


@dataclass
class Trace:
    """Forward rows, backward steps and the gradients they lead to; shown by the views of this package."""

    title: str
    rows: dict[str, Row]
    steps: list[Step]
    output: str
    parameters: list[str]  # ids of the leaves that a gradient step would change
    lr: float
    loss_after: float | None
    notes: list[str] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)  # at layer level
    folds: dict[Any, str] = field(default_factory=dict)  # at layer level, the layer that a node is in
    path: str = ""  # of the layer that this is the inside of
    rerun: Callable[[dict[Any, Any]], float | None] = lambda _: None  # the output at other data of some leaves
    replay: Callable[[dict[Any, Any]], float | None] = lambda _: None  # the same by the recorded graph alone

    @cached_property
    def numbers(self) -> Numbers:
        """Every number as it is shown, with the digits that its users need."""
        from microgradx.explain.precision import Numbers

        return Numbers(self)

    @property
    def loss(self) -> Any:
        """The value that was differentiated."""
        return self.rows[self.output].node.data

    @property
    def scalar(self) -> bool:
        """True when every node is a single number."""
        return all(isinstance(row.node, Value) for row in self.rows.values())

    @property
    def gradients(self) -> dict[str, Any]:
        """The gradient of every leaf that collects one, by name."""
        return {r.name: r.node.grad for r in self.rows.values() if r.node.op is None and r.node.requires_grad}

    def __repr__(self) -> str:
        return f"<Trace {self.title}: {len(self.rows)} nodes, {len(self.steps)} chain-rule steps>"

    def __str__(self) -> str:
        from microgradx.explain.text import as_text

        return as_text(self).rstrip("\n")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from microgradx.explain.markdown import as_markdown

        return {"text/markdown": as_markdown(self), "text/plain": str(self)}


def trace(
    target: Callable[..., Any] | Node,
    *args: Any,
    parameters: Iterable[str] | None = None,
    lr: float = 0.1,
    title: str | None = None,
    **options: Any,
) -> Trace:
    """Run `target`, differentiate its result and keep every step.

    Args:
        target: a function of the arguments; or a scalar node that was computed already.
        *args, **options: what to call it with; plain numbers become tracked Values, arrays tracked Tensors. A
            parameter annotated `int` counts or chooses (how often to loop, say) and stays a plain number.
        parameters: names of the leaves that a gradient step would change; all leaves by default.
        lr: the learning rate of that step.

    Raises:
        GradientError: the result is no node, not a single number, or depends on nothing that collects gradients.
    """
    again, lost, arguments = None, [], list[Any]()
    if isinstance(target, Node):
        output, name, rank = target, target.name or "the graph", {}
    else:
        names = _parameter_names(target, len(args))
        counts = {n for n, kind in getattr(target, "__annotations__", {}).items() if kind in (int, "int")}
        given = tuple(a if n in counts else _leaf(a, n) for a, n in zip(args, names, strict=False))
        named = {n: a if n in counts else _leaf(a, n) for n, a in options.items()}
        with noting_draws() as draws, noting_numbers() as numbers, noting_reads():
            output, made = run_and_name(target, given, named)
        lost, arguments = lost_gradients(numbers), [*given, *named.values()]
        if not draws:  # another run would draw other numbers
            again = partial(by_function, target, given, named)
        name = getattr(target, "__name__", "the function").replace("<lambda>", "a lambda")
        rank = {id(node): k - len(given) - len(named) for k, node in enumerate(arguments)}
        rank |= {id(node): k + 1 for k, node in enumerate(made)}
    _check(output, name, lost)
    found = traced(output, rank, title or name, parameters, lr, again)
    reached = {row.node for row in found.rows.values()}
    found.notes += [*not_finite(found), *lost, *without_a_path(arguments, reached, found.rows[found.output].name)]
    return found


def traced(
    output: Any, rank: dict[int, int], title: str, parameters: Iterable[str] | None, lr: float,
    again: Callable[[dict[Any, Any]], float | None] | None = None,
) -> Trace:  # fmt: skip
    """The trace of a result that is there already; `rank` orders nodes by id, as the program ran."""
    order = topological(output)
    if output.name is None and all(node.name != "f" for node in order):
        output.name = "f"  # a nameless result is called as in the textbooks
    order.sort(key=lambda node: rank.get(id(node), 0))  # arguments first, then as the learner's program ran
    names = display_names(order)
    rows: dict[str, Row] = {}
    ids: dict[Any, str] = {}
    for number, node in enumerate(order):
        ids[node] = f"n{number}"
        made = node.op is not None
        given = zip(slots(node.op, len(node.inputs)), (ids[each] for each in node.inputs), strict=True) if made else ()
        formula = forward_formula(node) if made else None
        rows[ids[node]] = Row(ids[node], node, names[node].text, names[node].expr, formula, dict(given))
        if not made:
            node.grad = None
    steps: list[Step] = []
    arrived: dict[Any, int] = {}
    paths = _count_paths(output)

    def watch(edge: Edge) -> None:
        arrived[edge.input] = arrived.get(edge.input, 0) + 1
        steps.append(_step(edge, len(steps) + 1, ids, arrived[edge.input], paths[edge.input]))

    with np.errstate(all="ignore"):
        backward(output, watcher=watch)
        leaves = [i for i, row in rows.items() if row.op is None and row.node.requires_grad]
        wanted = None if parameters is None else set(parameters)
        chosen = [i for i in leaves if wanted is None or rows[i].name in wanted]
        found = Trace(title, rows, steps, ids[output], chosen, lr, None)
        found.rerun, found.replay = partial(by_graph, order, again), partial(by_graph, order, None)
        found.loss_after = loss_after(found)
    return found


def _step(edge: Edge, number: int, ids: dict[Any, str], path: int, paths: int) -> Step:
    node, op = edge.node, edge.node.op
    names = slots(op, len(node.inputs))
    slot = names[edge.position]
    values = {name: each.data for name, each in zip(names, node.inputs, strict=True)} | {"y": node.data}
    return Step(
        number=number, node=ids[node], input=ids[edge.input], slot=slot, upstream=edge.upstream,
        formula=rule_formula(node, edge.position), values=values, local=edge.local, contribution=edge.contribution,
        before=edge.before, total=edge.total, path=path, paths=paths, summed=_stretched(edge),
        words=op.words.get(op.inputs[0] if op.variadic else slot, ""),
    )  # fmt: skip


def _stretched(edge: Edge) -> tuple[int, ...]:
    """The output axes along which broadcasting repeated this input."""
    if not edge.node.op.elementwise or isinstance(edge.node, Value):
        return ()
    out, own = edge.node.shape, edge.input.shape
    lead = len(out) - len(own)
    return (*range(lead), *(lead + i for i, n in enumerate(own) if n == 1 and out[lead + i] != 1))


def _count_paths(output: Any) -> dict[Any, int]:
    """How many contributions each node will receive; a node that only decides something hands none on."""
    counts: dict[Any, int] = {output: 0}
    for node in reversed(topological(output)):
        if node.op is not None and node in counts:
            for position, each in enumerate(node.inputs):
                if each.requires_grad and node.op.rule_for(position) is not None:
                    counts[each] = counts.get(each, 0) + 1
    return counts


def _check(output: Any, name: str, lost: list[str]) -> None:
    told = "".join(f" {each}" for each in lost)
    if not isinstance(output, Node):
        raise GradientError(
            f"{name} returned {type(output).__name__}, not a node of the graph; return the Value or Tensor that "
            f"your maths ends in.{told}"
        )
    if output.size != 1:
        raise GradientError(
            f"{name} returned a tensor of shape {output.shape}; a trace needs a single number to differentiate, "
            "for example its .sum() or .mean()."
        )
    if not output.requires_grad:
        raise GradientError(f"{name} does not depend on anything that collects a gradient: nothing to trace.{told}")


def _leaf(value: Any, name: str) -> Any:
    if isinstance(value, Node):
        return value if value.name else value.named(name)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return Value(value, name=name)
    return Tensor(value, name=name) if isinstance(value, (list, np.ndarray)) else value


def _parameter_names(function: Any, count: int) -> list[str]:
    code = getattr(function, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    return names[:count] + [f"x{i + 1}" for i in range(len(names), count)]
