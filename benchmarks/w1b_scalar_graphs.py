"""W1b: scalar graphs as such, one long chain and many short ones; time and memory of a node by the graph's size."""

import statistics
import time
import tracemalloc
from typing import Any

from common import Goal, Measure, Work, Workload

import microgradx as mx

BLOCK = 450  # multiply-add steps in one short chain: micrograd recurses, and gives up near depth 1,000
W, X = 0.999, 0.01
WORKLOAD = Workload(
    "W1b", "scalar multiply-add graphs, build and differentiate",
    goals=[
        Goal(
            "microgradx, one chain of 10⁶, time a node", 1.5,
            note="two fifths of it are Python's cyclic collector, which looks at all nodes again and again as they "
            "grow: with gc.disable() it is 1 µs, half to record and half for backward and to free",
        ),
        Goal("microgradx, one chain of 10⁶, memory a node", 350),
    ],
    size=20, smoke=1, tolerance=1e-9, unit="a node",
)  # fmt: skip


def per(blocks: int) -> float:
    """Nodes in the wide graph: a multiplication and an addition per step."""
    return 2.0 * BLOCK * blocks


@WORKLOAD.contender("floats by hand", per=per)
def by_hand(blocks: int) -> Work:
    """The same sums on plain floats, backwards on paper: dy/dw gathers the y that met w."""
    kept = [0.0]

    def run() -> float:
        total = slope = 0.0
        for k in range(blocks):
            y, met = k / blocks, []
            for _ in range(BLOCK):
                met.append(y)
                y = y * W + X
            total += y
            g = 1.0
            for y in reversed(met):
                slope += g * y
                g *= W
        kept[0] = slope
        return total

    return Work(run, lambda: [kept[0]])


def wide(value: Any, blocks: int) -> Work:
    """A sum of short chains y = y·w + x that share the leaf w."""
    kept = [0.0]

    def run() -> float:
        w, x = value(W), value(X)
        ends = []
        for k in range(blocks):
            y = value(k / blocks)
            for _ in range(BLOCK):
                y = y * w + x
            ends.append(y)
        while len(ends) > 1:
            ends = [sum(ends[i + 1 : i + 2], ends[i]) for i in range(0, len(ends), 2)]
        ends[0].backward()
        kept[0] = w.grad
        return float(ends[0].data)

    return Work(run, lambda: [kept[0]])


@WORKLOAD.contender("microgradx, wide graph", per=per)
def eager(blocks: int) -> Work:
    """Values."""
    return wide(mx.Value, blocks)


@WORKLOAD.contender("micrograd, wide graph", needs="micrograd", per=per)
def with_micrograd(blocks: int) -> Work:
    """micrograd's Values."""
    from micrograd.engine import Value

    return wide(Value, blocks)


def chain(nodes: int) -> Any:
    """One chain of `nodes` results, deeper than any recursion."""
    w, x = mx.Value(W), mx.Value(X)
    y = w * x
    for _ in range(nodes // 2):
        y = y * w + x
    return y


@WORKLOAD.measure
def by_size(blocks: int) -> dict[str, Measure]:
    """Time and memory per node of one long chain, for growing chains."""
    found = {}
    for exponent in (3, 4, 5, 6) if blocks > 1 else (3,):
        nodes = 10**exponent
        times = []
        for _ in range(3):
            begin = time.process_time()
            y = chain(nodes)
            y.backward()
            times.append(time.process_time() - begin)
            del y
        tracemalloc.start()
        y = chain(nodes)
        y.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        del y
        name = f"microgradx, one chain of 10{'⁰¹²³⁴⁵⁶'[exponent]}"
        found[f"{name}, time a node"] = Measure(statistics.median(times) / nodes * 1e6, "µs")
        found[f"{name}, memory a node"] = Measure(peak / nodes, "bytes")
    return found
