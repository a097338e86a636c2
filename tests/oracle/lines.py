"""The same line of Python, run by microgradx and by PyTorch: values, gradients and second gradients must agree.

A table lists inputs once and then the calls, as text: `table(dict(x=(3, 4)), "roll(x, 1); roll(x, 2, dims=0)")`.
That one text serves both libraries is the point: names, argument order, defaults and meaning are PyTorch's.
"""

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import MicrogradxError, Tensor

torch: Any = pytest.importorskip("torch", reason="the oracle tests compare with PyTorch: pip install torch")

Inputs = dict[str, Any]
REFUSALS = (RuntimeError, IndexError, TypeError, ValueError, ArithmeticError, AssertionError)  # what PyTorch raises
TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 5e-4}


def ints(high: int, *shape: int) -> Callable[[Any], Any]:
    """An input of whole numbers 0 … high-1."""
    return lambda rng: rng.integers(0, high, shape)


def mask(*shape: int) -> Callable[[Any], Any]:
    """An input of booleans, every third true."""
    return lambda rng: np.arange(int(np.prod(shape))).reshape(shape) % 3 == 0


def apart(*shape: int) -> Callable[[Any], Any]:
    """An input without ties: any two numbers differ by at least 0.1."""
    return lambda rng: rng.permutation(int(np.prod(shape))).reshape(shape) / 10 - 1.0


def positive(*shape: int) -> Callable[[Any], Any]:
    """An input of numbers in 0.5 … 2."""
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def invertible(*shape: int) -> Callable[[Any], Any]:
    """Matrices near a diagonal of 3, 4, 5 …: invertible, no repeated eigenvalue."""
    return lambda rng: rng.uniform(-0.5, 0.5, shape) + np.eye(*shape[-2:]) * (3 + np.arange(shape[-1]))


def table(inputs: Inputs, calls: str) -> list[Any]:
    """One test per call (they are set apart by semicolons); an input is a shape or one of the makers above."""
    shapes = ", ".join(f"{k}={v}" if isinstance(v, tuple) else k for k, v in inputs.items())
    each = [" ".join(call.split()) for call in calls.split(";")]
    return [pytest.param(inputs, call, id=f"{call} [{shapes}]") for call in each]


def agree(inputs: Inputs, call: str, dtype: Any = np.float64, seed: int = 0, second: bool = True) -> None:
    """Run `call` in both libraries and compare value, dtype, gradients and second gradients.

    `second=False` leaves out the second gradients, for the few that PyTorch does not have.
    """
    ours, theirs = made(inputs, dtype, seed)
    text = compile(call, call, "eval")
    mine, reference = list(_each(_run(text, Ours(), ours))), list(_each(_run(text, Theirs(), theirs)))
    assert len(mine) == len(reference), f"{len(mine)} results, PyTorch gives {len(reference)}"
    for got, want in zip(mine, reference, strict=True):
        same("value", got.data, want)
        assert got.dtype == want.detach().numpy().dtype, f"dtype {got.dtype}, PyTorch gives {want.dtype}"
        assert want.requires_grad or not got.requires_grad, "PyTorch finds no gradient here"
    slopes_agree(ours, theirs, mine, reference, np.random.default_rng(seed + 1), second)


def refuse(inputs: Inputs, call: str) -> None:
    """Both libraries must refuse the call: ours with an error that explains."""
    ours, theirs = made(inputs, np.float64, 0)
    text = compile(call, call, "eval")
    with pytest.raises(REFUSALS):
        _run(text, Theirs(), theirs)
    with pytest.raises((MicrogradxError, TypeError)) as caught:
        _run(text, Ours(), ours)
    assert len(str(caught.value)) > 20, "the message must say what is wrong"


def made(inputs: Inputs, dtype: Any, seed: int) -> tuple[Inputs, Inputs]:
    """The inputs as our tensors and as PyTorch's; those of real numbers collect gradients."""
    rng = np.random.default_rng(seed)
    arrays = {k: spec(rng) if callable(spec) else rng.normal(size=spec) for k, spec in inputs.items()}
    arrays = {k: np.asarray(a, dtype if np.asarray(a).dtype.kind == "f" else None) for k, a in arrays.items()}
    theirs = {k: torch.tensor(a, requires_grad=a.dtype.kind == "f") for k, a in arrays.items()}
    return {k: Tensor(a) for k, a in arrays.items()}, theirs


