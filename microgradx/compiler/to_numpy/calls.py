"""What NumPy is asked to do: a form as the list of single NumPy calls that its steps make.

The `run` of an op is NumPy code already. Run once on stand-ins, which note every call that they pass through, it lists
its own calls; so there is no second table of how ops run. A run that looks at numbers on the way (to check labels, say)
cannot be listed: it stays one call, of the function itself.

Stand-ins know how their axes lie in memory, too: a convolution's maps have the batch last, and so has all that is made
of them. Runs may write into memory that they have made (np.zeros_like) themselves, and into nothing else.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Step
from microgradx.compiler.passes import frozen
from microgradx.compiler.to_numpy.rows import written
from microgradx.compiler.to_numpy.stand_in import FILLS, Name, StandIn, UntraceableError, chosen, names_in
from microgradx.rules.losses import _check_labels

_OFTEN = 6  # products, from which on a turned copy of a matrix pays


@dataclass
class Call:
    """`name = text(operands, keywords)`; `text` may also be a method or an expression with {0} for an operand."""

    name: str
    text: str
    operands: tuple[Any, ...]  # names (class Name), and constants of Python
    keywords: dict[str, Any]
    sample: Any  # an array of the result's shape and dtype
    # "ufunc", "reduce", "dot", "copy", "put", "turned": these can write into a place; "view": no numbers move;
    # "memory": a place to be written to; "write": into the operand that comes last; "check": no result; "plain"
    how: str
    section: str = ""
    note: str = ""


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


def _cross_entropy(x: Any, t: Any) -> Any:
    if x.ndim != 2 or t.shape != x.shape[:1]:
        raise UntraceableError
    check_labels(t, x.shape[1])
    x = x - np.max(x, axis=-1, keepdims=True)
    picked = x.reshape(-1)[chosen(x, t)]
    total = np.sum(np.exp(x), axis=-1, keepdims=True)  # the same sum as of the softmax in its gradient
    return np.log(total).reshape(-1) - picked


def _softmax(x: Any, axis: int = -1) -> Any:
    raised = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return raised / np.sum(raised, axis=axis, keepdims=True)


# Runs for programs: the same numbers with less ado. Labels are checked once, and memory is the program's business.
RUNS: dict[str, Callable[..., Any]] = {
    "one_hot": _one_hot, "softmax_cross_entropy": _cross_entropy, "softmax": _softmax,
}  # fmt: skip


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
    written: dict[str, int] = field(default_factory=dict)  # memory -> how often it has been written into
    step: Step | None = None

    def call(
        self, function: Callable[..., Any], text: str, args: Sequence[Any], keywords: dict[str, Any], how: str
    ) -> StandIn:
        """Note a call of `function` on stand-ins and numbers, unless the same one was made before."""
        if how == "ufunc" and any(isinstance(a, StandIn) and a.dtype.kind == "f" for a in args):
            args = [float(a) if type(a) is int else a for a in args]
        operands = tuple(self._operand(a) for a in args)
        states = [self.written.get(a.memory, 0) for a in args if isinstance(a, StandIn) and how != "view"]
        key = (text, repr([(type(o).__name__, o) for o in operands]), frozen(keywords), *states)
        if key not in self.seen:
            with np.errstate(all="ignore"):
                sample = np.asarray(function(*map(_sample, args), **keywords))
            memory = args[0].memory if how == "view" and isinstance(args[0], StandIn) else ""
            self.seen[key] = StandIn(self, self._note(text, operands, keywords, sample, how), sample, memory)
        return self.seen[key]

    def memory(self, function: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> StandIn:
        """Memory of its own for a run, which may write into it."""
        sample = function(*map(_sample, args), **keywords)
        name = self._note("np.empty", (), {}, sample, "memory")
        found = StandIn(self, name, sample, name)
        fill = FILLS[function] if function in FILLS else keywords.get("fill_value", args[1:2] and args[1])
        if fill is not None:
            self.write("np.copyto", (fill, found))
        return found

    def write(self, text: str, args: Sequence[Any]) -> Any:
        """Note a call that writes into its last argument: memory that the run has made."""
        out = args[-1]
        if not isinstance(out, StandIn) or not out.memory:
            raise UntraceableError
        self._note(text, tuple(self._operand(a) for a in args), {}, out.sample, "write")
        self.written[out.memory] = self.written.get(out.memory, 0) + 1
        return out

    def copy_into(self, out: Any, x: Any) -> None:
        """np.copyto; memory that nothing has been written into is the copy from now on, or what lies like it itself."""
        if not isinstance(out, StandIn) or not isinstance(x, StandIn) or self.written.get(out.memory, 0):
            raise UntraceableError
        if (out.shape, out.dtype) != (x.shape, x.dtype) or out.name != out.memory:
            raise UntraceableError
        if out.sample.strides != x.sample.strides:
            like = out.sample
            x = self.call(lambda _, strides: like, "{0}.copy()", (x,), {"strides": like.strides}, "copy")
        out.name, out.memory = x.name, ""

    def _note(self, text: str, operands: tuple[Any, ...], keywords: dict[str, Any], sample: Any, how: str) -> str:
        assert self.step is not None
        name = f"v{len(self.calls) + 1}"
        self.calls.append(Call(name, text, operands, keywords, sample, how, self.step.section))
        return name

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
            stands[name] = StandIn(found, name, np.ones(kind.shape, kind.dtype))
            stands[name].scalar = kind.scalar
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
            for call in found.calls[before[0] :]:
                found.written.pop(call.name, None)
            del found.calls[before[0] :]
            for key in list(found.seen)[before[1] :] if len(found.seen) > before[1] else ():
                del found.seen[key]
            result = _whole(found, step, operands, [kinds[n] for n in step.operands])
        result.scalar = step.kind.scalar
        stands[step.name] = result
        found.names[step.name] = result.name
        if found.calls and found.calls[-1].name == result.name:
            found.calls[-1].note = step.note or (step.name if step.named else "")
    found.calls = [*reversed([*_needed(found)])]
    _turn(found)
    _sign(found)
    return found


def _turn(found: Listed) -> None:
    """Matrices that are often multiplied in their turned form get one: BLAS would turn them in every product."""
    products = [call for call in found.calls if call.how == "dot" and call.sample.ndim == 2 and len(call.sample) > 1]
    often = Counter(call.operands[1] for call in products)
    for call in found.calls:
        if call.text == "{0}.T" and often[call.name] >= _OFTEN:
            call.how, call.sample = "turned", np.ascontiguousarray(call.sample)


def _sign(found: Listed) -> None:
    """−|x| is x with a minus sign: one call instead of two."""
    calls = {call.name: call for call in found.calls}
    uses = Counter(name for call in found.calls for name in names_in(call.operands))
    uses.update(found.names.get(name, name) for name in found.form.results)
    taken = set()
    for call in found.calls:
        size = calls.get(call.operands[0]) if call.text == "np.negative" else None
        alone = size is not None and size.text == "np.absolute" and uses[size.name] == 1
        if size is not None and alone and size.sample.dtype.kind == "f" and size.sample.ndim:
            call.text, call.operands = "np.copysign", (size.operands[0], -1.0)
            taken.add(size.name)
    found.calls = [call for call in found.calls if call.name not in taken]


def _needed(found: Listed) -> Iterator[Call]:
    """The calls that a result needs, or that only look, from the last to the first."""
    memory: dict[str, str] = {}  # a view of memory that a run made -> the call that made it
    for call in found.calls:
        if call.how in ("memory", "view"):
            memory[call.name] = call.name if call.how == "memory" else memory.get(names_in(call.operands)[0], "")
    needed = {found.names.get(name, name) for name in found.form.results}
    needed |= {memory.get(name, "") for name in needed}
    for call in reversed(found.calls):
        written = call.how == "write" and memory[names_in(call.operands)[-1]] in needed
        if call.name in needed or call.how == "check" or written:
            names = names_in(call.operands)
            needed.update(names, (memory.get(name, "") for name in names))
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
    sample = np.ones(step.kind.shape, step.kind.dtype)
    name = f"v{len(found.calls) + 1}"
    shown = tuple(found_name(found, n, o) for n, o in zip(names, operands, strict=True))
    found.calls.append(Call(name, text, shown, {}, sample, "plain", step.section))
    return StandIn(found, name, sample)


def found_name(found: Listed, name: Any, operand: Any) -> Any:
    """What an operand is called among the calls."""
    return operand.name if isinstance(operand, StandIn) else name


def _sample(a: Any) -> Any:
    if isinstance(a, StandIn):
        return float(a.sample) if a.scalar else a.sample
    return [_sample(each) for each in a] if isinstance(a, (list, tuple)) else a
