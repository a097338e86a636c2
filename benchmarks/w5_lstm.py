"""W5: one training step of a word model: embedding, LSTM over 35 steps with carried state, softmax over 1000 words."""

from collections.abc import Callable
from typing import Any

import common
import numpy as np
from common import Array, Goal, Work, Workload, trained

import microgradx as mx
from microgradx import nn, optim

WORDS, EMBED, HIDDEN, BATCH = 1000, 64, 128, 20
LR = 2.0
HAND = "NumPy by hand"
WORKLOAD = Workload(
    "W5", "LSTM language model, vocabulary 1000, embed 64, hidden 128, 35 steps, batch 20, float32, carried state",
    goals=[
        Goal(
            "microgradx eager, elementary", 0.8, "PyTorch, cell in a loop",
            note="by hand it is 0.8 × PyTorch's loop itself; 34 % goes to matrix products, 31 % to NumPy's elementwise "
            "calls, most on (20, 128), 26 % to Python, for 568 nodes, and 9 % to moving and clearing memory",
        ),
        Goal(
            "microgradx eager, fused cell", 1.1, HAND,
            note="the loss takes 2.5 ms more than by hand, where one softmax in one array serves both ways (keeping "
            "its numerator in a node of its own was slower still); Python takes 19 %, by hand 7 %, for 324 nodes",
        ),
        Goal(
            "microgradx compiled", 1.2, "PyTorch, nn.LSTM",
            note="two thirds of it are matrix products, the same as by hand; the cells are 1,100 calls on (20, 128)",
        ),
        Goal("microgradx compiled", 1.0, "jax.jit, scan", note="as above"),
        Goal(
            "microgradx compiled to C", 1.0, "PyTorch, nn.LSTM",
            note="three quarters of it are NumPy's matrix products; cells, softmax and update between them are C",
        ),
    ],
    size=35, smoke=3, tolerance=2e-4,
)  # fmt: skip


def start() -> list[Array]:
    """embed, w_ih, w_hh, b_ih, b_hh, w_out, b_out, in PyTorch's shapes; gates in the order i, f, g, o."""
    rng = np.random.default_rng(0)
    bound = HIDDEN**-0.5
    shapes = [(4 * HIDDEN, EMBED), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,), (WORDS, HIDDEN), (WORDS,)]
    arrays = [rng.normal(0, 0.02, (WORDS, EMBED)), *(rng.uniform(-bound, bound, shape) for shape in shapes)]
    return [a.astype(np.float32) for a in arrays]


def text(length: int) -> tuple[Array, Array]:
    """Words and the words that follow them, each (length, BATCH)."""
    words = np.random.default_rng(1).integers(0, WORDS, (length + 1, BATCH))
    return words[:-1], words[1:]


def zeros() -> Array:
    """h or c before the first word."""
    return np.zeros((BATCH, HIDDEN), np.float32)


