"""How each op of the rulebook runs in C, never how it differentiates: what one entry of its result is.

Most elementwise rows say it themselves by their notation (a + b, a if c else b) or are functions of C's own library.
The tables here hold the rest. A row is lowered to one of three plans:

    Entries   every entry is an expression: arithmetic, or an entry of an input somewhere else
    Folded    every entry gathers terms in an inner loop: a product of matrices, a maximum, a convolution
    Pushed    a loop over another array adds (or writes) to entries: sums, pieces of a concatenation
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from microgradx.compiler.form import Kind, Step
from microgradx.compiler.joint import CompileError
from microgradx.compiler.to_c.functions import fast
from microgradx.compiler.to_c.index import Sizes
from microgradx.compiler.to_c.text import TYPES, Index, filled, parsed

Term = tuple[ast.expr, ast.expr | None]  # what to add, and the condition under which


@dataclass
class Source:
    """An input as a row sees it: its kind, and its entry at an index (with `often`: it is read more than once)."""

    kind: Kind
    at: Callable[..., ast.expr]

    @property
    def shape(self) -> Sizes:
        """Its shape."""
        return self.kind.shape


@dataclass
class Entries:
    """Each entry of the result as an expression; a `view` computes nothing."""

    at: Callable[[Index], ast.expr]
    view: bool = False
    tables: dict[str, Any] = field(default_factory=dict)  # constants that it looks something up in


@dataclass
class Folded:
    """Each entry starts at `start`; an inner loop over `sizes` takes in terms, by `into` (of s, so far, and x)."""

    start: ast.expr
    sizes: Sizes
    term: Callable[[Index, Index], Term]
    into: str = "s + x"


@dataclass
class Pushed:
    """The result starts as `start`; then each piece loops over its own `sizes` and writes to entries."""

    start: float | None  # None: the pieces cover it all
    pieces: list[tuple[Sizes, Callable[[Index], Index], Callable[[Index], ast.expr]]]
    adds: bool = False
    tables: dict[str, Any] = field(default_factory=dict)


Plan = Entries | Folded | Pushed
ITSELF = ast.Name("@")  # in a term: what has been folded so far

# Elementwise rows whose notation is not what C computes with, or that have none.
ELEMENTS = {
    "abs": "fabs(x)", "square": "square(x)", "pow": "pow(a, b)", "exp2": "exp2(x)", "maximum": "maximum(a, b)",
    "minimum": "minimum(a, b)", "remainder": "remainder_of(a, b)", "isnan": "isnan(x) != 0", "isinf": "isinf(x) != 0",
    "isfinite": "isfinite(x) != 0", "logical_and": "a != 0 and b != 0", "logical_or": "a != 0 or b != 0",
    "logical_xor": "(a != 0) != (b != 0)", "logical_not": "x == 0", "leaky_relu": "leaky_relu(x, negative_slope)",
    "elu": "elu(x, alpha)",
} | {
    name: f"{name}({inputs})"
    for inputs, names in {
        "x": "acos acosh asin asinh atan atanh ceil cos cosh erf exp expm1 floor log log10 log1p log2 sin sinh sqrt "
             "tan tanh trunc sigmoid softplus relu sign over",
        "a, b": "atan2 copysign fmod hypot logaddexp floor_divide",
        "p, t": "bce", "z, t": "bce_with_logits",
    }.items()
    for name in names.split()
}  # fmt: skip
_WHOLE = ("add", "sub", "mul", "neg", "where", "alias")  # exact on whole numbers, by their notation
_LOGIC = ("greater", "less", "equal", "not", "logical", "is", "inside", "all", "any")


def element(step: Step, kinds: list[Kind], parts: list[ast.expr], quick: bool = False) -> ast.expr:
    """One entry of an elementwise step, from the entries of its inputs; `quick`: by functions that loops like.

    Raises:
        CompileError: there is no C for this op, or not on these dtypes.
    """
    name, static, kind = step.op.name, step.static, step.kind.dtype.kind
    logic = name.startswith(_LOGIC)
    if (kind in "iu" and name not in _WHOLE) or (kind == "b" and not logic and name not in ("where", "alias")):
        raise no_form(step, f" on {step.kind.dtype} arrays")
    result = ast.Name(ctype(step.kind))
    cast = kind == "f" and not logic
    parts = [
        ast.Call(result, [part], []) if cast and each.dtype.kind != "f" else part
        for part, each in zip(parts, kinds, strict=True)
    ]
    known: dict[str, Any] = dict(zip(step.op.inputs, parts, strict=True))
    known |= {key: constant(value, step) for key, value in static.items() if isinstance(value, (int, float))}
    if quick and (function := fast(name, step.kind.shape, str(step.kind.dtype))):
        return ast.Call(ast.Name(function), parts, [])
    if name in ELEMENTS:
        tree = parsed(ELEMENTS[name], **known)
    elif name in SPECIAL:
        tree = parsed(SPECIAL[name](**static), **known)
    elif isinstance(step.op.notation, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Name)):
        tree = filled(step.op.notation, known)
    else:
        raise no_form(step)
    helps = step.kind.dtype == "float32" and isinstance(tree, ast.Call)  # helpers compute with doubles
    return ast.Call(result, [tree], []) if helps else tree


def constant(value: Any, step: Step) -> ast.expr:
    """A number that takes part in a step's arithmetic, in its precision."""
    return ast.Constant(float(value), kind="f" if step.kind.dtype == "float32" else None)


def _power(n: float) -> str:
    return {2: "square(x)", 1: "x", 0.5: "sqrt(x)", -1: "1.0 / x"}.get(n, "pow(x, n)")


def _clip(low: float | None, high: float | None) -> str:
    inner = "x" if low is None else "maximum(x, low)"
    return inner if high is None else f"minimum({inner}, high)"


def _inside(low: float | None, high: float | None) -> str:
    bounds = [*(["x >= low"] if low is not None else []), *(["x <= high"] if high is not None else [])]
    return " and ".join(bounds) or "1"


def _round(decimals: int) -> str:
    scale = float(10 ** abs(decimals))
    if decimals == 0:
        return "rint(x)"
    return f"rint(x * {scale}) / {scale}" if decimals > 0 else f"rint(x / {scale}) * {scale}"


SPECIAL: dict[str, Callable[..., str]] = {"power": _power, "clip": _clip, "inside": _inside, "round": _round}


def ctype(kind: Kind) -> str:
    """The C type of an entry.

    Raises:
        CompileError: C has none.
    """
    found = TYPES.get(str(kind.dtype))
    if found is None:
        raise CompileError(f"makes an array of {kind.dtype}, for which C has no type; the numpy target can run it")
    return found


def no_form(step: Step, what: str = "") -> CompileError:
    """The refusal for a step that C cannot run."""
    return CompileError(f"uses {step.op.name}{what} ({step}), which has no C form; the numpy target can run it")
