"""What the workloads share: contenders with their goals, the check that all compute the same, and the clock.

A file `wN_name.py` is one workload. It lists its goals, and registers contenders; the first one is the reference:

    WORKLOAD = Workload("W2", "XOR …", goals=[Goal("microgradx compiled", 0.55, "NumPy by hand")])

    @WORKLOAD.contender("NumPy by hand")
    def by_hand(size: int) -> Work: ...

    @WORKLOAD.contender("PyTorch", needs="torch")
    def with_torch(size: int) -> Work: ...
"""

import gc
import importlib.util
import math
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from microgradx import MicrogradxError

Array = np.ndarray[Any, Any]
THREADS = int(os.environ.get("MICROGRADX_BENCH_THREADS", "1"))  # for the peers that are told in Python
BUDGET = 0.05  # seconds that a contender runs in each round, or a single call where that takes longer
# Peers beside NumPy: the module that must be there, and a program it cannot do without.
PEERS = {
    "torch": ("torch", None), "jax": ("jax", None), "autograd": ("autograd", None), "numba": ("numba", None),
    "micrograd": ("micrograd", None), "tinygrad": ("tinygrad", "clang"),
}  # fmt: skip
NEEDS = {**PEERS, "cc": ("cffi", "cc")}  # and what microgradx itself needs for C


class BenchError(MicrogradxError):
    """A contender computes something else than the reference; or there is nothing to compare."""


class Work(NamedTuple):
    """A contender with everything laid out, ready to run."""

    run: Callable[[], Any]  # one unit of work; returns the loss
    found: Callable[[], Sequence[Any]]  # what the last run found: gradients, in the same order for all contenders


class Measure(NamedTuple):
    """Something else than a time per run: bytes a node, seconds to build."""

    value: float
    unit: str


@dataclass(frozen=True)
class Goal:
    """`who` takes at most `at_most` times what `than` takes; without `than`, at most so much in the measure's unit."""

    who: str
    at_most: float
    than: str = ""
    threads: int = 0  # counts only in runs with so many threads; 0: in all
    note: str = ""  # where the time goes, shown on the results page while the goal is missed


Maker = Callable[[int], Work]


class Contender(NamedTuple):
    """One way to do the work; `make` imports its library and lays everything out."""

    make: Maker
    needs: str
    per: Callable[[int], float]  # how many units one run is: the time is told per unit


@dataclass
class Workload:
    """One line of the table."""

    name: str
    title: str
    goals: list[Goal] = field(default_factory=list)
    size: int = 1
    smoke: int = 1  # the size that is quick
    tolerance: float = 1e-9  # relative to the largest entry of each gradient
    unit: str = "a training step"
    contenders: dict[str, Contender] = field(default_factory=dict)
    measures: list[Callable[[int], dict[str, Measure]]] = field(default_factory=list)

    def contender(
        self, name: str, needs: str = "", per: Callable[[int], float] = lambda _: 1
    ) -> Callable[[Maker], Maker]:
        """A decorator: the function makes the contender's Work, for a size."""

        def register(make: Maker) -> Maker:
            self.contenders[name] = Contender(make, needs, per)
            return make

        return register

    def measure(self, function: Callable[[int], dict[str, Measure]]) -> Callable[[int], dict[str, Measure]]:
        """A decorator: the function measures something else, for a size."""
        self.measures.append(function)
        return function


@dataclass
class Result:
    """What one run of a workload measured."""

    workload: Workload
    threads: int
    smoke: bool = False  # too small for the goals
    seconds: dict[str, float] = field(default_factory=dict)  # per unit, by contender
    measures: dict[str, Measure] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)  # peers (or cc) that are not installed

    def judged(self) -> Iterator[tuple[Goal, float]]:
        """Every goal that this run can judge, with what was measured; tiny sizes judge none."""
        found = self.seconds | {name: measure.value for name, measure in self.measures.items()}
        for goal in self.workload.goals:
            there = goal.who in found and (not goal.than or goal.than in found)
            if there and goal.threads in (0, self.threads) and not self.smoke:
                yield goal, found[goal.who] / (found[goal.than] if goal.than else 1)


def trained(step: Callable[[], Any], start: Sequence[Array], now: Callable[[], Iterable[Any]], lr: float) -> Work:
    """The Work of a training step: after the first one, (start − now) / lr are the gradients."""

    def found() -> list[Array]:
        return [(a - np.asarray(b)) / lr for a, b in zip(start, now(), strict=True)]

    return Work(step, found)


def torch_trained(
    net: Any, loss_of: Callable[[], Any], start: Sequence[Array], lr: float, turned: bool = False
) -> Work:
    """PyTorch's training step: SGD on the module's parameters, which begin as `start` (`turned`: as its transposes)."""
    library = torch()
    lay: Callable[[Any], Any] = np.transpose if turned else lambda array: array
    with library.no_grad():
        for p, array in zip(net.parameters(), start, strict=True):
            p.copy_(library.from_numpy(lay(array)))
    descent = library.optim.SGD(net.parameters(), lr)

    def step() -> float:
        descent.zero_grad()
        loss = loss_of()
        loss.backward()
        descent.step()
        return float(loss.item())

    return trained(step, start, lambda: [lay(p.detach().numpy()) for p in net.parameters()], lr)