@WORKLOAD.contender(HAND)
def by_hand(length: int) -> Work:
    """Derivatives on paper; one product for all steps wherever time does not matter, the four gates together."""
    x, t = text(length)
    parameters = start()
    embed, w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters
    n, flat = HIDDEN, t.ravel()
    h = np.zeros((length + 1, BATCH, n), np.float32)
    c, tanh_c = np.zeros_like(h), np.empty((length, BATCH, n), np.float32)
    gates, d_gates = (np.empty((length, BATCH, 4 * n), np.float32) for _ in range(2))
    scratch = np.empty((BATCH, n), np.float32)

    def sigmoid(z: Array) -> None:
        np.multiply(z, 0.5, out=z)
        np.tanh(z, out=z)
        np.add(z, 1, out=z)
        np.multiply(z, 0.5, out=z)

    def step() -> float:
        h[0], c[0] = h[-1], c[-1]
        inputs = embed[x.ravel()]
        np.matmul(inputs, w_ih.T, out=gates.reshape(-1, 4 * n))
        np.add(gates, b_ih + b_hh, out=gates)
        for k in range(length):
            z = gates[k]
            z += h[k] @ w_hh.T
            sigmoid(z[:, : 2 * n])
            np.tanh(z[:, 2 * n : 3 * n], out=z[:, 2 * n : 3 * n])
            sigmoid(z[:, 3 * n :])
            np.multiply(z[:, n : 2 * n], c[k], out=c[k + 1])
            np.multiply(z[:, :n], z[:, 2 * n : 3 * n], out=scratch)
            c[k + 1] += scratch
            np.tanh(c[k + 1], out=tanh_c[k])
            np.multiply(z[:, 3 * n :], tanh_c[k], out=h[k + 1])
        outputs = h[1:].reshape(-1, n)
        p = outputs @ w_out.T
        p += b_out
        loss = common.softmax_loss(p, flat)
        d_out, d_b_out = p.T @ outputs, p.sum(axis=0)
        d_h = (p @ w_out).reshape(length, BATCH, n)
        back_h, back_c = np.zeros_like(scratch), np.zeros_like(scratch)
        for k in range(length - 1, -1, -1):
            z, d = gates[k], d_gates[k]
            i, f, g, o = z[:, :n], z[:, n : 2 * n], z[:, 2 * n : 3 * n], z[:, 3 * n :]
            back_h += d_h[k]
            np.multiply(tanh_c[k], tanh_c[k], out=scratch)
            np.subtract(1, scratch, out=scratch)
            np.multiply(scratch, o, out=scratch)
            np.multiply(scratch, back_h, out=scratch)
            back_c += scratch
            np.multiply(back_c, g, out=d[:, :n])
            np.multiply(back_c, c[k], out=d[:, n : 2 * n])
            np.multiply(back_c, i, out=d[:, 2 * n : 3 * n])
            np.multiply(back_h, tanh_c[k], out=d[:, 3 * n :])
            back_c *= f
            for part in (slice(0, 2 * n), slice(3 * n, 4 * n)):
                d[:, part] *= z[:, part] * (1 - z[:, part])
            d[:, 2 * n : 3 * n] *= 1 - g * g
            np.matmul(d, w_hh, out=back_h)
        d = d_gates.reshape(-1, 4 * n)
        d_embed = np.zeros_like(embed)
        np.add.at(d_embed, x.ravel(), d @ w_ih)
        d_bias = d.sum(axis=0)
        gradients = [d_embed, d.T @ inputs, d.T @ h[:-1].reshape(-1, n), d_bias, d_bias.copy(), d_out, d_b_out]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            gradient *= LR
            parameter -= gradient
        return float(loss)

    return trained(step, start(), lambda: parameters, LR)


class Model(nn.Module):
    """microgradx's own layers, in float32."""

    def __init__(self) -> None:
        self.embed, self.lstm = nn.Embedding(WORDS, EMBED), nn.LSTM(EMBED, HIDDEN)
        self.out = nn.Linear(HIDDEN, WORDS)
        for p, array in zip(self.parameters(), start(), strict=True):
            p.data = array

    def forward(self, x: Any, state: Any) -> Any:
        """Scores of the next words, and the state."""
        y, state = self.lstm(self.embed(x), state)
        return self.out(y).reshape(-1, WORDS), state


def eager(length: int, fused: bool) -> Work:
    """nn.LSTM, recorded and walked back op by op."""
    x, t = text(length)
    model, state = Model(), [(zeros()[None], zeros()[None])]
    model.lstm.fused = fused
    descent = optim.SGD(model.parameters(), LR)

    def step() -> float:
        descent.zero_grad()
        scores, (h, c) = model(x, tuple(mx.Tensor(each, requires_grad=False) for each in state[0]))
        loss = mx.cross_entropy(scores, t.ravel())
        loss.backward(keep="leaves")
        descent.step()
        state[0] = h.data, c.data
        return loss.item()

    return trained(step, start(), lambda: [p.data for p in model.parameters()], LR)


@WORKLOAD.contender("microgradx eager, elementary")
def elementary(length: int) -> Work:
    """Every gate of every step a node."""
    return eager(length, fused=False)


@WORKLOAD.contender("microgradx eager, fused cell")
def fused(length: int) -> Work:
    """The four gates in one row, and two rows for the memory and the output."""
    return eager(length, fused=True)


