"""Scalar graphs of multiplications and additions: build and differentiate, beside micrograd; bytes per node.

python benchmarks/scalar.py
"""

import argparse
import time
import tracemalloc
from typing import Any

from common import interleaved, peer, table, versions

import microgradx as mx

BLOCK = 450  # multiply-add steps in a row: micrograd recurses, and gives up near depth 1,000


def multiply_add(value: Any, blocks: int) -> tuple[Any, Any]:
    """A sum of `blocks` chains y = y·w + x, and the shared leaf w; about 2 · BLOCK nodes per block."""
    w, x = value(0.999), value(0.01)
    ends = []
    for k in range(blocks):
        y = value(k / blocks)
        for _ in range(BLOCK):
            y = y * w + x
        ends.append(y)
    while len(ends) > 1:
        ends = [sum(ends[i + 1 : i + 2], ends[i]) for i in range(0, len(ends), 2)]
    return ends[0], w


def step(value: Any, blocks: int) -> Any:
    """Build the graph and differentiate it; returns the output and dL/dw."""
    output, w = multiply_add(value, blocks)
    output.backward()
    return output.data, w.grad


def chain(nodes: int) -> Any:
    """One chain of `nodes` results, deeper than any recursion."""
    w, x = mx.Value(0.999), mx.Value(0.01)
    y = w * x
    for _ in range(nodes // 2):
        y = y * w + x
    return y


def beside_micrograd(blocks: int, rounds: int) -> None:
    """Time both on the same graph, after checking that they agree."""
    contenders = {"microgradx": lambda: step(mx.Value, blocks)}
    micrograd = peer("micrograd.engine")
    if micrograd:
        contenders["micrograd"] = lambda: step(micrograd.Value, blocks)
        ours, theirs = step(mx.Value, blocks), step(micrograd.Value, blocks)
        assert all(abs(a - b) <= 1e-12 * abs(b) for a, b in zip(ours, theirs, strict=True)), (ours, theirs)
    seconds = interleaved(contenders, rounds)
    nodes = 2 * BLOCK * blocks
    table(f"{nodes:,} nodes, per node", seconds, list(contenders)[-1], per=nodes, unit="µs")


def by_size(largest: int) -> None:
    """Time and memory per node of one long chain, for growing chains."""
    print("\none chain: build and differentiate")
    nodes = 1_000
    while nodes <= largest:
        start = time.process_time()
        y = chain(nodes)
        middle = time.process_time()
        y.backward()
        end = time.process_time()
        del y
        freed = time.process_time()
        tracemalloc.start()
        y = chain(nodes)
        y.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        del y
        build, back, free = ((b - a) / nodes * 1e6 for a, b in ((start, middle), (middle, end), (end, freed)))
        print(
            f"  {nodes:9,} nodes: {build + back:5.2f} µs a node ({build:.2f} build, {back:.2f} backward; "
            f"{free:.2f} more to free), {peak / nodes:4.0f} bytes a node"
        )
        nodes *= 10


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--blocks", type=int, default=20)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--largest", type=int, default=1_000_000)
    chosen = options.parse_args()
    print(versions("microgradx", "micrograd", "numpy"))
    beside_micrograd(chosen.blocks, chosen.rounds)
    by_size(chosen.largest)
