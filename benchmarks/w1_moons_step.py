"""W1: one training step of micrograd's own demo, number by number: 100 points make 65,800 scalar nodes."""

import itertools
import math
import os
import random
import resource
import statistics
import tempfile
import time
from typing import Any
from unittest import mock

import common
import numpy as np
from common import Array, Goal, Measure, Work, Workload, installed, trained

import microgradx as mx
from microgradx import optim

SIZES = [2, 16, 16, 1]
LR, DECAY = 0.05, 1e-4
WORKLOAD = Workload(
    "W1", "scalar MLP 2-16-16-1, relu, 100 points of two moons, hinge loss and L2, float64, as single numbers",
    goals=[
        Goal(
            "microgradx eager", 0.10, "micrograd",
            note="1.3 µs a node, two thirds of it recording and three tenths backward; by profile 70 % is Python's "
            "interpreter and 29 % its cyclic collector, which looks at all nodes as they grow: without it, about 0.10",
        ),
        Goal("microgradx compiled", 0.001, "micrograd"),
        Goal("microgradx compiled, building", 0.3, note="two runs of the function itself are half of it"),
        Goal("microgradx compiled to C", 0.06, "PyTorch, tensors"),
        Goal(
            "microgradx compiled to C", 0.6, "numba, loops",
            note="the loops skip points whose margin is met and neurons that are off: 17 µs in the first ten steps, 9 "
            "after a thousand, which are timed; the program computes them all, 10 µs from first to last",
        ),
        Goal("microgradx compiled to C, building", 2.0),
    ],
    size=100, smoke=4,
)  # fmt: skip
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


def start() -> list[Array]:
    """Weights (inputs, outputs) and biases in turn, the same for everybody."""
    rng = np.random.default_rng(1)
    return [a for n, m in itertools.pairwise(SIZES) for a in (rng.uniform(-1, 1, (n, m)), np.zeros(m))]


def arrays(count: int) -> tuple[Array, Array]:
    """The points as X (count, 2), the labels as T (count, 1)."""
    data = points(count)
    return np.array([x for x, _ in data]), np.array([[label] for _, label in data])


@WORKLOAD.contender("NumPy by hand, tensors")
def by_hand(count: int) -> Work:
    """Matrices in place of numbers, derivatives worked out on paper: what all others must agree with."""
    X, T = arrays(count)
    parameters = start()

    def step() -> float:
        activations = [X]
        for k in range(0, len(parameters), 2):
            z = activations[-1] @ parameters[k] + parameters[k + 1]
            activations.append(z if k == len(parameters) - 2 else np.maximum(z, 0))
        margins = 1 - T * activations.pop()
        loss = np.maximum(margins, 0).mean() + DECAY * sum(float(np.vdot(p, p)) for p in parameters)
        upstream = np.where(margins > 0, -T / count, 0)
        for k in range(len(parameters) - 2, -1, -2):
            h = activations[k // 2]
            w_grad, b_grad = h.T @ upstream, upstream.sum(axis=0)
            if k:
                upstream = (upstream @ parameters[k].T) * (h > 0)
            parameters[k] -= LR * (w_grad + 2 * DECAY * parameters[k])
            parameters[k + 1] -= LR * (b_grad + 2 * DECAY * parameters[k + 1])
        return float(loss)

    return trained(step, start(), lambda: parameters, LR)


def layers_of(parameters: list[Any]) -> list[list[Neuron]]:
    """Flat numbers, array by array, as neurons: the weights of each, and its bias."""
    numbers = iter(parameters)
    layers = []
    for n, m in itertools.pairwise(SIZES):
        weights = [[next(numbers) for _ in range(m)] for _ in range(n)]
        layers.append([(list(each), next(numbers)) for each in zip(*weights, strict=True)])
    return layers


def loss_of(parameters: list[Any], data: list[tuple[list[Any], float]], decay: float = DECAY) -> Any:
    """The loss, number by number, in anybody's numbers."""
    layers = layers_of(parameters)

    def net(x: list[Any]) -> Any:
        for layer in layers:
            sums = [sum((w * each for w, each in zip(weights, x, strict=True)), bias) for weights, bias in layer]
            x = sums if layer is layers[-1] else [s.relu() for s in sums]
        return x[0]

    margins = [(1 + -label * net(x)).relu() for x, label in data]
    loss = sum(margins) * (1.0 / len(data))
    return loss + decay * sum(p * p for p in parameters) if decay else loss


def together(numbers: list[float]) -> list[Array]:
    """Flat numbers as the arrays of `start`."""
    ends = np.cumsum([a.size for a in start()])[:-1]
    return [part.reshape(a.shape) for part, a in zip(np.split(np.array(numbers), ends), start(), strict=True)]


def numbers() -> list[float]:
    """The starting weights, one by one."""
    return [float(number) for array in start() for number in array.ravel()]


def as_values(value: Any, count: int) -> Work:
    """The training step in the numbers of one engine."""
    parameters = [value(number) for number in numbers()]
    data = points(count)

    def step() -> float:
        loss = loss_of(parameters, [([value(number) for number in x], label) for x, label in data])
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= LR * p.grad
        return float(loss.data)

    return trained(step, start(), lambda: together([p.data for p in parameters]), LR)


@WORKLOAD.contender("microgradx eager")
def eager(count: int) -> Work:
    """Values, one for each number."""
    return as_values(mx.Value, count)


@WORKLOAD.contender("microgradx compiled")
def compiled(count: int) -> Work:
    """The same program, compiled: all parameters in one array, which the function sees as Values."""
    data, parameters = points(count), np.array(numbers())
    loss = mx.compile(lambda parameters: loss_of(parameters, data), fullgraph=True, scalars=True)

    def step() -> float:
        value, (gradient,) = loss.value_and_grad(parameters)
        np.subtract(parameters, LR * gradient, out=parameters)
        return float(value)

    return trained(step, start(), lambda: together(parameters.tolist()), LR)


@WORKLOAD.contender("microgradx compiled to C", needs="cc")
def compiled_to_c(count: int) -> Work:
    """The network on matrices, which C turns into loops over numbers again; a step is one call of C."""
    X, T = arrays(count)
    parameters = [mx.Tensor(array) for array in start()]

    def net(x: Any) -> Any:
        for k in range(0, len(parameters), 2):
            x = x @ parameters[k] + parameters[k + 1]
            x = x if k == len(parameters) - 2 else x.relu()
        return x

    def loss(y: Any, t: Any) -> Any:
        return (1 - t * y).relu().mean() + DECAY * sum((p * p).sum() for p in parameters)

    train = mx.compile_step(net, loss, optim.SGD(parameters, LR), fullgraph=True, target="c")
    return trained(train.repeated(X, T), start(), lambda: [p.data for p in parameters], LR)


@WORKLOAD.contender("micrograd", needs="micrograd")
def with_micrograd(count: int) -> Work:
    """The same program, in micrograd's Values."""
    from micrograd.engine import Value

    return as_values(Value, count)


@WORKLOAD.contender("PyTorch, tensors", needs="torch")
def with_torch(count: int) -> Work:
    """nn modules on matrices: the work that the scalars stand for."""
    torch = common.torch()
    X, T = map(torch.from_numpy, arrays(count))
    layers = [torch.nn.Linear(n, m, dtype=torch.float64) for n, m in itertools.pairwise(SIZES)]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])

    def loss_of() -> Any:
        return torch.relu(1 - T * model(X)).mean() + DECAY * sum((p * p).sum() for p in model.parameters())

    return common.torch_trained(model, loss_of, start(), LR, turned=True)