def whole_step(length: int, target: str) -> Work:
    """mx.compile_step: the loss and, beside it, the state for the next step."""
    x, t = text(length)
    model, state = Model(), [(zeros()[None], zeros()[None])]

    def with_state(found: Any, t: Any) -> Any:
        scores, (h, c) = found
        return mx.cross_entropy(scores, t), h, c

    descent = optim.SGD(model.parameters(), LR)
    train = mx.compile_step(lambda x, h, c: model(x, (h, c)), with_state, descent, True, target)

    def step() -> float:
        loss, h, c = train(x, *state[0], t.ravel())
        state[0] = h.data, c.data
        return float(loss.item())

    return trained(step, start(), lambda: [p.data for p in model.parameters()], LR)


@WORKLOAD.contender("microgradx compiled")
def compiled(length: int) -> Work:
    """Calls of NumPy."""
    return whole_step(length, "numpy")


@WORKLOAD.contender("microgradx compiled to C", needs="cc")
def compiled_to_c(length: int) -> Work:
    """Loops in C between the matrix products."""
    return whole_step(length, "c")


def torch_model(length: int, loop: bool) -> Work:
    """nn modules, autograd, optim.SGD; the LSTM is nn.LSTM, or a cell of plain ops in a loop."""
    torch = common.torch()
    x, t = map(torch.from_numpy, text(length))
    embed, lstm, out = torch.nn.Embedding(WORDS, EMBED), torch.nn.LSTM(EMBED, HIDDEN), torch.nn.Linear(HIDDEN, WORDS)
    model, loss_of = torch.nn.ModuleList([embed, lstm, out]), torch.nn.CrossEntropyLoss()
    with torch.no_grad():
        for p, array in zip(model.parameters(), start(), strict=True):
            p.copy_(torch.from_numpy(array))
    descent = torch.optim.SGD(model.parameters(), LR)
    state = [(torch.zeros(1, BATCH, HIDDEN), torch.zeros(1, BATCH, HIDDEN))]

    def cell_by_cell(inputs: Any, state: Any) -> Any:
        h, c = state[0][0], state[1][0]
        outputs = []
        for x in inputs:
            z = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
            i, f, g, o = z.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h[None], c[None])

    run: Callable[..., Any] = cell_by_cell if loop else lstm

    def step() -> float:
        descent.zero_grad()
        y, (h, c) = run(embed(x), state[0])
        loss = loss_of(out(y).reshape(-1, WORDS), t.reshape(-1))
        loss.backward()
        descent.step()
        state[0] = h.detach(), c.detach()
        return float(loss.item())

    return trained(step, start(), lambda: [p.detach().numpy() for p in model.parameters()], LR)


@WORKLOAD.contender("PyTorch, nn.LSTM", needs="torch")
def with_torch(length: int) -> Work:
    """The built-in layer."""
    return torch_model(length, loop=False)


@WORKLOAD.contender("PyTorch, cell in a loop", needs="torch")
def with_torch_loop(length: int) -> Work:
    """A cell of plain ops."""
    return torch_model(length, loop=True)


@WORKLOAD.contender("jax.jit, scan", needs="jax")
def with_jax(length: int) -> Work:
    """lax.scan over time, input projection for all steps at once; the whole step as one jitted function."""
    jax = common.jax()
    jnp = jax.numpy
    x, t = map(jnp.array, text(length))
    state = [([jnp.array(array) for array in start()], (jnp.array(zeros()), jnp.array(zeros())))]

    def loss_of(parameters: list[Any], carried: Any) -> Any:
        embed, w_ih, w_hh, b_ih, b_hh, w_out, b_out = parameters

        def cell(carried: Any, from_x: Any) -> Any:
            h, c = carried
            i, f, g, o = jnp.split(from_x + h @ w_hh.T, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        carried, y = jax.lax.scan(cell, carried, embed[x] @ w_ih.T + (b_ih + b_hh))
        logs = jax.nn.log_softmax(y @ w_out.T + b_out)
        return -jnp.take_along_axis(logs, t[..., None], axis=-1).mean(), carried

    def update(parameters: list[Any], carried: Any) -> Any:
        (loss, carried), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters, carried)
        return loss, ([p - np.float32(LR) * g for p, g in zip(parameters, gradients, strict=True)], carried)

    program = jax.jit(update, donate_argnums=(0, 1))

    def step() -> float:
        loss, state[0] = program(*state[0])
        return float(loss)

    return trained(step, start(), lambda: state[0][0], LR)
