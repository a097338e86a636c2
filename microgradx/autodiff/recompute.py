"""`checkpoint`: keep what goes into a computation, not what happens inside; compute that again for the gradient.

After the function has run, the part of its graph that depends on the arguments is written down as a recipe (which
op, applied to which earlier results), and the results themselves are let go. One node takes their place. Its
pull-back follows the recipe, which makes the graph anew, and pulls the gradient through it. (Chen, Xu, Zhang &
Guestrin, Training deep nets with sublinear memory cost, 2016.)
"""

from typing import Any

import numpy as np

from microgradx.autodiff.reverse import between, pull
from microgradx.autodiff.transforms import Function, fresh
from microgradx.autodiff.tree import fill, leaves
from microgradx.graph import Node, Tensor, Value, differentiating, inside_scope, no_grad, state
from microgradx.rules.call import record
from microgradx.rules.op import BOOK, forget, op
from microgradx.rules.shaping import number, tensor

Step = tuple[Any, Any, Any, str, tuple[int, ...]]  # kind of node, op, static, scope, where its inputs stand


def checkpoint(f: Function) -> Function:
    """`f`, but with a graph that remembers only its inputs and results: less memory for one more forward pass.

    Whatever `f` computes from its node arguments is forgotten and computed again when a gradient passes. Tensors
    that `f` uses without taking them as arguments (parameters) get their gradients as usual. The ops are repeated,
    not the Python code: it runs once, and a random mask stays the one that was drawn.

    >>> import microgradx as mx
    >>> x = mx.Value(2.0)
    >>> y = mx.checkpoint(lambda x: mx.exp(x ** 2))(x)
    >>> y.backward()
    >>> x.grad == (4 * y).data
    True
    """

    def lighter(*args: Any, **options: Any) -> Any:
        if not state.gradients:
            return f(*args, **options)
        given = leaves(args)
        passed = [
            fresh(x, "checkpoint") if isinstance(x, (Value, Tensor)) and x.dtype.kind == "f" else x for x in given
        ]
        result = f(*fill(args, passed), **options)
        starts = {inner: outer for inner, outer in zip(passed, given, strict=True) if inner is not outer}
        return fill(result, [_folded(y, starts) for y in leaves(result)])

    return lighter


class Recipe:
    """How a result follows, step by step, from the inputs of a checkpoint and from constants."""

    def __init__(self, inputs: list[Any], constants: list[Any], steps: list[Step]) -> None:
        self.kinds, self.wanted = [type(x) for x in inputs], [x.requires_grad for x in inputs]
        self.constants, self.steps = constants, steps
        self.pulled: tuple[Any, dict[int, Any]] = (None, {})  # a gradient, and what it became for each input

    def __repr__(self) -> str:
        return " → ".join(step[1].name for step in self.steps)

    def follow(self, inputs: list[Any]) -> Any:
        """The result for these inputs (all tensors), recorded like any computation."""
        made = [number(x) if kind is Value else x for x, kind in zip(inputs, self.kinds, strict=True)]
        made += self.constants
        for kind, row, static, scope, places in self.steps:
            parts = tuple(made[place] for place in places)
            run = row.scalar if kind is Value and row.scalar else row.run
            with inside_scope(scope):
                made.append(record(kind, run(*(part.data for part in parts), **(static or {})), row, parts, static))
        return made[-1] if isinstance(made[-1], Tensor) else tensor(made[-1])

    def run(self, *xs: Any) -> Any:
        """The result as an array, from arrays."""
        with no_grad():
            return self.follow([Tensor(x, requires_grad=False) for x in xs]).data

    def pull(self, g: Any, xs: list[Any], i: int) -> Any:
        """The gradient for input i; all inputs are worked out together when the first is asked for."""
        if self.pulled[0] is not g or i not in self.pulled[1]:
            nodes = isinstance(g, Node)
            with differentiating():
                inputs = [fresh(x, "checkpoint") for x in xs]
                result = self.follow([x if w else x.detach() for x, w in zip(inputs, self.wanted, strict=True)])
            found = pull(between(inputs, [result]), [g], as_nodes=nodes)
            self.pulled = g, {k: x for k, x in enumerate(found) if self.wanted[k]}
        found_for = self.pulled[1].pop(i)
        if not self.pulled[1]:
            self.pulled = None, {}
        return found_for


_theirs = BOOK.pop("checkpoint", None)  # a learner's row of this name stays what it is
_row = op(
    "checkpoint(*xs, recipe=None)", lambda *xs, recipe: recipe.run(*xs), shapes="()",
    xs=lambda g, xs, i, recipe: recipe.pull(g, xs, i),
    words=dict(xs="what happened inside is computed once more, and the gradient pulled through it"),
)  # fmt: skip
forget(_row.name)  # no row of the book: its derivative is that of the ops it repeats
if _theirs is not None:
    BOOK[_theirs.name] = _theirs


def _folded(y: Any, starts: dict[Any, Any]) -> Any:
    """One node in place of all that lies between the starts and y."""
    if not isinstance(y, Node) or not y.requires_grad:
        return y
    part = between(list(starts), [y])
    inside = set(part.nodes)
    if y in starts or y not in inside:
        return starts.get(y, y)
    inner = [node for node in part.nodes if node not in starts]
    outside = dict.fromkeys(each for node in inner for each in node.inputs if each not in inside)
    used = [node for node in starts if node in inside]
    captured = [node for node in outside if node.requires_grad]
    constants = [node for node in outside if not node.requires_grad]
    place = {node: k for k, node in enumerate([*used, *captured, *constants, *inner])}
    steps = [(type(n), n.op, n.static, n.scope, tuple(place[each] for each in n.inputs)) for n in inner]
    inputs = [*(starts[node] for node in used), *captured]
    tensors = tuple(x if isinstance(x, Tensor) else tensor(x) for x in inputs)
    static = {"recipe": Recipe(inputs, constants, steps)}
    folded = record(Tensor, np.asarray(y.data), _row, tensors, static)
    folded = number(folded) if isinstance(y, Value) else folded
    return folded.named(y.name) if y.name else folded
