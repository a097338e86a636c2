"""The same line of Python, run by microgradx and by PyTorch: values, gradients and second gradients must agree.

A table lists inputs once and then the calls, as text: `table(dict(x=(3, 4)), "roll(x, 1); roll(x, 2, dims=0)")`.
That one text serves both libraries is the point: names, argument order, defaults and meaning are PyTorch's.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import MicrogradxError, Tensor

torch: Any = pytest.importorskip(
    "torch", reason='the oracle tests compare with PyTorch: pip install "microgradx[oracle]"'
)

Array = np.ndarray[Any, Any]
Inputs = dict[str, Any]  # a shape, an array, or one of the makers below
Call = str | Callable[[Any, Inputs], Any]  # text, or a function of the library and the inputs
REFUSALS = (RuntimeError, IndexError, TypeError, ValueError, ArithmeticError, AssertionError)  # what PyTorch raises
TOLERANCE = {np.dtype(np.float64): (1e-10, 1e-12), np.dtype(np.float32): (5e-4, 5e-4)}  # relative, absolute
WHAT = ("value", "gradient", "second gradient")


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


def within(low: float, high: float, *shape: int) -> Callable[[Any], Any]:
    """An input of numbers spread over an interval, no two alike and none on a kink (kinks lie on quarters)."""

    def draw(rng: Any) -> Array:
        n = int(np.prod(shape, dtype=int))
        numbers = low + (high - low) * (rng.permutation(n) + 0.5) / max(n, 1)
        quarter = 1e-3 * (high - low)
        near = np.abs(numbers * 4 - np.round(numbers * 4)) < 4 * quarter
        spread: Array = (numbers + near * 2 * quarter).reshape(shape)
        return spread

    return draw


def table(inputs: Inputs, calls: str) -> list[Any]:
    """One case per call (they are set apart by semicolons): inputs, call and name."""
    shapes = ", ".join(f"{k}={v}" if isinstance(v, tuple) else k for k, v in inputs.items())
    each = [" ".join(call.split()) for call in calls.split(";")]
    return [pytest.param(inputs, call, id=f"{call} [{shapes}]") for call in each]


class Library:
    """Functions by name, as the names in the text of a call mean them; and how tensors are made and differentiated."""

    def __init__(self, places: tuple[Any, ...], linalg: Any, grad: Any, tensor: Callable[[Array, bool], Any]) -> None:
        self.places, self.linalg, self.grad, self.tensor = places, linalg, grad, tensor

    def __getattr__(self, name: str) -> Any:
        for place in self.places:
            if hasattr(place, name):
                return getattr(place, name)
        raise KeyError(name)  # eval then looks among the built-ins


OURS = Library((mx.functional,), mx.linalg, mx.autograd.grad, lambda a, leaf: Tensor(a, requires_grad=leaf))
# torch.nn.functional first: there the arguments have defaults. Last, methods that are no functions there: expand …
THEIRS = Library(
    (torch.nn.functional, torch, torch.special, torch.Tensor), torch.linalg, torch.autograd.grad,
    lambda a, leaf: torch.tensor(a, requires_grad=leaf),
)  # fmt: skip


def agree(
    inputs: Inputs, call: Call, dtype: Any = np.float64, seed: int = 0, order: int = 2, rtol: float | None = None,
    atol: float | None = None,
) -> None:  # fmt: skip
    """Run `call` in both libraries and compare values, dtypes and derivatives up to `order`.

    Where PyTorch has no further derivative ("not implemented"), there is nothing to compare with.
    """
    arrays = made(inputs, dtype, seed)
    mine, reference = (derivatives(library, call, arrays, order) for library in (OURS, THEIRS))
    assert len(mine[0]) == len(reference[0]), f"{len(mine[0])} results, PyTorch gives {len(reference[0])}"
    for level, (got, want) in enumerate(zip(mine, reference, strict=False)):
        for position, (a, b) in enumerate(zip(got, want, strict=True)):
            same(f"{WHAT[level]} {position}", a, b, rtol, atol)


def same(what: str, got: Any, want: Any, rtol: float | None = None, atol: float | None = None) -> None:
    """Two results or gradients are of one shape and dtype and equal within rounding; None is a gradient of zeros."""
    shape = np.shape(want if got is None else got)
    a, b = (np.zeros(shape) if x is None else plain(x) for x in (got, want))
    assert a.shape == b.shape, f"{what}: shape {a.shape}, PyTorch gives {b.shape}"
    if got is not None and want is not None:
        assert a.dtype == b.dtype, f"{what}: dtype {a.dtype}, PyTorch gives {b.dtype}"
    relative, absolute = TOLERANCE.get(a.dtype, (1e-3, 1e-3))
    scale = float(np.max(np.abs(b[np.isfinite(b)]), initial=1.0))
    rtol, atol = relative if rtol is None else rtol, absolute * scale if atol is None else atol
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=f"{what} differs from PyTorch's")


def derivatives(library: Library, call: Call, arrays: dict[str, Array], order: int = 2) -> list[list[Any]]:
    """[results, gradients, second gradients] as arrays; of each level the sum, unevenly weighed, is differentiated."""
    leaves = {name: library.tensor(a, a.dtype.kind == "f") for name, a in arrays.items()}
    wanted = [leaf for leaf in leaves.values() if leaf.requires_grad]
    nodes = list(each(run(library, call, leaves)))
    assert not any(linked(n) and plain(n).dtype.kind != "f" for n in nodes), "integers carry no gradient"
    found: list[list[Any]] = [[plain(n) for n in nodes]]
    for _ in range(order):
        parts = [(n * library.tensor(weights(tuple(n.shape), plain(n).dtype), False)).sum() for n in nodes if linked(n)]
        if not parts or not wanted:
            nodes = [None] * len(wanted)
        else:
            try:
                nodes = list(library.grad(total(parts), wanted, create_graph=True, allow_unused=True))
            except RuntimeError as problem:
                if library is OURS or "not implemented" not in str(problem):
                    raise
                return found
        found.append([None if n is None else plain(n) for n in nodes])
    return found


def refuse(inputs: Inputs, call: Call) -> None:
    """Both libraries must refuse the call: ours with an error that explains."""
    arrays = made(inputs, np.float64, 0)
    for library, errors in ((THEIRS, REFUSALS), (OURS, (MicrogradxError,))):
        leaves = {name: library.tensor(a, a.dtype.kind == "f") for name, a in arrays.items()}
        with pytest.raises(errors) as caught:
            list(each(run(library, call, leaves)))
    assert len(str(caught.value)) > 20, "the message must say what is wrong"


def agreeing(cases: list[Any]) -> Any:
    """The test that every call of a table agrees with PyTorch, in float64 and in float32."""

    @pytest.mark.parametrize(("inputs", "call"), cases)
    def test(inputs: Inputs, call: Call) -> None:
        agree(inputs, call)
        agree(inputs, call, np.float32, seed=1)

    return test


def refusing(cases: list[Any]) -> Any:
    """The test that both libraries refuse every call of a table."""

    @pytest.mark.parametrize(("inputs", "call"), cases)
    def test(inputs: Inputs, call: Call) -> None:
        refuse(inputs, call)

    return test


def made(inputs: Inputs, dtype: Any, seed: int) -> dict[str, Array]:
    """The inputs as arrays; those of real numbers are of `dtype`."""
    rng = np.random.default_rng(seed)
    arrays = {
        k: np.asarray(spec(rng) if callable(spec) else rng.normal(size=spec) if isinstance(spec, tuple) else spec)
        for k, spec in inputs.items()
    }
    return {k: a.astype(dtype) if a.dtype.kind == "f" else a for k, a in arrays.items()}


def weights(shape: tuple[int, ...], dtype: Any = "float64") -> Array:
    """Uneven numbers to weigh a result with, so that no wrong gradient cancels in its sum."""
    return np.cos(np.arange(np.prod(shape, dtype=int)) + 0.5).reshape(shape).astype(dtype)


def plain(x: Any) -> Array:
    """The data of either library's tensor, or of a plain answer such as True."""
    return x.detach().numpy(force=True) if isinstance(x, torch.Tensor) else np.asarray(_data(x))


