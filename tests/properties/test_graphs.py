"""Random graphs: shared nodes, a * a, diamonds, constants, unused branches, and backward more than once."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import microgradx as mx
from microgradx.testing import Graph, check_grads, expressions, graphs, numbers

either = st.booleans().flatmap(lambda tensors: graphs(tensors=tensors))


def gradients(graph: Graph) -> list:
    """The gradient of every leaf by the chain rule; None for constants and for what is not used."""
    nodes = graph.nodes()
    output = graph.output(*nodes)
    if output.requires_grad:
        output.backward()
    return [node.grad for node in nodes]


def zeros_for_none(graph: Graph, grads: list) -> list:
    return [np.zeros(np.shape(x)) if g is None else g for x, g in zip(graph.leaves, grads, strict=True)]


@given(either)
@example(Graph((2.0,), frozenset(), (("mul", (0, 0)),)))  # a * a
@example(Graph((2.0,), frozenset(), (("sin", (0,)), ("cos", (0,)), ("mul", (1, 2)))))  # a diamond
@example(Graph((2.0, 3.0), frozenset({1}), (("mul", (0, 1)), ("sin", (0,)))))  # a constant, an unused branch
def test_first_and_second_derivatives_of_any_graph(graph):
    if graph.output(*graph.nodes()).requires_grad:
        check_grads(graph.output, graph.nodes())


@given(expressions())
def test_derivatives_of_any_formula(formula):
    check_grads(lambda x, y, w: formula(x=x, y=y, w=w) + 0 * (x + y + w), list(formula.at.values()))


def arrived(output) -> dict:
    """Per node, how much arrives in all when nothing cancels: what rounding is measured by."""
    found = {}
    output.backward(watcher=lambda e: found.update({e.input: found.get(e.input, 0) + np.abs(e.contribution).max()}))
    return found


@given(either)
@example(Graph((np.array(0.02),), frozenset(), (("tanh", (0,)), ("sub", (0, 1)))))  # 1 − 0.9996: what arrives cancels
def test_a_second_backward_adds_to_the_leaves_and_to_nothing_else(graph):
    nodes = graph.nodes()
    results = graph.run(nodes)
    output = results[-1] if isinstance(results[-1], mx.Value) else results[-1].sum()
    if not output.requires_grad:
        return
    output.backward()
    once = [None if node.grad is None else np.array(node.grad) for node in results]
    output.backward()
    twice = [node.grad for node in results]
    size = arrived(output)
    for node, before, after in zip(results, once, twice, strict=True):
        if before is not None:
            expected = 2 * before if node.is_leaf and node is not output else before
            np.testing.assert_allclose(after, expected, rtol=1e-14, atol=1e-15 * size.get(node, 0))


@given(either, st.integers(0, 30))
def test_backward_from_two_places_of_one_graph_adds_both_gradients(graph, place):
    nodes = graph.nodes()
    results = graph.run(nodes)
    outputs = [results[-1], results[len(nodes) + place % len(graph.steps)]]
    total = [np.zeros(node.shape) for node in nodes]
    for output in outputs:
        if output.requires_grad:
            output.backward(np.ones(output.shape))
            fresh = graph.nodes()
            twin = graph.run(fresh)[next(k for k, node in enumerate(results) if node is output)]
            twin.backward(np.ones(twin.shape))
            total = [t if node.grad is None else t + node.grad for t, node in zip(total, fresh, strict=True)]
    for node, expected in zip(nodes, total, strict=True):
        if node.grad is not None:
            np.testing.assert_allclose(node.grad, expected, rtol=1e-12, atol=1e-14)


@given(either)
def test_keeping_only_leaves_gives_the_same_gradients_and_frees_the_rest(graph):
    kept = gradients(graph)
    nodes = graph.nodes()
    output = graph.output(*nodes)
    if not output.requires_grad or output.is_leaf:
        return
    output.backward(keep="leaves")
    for node, grad in zip(nodes, kept, strict=True):
        assert (node.grad is None) == (grad is None)
        if grad is not None:
            np.testing.assert_allclose(node.grad, grad, rtol=1e-14)
    with pytest.raises(mx.GradientError, match="released"):
        output.backward()


@given(either)
def test_gradients_do_not_depend_on_which_other_leaves_collect_them(graph):
    everything = zeros_for_none(graph, gradients(graph))
    for k in range(len(graph.leaves)):
        if k not in graph.constants:
            alone = Graph(graph.leaves, frozenset(range(len(graph.leaves))) - {k}, graph.steps)
            np.testing.assert_allclose(
                zeros_for_none(alone, gradients(alone))[k], everything[k], rtol=1e-13, atol=1e-15
            )


@given(either)
def test_a_detached_copy_of_a_leaf_stops_its_gradient(graph):
    nodes = graph.nodes()
    cut = [nodes[0].detach(), *nodes[1:]]
    output = graph.output(*cut)
    if output.requires_grad:
        output.backward()
    assert nodes[0].grad is None


@given(graphs(), numbers(-2, 2))
def test_gradient_is_linear_in_what_arrives(graph, factor):
    nodes, others = graph.nodes(), graph.nodes()
    one, scaled = graph.output(*nodes), graph.output(*others)
    if one.requires_grad:
        one.backward()
        scaled.backward(factor)
        for node, other in zip(nodes, others, strict=True):
            if node.grad is not None:
                assert other.grad == pytest.approx(factor * node.grad, rel=1e-12, abs=1e-14)


class Session(RuleBasedStateMachine):
    """A person at work: makes leaves, computes, calls backward here and there, sometimes forgets the gradients.

    Beside the engine runs a plain record of what was computed; difference quotients of that record say what
    every leaf must have collected.
    """

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[mx.Value] = []
        self.results: list[mx.Value] = []
        self.graph = Graph((), frozenset(), ())
        self.expected: dict[int, float] = {}
        self.freed = False

    @precondition(lambda self: not self.graph.steps and len(self.leaves) < 4)
    @rule(x=numbers(-2, 2))
    def make_a_leaf(self, x: float) -> None:
        self.leaves.append(mx.Value(x))
        self.results.append(self.leaves[-1])
        self.graph = Graph((*self.graph.leaves, x), frozenset(), ())

    @precondition(lambda self: self.leaves and not self.freed and len(self.graph.steps) < 12)
    @rule(
        name=st.sampled_from(["mul", "add", "sub", "sin", "tanh", "sigmoid"]),
        a=st.integers(0, 99),
        b=st.integers(0, 99),
    )
    def compute(self, name: str, a: int, b: int) -> None:
        count = len(self.results)
        chosen = (a % count, b % count) if name in ("mul", "add", "sub") else (a % count,)
        self.results.append(getattr(mx, name)(*(self.results[k] for k in chosen)))
        self.graph = Graph(self.graph.leaves, frozenset(), (*self.graph.steps, (name, chosen)))

    @precondition(lambda self: self.graph.steps and not self.freed)
    @rule(which=st.integers(0, 99), keep=st.sampled_from(["all", "all", "all", "leaves"]))
    def go_backward(self, which: int, keep: str) -> None:
        place = len(self.leaves) + which % len(self.graph.steps)
        self.results[place].backward(keep=keep)
        self.freed = keep == "leaves"
        upto = Graph(self.graph.leaves, frozenset(), self.graph.steps[: place - len(self.leaves) + 1])
        for k, slope in enumerate(self.slopes(upto)):
            self.expected[k] = self.expected.get(k, 0.0) + slope
        assert all(node.grad is None or type(node.grad) is float for node in self.results)

    @precondition(lambda self: self.expected)
    @rule()
    def forget_the_gradients(self) -> None:
        for node in self.leaves:
            node.zero_grad()
        self.expected.clear()

    @precondition(lambda self: self.freed)
    @rule()
    def start_anew(self) -> None:
        self.results, self.graph = list(self.leaves), Graph(self.graph.leaves, frozenset(), ())
        self.freed = False

    def slopes(self, graph: Graph) -> list[float]:
        found = mx.testing.numerical_jacobian(lambda *leaves: graph.run(leaves)[-1], *graph.leaves)
        return [float(x) for x in (found if isinstance(found, tuple) else (found,))]

    @invariant()
    def every_leaf_has_collected_what_it_must(self) -> None:
        for k, node in enumerate(self.leaves):
            assert (node.grad or 0.0) == pytest.approx(self.expected.get(k, 0.0), rel=1e-7, abs=1e-8)


test_session = Session.TestCase
