"""W2: one training step of the XOR network 2-10-10-10-1. Arrays this small show what each call costs."""

import itertools
from collections.abc import Callable
from typing import Any

import common
import numpy as np
from common import Array, Goal, Work, Workload, trained

import microgradx as mx
from microgradx import optim

SIZES = [2, 10, 10, 10, 1]
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
T = np.array([[0.0], [1.0], [1.0], [0.0]])
LR = 0.5
HAND = "NumPy by hand"
WORKLOAD = Workload(
    "W2", "XOR 2-10-10-10-1, sigmoid, binary cross-entropy, batch 4, float64",
    goals=[
        Goal(
            "microgradx eager", 1.5, HAND,
            note="21 ops at 3 µs each for recording and walking back, 860,000 instructions a step beside 460,000 by "
            "hand; NumPy's calls cost what they cost by hand",
        ),
        Goal("microgradx eager", 0.27, "PyTorch", note="as above"),
        Goal(
            "microgradx eager, fused rows", 1.15, HAND,
            note="9 ops: a layer checks its shapes and is asked for three gradients one by one, together 6 µs; the "
            "loss's slope computes the sigmoid anew",
        ),
        Goal(
            "microgradx compiled", 0.55, HAND,
            note="49 calls of NumPy take 24 µs, about as many as by hand, and 8 go to Python around them: before each "
            "step it is checked that what the function found around it is the same, and gradients go to parameter.grad",
        ),
        Goal("microgradx compiled", 0.10, "PyTorch", note="as above"),
        Goal("microgradx compiled", 0.5, "jax.jit", note="as above"),
        Goal("microgradx compiled to C, one batch", 0.04, HAND),
        Goal("microgradx compiled to C, one batch", 0.04, "jax.jit"),
    ],
)  # fmt: skip


def start() -> list[Array]:
    """Weights (inputs, outputs) and biases in turn, the same for everybody."""
    rng = np.random.default_rng(0)
    layers = itertools.pairwise(SIZES)
    return [array for n, m in layers for array in (rng.normal(0, n**-0.5, (n, m)), rng.normal(0, 0.1, m))]


