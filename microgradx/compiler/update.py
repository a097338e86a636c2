"""The optimizer's part of a training step: its rule, traced once for all weights of a group together."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, lower
from microgradx.compiler.joint import CompileError, Joint, name_node
from microgradx.compiler.passes import simplified
from microgradx.compiler.to_numpy.buffers import Fixed, unguarded
from microgradx.graph import Node, Tensor, Value, recording
from microgradx.graph.notes import noting_decisions
from microgradx.optim import Optimizer
from microgradx.rules.shaping import astype

_PIECE = 1 << 16  # numbers that an update works on at a time: they stay in the processor's cache


@dataclass
class Update:
    """The weights of a group in one array, and the program that changes them."""

    optimizer: Optimizer
    group: dict[str, Any]
    parameters: list[Any]
    weights: Any
    gradients: Any
    views: list[tuple[Any, Any, Any]]  # (parameter, its weights, its gradient)
    make: Callable[..., Any]  # makes a function of a form: for NumPy, or in C
    run: Callable[..., Any] | None = None
    memory: dict[str, Any] = field(default_factory=dict)  # what is remembered -> one array for all weights
    remembered: list[tuple[Any, str, Any]] = field(default_factory=list)  # (parameter, name, its part of that array)
    counts: list[str] = field(default_factory=list)  # what is remembered as a plain number
    known: set[str] | None = None
    names: list[str] = field(default_factory=list)  # of the settings that are fixed in the program: all but lr
    settings: list[Any] = field(default_factory=list)
    members: list[Any] = field(default_factory=list)

    def still_true(self) -> bool:
        """True while the group has the parameters and settings that it had."""
        return same(self.group["params"], self.members) and self.settings == [*map(self.group.get, self.names)]

    @classmethod
    def of(
        cls, optimizer: Optimizer, group: dict[str, Any], parameters: list[Any], make: Callable[..., Any]
    ) -> "Update":
        """For those of the group's parameters that the loss depends on."""
        size, dtype = sum(p.size for p in parameters), np.result_type(*(p.dtype for p in parameters), np.float32)
        weights, gradients = np.empty(size, dtype), np.empty(size, dtype)
        views, start = [], 0
        for p in parameters:
            part = slice(start, start := start + p.size)
            views.append((p, weights[part].reshape(p.shape), gradients[part].reshape(p.shape)))
        found = cls(optimizer, group, parameters, weights, gradients, views, make, members=list(group["params"]))
        found.names = [name for name in optimizer.defaults if name != "lr"]
        found.settings = [*map(group.get, found.names)]
        return found

    def take_over(self) -> None:
        """Make the parameters live in this memory, with the numbers that they have now."""
        for p, weights, _ in self.views:
            if p.data is not weights:
                np.copyto(weights, p.data)
                p.data = weights

    def show_gradients(self) -> None:
        """Make the gradients that the program has left in their places those of the parameters."""
        for p, _, gradient in self.views:
            if p.grad is not gradient:
                p.grad = gradient

    def take_gradients(self) -> bool:
        """Take over the parameters' numbers and gradients, where those were replaced; False: one has no gradient."""
        self.take_over()
        for p, _, gradient in self.views:
            if p.grad is None:
                return False
            if p.grad is not gradient:
                np.copyto(gradient, p.grad.data if isinstance(p.grad, Node) else p.grad)
                p.grad = gradient
        return True

    def hand_over_gradients(self) -> None:
        """Give the parameters gradients of their own: the optimizer may remember them, and this memory is reused."""
        for p, _, gradient in self.views:
            if p.grad is gradient:
                p.grad = np.array(gradient)

    def step(self) -> None:
        """Change the weights by the gradients that are in their places."""
        if self.run is None or self.known:
            states = [self.optimizer.state.setdefault(p, {}) for p in self.parameters]
            if self.known is None or any(state.keys() != self.known for state in states):
                self._build(states)
            numbers = [states[0].get(name) for name in self.counts]
            alike = all(
                state[name] == number for state in states for name, number in zip(self.counts, numbers, strict=True)
            )
            for p, name, part in self.remembered:
                state = self.optimizer.state[p]
                if state[name] is not part:
                    np.copyto(part, state[name])
                    state[name] = part
        else:  # the rule remembers nothing
            states, numbers, alike = [], [], True
        if self.run is None or not alike:
            self._by_the_optimizer()
            return
        for name, value in self.run(*numbers, self.group["lr"]).items():
            value = type(states[0][name])(value)
            for state in states:
                state[name] = value

    def _by_the_optimizer(self) -> None:
        """The rule as it is written, parameter by parameter."""
        settings = {name: self.group[name] for name in self.optimizer.defaults}
        for p in self.parameters:
            gradient = np.array(p.grad)  # the rule may remember it, and the next step writes there
            new = self.optimizer.rule(p.data, gradient, self.optimizer.state[p], **settings)
            p.data = float(new) if isinstance(p, Value) else np.asarray(new, p.dtype)

    def _build(self, states: list[dict[str, Any]]) -> None:
        self.known, self.run, self.remembered = set(states[0]), None, []
        alike = all(state.keys() == self.known for state in states)
        if not alike or not all(isinstance(p, Tensor) and p.dtype == self.weights.dtype for p in self.parameters):
            return
        self.counts = [n for n, v in states[0].items() if isinstance(v, (int, float))]
        self.memory = {n: np.empty_like(self.weights) for n in states[0] if n not in self.counts}
        start = 0
        for p, weights, _ in self.views:
            part = slice(start, start := start + weights.size)
            self.remembered += [(p, n, array[part].reshape(p.shape)) for n, array in self.memory.items()]
        with suppress(CompileError):
            self.run = self._program(states[0])

    def _program(self, state: dict[str, Any]) -> Callable[..., dict[str, Any]]:
        """The rule as a program of the plain numbers that it remembers, and lr; it gives the next ones.

        Calls of NumPy take the weights piece by piece: what one of them writes is near when the next one reads it.

        Raises:
            CompileError: see `form`.
        """
        size, ours = self.weights.size, [self.weights, self.gradients, *self.memory.values()]
        piece = _PIECE if self.make is unguarded else size
        runs, programs = [], dict[int, Callable[..., Any]]()
        for start in range(0, size, piece):
            arrays = [a[start : start + piece] for a in ours]
            if size <= piece or arrays[0].size not in programs:
                form = self.form(state, *arrays)
                named = dict(zip(form.arguments, arrays, strict=False))
                updates = {n: a for n, a in named.items() if n in form.updates}
                fixed = Fixed(named, {}, updates) if size <= piece else Fixed(updates=updates, in_place=True)
                programs[arrays[0].size] = self.make(form, fixed)
            runs.append((programs[arrays[0].size], [] if size <= piece else arrays))
        names = dict(zip(form.arguments, ["p", "g", *self.memory, *self.counts, "lr"], strict=True))

        def run(*numbers: Any) -> dict[str, Any]:
            for program, arrays in runs:
                _, _, new = program(*arrays, *numbers)
            return {names[word]: value for word, value in new.items()} if new else new

        return run

    def form(self, state: dict[str, Any], weights: Any, gradients: Any, *memory: Any) -> Form:
        """The rule on a piece of all the weights.

        Raises:
            CompileError: it decides by its numbers, remembers something new, or is not elementwise.
        """
        found = Joint([], [], {}, set())
        p, g = _leaf(found, weights, "p"), _leaf(found, gradients, "g")
        old = {n: _leaf(found, array, n) for n, array in zip(self.memory, memory, strict=True)}
        old |= {n: _leaf(found, state[n], n) for n in self.counts}
        lr = _leaf(found, float(self.group["lr"]), "lr")
        new, now = traced(self.optimizer, self.group, p, g, lr, old)
        if now.keys() != old.keys():
            raise CompileError("remembers something new in this step")
        positions = {node: i for i, node in enumerate(found.arguments)}
        found.updates = {positions[p]: new} | {positions[old[n]]: now[n] for n in old if now[n] is not old[n]}
        found.updating = set(found.order) - set(found.arguments)
        form = simplified(lower(found, "update"))
        if not all(step.op.elementwise or step.op.shapes == "value" or step.kind.scalar for step in form.steps):
            raise CompileError("has an update that is not elementwise")
        return form


