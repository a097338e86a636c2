"""Hypothesis strategies: arrays, calls of an op, random formulas, random graphs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from microgradx import functional as F
from microgradx.graph import Tensor, Value
from microgradx.rules.op import Op
from microgradx.testing.calls import OpCall, draw_call

# Smooth everywhere, and no steeper than their argument: chains of them neither explode nor leave the numbers.
UNARY = ("sin", "cos", "tanh", "sigmoid", "softplus", "atan", "neg")
BINARY = ("add", "sub", "mul")
_SIGNS = {"add": "+", "sub": "-", "mul": "*"}
_SHAPES = ((2, 3), (3,), (), (2, 1), (1, 3))


class _Drawn:
    """Choices drawn by Hypothesis, which then shrinks them."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def one_of(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[0] if len(options) == 1 else self._draw(st.sampled_from(options))

    def several(self, options: Sequence[Any], count: int) -> list[Any]:
        """`count` of the options, repeats allowed."""
        places: list[int] = self._draw(st.lists(st.integers(0, len(options) - 1), min_size=count, max_size=count))
        return [options[k] for k in places]

    def order(self, count: int) -> list[int]:
        """A permutation of 0 … count-1."""
        drawn: list[int] = self._draw(st.permutations(range(count)))
        return drawn


@st.composite
def op_calls(draw: Any, op: Op, scalar: bool | None = None, largest: int = 3) -> OpCall:
    """Calls of one row of the rulebook inside its domain, in all its cases.

    Elementwise rows get mutually broadcastable arrays (0-d and size-1 axes included) and, unless `scalar=False`,
    plain floats; `scalar=True` gives floats only. `largest` bounds the sizes that the row leaves open. Every other
    call goes as far out as the domains reach.
    """
    wide = any(domain.reach for domain in op.where.values()) and draw(st.sampled_from((False, True)))
    return draw_call(op, _Drawn(draw), scalar=scalar, largest=largest, wide=wide)


@st.composite
def numbers(draw: Any, low: float = -4.0, high: float = 4.0) -> float:
    """Whole hundredths between `low` and `high`: short to read in a counterexample."""
    hundredths: int = draw(st.integers(round(low * 100), round(high * 100)))
    return hundredths / 100


@st.composite
def tensors(
    draw: Any, shape: tuple[int, ...] | st.SearchStrategy[tuple[int, ...]] | None = None, low: float = -4.0,
    high: float = 4.0, requires_grad: bool = True, dtype: str = "float64",
) -> Tensor:  # fmt: skip
    """Tensors of the given shape (any small one by default) with entries in low … high, in hundredths."""
    if shape is None:
        shape = st.lists(st.integers(1, 3), max_size=3).map(tuple)
    size: tuple[int, ...] = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    count = int(np.prod(size, dtype=int))
    entries = draw(st.lists(numbers(low, high), min_size=count, max_size=count))
    return Tensor(np.array(entries, dtype=dtype).reshape(size), requires_grad=requires_grad)


@dataclass(frozen=True)
class Expression:
    """A formula as text, and where to look at it: `microgradx trace "x * sin(y)" --at x=1 y=2`."""

    text: str
    at: dict[str, float]

    def __call__(self, **nodes: Any) -> Any:
        """The formula on nodes (or numbers), by name."""
        space = {name: getattr(F, name) for name in UNARY}
        return eval(compile(self.text, "<expression>", "eval"), {"__builtins__": {}, **space}, nodes)  # text made below


@st.composite
def expressions(draw: Any, names: Sequence[str] = ("x", "y", "w"), depth: int = 4) -> Expression:
    """Smooth formulas over `names` and small constants, of nested operators and functions."""
    leaf = st.sampled_from(list(names)) | st.sampled_from(["2", "0.5", "3"])

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        sums = st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        calls = st.tuples(st.sampled_from(UNARY[:-1]), inner).map(lambda t: f"{t[0]}({t[1]})")
        return sums | calls | inner.map(lambda t: f"(-{t})")

    text: str = draw(st.recursive(leaf, grown, max_leaves=2**depth // 2))
    if not any(name in text for name in names):
        text = f"({text} * {names[0]})"
    return Expression(text, {name: draw(numbers(-2, 2)) for name in names})


@dataclass(frozen=True)
class Graph:
    """A straight-line program of ops: each step names an op and the earlier results it uses.

    Results are counted from the leaves: number 0 is the first leaf, len(leaves) the first step's result.
    """

    leaves: tuple[Any, ...]  # floats (Values) or arrays (Tensors)
    constants: frozenset[int]  # the leaves that collect no gradient
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    def nodes(self) -> list[Any]:
        """Fresh leaves."""
        kinds = [Value if isinstance(x, float) else Tensor for x in self.leaves]
        return [
            kind(x, requires_grad=k not in self.constants)
            for k, (kind, x) in enumerate(zip(kinds, self.leaves, strict=True))
        ]

    def run(self, leaves: Sequence[Any]) -> list[Any]:
        """All results, the leaves first; the last one is the graph's output."""
        results = list(leaves)
        for name, inputs in self.steps:
            results.append(getattr(F, name)(*(results[k] for k in inputs)))
        return results

    def output(self, *leaves: Any) -> Any:
        """The last result, as one number."""
        last = self.run(leaves)[-1]
        return last if isinstance(last, Value) else last.sum()

    def __repr__(self) -> str:
        lines = [f"x{k} = {x!r}" for k, x in enumerate(self.leaves)]
        for k, (name, inputs) in enumerate(self.steps, len(self.leaves)):
            args = [f"x{i}" for i in inputs]
            lines.append(f"x{k} = " + (f" {_SIGNS[name]} ".join(args) if name in _SIGNS else f"{name}({args[0]})"))
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # how Hypothesis prints a failing example
        printer.text(f"Graph({self.leaves!r}, {self.constants!r}, {self.steps!r})")


@st.composite
def graphs(draw: Any, tensors: bool = False, most: int = 8) -> Graph:
    """Random graphs with shared nodes, `a * a`, diamonds, constants and unused branches.

    With `tensors`, leaves are arrays of shapes that broadcast together; otherwise plain floats.
    """
    count = draw(st.integers(1, 4))
    leaves = tuple(draw(_array() if tensors else numbers(-2, 2)) for _ in range(count))
    constants = frozenset(k for k in range(1, count) if draw(st.integers(0, 3)) == 3)
    steps: list[tuple[str, tuple[int, ...]]] = []
    for made in range(draw(st.integers(1, most))):
        earlier = st.integers(0, count + made - 1)
        name = draw(st.sampled_from((*BINARY, *UNARY)))
        steps.append((name, tuple(draw(earlier) for _ in range(2 if name in BINARY else 1))))
    return Graph(leaves, constants, tuple(steps))


@st.composite
def _array(draw: Any) -> Any:
    shape = draw(st.sampled_from(_SHAPES))
    count = int(np.prod(shape, dtype=int))
    return np.array(draw(st.lists(numbers(-2, 2), min_size=count, max_size=count))).reshape(shape)