def _data(x: Any) -> Any:
    return x.data if isinstance(x, mx.Node) else x


def linked(x: Any) -> bool:
    """True for a result that gradients flow from."""
    return isinstance(x, (mx.Node, torch.Tensor)) and x.requires_grad


def total(parts: list[Any]) -> Any:
    """Their sum; Python's starts from 0, which would be one more node."""
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def each(result: Any) -> Iterator[Any]:
    """The tensors of a result, one by one: pairs and lists are unpacked."""
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from each(part)
    else:
        yield result


def run(library: Any, call: Call, inputs: Inputs) -> Any:
    """The result of `call` in one library."""
    with np.errstate(all="ignore"):
        torch.set_default_dtype(torch.float64)  # ours, for what integers become
        try:
            if not isinstance(call, str):
                return call(library, inputs)
            return eval(compile(call, call, "eval"), {"inf": np.inf, "nan": np.nan}, _Scope(library, inputs))
        finally:
            torch.set_default_dtype(torch.float32)


class _Scope(dict[str, Any]):
    """The inputs by name; any other name is a function of the library."""

    def __init__(self, library: Any, inputs: Inputs) -> None:
        super().__init__(inputs)
        self.library = library

    def __missing__(self, name: str) -> Any:
        return getattr(self.library, name)
