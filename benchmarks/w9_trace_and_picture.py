"""W9: a long trace as JSON, a large picture, and what backward pays for the watcher that is not there."""

import json
import time
from typing import Any

from common import Goal, Measure, Work, Workload
from w1_moons_step import loss_of, numbers, points

import microgradx as mx
from microgradx.graph.order import passed

WORKLOAD = Workload(
    "W9", "trace of 10,000 edges to JSON; picture of a 1,000-node graph; backward without a watcher",
    goals=[
        Goal("trace to JSON", 1.0),
        Goal("picture", 5.0),
        Goal("backward, watcher absent", 1.01, "backward, the bare loop"),
    ],
    size=1250, smoke=5, unit="a backward pass",
)  # fmt: skip


def recurrent(steps: int) -> Any:
    """A function: one recurrent neuron over so many time steps, which makes 8 edges and 6 nodes of each."""

    def loss(w: Any, u: Any, b: Any) -> Any:
        h = w * 0.1
        for k in range(steps):
            z = w * (0.1 * (k % 7)) + u * h + b
            h = z.tanh()
        return h * h

    return loss


def leaves() -> tuple[mx.Value, mx.Value, mx.Value]:
    """w, u, b."""
    return mx.Value(0.5, name="w"), mx.Value(0.6, name="u"), mx.Value(0.1, name="b")


@WORKLOAD.contender("backward, the bare loop")
def bare(steps: int) -> Work:
    """The loop for someone who never heard of watchers: each op's pull, from the output back."""
    w, u, b = leaves()
    free = False
    loss = recurrent(steps)(w, u, b)

    def run() -> float:
        w.grad = u.grad = b.grad = None
        order = passed(loss)
        loss.grad = 1.0
        while order:
            node = order.pop()
            op, g = node.op, node.grad
            if g is not None:
                (op.pull_scalar if type(node) is mx.Value else op.pull_array)(node, g)
            if free:
                node.left = node.right = None
        return loss.item()

    return Work(run, lambda: [w.grad, u.grad, b.grad])


@WORKLOAD.contender("backward, watcher absent")
def backward(steps: int) -> Work:
    """What everybody calls."""
    w, u, b = leaves()
    loss = recurrent(steps)(w, u, b)

    def run() -> float:
        w.grad = u.grad = b.grad = None
        loss.backward()
        return loss.item()

    return Work(run, lambda: [w.grad, u.grad, b.grad])


@WORKLOAD.measure
def trace(steps: int) -> dict[str, Measure]:
    """Trace, and its JSON as text."""
    from microgradx.explain.json_view import as_json

    begin = time.process_time()
    found = mx.trace(recurrent(steps), *leaves())
    json.dumps(as_json(found), ensure_ascii=False)
    seconds = time.process_time() - begin
    return {"trace to JSON": Measure(seconds, "s"), "trace to JSON, edges": Measure(len(found.steps), "")}


@WORKLOAD.measure
def picture(steps: int) -> dict[str, Measure]:
    """W1's network on one point, every number a box, no part of it collapsed; with an engine that is warm."""
    from microgradx.graph import topological

    parameters = [mx.Value(number) for number in numbers()]
    loss = loss_of(parameters, [([mx.Value(x) for x in point], label) for point, label in points(1)], decay=0)
    if steps < WORKLOAD.size:
        loss = recurrent(steps)(*leaves())
    loss.backward()
    mx.draw(mx.Value(2.0) * 3.0).svg  # noqa: B018  (loads the engine)
    begin = time.process_time()
    mx.draw(loss, max_nodes=None).svg  # noqa: B018  (drawn when it is asked for)
    seconds = time.process_time() - begin
    return {"picture": Measure(seconds, "s"), "picture, nodes": Measure(len(topological(loss)), "")}