def jax_trained(loss_of: Callable[[list[Any]], Any], start: Sequence[Array], lr: float) -> Work:
    """JAX's training step: the gradients of a function of the parameters, and SGD, jitted as one; buffers donated."""
    library = jax()
    state, rate = [[library.numpy.array(array) for array in start]], start[0].dtype.type(lr)

    def update(parameters: list[Any]) -> Any:
        loss, gradients = library.value_and_grad(loss_of)(parameters)
        return loss, [p - rate * g for p, g in zip(parameters, gradients, strict=True)]

    program = library.jit(update, donate_argnums=0)

    def step() -> float:
        loss, state[0] = program(state[0])
        return float(loss)

    return trained(step, start, lambda: state[0], lr)


def programs(workload: Workload, make: Callable[..., Work]) -> None:
    """Calls of NumPy, loops in C, and C where all is always found in the same arrays: a run is one call of C then."""
    workload.contender("microgradx compiled")(lambda _: make("numpy"))
    workload.contender("microgradx compiled to C", needs="cc")(lambda _: make("c"))
    workload.contender("microgradx compiled to C, one batch", needs="cc")(lambda _: make("c", one_batch=True))


def softmax_loss(p: Array, labels: Array) -> float:
    """The mean cross-entropy of logits (rows, classes); they become its gradient."""
    rows = np.arange(len(p))
    p -= p.max(axis=1, keepdims=True)
    picked = p[rows, labels]
    np.exp(p, out=p)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    p[rows, labels] -= 1
    p *= p.dtype.type(1 / len(p))
    return float((np.log(total[:, 0]) - picked).mean())


def run(workload: Workload, rounds: int, peers: Iterable[str], smoke: bool = False) -> Result:
    """Check that all contenders agree, then let them take turns at the clock.

    Raises:
        BenchError: a contender's loss or gradient differs from the reference; nothing was timed then.
    """
    size, result = workload.smoke if smoke else workload.size, Result(workload, THREADS, smoke)
    works: dict[str, Work] = {}
    for name, contender in workload.contenders.items():
        if contender.needs in PEERS and contender.needs not in peers:
            continue
        if contender.needs and not installed(contender.needs):
            result.absent.append(contender.needs)
            continue
        works[name] = contender.make(size)
    check(workload, works)
    gc.collect()
    gc.freeze()  # what libraries and data hold need not be visited again in every round
    seconds = interleaved(works, rounds, calls=1 if smoke else None)
    result.seconds = {name: each / workload.contenders[name].per(size) for name, each in seconds.items()}
    works.clear()
    for function in workload.measures:
        result.measures |= function(size)
    gc.unfreeze()
    return result


def installed(needs: str) -> bool:
    """True when a peer (or cc), and the program it needs, can be used here."""
    module, program = NEEDS[needs]
    return importlib.util.find_spec(module) is not None and (program is None or shutil.which(program) is not None)


def check(workload: Workload, works: Mapping[str, Work], runs: int = 3) -> None:
    """Every contender must give the reference's gradients after the first run, and its losses in all of them."""
    wanted_losses: list[float] = []
    wanted: list[Array] = []
    reference = next(iter(works), "")
    for name, work in works.items():
        losses = [float(work.run())]
        gradients = [np.asarray(each) for each in work.found()]
        losses += [float(work.run()) for _ in range(runs - 1)]
        if name == reference:
            wanted_losses, wanted = losses, gradients
        where = f"{workload.name}: {name} does not agree with {reference}"
        if len(gradients) != len(wanted):
            raise BenchError(f"{where}: it has {len(gradients)} gradients, not {len(wanted)}.")
        for k, (ours, theirs) in enumerate(zip(gradients, wanted, strict=True)):
            if ours.shape != theirs.shape:
                raise BenchError(f"{where} in the shape of gradient {k}: {ours.shape} instead of {theirs.shape}.")
            off, scale = _distance(ours, theirs)
            if not off <= workload.tolerance * scale:
                raise BenchError(f"{where} in gradient {k}: entries of size up to {scale:.3g} are off by {off:.3g}.")
        for k, (loss, other) in enumerate(zip(losses, wanted_losses, strict=True)):
            if not math.isclose(loss, other, rel_tol=workload.tolerance, abs_tol=workload.tolerance):
                raise BenchError(f"{where} in the loss of run {k + 1}: {loss!r} instead of {other!r}.")


def _distance(ours: Array, theirs: Array) -> tuple[float, float]:
    """The largest difference, and the largest entry that it is to be compared with."""
    off = float(np.abs(np.subtract(ours, theirs, dtype=float)).max(initial=0))
    return off, float(np.abs(theirs).max(initial=0)) or 1.0


def interleaved(works: Mapping[str, Work], rounds: int, calls: int | None = None) -> dict[str, float]:
    """Median seconds per run of each, over `rounds` in which all take turns: a slow moment of the machine hits all.

    CPU seconds on one thread; on several the wall's clock, as their CPU times would add up.
    """
    clock = time.process_time if THREADS == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in works}
    counts: dict[str, int] = {}
    for name, work in works.items():
        work.run()
        start = clock()
        work.run()
        counts[name] = calls or max(1, math.ceil(BUDGET / max(clock() - start, 1e-7)))
    for _ in range(rounds):
        for name, work in works.items():
            gc.collect()
            start = clock()
            for _ in range(counts[name]):
                work.run()
            times[name].append((clock() - start) / counts[name])
    return {name: statistics.median(each) for name, each in times.items()}


def torch() -> Any:
    """PyTorch, on as many threads as this run has."""
    import torch

    torch.set_num_threads(THREADS)
    return torch


def jax() -> Any:
    """JAX with float64 allowed: arrays keep the dtype they have."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax
