"""What NumPy is asked to do: a form as the list of single NumPy calls that its steps make.

The `run` of an op is NumPy code already. Run once on stand-ins, which note every call that they pass through, it lists
its own calls; so there is no second table of how ops run. A run that looks at numbers on the way (to check labels, say)
cannot be listed: it stays one call, of the function itself.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Step
from microgradx.compiler.passes import frozen
from microgradx.compiler.to_numpy.rows import literal, written
from microgradx.rules.losses import _check_labels

VIEWS = {np.reshape, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.broadcast_to}  # no numbers move
_OFTEN = 6  # products, from which on a turned copy of a matrix pays
REDUCTIONS: dict[Any, str] = {np.sum: "np.add.reduce", np.max: "np.maximum.reduce", np.min: "np.minimum.reduce"}


class UntraceableError(Exception):
    """The run goes its own way with the numbers."""


@dataclass
class Call:
    """`name = text(operands, keywords)`; `text` may also be a method or an expression with {0} for an operand."""

    name: str
    text: str
    operands: tuple[Any, ...]  # names (class Name), and constants of Python
    keywords: dict[str, Any]
    sample: Any  # an array of the result's shape and dtype
    how: str  # "ufunc", "reduce", "dot", "put", "turned": into a place; "view": no numbers move; "check"; "plain"
    section: str = ""
    note: str = ""


class Name(str):
    """An operand that is the result of an earlier call, an argument or a constant."""


def names_in(operands: Iterable[Any]) -> list[str]:
    """The operands that are results, arguments or named constants; those in lists too."""
    found: list[str] = []
    for each in operands:
        if isinstance(each, Name):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            found += names_in(each)
    return found


class StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for the array `name` while a run is listed; it knows its shape and dtype, but no numbers."""

    labels: Any = None  # what this is the one-hot of

    def __init__(self, listed: "Listed", name: str, sample: Any) -> None:
        self.listed, self.name, self.sample = listed, Name(name), sample

    shape = property(lambda self: self.sample.shape)
    dtype = property(lambda self: self.sample.dtype)
    ndim = property(lambda self: self.sample.ndim)
    size = property(lambda self: self.sample.size)

    @property
    def mT(self) -> Any:
        """Rows and columns changed."""
        return np.swapaxes(self, -1, -2) if self.ndim > 2 else self.T

    @property
    def T(self) -> Any:
        """The axes in reverse."""
        return self.listed.call(lambda x: x.T, "{0}.T", (self,), {}, "view")

    def __pow__(self, n: Any) -> Any:  # as arrays do it
        plain = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal} if isinstance(n, (int, float)) else {}
        return plain[n](self) if n in plain and self.dtype.kind == "f" else np.power(self, n)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if not _public(ufunc) or method not in ("__call__", "reduce") or ufunc.nout > 1:
            raise UntraceableError
        if {"out", "where", "casting", "initial"} & set(keywords):
            raise UntraceableError
        if ufunc is np.subtract and getattr(inputs[1], "labels", None) is not None and _alike(*inputs):
            return _less_one(inputs[0], inputs[1].labels)
        text = f"np.{ufunc.__name__}" + (".reduce" if method == "reduce" else "")
        how = "reduce" if method == "reduce" else "dot" if ufunc is np.matmul else "ufunc"
        return self.listed.call(getattr(ufunc, method), text, inputs, keywords, how)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        if not _public(function) or function in (np.copyto, np.put):
            raise UntraceableError
        if function in REDUCTIONS:
            shown = {k: v for k, v in {"axis": None, **keywords}.items() if v is not np._NoValue}
            return self.listed.call(function, REDUCTIONS[function], args, shown, "reduce")
        if function is np.swapaxes and args[0].ndim == 2 and args[1:] == (-1, -2):
            return args[0].T
        how = "view" if function in VIEWS else "dot" if function is np.dot else "plain"
        return self.listed.call(function, f"np.{function.__name__}", args, keywords, how)

    def dot(self, other: Any) -> Any:
        return np.dot(self, other)

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def astype(self, dtype: Any) -> Any:
        text = f"{{0}}.astype('{np.dtype(dtype)}')"
        return self.listed.call(lambda x: x.astype(dtype), text, (self,), {}, "plain")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, StandIn):
            return self.listed.call(lambda x, k: x[k], "{0}[{1}]", (self, key), {}, "plain")
        parts = key if isinstance(key, tuple) else (key,)
        basic = all(p is None or p is Ellipsis or isinstance(p, (int, slice)) for p in parts)
        text = f"{{0}}[{ast.unparse(literal(key, set()))}]"
        return self.listed.call(lambda x: x[key], text, (self,), {}, "view" if basic else "plain")

    def _looked_at(self, *_: Any) -> Any:
        raise UntraceableError

    __bool__ = __len__ = __float__ = __int__ = __index__ = __iter__ = __array__ = _looked_at


def check_labels(t: Any, classes: int) -> None:
    """A call that only looks: it raises for labels that are not 0 … classes − 1."""
    if not isinstance(t, StandIn):
        raise UntraceableError
    t.listed.needed.add((None, _check_labels))
    t.listed.call(lambda *_: 0, "_check_labels", (t, classes), {}, "check")


def _one_hot(t: Any, classes: int, dtype: Any = "float64") -> Any:
    check_labels(t, classes)
    found = t.listed.constant(np.eye(classes, dtype=dtype))[t]
    found.labels = t
    return found


def _alike(a: Any, b: Any) -> bool:
    return isinstance(a, StandIn) and (a.shape, a.dtype) == (b.shape, b.dtype)


def _less_one(x: StandIn, labels: Any) -> Any:
    """x less a one-hot: one number changes in each row."""
    return x.listed.call(lambda x, _: x, "{0}[{1}] -= 1", (x, _chosen(x, labels)), {}, "put")


def _chosen(x: Any, labels: Any) -> Any:
    """Where the labels' entries of rows are, counted from the first entry of all."""
    return labels + np.arange(0, x.size, x.shape[-1]).reshape(labels.shape)


def _cross_entropy(x: Any, t: Any) -> Any:
    if x.ndim != 2 or t.shape != x.shape[:1]:
        raise UntraceableError
    check_labels(t, x.shape[1])
    x = x - np.max(x, axis=-1, keepdims=True)
    chosen = x.reshape(-1)[_chosen(x, t)]
    return np.log(np.sum(np.exp(x), axis=-1)) - chosen


# Runs that pick entries by label, for programs: the same numbers with less ado, the labels checked once.
RUNS: dict[str, Callable[..., Any]] = {"one_hot": _one_hot, "softmax_cross_entropy": _cross_entropy}


@dataclass
class Listed:
    """The calls of a form, and what they need."""

    form: Form
    calls: list[Call] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    needed: set[Any] = field(default_factory=set)  # functions that are called whole
    names: dict[str, str] = field(default_factory=dict)  # a name of the form -> what it is called here
    seen: dict[Any, StandIn] = field(default_factory=dict)
    known: dict[Any, str] = field(default_factory=dict)  # constants by what they hold
    step: Step | None = None

    def call(
        self, function: Callable[..., Any], text: str, args: Sequence[Any], keywords: dict[str, Any], how: str
    ) -> StandIn:
        """Note a call of `function` on stand-ins and numbers, unless the same one was made before."""
        if how == "ufunc" and any(isinstance(a, StandIn) and a.dtype.kind == "f" for a in args):
            args = [float(a) if type(a) is int else a for a in args]
        operands = tuple(self._operand(a) for a in args)
        key = (text, repr([(type(o).__name__, o) for o in operands]), frozen(keywords))
        if key not in self.seen:
            with np.errstate(all="ignore"):
                sample = np.asarray(function(*map(_sample, args), **keywords))
            assert self.step is not None
            name = f"v{len(self.calls) + 1}"
            self.calls.append(Call(name, text, operands, keywords, sample, how, self.step.section))
            self.seen[key] = StandIn(self, name, sample)
        return self.seen[key]

    def constant(self, array: Any) -> StandIn:
        """A stand-in for an array that is the same in every call."""
        return StandIn(self, self._operand(array), array)

    def _operand(self, a: Any) -> Any:
        if isinstance(a, StandIn):
            return a.name
        if isinstance(a, (list, tuple)):
            return [self._operand(each) for each in a]
        if isinstance(a, (np.ndarray, np.generic)) and np.size(a) > 1:
            key = (a.shape, a.dtype, a.tobytes())
            name = self.known.setdefault(key, f"C{len(self.known) + 1}")
            self.constants[name] = a
            return Name(name)
        return a.item() if isinstance(a, np.generic) else a


def listed(form: Form) -> Listed:
    """Every step of the form as NumPy calls."""
    found = Listed(form, constants={n: v for n, v in form.constants.items() if not isinstance(v, float)})
    kinds = form.kinds()
    stands: dict[str, Any] = {n: v for n, v in form.constants.items() if np.ndim(v) == 0}
    for name, kind in kinds.items():
        if name not in stands:
            stands[name] = StandIn(found, name, np.broadcast_to(np.ones((), kind.dtype), kind.shape))
    for step in form.steps:
        found.step, before = step, (len(found.calls), len(found.seen))
        operands = _plain_numbers([stands[n] for n in step.operands])
        try:
            if step.kind.scalar:
                raise UntraceableError
            run = RUNS.get(step.op.name, step.op.run)
            result = run(*operands, **step.static)
            if not isinstance(result, StandIn) or (result.shape, result.dtype) != step.kind[1:]:
                raise UntraceableError
        except (UntraceableError, TypeError, AttributeError, ValueError):
            del found.calls[before[0] :]
            for key in list(found.seen)[before[1] :] if len(found.seen) > before[1] else ():
                del found.seen[key]
            result = _whole(found, step, operands, [kinds[n] for n in step.operands])
        stands[step.name] = result
        found.names[step.name] = result.name
        if found.calls and found.calls[-1].name == result.name:
            found.calls[-1].note = step.note or (step.name if step.named else "")
    found.calls = [*reversed([*_needed(found)])]
    _turn(found)
    return found


def _turn(found: Listed) -> None:
    """Matrices that are often multiplied in their turned form get one: BLAS would turn them in every product."""
    products = [call for call in found.calls if call.how == "dot" and call.sample.ndim == 2 and len(call.sample) > 1]
    often = Counter(call.operands[1] for call in products)
    for call in found.calls:
        if call.text == "{0}.T" and often[call.name] >= _OFTEN:
            call.how = "turned"


def _needed(found: Listed) -> Iterator[Call]:
    """The calls that a result needs, or that only look, from the last to the first."""
    needed = {found.names.get(name, name) for name in found.form.results}
    for call in reversed(found.calls):
        if call.name in needed or call.how == "check":
            needed.update(names_in(call.operands))
            yield call


def _plain_numbers(operands: list[Any]) -> list[Any]:
    """0-d constants beside arrays of their own dtype as Python numbers, which mean the same there."""
    kinds = {o.dtype for o in operands if isinstance(o, StandIn)}
    return [o.item() if isinstance(o, np.ndarray) and kinds == {o.dtype} else o for o in operands]


def _whole(found: Listed, step: Step, operands: list[Any], kinds: list[Any]) -> StandIn:
    """The step as one call of its run."""
    names = [Name(n) if n not in found.form.constants else found.form.constants[n] for n in step.operands]
    places: list[ast.expr] = [ast.Name(f"{{{i}}}") for i in range(len(names))]
    text = ast.unparse(written(step, places, kinds, found.needed)).replace("{", "{{").replace("}", "}}")
    for i in range(len(names)):
        text = text.replace(f"{{{{{i}}}}}", f"{{{i}}}")
    sample = np.broadcast_to(np.ones((), step.kind.dtype), step.kind.shape)
    name = f"v{len(found.calls) + 1}"
    shown = tuple(found_name(found, n, o) for n, o in zip(names, operands, strict=True))
    found.calls.append(Call(name, text, shown, {}, sample, "plain", step.section))
    return StandIn(found, name, sample)


def found_name(found: Listed, name: Any, operand: Any) -> Any:
    """What an operand is called among the calls."""
    return operand.name if isinstance(operand, StandIn) else name


def _public(function: Any) -> bool:
    """True for what NumPy itself offers under that name."""
    return vars(np).get(function.__name__) is function


def _sample(a: Any) -> Any:
    if isinstance(a, StandIn):
        return a.sample
    return [_sample(each) for each in a] if isinstance(a, (list, tuple)) else a
