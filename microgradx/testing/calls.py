"""One call of a row of the rulebook: the op, its inputs and static parameters, and how to draw one.

The row says what it takes (`shapes`, `cases`, `where`); `draw_call` turns that into concrete inputs with the help
of something that chooses: random numbers, or Hypothesis, which then shrinks what fails.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np

from microgradx.graph import Node, RuleError, Tensor, Value
from microgradx.rules.domains import Domain, boolean
from microgradx.rules.op import Op
from microgradx.rules.samples import parse_shapes

_KEEP_AWAY = 0.1  # from a kink: twice the reach of the finite differences
_BESIDE = 4  # of a kink that is named, numbers this far to either side are drawn
_STEPS = 100  # numbers are whole hundredths, so that a counterexample is short to read


class Choose(Protocol):
    """What drawing needs: one of several options, many of them, and an order."""

    def one_of(self, options: Sequence[Any]) -> Any:
        """One of the options."""

    def several(self, options: Sequence[Any], count: int) -> list[Any]:
        """`count` of the options, repeats allowed."""

    def order(self, count: int) -> list[int]:
        """A permutation of 0 … count-1."""


class Chance:
    """Choices by seeded random numbers."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def one_of(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[int(self._rng.integers(len(options)))]

    def several(self, options: Sequence[Any], count: int) -> list[Any]:
        """`count` of the options, repeats allowed."""
        return [options[int(k)] for k in self._rng.integers(len(options), size=count)]

    def order(self, count: int) -> list[int]:
        """A permutation of 0 … count-1."""
        return [int(k) for k in self._rng.permutation(count)]


@dataclass(frozen=True)
class OpCall:
    """`op` applied to `inputs` (arrays; plain floats stand for Values) with `static` parameters.

    The repr is Python that repeats the call.
    """

    op: Op
    inputs: tuple[Any, ...]
    static: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """What the inputs are called, in order."""
        if self.op.variadic:
            return [f"{self.op.inputs[0]}{i}" for i in range(len(self.inputs))]
        return list(self.op.inputs)

    @property
    def smooth(self) -> list[int]:
        """The positions of the inputs that have a rule and can have a gradient."""
        return [
            k for k, x in enumerate(self.inputs) if self.op.rule_for(k) is not None and np.asarray(x).dtype.kind == "f"
        ]

    def leaves(self) -> list[Any]:
        """Fresh nodes of the inputs; those without a rule are constants."""
        smooth = self.smooth
        return [leaf(x, k in smooth, name) for k, (x, name) in enumerate(zip(self.inputs, self.names, strict=True))]

    def on(self, *nodes: Any) -> Any:
        """The op on other inputs, with the same static parameters."""
        return self.op(*nodes, **self.static)

    def __repr__(self) -> str:
        return self.code([as_code(x) for x in self.inputs])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # how Hypothesis prints a failing example
        printer.text(repr(self))

    def code(self, arguments: list[str]) -> str:
        """The call as Python source, with these texts as its inputs."""
        given = [(k, v) for k, v in self.static.items() if k not in self.op.static or v is not self.op.static[k]]
        return f"mx.BOOK[{self.op.name!r}]({', '.join(arguments + [f'{k}={static_code(v)}' for k, v in given])})"


def leaf(x: Any, requires_grad: bool, name: str | None = None) -> Any:
    """A Value for a Python float, a Tensor for an array."""
    if type(x) is float:
        return Value(x, requires_grad, name)
    return Tensor(x, requires_grad=requires_grad, name=name)


def as_code(x: Any) -> str:
    """A node as Python source: `mx.Value(0.5)`, `mx.Tensor([[1.0, 2.0]])`; nested ones as such."""
    if isinstance(x, dict):
        return f"{{{', '.join(f'{key!r}: {as_code(part)}' for key, part in x.items())}}}"
    if isinstance(x, list):
        return f"[{', '.join(map(as_code, x))}]"
    if isinstance(x, tuple):
        return f"({', '.join(map(as_code, x))}{',' * (len(x) == 1)})"
    if x is None or type(x) is int:  # nothing, or a parameter that counts
        return repr(x)
    opted_out = ""
    if isinstance(x, Node):
        opted_out = ", requires_grad=False" * (not x.requires_grad and np.asarray(x.data).dtype.kind == "f")
        x = x.data
    if type(x) is float:
        return f"mx.Value({x!r}{opted_out})"
    array = np.asarray(x)
    plain = array.dtype == np.float64 and array.size
    kind = opted_out if plain else f", dtype={array.dtype.name!r}{opted_out}"
    body = repr(array.tolist()) if array.size else f"np.zeros({array.shape})"
    return f"mx.Tensor({body}{kind})"


def static_code(value: Any) -> str:
    """A static parameter as Python source."""
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r})"
    if type(value) is tuple:
        return f"({', '.join(map(static_code, value))}{',' * (len(value) == 1)})"
    if isinstance(value, tuple):  # a named one, such as a convolution's Window
        return f"mx.{type(value).__module__.removeprefix('microgradx.')}.{type(value).__name__}(*{tuple(value)!r})"
    return repr(value)


def need_row(op: Any, caller: str) -> None:
    """Refuse what is no row of the rulebook.

    Raises:
        RuleError: it is something else, such as the name of one.
    """
    if not isinstance(op, Op):
        raise RuleError(f'{caller} takes a row of the rulebook, such as mx.BOOK["tanh"]; got {op!r}.')