def same(a: list[Any], b: list[Any]) -> bool:
    """True for lists of the very same objects."""
    return len(a) == len(b) and all(map(is_, a, b))


def traced(optimizer: Optimizer, group: dict[str, Any], p: Any, g: Any, lr: Any, state: dict[str, Any]) -> Any:
    """The rule run on nodes: (the parameter's next value, the next state).

    Raises:
        CompileError: it decides by their numbers.
    """
    settings = {name: group[name] for name in optimizer.defaults} | {"lr": lr}
    now = dict(state)
    try:
        with recording(), noting_decisions() as decisions, np.errstate(all="ignore"):
            new = optimizer.rule(p, g, now, **settings)
            new = astype(new, p.dtype) if isinstance(p, Tensor) and new.dtype != p.dtype else new
    except (TypeError, ValueError, AttributeError) as problem:  # a rule of NumPy's own functions, say
        raise CompileError(f"has an update that cannot be traced: {problem}") from problem
    if decisions or not isinstance(new, Node):
        raise CompileError("has an update that decides by its numbers")
    lifted = {n: v if isinstance(v, Node) else Value(v, requires_grad=False) for n, v in now.items()}
    return new, lifted


def add_updates(graph: Joint, optimizer: Optimizer) -> None:
    """Add the optimizer's update to a recorded step, parameter by parameter, for a person to read.

    Raises:
        CompileError: the rule cannot be traced.
    """
    positions = {node: i for i, node in enumerate(graph.arguments)}
    lr = Value(1.0, requires_grad=False)
    before = set(graph.order)
    for group in optimizer.param_groups:
        for p in group["params"]:
            if positions.get(p) not in graph.gradients:
                continue
            state = {n: _leaf(graph, v, f"{graph.names[p]}_{n}") for n, v in optimizer.state.get(p, {}).items()}
            new, now = traced(optimizer, group, p, graph.gradients[positions[p]], lr, state)
            graph.updates[positions[p]] = new
            for name, node in {graph.names[p]: new, **{graph.names[old]: now[n] for n, old in state.items()}}.items():
                if node not in graph.names:
                    name_node(graph, node, f"new_{name}")
            places = {node: i for i, node in enumerate(graph.arguments)}
            graph.updates |= {places[state[n]]: now[n] for n in state if now[n] is not state[n]}
    name_node(graph, lr, "lr")
    graph.arguments.append(lr)
    graph.updating |= set(graph.order) - before - {lr}


def _leaf(graph: Joint, data: Any, name: str) -> Any:
    """A further argument of the graph, called `name`."""
    kind = Value if isinstance(data, (int, float)) else Tensor
    node = kind(data, requires_grad=False)
    name_node(graph, node, name)
    graph.arguments.append(node)
    return node
