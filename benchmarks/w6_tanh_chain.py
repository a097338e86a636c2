"""W6: a chain of tanh on a (64, 64) array: what a node costs beside its arithmetic, in time and in memory."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import common
import numpy as np
from common import Array, Goal, Measure, Work, Workload

import microgradx as mx

HAND = "NumPy by hand"
WORKLOAD = Workload(
    "W6", "chain of 10⁴ tanh on (64, 64) float32",
    goals=[
        Goal(
            "microgradx eager", 0.8, "PyTorch",
            note="by hand it is 0.6 to 0.67 × PyTorch already; recording a node and walking back over it add 1 µs",
        ),
        Goal("microgradx eager, peak memory", 1.02, f"{HAND}, peak memory"),
        Goal("microgradx, building 2000 nodes, per node", 1.5, "microgradx, building 200 nodes, per node"),
    ],
    size=10_000, smoke=20, tolerance=1e-4, unit="a node",
)  # fmt: skip


def start() -> Array:
    """What goes in."""
    return np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)


@WORKLOAD.contender(HAND, per=float)
def by_hand(nodes: int) -> Work:
    """Keep every y; backwards multiply by 1 − y², and let go of y."""
    x = start()
    kept = [x]

    def run() -> float:
        ys = [x]
        for _ in range(nodes):
            ys.append(np.tanh(ys[-1]))
        loss = float(ys[-1].sum())
        g = np.ones_like(x)
        while len(ys) > 1:
            y = ys.pop()
            slope = y * y
            np.subtract(1, slope, out=slope)
            g *= slope
        kept[0] = g
        return loss

    return Work(run, lambda: kept)


@WORKLOAD.contender("microgradx eager", per=float)
def eager(nodes: int) -> Work:
    """Tensors; backward lets go of what it has passed."""
    x = mx.Tensor(start())

    def run() -> float:
        x.grad = None
        y = x
        for _ in range(nodes):
            y = y.tanh()
        loss = y.sum()
        del y
        loss.backward(keep="leaves")
        return loss.item()

    return Work(run, lambda: [x.grad])


@WORKLOAD.contender("PyTorch", needs="torch", per=float)
def with_torch(nodes: int) -> Work:
    """Eager autograd."""
    torch = common.torch()
    x = torch.from_numpy(start()).requires_grad_()

    def run() -> float:
        x.grad = None
        y = x
        for _ in range(nodes):
            y = torch.tanh(y)
        loss = y.sum()
        loss.backward()
        return float(loss.item())

    return Work(run, lambda: [x.grad.numpy()])


@WORKLOAD.measure
def memory(nodes: int) -> dict[str, Measure]:
    """The most that NumPy's arrays and Python's objects take during a run."""
    return {f"{name}, peak memory": Measure(peak(make(nodes).run) / 1e6, "MB")
            for name, make in ((HAND, by_hand), ("microgradx eager", eager))}  # fmt: skip


def peak(run: Callable[[], Any]) -> int:
    """Bytes at the highest point of a second run."""
    run()
    tracemalloc.start()
    run()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@WORKLOAD.measure
def building(nodes: int) -> dict[str, Measure]:
    """Time to trace and compile, per node, for chains of two lengths: it should not grow with the length."""

    def build(count: int) -> float:
        def chain(x: Any) -> Any:
            for _ in range(count):
                x = x.tanh()
            return x.sum()

        begin = time.process_time()
        mx.compile(chain, fullgraph=True).value_and_grad(start())
        return time.process_time() - begin

    counts = (200, 2000) if nodes > 20 else (20, 40)
    return {f"microgradx, building {n} nodes, per node": Measure(build(n) / n * 1e3, "ms") for n in counts}