def slopes_agree(
    ours: Inputs, theirs: Inputs, mine: list[Any], reference: list[Any], rng: Any, twice: bool = True
) -> None:
    """Compare the gradients of all results, weighed at random, and the gradients of those."""
    smooth = [(a, b) for a, b in zip(mine, reference, strict=True) if b.requires_grad]
    if not smooth:
        return
    weights = [rng.normal(size=a.shape).astype(a.dtype) for a, _ in smooth]
    leaves = [k for k, t in theirs.items() if t.requires_grad]
    want = _slopes(_total([b * torch.tensor(s) for (_, b), s in zip(smooth, weights, strict=True)]), theirs, leaves)
    total = _total([a * s for (a, _), s in zip(smooth, weights, strict=True)])
    if total.requires_grad:  # else ours is constant, and PyTorch's gradients must be zeros
        total.backward(create_graph=True)
    got = {k: ours[k].grad for k in leaves}
    for k in leaves:
        same(f"gradient of {k}", _data(got[k], ours[k]), want[k])
        ours[k].grad = None
    directions = {k: rng.normal(size=ours[k].shape).astype(ours[k].dtype) for k in leaves}
    again = [k for k in leaves if want[k] is not None and want[k].requires_grad and got[k] is not None]
    if not again or not twice:
        return
    second = _slopes(_total([want[k] * torch.tensor(directions[k]) for k in again]), theirs, leaves)
    total = _total([got[k] * directions[k] for k in again])
    if total.requires_grad:
        total.backward()
    for k in leaves:
        same(f"second gradient of {k}", _data(ours[k].grad, ours[k]), second[k])


def same(what: str, got: Any, want: Any) -> None:
    """An array of ours and a tensor of PyTorch's (None: all zeros) are equal within rounding."""
    reference = np.zeros(np.shape(got)) if want is None else want.detach().numpy(force=True)
    tolerance = TOLERANCE.get(np.asarray(got).dtype, 1e-9)
    assert np.shape(got) == reference.shape, f"{what}: shape {np.shape(got)}, PyTorch gives {reference.shape}"
    scale = float(np.max(np.abs(reference[np.isfinite(reference)]), initial=1.0))
    np.testing.assert_allclose(got, reference, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def _slopes(total: Any, theirs: Inputs, leaves: list[str]) -> dict[str, Any]:
    if not total.requires_grad:
        return dict.fromkeys(leaves)
    found = torch.autograd.grad(total, [theirs[k] for k in leaves], create_graph=True, allow_unused=True)
    return dict(zip(leaves, found, strict=True))


def _data(gradient: Any, leaf: Any) -> Any:
    if gradient is None:
        return np.zeros(leaf.shape, leaf.dtype)
    return gradient.data if isinstance(gradient, mx.Node) else gradient


def _total(parts: list[Any]) -> Any:
    total = parts[0].sum()
    for part in parts[1:]:
        total = total + part.sum()
    return total


def _each(result: Any) -> Iterator[Any]:
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from _each(part)
    else:
        yield result


def _run(text: CodeType, library: Any, inputs: Inputs) -> Any:
    with np.errstate(all="ignore"):
        return eval(text, {"inf": np.inf}, _Scope(library, inputs))


class _Scope(dict[str, Any]):
    """The inputs by name; any other name is a function of the library."""

    def __init__(self, library: Any, inputs: Inputs) -> None:
        super().__init__(inputs)
        self.library = library

    def __missing__(self, name: str) -> Any:
        return getattr(self.library, name)


class Ours:
    """Our functions by name."""

    def __getattr__(self, name: str) -> Any:
        if name == "linalg":
            return mx.linalg
        if hasattr(mx.functional, name):
            return getattr(mx.functional, name)
        raise KeyError(name)  # eval then looks among the built-ins


class Theirs:
    """PyTorch's functions by name: those of torch.nn.functional first, whose arguments have defaults."""

    def __getattr__(self, name: str) -> Any:
        for place in (torch.nn.functional, torch):
            if hasattr(place, name):
                return getattr(place, name)
        raise KeyError(name)
