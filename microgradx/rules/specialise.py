"""Making an op's backward fast: its rules, bound once to raw data and written out as straight code.

A rule is written in the system's own ops. Its *raw twin* is the same code with the op names bound to the
functions that run on floats or arrays, so the numeric backward makes no nodes and no type tests.
`pull_function` then writes the few lines that hand an op's gradient to its inputs; for `mul` on Values:

    def pull(node, g):
        a_, b_ = node.left, node.right
        if a_.requires_grad:
            try: c = g * rule_a(b_.data)
            ...
            if a_.grad is not None: c = a_.grad + c
            a_.grad = c
"""

from __future__ import annotations

import builtins
import dis
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.rules.pieces import piece, product
from microgradx.rules.words import FOREIGN

if TYPE_CHECKING:
    from microgradx.rules.op import Op


def ieee(fast: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """`fast` on Python floats; where it would raise, the IEEE answer (inf, nan) that `run` gives."""

    def scalar(*args: Any, **static: Any) -> Any:
        try:
            return fast(*args, **static)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return np.asarray(run(*map(np.float64, args), **static)).item()

    scalar.__wrapped__ = fast  # type: ignore[attr-defined]  # as functools.wraps does, without its other work
    return scalar


def raw_twin(rule: Callable[..., Any], kind: str, static: Iterable[str] = ()) -> Callable[..., Any]:
    """The rule on raw data: the same code, with every op it names replaced by its "scalar" or "array" run function.

    A rule that calls more than rows (a composite, a node's method, PyTorch's dim=) runs on constant nodes instead.
    """
    if _only_rows(rule):
        return _rebound(rule, kind, {})  # type: ignore[no-any-return]  # a function for a function
    return _through_nodes(rule, kind, {*static, "i"})


def _only_rows(rule: Any) -> bool:
    """True when a rule computes with rows, operators and NumPy alone, so that raw data can pass through it."""
    if rule.__module__.startswith("microgradx.rules."):
        return True  # written for it, and tested for it
    found = codes(rule.__code__)
    if any(FOREIGN & {*c} for code in found for c in code.co_consts if isinstance(c, tuple)):
        return False
    steps = [step for code in found for step in dis.get_instructions(code)]
    words = {step.argval for step in steps if step.opname == "LOAD_GLOBAL"}
    attributes = {step.argval for step in steps if step.opname in ("LOAD_ATTR", "LOAD_METHOD")} - _ARRAY_WORDS
    known = [rule.__globals__[word] for word in words if word in rule.__globals__]
    known += [cell.cell_contents for cell in rule.__closure__ or ()]
    modules = [each for each in known if isinstance(each, ModuleType)]
    if any(not any(hasattr(m, name) for m in modules) for name in attributes):
        return False  # a method of a node
    known += [getattr(m, name) for m in modules for name in attributes if hasattr(m, name)]
    return not any(_composite(each) for each in known)


_ARRAY_WORDS = {"shape", "ndim", "size", "dtype", "T", "mT"}  # the same on arrays and on nodes


def _composite(thing: Any) -> bool:
    """A function of this package, or one of the learner's own, that is not a row."""
    if not isinstance(thing, FunctionType):
        return False
    return thing.__module__.startswith("microgradx.") or not _only_rows(thing)


def _through_nodes(rule: Callable[..., Any], kind: str, static: set[str]) -> Callable[..., Any]:
    """The rule called with constant nodes; its result as raw data."""
    from microgradx.graph import Node, Tensor, Value, no_grad

    def node(raw: Any) -> Any:
        if isinstance(raw, list):
            return [node(each) for each in raw]
        scalar = kind == "scalar" and not isinstance(raw, np.ndarray)  # of 0-d arrays NumPy makes bare numbers
        return (Value if scalar else Tensor)(raw, requires_grad=False)

    names = tuple(inspect.signature(rule).parameters)

    def twin(*args: Any, **named: Any) -> Any:
        given = {**dict(zip(names, args, strict=False)), **named}
        with no_grad():
            result = rule(**{name: each if name in static else node(each) for name, each in given.items()})
        return result.data if isinstance(result, Node) else result

    return twin


def _rebound(thing: Any, kind: str, done: dict[int, Any]) -> Any:
    from microgradx.rules.op import Op

    if isinstance(thing, Op):
        return thing.scalar if kind == "scalar" and thing.scalar else thing.run
    if isinstance(thing, ModuleType) and thing.__name__.startswith("microgradx"):
        return _RawModule(thing, kind, done)
    if not isinstance(thing, FunctionType):
        return thing
    if id(thing) not in done:
        twin = done[id(thing)] = FunctionType(
            thing.__code__, {"__builtins__": builtins}, thing.__name__, thing.__defaults__, _cells(thing, kind, done)
        )
        twin.__kwdefaults__ = thing.__kwdefaults__
        names = {name for code in codes(thing.__code__) for name in code.co_names}
        twin.__globals__.update(
            {n: _rebound(thing.__globals__[n], kind, done) for n in names if n in thing.__globals__}
        )
    return done[id(thing)]


def with_defaults(run: Any, static: Mapping[str, Any]) -> Any:
    """The run function with the row's own defaults, for the static parameters that a rule leaves out of a call."""
    if not static or not isinstance(run, FunctionType):
        return run
    code, own = run.__code__, run.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    usual = {**static, **dict(zip(names[len(names) - len(own) :], own, strict=True))}
    given = tuple(usual[n] for n in names if n in usual)
    suffix = names[len(names) - len(given) :]
    if any(n not in usual for n in suffix) or (len(given) == len(own) and not code.co_kwonlyargcount):
        return run
    twin = FunctionType(code, run.__globals__, run.__name__, given, run.__closure__)
    kwonly = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    twin.__kwdefaults__ = {n: static[n] for n in kwonly if n in static} | (run.__kwdefaults__ or {})
    return twin


def _cells(function: FunctionType, kind: str, done: dict[int, Any]) -> tuple[CellType, ...]:
    return tuple(CellType(_rebound(cell.cell_contents, kind, done)) for cell in function.__closure__ or ())


class _RawModule:
    """Stands for a module inside a raw twin: `mx.exp` gives exp's run function."""

    def __init__(self, module: ModuleType, kind: str, done: dict[int, Any]) -> None:
        self._parts = module, kind, done

    def __getattr__(self, name: str) -> Any:
        module, kind, done = self._parts
        return _rebound(getattr(module, name), kind, done)


def codes(code: Any) -> list[Any]:
    """A code object and those of the functions inside it."""
    inner = [c for c in code.co_consts if hasattr(c, "co_names")]
    return [code, *(each for c in inner for each in codes(c))]


def careful(rule: Callable[..., Any], *args: Any) -> float:
    """A rule's array twin on floats, for where Python would raise (1 / 0.0): NumPy's scalars follow IEEE instead."""
    with np.errstate(all="ignore"):
        return float(rule(*(np.float64(a) if type(a) is float else a for a in args)))


def scaled(g: Any, c: Any) -> Any:
    """g * c, in the memory of `c` where it has room: an array made a moment ago, which nobody else holds."""
    if type(c) is np.ndarray and c.dtype is g.dtype and c.shape == g.shape:
        return np.multiply(g, c, c)
    return g * c


def pull_function(op: Op, kind: str) -> Callable[[Any, Any], None]:
    """The op's backward: adds each input's contribution to that input's `grad`."""
    if op.variadic:
        return _pull_variadic(op, kind)
    space = namespace(op, kind)
    lines = ["def pull(node, g):", f"    {taken_apart(op)}"]
    for name, rule in op.rules.items():
        node = f"{name}_"
        plain = kind == "scalar" or op.shapes == "value"  # the input is a Value: its gradient is a float
        lines.append(f"    if {node}.requires_grad:")
        lines += contribution(op, name, rule, kind, later=True)
        if not plain:
            lines.append(f"        x = {node}.data")
        if not plain and op.elementwise and len(op.inputs) > 1:
            lines.append("        if c.shape != x.shape: c = unbroadcast(c, x.shape)")
        if not plain:  # float32 stays float32, whatever it met
            lines.append("        if c.dtype is not x.dtype: c = c.astype(x.dtype)")
        lines.append(f"        before = {node}.grad")
        lines.append("        if before is not None: c = before + c")
        lines.append(f"        {node}.grad = c" + ("" if plain else f" if {node}.op is not None else own(c, g)"))
    if len(lines) == 2:
        lines.append("    pass")
    exec("\n".join(lines), space)  # the text above, built from checked identifiers only
    return space["pull"]  # type: ignore[no-any-return]  # what exec defined


def namespace(op: Op, kind: str) -> dict[str, Any]:
    """What the lines of `contribution` call."""
    from microgradx.rules.shaping import unbroadcast

    space: dict[str, Any] = {"careful": careful, "unbroadcast": unbroadcast, "own": own_array}
    space |= {"piece": piece, "product": product, "scaled": scaled}
    for name, rule in op.rules.items():
        space[f"rule_{name}"] = raw_twin(rule.run, kind, op.static)
        space[f"slow_{name}"] = raw_twin(rule.run, "array", op.static)
    return space


def taken_apart(op: Op) -> str:
    """The line that names the input nodes: an input may be called c or node, so they get names apart from ours."""
    places = ["node.left", "node.right"] if len(op.inputs) < 3 else ["node.rest"]
    return f"{', '.join(f'{name}_' for name in op.inputs)} = {', '.join(places[: len(op.inputs)])}"


def contribution(op: Op, name: str, rule: Any, kind: str, later: bool = False) -> list[str]:
    """The lines that make c, the product of g and one input's partial; `later`: or what stands for it, see `pieces`."""
    if rule.constant == 1:
        return ["        c = g"]
    if rule.constant == -1:
        return ["        c = -g"]
    if rule.constant is not None:
        return [f"        c = g * {rule.constant!r}"]
    if later and kind == "array" and (op.name, name) in _LATER:
        return [f"        c = {_LATER[op.name, name]}"]
    reads = {"y": "node.data", "g": "g", **{n: f"{n}_.data" for n in op.inputs}}
    reads |= {n: f"node.static[{n!r}]" for n in op.static}
    args = ", ".join(reads[n] for n in rule.reads)
    factor = "" if rule.whole else "g * "
    if _only_returns_its_argument(rule.run):
        return [f"        c = {factor}{args}"]
    if kind == "array" and factor and _makes_its_result(rule.run):
        return [f"        c = scaled(g, rule_{name}({args}))"]
    if kind == "array":
        return [f"        c = {factor}rule_{name}({args})"]
    return [
        f"        try: c = {factor}rule_{name}({args})",
        f"        except (ArithmeticError, ValueError): c = {factor}careful(slow_{name}, {args})",
    ]


# What may be put together later, when all contributions to an inner node have arrived.
_LATER = {
    ("index", "x"): "piece(g, x_, node.static['key'])",
    ("linear", "W"): "product(rule_W, g, x_.data, W_)",
    ("affine", "W"): "product(rule_W, g, x_.data, W_)",
}


def _only_returns_its_argument(rule: Any) -> bool:
    steps = _steps(rule)
    return len(steps) == 2 and steps[0].startswith("LOAD_FAST") and steps[1].startswith("RETURN_VALUE")


def _makes_its_result(rule: Any) -> bool:
    """True when the rule ends, on every way, in arithmetic: of arrays that is one that nobody else holds."""
    steps = _steps(rule)
    last, indexing = steps[-2], "BINARY_OP []"  # which Python 3.14 counts as arithmetic: x[:] shares the memory of x
    return last.startswith(("BINARY_OP", "UNARY_NEGATIVE")) and last != indexing and not any("JUMP" in s for s in steps)


def _steps(rule: Any) -> list[str]:
    return [f"{s.opname} {s.argrepr}" for s in dis.get_instructions(rule) if s.opname not in ("RESUME", "NOP")]


def _pull_variadic(op: Op, kind: str) -> Callable[[Any, Any], None]:
    rule = op.rules[op.inputs[0]]
    twin = raw_twin(rule.run, kind, op.static)

    def pull(node: Any, g: Any) -> None:
        known = op.known([n.data for n in node.inputs], node.data, g, node.static, 0)
        for position, each in enumerate(node.inputs):
            if each.requires_grad:
                known["i"] = position
                c = twin(**{n: known[n] for n in rule.reads})
                if c.dtype != each.data.dtype:
                    c = c.astype(each.data.dtype)
                if each.grad is not None:
                    c = each.grad + c
                each.grad = c if each.op is not None else own_array(c, g)

    return pull


def own_array(c: Any, g: Any) -> Any:
    """`c` as an array that shares memory with no other: a leaf keeps its gradient for long."""
    return c if type(c) is np.ndarray and c.base is None and c is not g else np.array(c)
