"""How costs grow: of a node with the graph, of a parameter with the width, of a time step with the sequence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import w1b_scalar_graphs
import w3_digits_mlp
import w5_lstm
import w6_tanh_chain
from common import Workload, run


@dataclass
class Sweep:
    """One workload at growing sizes."""

    title: str
    x: str
    workload: Workload
    sizes: list[int]
    per: Callable[[int], float]  # what a time is divided by
    shown: Callable[[int], float]  # where a size stands on the axis
    prepare: Callable[[int], int] = lambda size: size  # what the workload is then called with


def widened(width: int) -> int:
    """Make W3's network so wide; its batch stays."""
    w3_digits_mlp.SIZES[:] = [width, width, width, 10]
    return w3_digits_mlp.WORKLOAD.size


def parameters(width: int) -> float:
    """Weights and biases of that network."""
    return 2.0 * (width + 1) * width + 10 * (width + 1)


SWEEPS = [
    Sweep(
        "a scalar node, by graph size", "nodes", w1b_scalar_graphs.WORKLOAD, [1, 3, 10, 30, 100, 300],
        per=lambda _: 1, shown=w1b_scalar_graphs.per,
    ),
    Sweep(
        "a (64, 64) node, by graph size", "nodes", w6_tanh_chain.WORKLOAD, [100, 1000, 10_000, 30_000],
        per=lambda _: 1, shown=float,
    ),
    Sweep(
        "a parameter of an MLP, by width", "width", w3_digits_mlp.WORKLOAD, [16, 32, 64, 128, 256, 512],
        per=parameters, shown=float, prepare=widened,
    ),
    Sweep(
        "a time step of an LSTM, by length", "time steps", w5_lstm.WORKLOAD, [5, 10, 20, 40, 80],
        per=float, shown=float,
    ),
]  # fmt: skip
Curves = dict[str, list[tuple[float, float]]]  # by contender: (size, seconds)


def curves(sweep: Sweep, rounds: int, peers: Iterable[str], smoke: bool) -> Curves:
    """Times of all contenders at all sizes; results are compared at each."""
    found: Curves = {}
    for size in sweep.sizes[:2] if smoke else sweep.sizes:
        given = sweep.prepare(size)
        measured = run(replace(sweep.workload, size=given, smoke=given, measures=[]), rounds, peers, smoke)
        for name, seconds in measured.seconds.items():
            found.setdefault(name, []).append((sweep.shown(size), seconds / sweep.per(size)))
    return found


def text(sweep: Sweep, found: Curves) -> str:
    """A table: a line for each contender, a column for each size."""
    digits = [f"{x:>10,.0f}" for x, _ in next(iter(found.values()))]
    scale, unit = (1e6, "µs") if min(y for line in found.values() for _, y in line) > 1e-7 else (1e9, "ns")
    width = max(map(len, found))
    lines = [f"{sweep.title} ({unit})", f"  {sweep.x:<{width}}{''.join(digits)}"]
    lines += [f"  {name:<{width}}{''.join(f'{y * scale:10.3g}' for _, y in line)}" for name, line in found.items()]
    return "\n".join(lines) + "\n"


def plot(swept: list[tuple[Sweep, Curves]], path: Path) -> None:
    """A panel for each sweep, both axes in powers of ten."""
    from matplotlib.figure import Figure

    from microgradx.plots import save

    figure = Figure(figsize=(12, 8), layout="constrained")
    panels: Any = figure.subplots(2, 2)
    for axes, (sweep, found) in zip(panels.flat, swept, strict=True):
        for name, line in found.items():
            axes.plot(*zip(*line, strict=True), "o-", markersize=3, label=name)
        sizes, costs = zip(*(point for line in found.values() for point in line), strict=True)
        low, high = 0.5 * min(costs), 2 * max(costs)  # a line that looks flat is flat
        axes.set(title=sweep.title, xlabel=sweep.x, ylabel="seconds", xscale="log", yscale="log", ylim=(low, high))
        axes.set_xticks(sorted({*sizes}), [f"{size:,.0f}" for size in sorted({*sizes})])
        axes.minorticks_off()
        axes.legend(fontsize=7)
    save(figure, path)
