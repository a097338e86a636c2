"""W7: the Hessian of W2's loss times a vector: derivatives of derivatives, on small arrays."""

from typing import Any

import common
import numpy as np
from common import Array, Goal, Work, Workload
from w2_xor_step import HAND, T, X, logarithms, network, start

import microgradx as mx

WORKLOAD = Workload(
    "W7", "Hessian-vector product of the loss of W2",
    goals=[
        Goal(
            "microgradx eager", 0.5, "PyTorch",
            note="half of it records the gradient: 28 rules, each 2 or 3 recorded ops of some 6 µs; the loss takes a "
            "tenth, the way between inputs and results an eighth, tangents a sixth, arguments and results as trees the "
            "rest; the R-operator makes 90 calls of NumPy",
        ),
        Goal("microgradx eager", 3.5, HAND, note="as above"),
        Goal("microgradx compiled", 0.75, "jax.jit", note="110 calls of NumPy at 0.4 µs, on arrays of a few numbers"),
        Goal("microgradx compiled to C, one batch", 0.1, "jax.jit"),
    ],
    unit="a product",
)  # fmt: skip


def vector() -> list[Array]:
    """The direction, laid out as the parameters are."""
    rng = np.random.default_rng(7)
    return [rng.normal(size=array.shape) for array in start()]


def answering(run: Any) -> Work:
    """The Work of a function without a loss: its results are what must agree."""
    kept: list[Any] = []

    def once() -> float:
        kept[:] = run()
        return 0.0

    return Work(once, lambda: kept)


@WORKLOAD.contender(HAND)
def by_hand(_: int) -> Work:
    """Pearlmutter's R-operator: every line of forward and backward beside its own rate of change along the vector."""
    parameters, tangents = start(), vector()

    def product() -> list[Array]:
        hs, r_hs = [X], [np.zeros_like(X)]
        for k in range(0, len(parameters), 2):
            h, r_h = hs[-1], r_hs[-1]
            z = h @ parameters[k] + parameters[k + 1]
            r_z = r_h @ parameters[k] + h @ tangents[k] + tangents[k + 1]
            y = 1 / (1 + np.exp(-z))
            hs.append(y)
            r_hs.append(r_z * y * (1 - y))
        found: list[Array] = []
        g, r_g = (hs[-1] - T) / len(T), r_hs[-1] / len(T)
        for k in range(len(parameters) - 2, -1, -2):
            h, r_h = hs[k // 2], r_hs[k // 2]
            found[:0] = [r_h.T @ g + h.T @ r_g, r_g.sum(axis=0)]
            if k:
                into, slope = g @ parameters[k].T, h * (1 - h)
                r_into = r_g @ parameters[k].T + g @ tangents[k].T
                g, r_g = into * slope, r_into * slope + into * (r_h * (1 - 2 * h))
        return found

    return answering(product)


def loss(*parameters: Any) -> Any:
    """W2's loss, as a function of its parameters."""
    return logarithms(network(mx.Tensor(X, requires_grad=False), list(parameters), mx.sigmoid), T)


@WORKLOAD.contender("microgradx eager")
def eager(_: int) -> Work:
    """mx.hvp: forward mode over reverse mode."""
    parameters, tangents = start(), vector()
    return answering(lambda: [each.data for each in mx.hvp(loss, parameters, tangents)])


def program(target: str, one_batch: bool = False) -> Work:
    """The same, as one emitted program; for any parameters, or for these very arrays."""
    parameters, tangents = start(), vector()
    half = len(parameters)

    def product(*both: Any) -> Any:
        return tuple(mx.hvp(loss, list(both[:half]), list(both[half:])))

    compiled = mx.compile(product, fullgraph=True, target=target)
    if one_batch:
        return answering(compiled.repeated(*parameters, *tangents))
    return answering(lambda: [each.data for each in compiled(*parameters, *tangents)])


common.programs(WORKLOAD, program)


@WORKLOAD.contender("PyTorch", needs="torch")
def with_torch(_: int) -> Work:
    """The gradient of gradient · vector."""
    torch = common.torch()
    parameters = [torch.from_numpy(array).requires_grad_() for array in start()]
    tangents, x, t = [torch.from_numpy(array) for array in vector()], torch.from_numpy(X), torch.from_numpy(T)

    def product() -> list[Array]:
        p = network(x, parameters, torch.sigmoid)
        loss = torch.nn.functional.binary_cross_entropy(p, t)
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        return [each.numpy() for each in torch.autograd.grad(gradients, parameters, tangents)]

    return answering(product)


@WORKLOAD.contender("jax.jit", needs="jax")
def with_jax(_: int) -> Work:
    """jvp of grad, jitted."""
    jax = common.jax()
    parameters, tangents = ([jax.numpy.array(a) for a in arrays] for arrays in (start(), vector()))

    def loss_of(parameters: list[Any]) -> Any:
        p = network(X, parameters, jax.nn.sigmoid)
        return -(T * jax.numpy.log(p) + (1 - T) * jax.numpy.log(1 - p)).mean()

    program = jax.jit(lambda p, v: jax.jvp(jax.grad(loss_of), (p,), (v,))[1])
    return answering(lambda: jax.block_until_ready(program(parameters, tangents)))
