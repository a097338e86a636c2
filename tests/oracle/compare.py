"""Asking PyTorch: the same call, value, gradient and second gradient, in both libraries.

A case is written once, `lambda F, x: F.gelu(x, approximate="tanh")`, and called with F = our functions, then PyTorch's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradx as mx

torch = pytest.importorskip("torch", reason='the oracle tests compare with PyTorch: pip install "microgradx[oracle]"')

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
PLACES = (torch.nn.functional, torch, torch.special, torch.linalg)


class _Theirs:
    """PyTorch's functions under one roof, looked up by name."""

    def tensor(self, array: Array) -> Any:
        """A constant."""
        return torch.tensor(array)

    def __getattr__(self, name: str) -> Any:
        return next(getattr(place, name) for place in PLACES if hasattr(place, name))


class _Ours:
    """Our functions under one roof, `functional` first, then `linalg`."""

    def tensor(self, array: Array) -> Any:
        """A constant."""
        return mx.Tensor(np.asarray(array), requires_grad=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(mx.functional, name) if hasattr(mx.functional, name) else getattr(mx.linalg, name)


THEIRS, OURS = _Theirs(), _Ours()


def names(text: str) -> list[str]:
    """Names separated by blanks."""
    return text.split()


def by_name(text: str, *about: Any) -> dict[str, tuple[Any, ...]]:
    """One case for each function: called with its inputs alone."""
    return {name: (lambda F, *inputs, name=name: getattr(F, name)(*inputs), *about) for name in names(text)}


def first(result: Any) -> Any:
    """The values, of a function that returns values and indices."""
    return result[0] if isinstance(result, tuple) else result


def plain(x: Any) -> Array:
    """The data of either library's tensor."""
    return np.asarray(x.data if isinstance(x, mx.Node) else x.detach().numpy(force=True))


def weights(shape: tuple[int, ...], dtype: Any = "float64") -> Array:
    """Uneven numbers to weigh a result with, so that no wrong gradient cancels in its sum."""
    return np.cos(np.arange(np.prod(shape, dtype=int)) + 0.5).reshape(shape).astype(dtype)


def ours(function: Function, arrays: list[Array], order: int = 2) -> list[list[Any]]:
    """[[value], [first gradients], [second gradients]] up to `order`, as arrays; None where there is none."""
    leaves = [mx.Tensor(a) for a in arrays]
    wanted = [x for x in leaves if x.requires_grad]
    y = first(function(OURS, *leaves))
    found: list[list[Any]] = [[plain(y)]]
    nodes = [y]
    for _ in range(order):
        total = None
        for node in nodes:
            if node is not None and node.requires_grad:
                part = (node * weights(node.shape, node.dtype)).sum()
                total = part if total is None else total + part
        if total is None:
            nodes = [None] * len(wanted)
        else:
            nodes = list(mx.autograd.grad(total, wanted, create_graph=True, allow_unused=True))
        found.append([None if n is None else plain(n) for n in nodes])
    return found


def theirs(function: Function, arrays: list[Array], order: int = 2) -> list[list[Any]]:
    """The same from PyTorch; shorter where it has no further derivative."""
    leaves = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    wanted = [x for x in leaves if x.requires_grad]
    y = first(function(THEIRS, *leaves))
    found: list[list[Any]] = [[plain(y)]]
    nodes = [y]
    for _ in range(order):
        parts = [(n * torch.tensor(weights(tuple(n.shape)), dtype=n.dtype)).sum() for n in nodes if _linked(n)]
        try:
            nodes = (
                list(torch.autograd.grad(sum(parts), wanted, create_graph=True, allow_unused=True))
                if parts
                else [None] * len(wanted)
            )
        except RuntimeError as problem:
            if "not implemented" not in str(problem):
                raise
            return found
        found.append([None if n is None else plain(n) for n in nodes])
    return found


def _linked(n: Any) -> bool:
    return n is not None and n.requires_grad


def agree(function: Function, arrays: list[Array], order: int = 2, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    """Value, gradient and second gradient are PyTorch's, and of its shapes and dtypes."""
    mine, yours = ours(function, arrays, order), theirs(function, arrays, order)
    for what, a, b in zip(("value", "gradient", "second gradient"), mine, yours, strict=False):
        for position, (x, t) in enumerate(zip(a, b, strict=True)):
            where = f"{what} {position}"
            x, t = (np.zeros(()) if n is None else n for n in (x, t))  # no path and a zero gradient are one
            if not x.any() and not t.any():
                continue
            assert x.shape == t.shape, f"{where}: shape {x.shape}, PyTorch has {t.shape}"
            assert x.dtype == t.dtype, f"{where}: dtype {x.dtype}, PyTorch has {t.dtype}"
            np.testing.assert_allclose(x, t, rtol=rtol, atol=atol, err_msg=f"{where} differs from PyTorch's")


def draw(shape: tuple[int, ...], low: float = -3.0, high: float = 3.0, seed: int = 0, dtype: str = "float64") -> Array:
    """Numbers spread over an interval, no two alike and none on a kink (kinks lie on quarters)."""
    n = int(np.prod(shape, dtype=int))
    spread = np.random.default_rng(seed).permutation(n) + 0.5
    numbers = low + (high - low) * spread / max(n, 1)
    quarter = 1e-3 * (high - low)
    near = np.abs(numbers * 4 - np.round(numbers * 4)) < 4 * quarter
    return (numbers + near * 2 * quarter).reshape(shape).astype(dtype)


def refuses(function: Function, *arrays: Array) -> None:
    """Both libraries refuse the call; ours with an OpError."""
    with pytest.raises((RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, ZeroDivisionError)):
        function(THEIRS, *(torch.tensor(a) for a in arrays))
    with pytest.raises(mx.OpError), np.errstate(all="ignore"):
        function(OURS, *(mx.Tensor(a, requires_grad=False) for a in arrays))