def draw_call(op: Op, choose: Choose, *, scalar: bool | None = None, largest: int = 3, wide: bool = False) -> OpCall:
    """A call of `op` inside its domain: a case of the row, sizes up to `largest`, numbers in hundredths.

    Elementwise rows get broadcasting arrays, or plain floats (`scalar=True`; None lets `choose` decide). `wide` goes
    as far out as the domains reach.
    """
    static = {**op.static, **choose.one_of(op.cases)}
    signature = static.pop("shapes", op.shapes)
    sizes: dict[str, int] = {}
    shapes: list[Any]
    if signature is None:
        if scalar is None:
            scalar = choose.one_of((False, False, True))
        shapes = [None] * len(op.inputs) if scalar else _broadcasting(len(op.inputs), choose, largest)
    elif signature == "value":
        shapes = [None]
    else:
        letters = sorted({c for c in signature.split("->")[0] if c.isalpha()})
        sizes = dict(zip(letters, choose.several(range(1, largest + 1), len(letters)), strict=True))
        batch = _broadcasting(1, choose, 2)[0][-2:] if "..." in signature else ()
        shapes = [tuple(s) for s in parse_shapes(signature, sizes, batch)]
        if batch and _stretches(op):
            shapes = [_shortened(shape, len(batch), choose) for shape in shapes]
    static = {k: _sized(v, sizes) for k, v in static.items()}
    names = op.inputs * len(shapes) if op.variadic else op.inputs
    domains = [op.where[name] for name in names]
    return OpCall(op, tuple(_numbers(domains, shapes, sizes, choose, wide)), static)


def _broadcasting(count: int, choose: Choose, largest: int) -> list[Any]:
    """Shapes that broadcast together: axes of one common shape, some dropped in front, some of size 1."""
    common = tuple(choose.several(range(1, largest + 1), choose.one_of((1, 2, 0, 3))))
    shapes = [common] + [_shortened(common, len(common), choose) for _ in range(count - 1)]
    return [shapes[k] for k in choose.order(count)]


def _shortened(shape: tuple[int, ...], batch: int, choose: Choose) -> tuple[int, ...]:
    """`shape` with some of its `batch` leading axes dropped, and some of the rest shrunk to size 1."""
    dropped = choose.one_of(range(batch + 1))
    kept = batch - dropped
    ones = choose.several((False, False, True), kept)
    return (*(1 if one else n for n, one in zip(shape[dropped:batch], ones, strict=True)), *shape[batch:])


@cache
def _stretches(op: Op) -> bool:
    """True when the batch axes of a row broadcast (matmul); labels, for one, must match theirs exactly."""
    if any(domain.labels for domain in op.where.values()):
        return False
    one, other = (parse_shapes(op.shapes or "", {}, batch) for batch in ((2, 1), (3,)))
    mixed = [other[0], *one[1:]]
    inputs = _numbers([op.where[name] for name in op.inputs], mixed, {}, Chance(0))
    try:
        op.run(*inputs, **{**op.static, **op.cases[0]})
    except Exception:
        return False
    return len(mixed) > 1


def _sized(value: Any, sizes: dict[str, int]) -> Any:
    """Static parameters may name sizes by letter: (3, "m")."""
    if isinstance(value, tuple) and any(isinstance(v, str) and v in sizes for v in value):
        return tuple(sizes.get(v, v) if isinstance(v, str) else v for v in value)
    return value


def _numbers(
    domains: Sequence[Domain], shapes: list[Any], sizes: dict[str, int], choose: Choose, wide: bool = False
) -> list[Any]:
    counts = [math.prod(shape or ()) for shape in shapes]
    apart = sum(n for n, domain in zip(counts, domains, strict=True) if domain.distinct)
    ranks = iter(choose.order(apart)) if apart else iter(())
    drawn = []
    for domain, shape, count in zip(domains, shapes, counts, strict=True):
        dtype: Any = np.float64
        if domain.labels:
            size = int(domain.labels) if domain.labels.isdigit() else sizes[domain.labels]
            numbers, dtype = choose.several(range(size), count), np.int64
        elif domain.distinct:
            low, high = (-domain.reach, domain.reach) if wide and domain.reach else (domain.low, domain.high)
            step = (high - low) / apart
            numbers = [round(low + step * (next(ranks) + 0.5), 3) for _ in range(count)]
        else:
            numbers = choose.several(_options(domain, wide), count)
            dtype = bool if domain is boolean and shape is not None else dtype
        array = np.array(numbers, dtype=dtype).reshape(shape or ())
        if domain.diagonal:
            array += np.eye(*array.shape[-2:]) * (4 + 2 * np.arange(array.shape[-1]))
        drawn.append(float(array) if shape is None else array)
    return drawn


@cache
def _options(domain: Domain, wide: bool = False) -> tuple[float, ...]:
    """The numbers to draw from, the simplest first (Hypothesis shrinks towards the first)."""
    if domain is boolean:
        return (0.0, 1.0)
    spans = [(domain.low, domain.high)]
    if domain.reach:
        spans += [(kink - _BESIDE, kink + _BESIDE) for kink in domain.kinks]
        spans += [(-domain.reach, domain.reach)] * wide
    whole = {k for low, high in spans for k in range(math.ceil(low * _STEPS), math.floor(high * _STEPS) + 1)}
    free = [k / _STEPS for k in whole if all(abs(k / _STEPS - kink) >= _KEEP_AWAY for kink in domain.kinks)]
    return tuple(sorted(free, key=lambda x: (x != round(x), x * 10 != round(x * 10), abs(x), x < 0)))
