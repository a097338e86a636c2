"""The transformations give what torch.func gives: the same numbers in the same layout."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here: pip install torch")
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # torch.func's own affair

RNG = np.random.default_rng(0)
A, X, Y, P = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(2, 3)), RNG.normal(size=(3, 3))


def constant(lib: Any, array: Any) -> Any:
    return torch.tensor(array) if lib is torch else mx.Tensor(array, requires_grad=False)


# Each is written once, for both libraries: (name, function of (library, arguments), arguments).
SCALAR_VALUED = [
    ("logsumexp", lambda lib, x: lib.logsumexp(lib.matmul(constant(lib, A), lib.sin(x)), 0), (X,)),
    ("quadratic", lambda lib, x, p: lib.matmul(x, lib.matmul(p, x)) + (p**3).sum(), (X, P)),
    ("softmax", lambda lib, x: (lib.softmax(x, -1) * lib.tanh(x)).sum(), (Y,)),
    ("0-d", lambda lib, x: lib.exp(x) * x, (np.array(0.3),)),
    ("unused", lambda lib, x, y: (x * x).sum(), (X, Y)),
]
ANY_VALUED = [
    ("elementwise", lambda lib, x: lib.tanh(x) * x, (Y,)),
    ("matmul", lambda lib, x, p: lib.matmul(x, p), (Y, P)),
    ("tuple", lambda lib, x, y: (lib.matmul(y, x), lib.exp(x).sum()), (X, Y)),
    ("dict", lambda lib, x, y: {"a": x[1:] * y[0, 0], "b": (y.sum(0), x)}, (X, Y)),
    ("reductions", lambda lib, x: lib.stack([x.mean(0), x.var(0), lib.amax(x, 0), x[0].sum() * x[1]]), (Y,)),
    ("reshaped", lambda lib, x: lib.exp(x.reshape(3, 2).mT)[:, 1:], (Y,)),
]  # fmt: skip
ALL = SCALAR_VALUED + ANY_VALUED


def both(case: Any) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
    _, f, args = case
    ours, theirs = (tuple(constant(lib, a) for a in args) for lib in (mx, torch))
    return (lambda *x: f(mx, *x)), (lambda *x: f(torch, *x)), ours, theirs


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        ours, theirs = [*ours.values()], [theirs[key] for key in ours]
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other)
    else:
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


def random_like(tree: Any, lib: Any) -> Any:
    """The same random numbers for both libraries."""
    rng = np.random.default_rng(7)

    def draw(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: draw(tree[key]) for key in sorted(tree)}
        if isinstance(tree, tuple):
            return tuple(draw(part) for part in tree)
        return constant(lib, rng.normal(size=tuple(tree.shape)))

    return draw(tree)


@pytest.mark.parametrize("case", SCALAR_VALUED, ids=lambda case: case[0])
def test_grad(case: Any) -> None:
    f, g, args, tensors = both(case)
    every = tuple(range(len(args)))
    same(mx.grad(f)(*args), torch.func.grad(g)(*tensors))
    same(mx.grad(f, every)(*args), torch.func.grad(g, every)(*tensors))


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("case", ALL, ids=lambda case: case[0])
def test_jacobian(case: Any, mode: str) -> None:
    f, g, args, tensors = both(case)
    every = tuple(range(len(args)))
    theirs = torch.func.jacrev if mode == "reverse" else torch.func.jacfwd
    same(mx.jacobian(f, 0, mode)(*args), theirs(g)(*tensors))
    same(mx.jacobian(f, every, mode)(*args), theirs(g, every)(*tensors))


@pytest.mark.parametrize("case", ALL, ids=lambda case: case[0])
def test_hessian(case: Any) -> None:
    f, g, args, tensors = both(case)
    every = tuple(range(len(args)))
    same(mx.hessian(f)(*args), torch.func.hessian(g)(*tensors))
    same(mx.hessian(f, every)(*args), torch.func.hessian(g, every)(*tensors))


@pytest.mark.parametrize("case", ALL, ids=lambda case: case[0])
def test_vjp_and_jvp(case: Any) -> None:
    f, g, args, tensors = both(case)
    y, pullback = mx.vjp(f, *args)
    z, reference = torch.func.vjp(g, *tensors)
    same(y, z)
    same(pullback(random_like(y, mx)), reference(random_like(z, torch)))
    ours = mx.jvp(f, args, random_like(args, mx))
    same(ours, torch.func.jvp(g, tensors, random_like(tensors, torch)))


@pytest.mark.parametrize("case", SCALAR_VALUED, ids=lambda case: case[0])
def test_hvp(case: Any) -> None:
    f, g, args, tensors = both(case)
    ours = mx.hvp(f, args, random_like(args, mx))
    same(ours, torch.autograd.functional.hvp(g, tensors, random_like(tensors, torch))[1])


@pytest.mark.parametrize(("axes", "out"), [((0, None), 0), ((0, 1), 0), ((1, 0), 1), ((None, 1), -1)])
def test_vmap(axes: Any, out: int) -> None:
    x, p = RNG.normal(size=(3, 3)), P

    def f(lib: Any) -> Any:
        return lambda x, p: (lib.sin(x) + p, {"outer": x[:, None] * p if p.ndim == 1 else lib.matmul(p, x)})

    ours = mx.vmap(f(mx), axes, out)(x, p)
    same(ours, torch.func.vmap(f(torch), axes, out)(torch.tensor(x), torch.tensor(p)))


def test_per_sample_hessians() -> None:
    f = lambda lib: lambda x: lib.exp(lib.sin(x)).sum()
    same(mx.vmap(mx.hessian(f(mx)))(Y), torch.func.vmap(torch.func.hessian(f(torch)))(torch.tensor(Y)))


def test_gradient_penalty() -> None:
    """A loss made of an input gradient, differentiated by a parameter outside."""
    x, w = mx.Tensor(Y), mx.Tensor(P)
    slope = mx.grad(lambda x: mx.tanh(mx.matmul(x, w)).sum())(x)
    ((slope**2).sum() ** 0.5).backward()
    tx, tw = (torch.tensor(a, requires_grad=True) for a in (Y, P))
    (tslope,) = torch.autograd.grad(torch.tanh(tx @ tw).sum(), tx, create_graph=True)
    (tslope**2).sum().sqrt().backward()
    np.testing.assert_allclose(w.grad, tw.grad, rtol=1e-10)
    np.testing.assert_allclose(x.grad, tx.grad, rtol=1e-10)


def test_checkpoint() -> None:
    from torch.utils.checkpoint import checkpoint

    x, w = mx.Tensor(Y), mx.Tensor(P)
    mx.checkpoint(lambda x: mx.tanh(mx.matmul(x, w)) * 2)(x).sum().backward()
    tx, tw = (torch.tensor(a, requires_grad=True) for a in (Y, P))
    checkpoint(lambda x: torch.tanh(x @ tw) * 2, tx, use_reentrant=False).sum().backward()
    np.testing.assert_allclose(x.grad, tx.grad, rtol=1e-12)
    np.testing.assert_allclose(w.grad, tw.grad, rtol=1e-12)