@WORKLOAD.contender(HAND)
def by_hand(_: int) -> Work:
    """The derivatives worked out on paper: the logistic's slope and the loss's 1/p cancel."""
    parameters = start()

    def step() -> float:
        activations = [X]
        for k in range(0, len(parameters), 2):
            z = activations[-1] @ parameters[k] + parameters[k + 1]
            activations.append(1 / (1 + np.exp(-z)))
        p = activations[-1]
        loss = -(T * np.log(p) + (1 - T) * np.log(1 - p)).mean()
        upstream = (p - T) / len(T)
        for k in range(len(parameters) - 2, -1, -2):
            h = activations[k // 2]
            w_grad, b_grad = h.T @ upstream, upstream.sum(axis=0)
            if k:
                upstream = (upstream @ parameters[k].T) * h * (1 - h)
            parameters[k] -= LR * w_grad
            parameters[k + 1] -= LR * b_grad
        return float(loss)

    return trained(step, start(), lambda: parameters, LR)


def network(x: Any, parameters: list[Any], sigmoid: Callable[[Any], Any]) -> Any:
    """The forward pass, in anybody's arrays."""
    for k in range(0, len(parameters), 2):
        x = sigmoid(x @ parameters[k] + parameters[k + 1])
    return x


def eager(parameters: list[Any], loss_of: Callable[[Any, Any], Any], found: Callable[[], Any]) -> Work:
    """microgradx's recorded ops, and the update in place."""
    x, t = mx.Tensor(X, requires_grad=False), mx.Tensor(T, requires_grad=False)

    def step() -> float:
        loss = loss_of(x, t)
        loss.backward(keep="leaves")
        for p in parameters:
            p.data -= LR * p.grad
            p.grad = None
        return loss.item()

    return trained(step, start(), found, LR)


def logarithms(p: Any, t: Any) -> Any:
    """Binary cross-entropy from elementary ops."""
    return -(t * p.log() + (1 - t) * (1 - p).log()).mean()


@WORKLOAD.contender("microgradx eager")
def with_elementary_ops(_: int) -> Work:
    """Every op of the formula is a node."""
    parameters = [mx.Tensor(array) for array in start()]
    return eager(
        parameters,
        lambda x, t: logarithms(network(x, parameters, mx.sigmoid), t),
        lambda: [p.data for p in parameters],
    )


@WORKLOAD.contender("microgradx eager, fused rows")
def with_fused_rows(_: int) -> Work:
    """A layer's sums are one row of the rulebook, and the loss with the last sigmoid another; weights as PyTorch's."""
    parameters = [mx.Tensor(array.T.copy()) for array in start()]

    def loss_of(x: Any, t: Any) -> Any:
        for k in range(0, len(parameters), 2):
            x = mx.linear(x if k == 0 else mx.sigmoid(x), parameters[k], parameters[k + 1])
        return mx.binary_cross_entropy_with_logits(x, t)

    return eager(parameters, loss_of, lambda: [p.data.T for p in parameters])


def scores(x: Any, parameters: list[Any]) -> Any:
    """The network without its last sigmoid."""
    return network(x, parameters[:-2], mx.sigmoid) @ parameters[-2] + parameters[-1]


def whole_step(target: str, one_batch: bool = False) -> Work:
    """mx.compile_step: forward, backward and update as one program; for any batch, or for this very one.

    The last sigmoid is part of the loss, as in the derivatives on paper, where its slope and the loss's 1/p cancel.
    """
    parameters = [mx.Tensor(array) for array in start()]
    descent, loss_of = optim.SGD(parameters, LR), mx.binary_cross_entropy_with_logits
    train = mx.compile_step(lambda x: scores(x, parameters), loss_of, descent, True, target)
    step = train.repeated(X, T) if one_batch else lambda: train(X, T).item()
    return trained(step, start(), lambda: [p.data for p in parameters], LR)


common.programs(WORKLOAD, whole_step)


@WORKLOAD.contender("PyTorch", needs="torch")
def with_torch(_: int) -> Work:
    """nn modules, autograd, optim.SGD."""
    torch = common.torch()
    layers = [torch.nn.Linear(n, m, dtype=torch.float64) for n, m in itertools.pairwise(SIZES)]
    model = torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.Sigmoid())))
    x, t, loss_of = torch.from_numpy(X), torch.from_numpy(T), torch.nn.BCELoss()
    return common.torch_trained(model, lambda: loss_of(model(x), t), start(), LR, turned=True)


@WORKLOAD.contender("jax.jit", needs="jax")
def with_jax(_: int) -> Work:
    """The whole step as one jitted function, buffers donated."""
    jax = common.jax()
    jnp = jax.numpy

    def loss_of(parameters: list[Any]) -> Any:
        p = network(X, parameters, jax.nn.sigmoid)
        return -(T * jnp.log(p) + (1 - T) * jnp.log(1 - p)).mean()

    return common.jax_trained(loss_of, start(), LR)


@WORKLOAD.contender("HIPS autograd", needs="autograd")
def with_autograd(_: int) -> Work:
    """The same NumPy, watched by autograd."""
    import autograd
    import autograd.numpy as anp

    parameters = start()

    def loss_of(parameters: list[Any]) -> Any:
        p = network(X, parameters, lambda z: 1 / (1 + anp.exp(-z)))
        return -anp.mean(T * anp.log(p) + (1 - T) * anp.log(1 - p))

    both = autograd.value_and_grad(loss_of)

    def step() -> float:
        loss, gradients = both(parameters)
        for p, gradient in zip(parameters, gradients, strict=True):
            p -= LR * gradient
        return float(loss)

    return trained(step, start(), lambda: parameters, LR)


@WORKLOAD.contender("tinygrad, TinyJit", needs="tinygrad")
def with_tinygrad(_: int) -> Work:
    """The whole step under TinyJit."""
    from tinygrad import Tensor, TinyJit

    parameters = [Tensor(array).realize() for array in start()]
    x, t = Tensor(X).realize(), Tensor(T).realize()

    def update() -> Any:
        p = network(x, parameters, Tensor.sigmoid)
        loss = -(t * p.log() + (1 - t) * (1 - p).log()).mean()
        for p, gradient in zip(parameters, loss.gradient(*parameters), strict=True):
            p.assign(p.detach() - LR * gradient)
        return loss.realize(*parameters)

    program = TinyJit(update)
    return trained(lambda: program().item(), start(), lambda: [p.numpy() for p in parameters], LR)
