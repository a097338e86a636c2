"""One training step of micrograd's own demo, number by number: 2-16-16-1 relu, 100 points, hinge loss and L2.

About 66,000 scalar nodes, the same program for both engines; forward, backward and SGD:

    python benchmarks/moons_step.py
"""

import argparse
import math
import random
from collections.abc import Callable
from typing import Any

from common import interleaved, peer, table, versions

import microgradx as mx

SIZES = [2, 16, 16, 1]
Neuron = tuple[list[Any], Any]


def points(count: int) -> list[tuple[list[float], float]]:
    """Two half circles that reach into each other, labelled 1 and −1."""
    rng = random.Random(0)
    found = []
    for k in range(count):
        angle, upper = math.pi * rng.random(), k % 2 == 0
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
        found.append(([x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)], 1.0 if upper else -1.0))
    return found


def stepper(value: Any, count: int) -> Callable[[], float]:
    """The training step in the numbers of one engine, weights the same for everybody."""
    rng = random.Random(1)
    layers: list[list[Neuron]] = [
        [([value(rng.uniform(-1, 1)) for _ in range(n)], value(0.0)) for _ in range(m)]
        for n, m in zip(SIZES[:-1], SIZES[1:], strict=True)  # noqa: RUF007  (reads as "from n to m")
    ]
    parameters = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]
    data = points(count)

    def net(x: list[Any]) -> Any:
        for layer in layers:
            sums = [sum((w * each for w, each in zip(weights, x, strict=True)), bias) for weights, bias in layer]
            x = sums if layer is layers[-1] else [s.relu() for s in sums]
        return x[0]

    def step() -> float:
        margins = [(1 + -label * net([value(number) for number in x])).relu() for x, label in data]
        loss = sum(margins) * (1.0 / count) + 1e-4 * sum(p * p for p in parameters)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= 0.05 * p.grad
        return float(loss.data)

    return step


def main() -> None:
    """Check, time, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--points", type=int, default=100)
    options.add_argument("--rounds", type=int, default=7)
    chosen = options.parse_args()
    print(versions("microgradx", "micrograd"))
    engines = {"microgradx": mx.Value}
    micrograd = peer("micrograd.engine")
    if micrograd:
        engines["micrograd"] = micrograd.Value
    curves = {name: [step() for step in [stepper(v, chosen.points)] for _ in range(3)] for name, v in engines.items()}
    for losses in curves.values():
        assert all(abs(a - b) <= 1e-9 for a, b in zip(losses, curves["microgradx"], strict=True)), curves
    seconds = interleaved({name: stepper(v, chosen.points) for name, v in engines.items()}, chosen.rounds)
    table("a training step", seconds, list(seconds)[-1])


if __name__ == "__main__":
    main()