@WORKLOAD.contender("numba, loops", needs="numba")
def with_numba(count: int) -> Work:
    """The scalar program as compiled loops over points and neurons, derivatives by hand."""
    import numba

    X, T = arrays(count)
    parameters = start()
    gradients = [np.zeros_like(p) for p in parameters]
    hidden = SIZES[1]

    @numba.njit
    def step(X: Any, T: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, grads: Any) -> float:
        dW1, db1, dW2, db2, dW3, db3 = grads
        count, loss = len(X), 0.0
        h1, h2, d1 = np.empty(hidden), np.empty(hidden), np.empty(hidden)
        for n in range(count):
            for j in range(hidden):
                z = b1[j]
                for i in range(2):
                    z += X[n, i] * W1[i, j]
                h1[j] = max(z, 0.0)
            for j in range(hidden):
                z = b2[j]
                for i in range(hidden):
                    z += h1[i] * W2[i, j]
                h2[j] = max(z, 0.0)
            y = b3[0]
            for i in range(hidden):
                y += h2[i] * W3[i, 0]
            margin = 1.0 - T[n, 0] * y
            if margin <= 0.0:
                continue
            loss += margin / count
            g = -T[n, 0] / count
            db3[0] += g
            d1[:] = 0.0
            for i in range(hidden):
                dW3[i, 0] += g * h2[i]
                if h2[i] > 0.0:
                    d = g * W3[i, 0]
                    db2[i] += d
                    for k in range(hidden):
                        dW2[k, i] += d * h1[k]
                        d1[k] += d * W2[k, i]
            for k in range(hidden):
                if h1[k] > 0.0:
                    db1[k] += d1[k]
                    for i in range(2):
                        dW1[i, k] += d1[k] * X[n, i]
        return loss

    @numba.njit
    def decayed(p: Any, g: Any) -> float:
        loss = 0.0
        for k in range(p.size):
            loss += DECAY * p[k] * p[k]
            p[k] -= LR * (g[k] + 2 * DECAY * p[k])
            g[k] = 0.0
        return loss

    flat = [(p.ravel(), g.ravel()) for p, g in zip(parameters, gradients, strict=True)]
    grads = tuple(gradients)

    def run() -> float:
        loss = step(X, T, *parameters, grads)
        return float(loss + sum(decayed(p, g) for p, g in flat))

    return trained(run, start(), lambda: parameters, LR)


@WORKLOAD.measure
def building(count: int) -> dict[str, Measure]:
    """CPU seconds of the first call, the C compiler's included: tracing, the program, the run that checks it."""
    names = ["microgradx compiled", *(["microgradx compiled to C"] if installed("cc") else [])]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(5 if count > 4 else 1):
        for name, each in times.items():
            with tempfile.TemporaryDirectory() as fresh, mock.patch.dict(os.environ, XDG_CACHE_HOME=fresh):
                begin = cpu_seconds()
                WORKLOAD.contenders[name].make(count).run()
                each.append(cpu_seconds() - begin)
    return {f"{name}, building": Measure(statistics.median(each), "s") for name, each in times.items()}


def cpu_seconds() -> float:
    """Of this process and of those that it has started and seen end, such as a compiler."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
