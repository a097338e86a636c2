"""What W3 and W4 share: a training step with cross-entropy on a batch of images, by microgradx and its peers."""

from collections.abc import Callable
from typing import Any

import common
from common import Array, Work, Workload, trained

import microgradx as mx
from microgradx import nn, optim


def contenders(
    workload: Workload,
    layers: Callable[[Any], Any],
    start: Callable[[], list[Array]],
    batch: Callable[[int], tuple[Array, Array]],
    in_jax: Callable[[Any, Any, list[Any]], Any],
    lr: float,
) -> None:
    """Register microgradx, PyTorch and JAX.

    Args:
        layers: makes the model out of the module nn, ours or PyTorch's.
        start: the parameters to begin with.
        batch: images and labels, by how many there are.
        in_jax: (the module jax, images, parameters) to the logits.
    """

    def model() -> Any:
        found = layers(nn)
        for p, array in zip(found.parameters(), start(), strict=True):
            p.data = array
        return found

    @workload.contender("microgradx eager")
    def eager(count: int) -> Work:
        """nn, backward, optim.SGD."""
        X, labels = batch(count)
        net = model()
        descent, x = optim.SGD(net.parameters(), lr), mx.Tensor(X, requires_grad=False)

        def step() -> float:
            descent.zero_grad()
            loss = mx.cross_entropy(net(x), labels)
            loss.backward(keep="leaves")
            descent.step()
            return loss.item()

        return trained(step, start(), lambda: [p.data for p in net.parameters()], lr)

    def whole_step(count: int, target: str) -> Work:
        """mx.compile_step: forward, backward and update as one program."""
        X, labels = batch(count)
        net = model()
        train = mx.compile_step(net, mx.cross_entropy, optim.SGD(net.parameters(), lr), True, target)
        return trained(lambda: train(X, labels).item(), start(), lambda: [p.data for p in net.parameters()], lr)

    @workload.contender("microgradx compiled")
    def compiled(count: int) -> Work:
        """Calls of NumPy."""
        return whole_step(count, "numpy")

    @workload.contender("microgradx compiled to C", needs="cc")
    def compiled_to_c(count: int) -> Work:
        """Loops in C between the matrix products, which are NumPy's."""
        return whole_step(count, "c")

    @workload.contender("PyTorch", needs="torch")
    def with_torch(count: int) -> Work:
        """nn modules, autograd, optim.SGD."""
        torch = common.torch()
        X, labels = map(torch.from_numpy, batch(count))
        net, loss_of = layers(torch.nn), torch.nn.CrossEntropyLoss()
        return common.torch_trained(net, lambda: loss_of(net(X), labels), start(), lr)

    @workload.contender("jax.jit", needs="jax")
    def with_jax(count: int) -> Work:
        """The whole step as one jitted function."""
        jax = common.jax()
        X, labels = map(jax.numpy.array, batch(count))

        def loss_of(parameters: list[Any]) -> Any:
            logs = jax.nn.log_softmax(in_jax(jax, X, parameters))
            return -jax.numpy.take_along_axis(logs, labels[:, None], axis=1).mean()

        return common.jax_trained(loss_of, start(), lr)
