"""How an op runs in emitted NumPy: a template per op, and the source of the functions that have none.

The table says how an op is written there, never how it differentiates.
"""

import ast
import inspect
import math
import operator
import re
import textwrap
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from microgradx.compiler.form import Kind, Step
from microgradx.graph import OpError
from microgradx.rules.formula import constant, slots, substitute
from microgradx.rules.op import Op

# Where the notation of a row is not what NumPy computes with.
ARRAY = {
    "where": "np.where(c, a, b)", "maximum": "np.maximum(a, b)", "minimum": "np.minimum(a, b)",
    "number": "np.float64(x)", "reshape": "np.reshape(x, shape)",
    "transpose": "np.transpose(x, axes)", "alias": "x", "mT": "A.mT",
}  # fmt: skip
SCALAR = {"alias": "x", "maximum": None, "minimum": None, "tensor": "np.asarray(x)"}
# Functions of NumPy that do what a row's run does, and say it better.
WORDS = {"sum": "np.sum", "mean": "np.mean", "unsqueeze": "np.expand_dims", "amax": "np.max", "amin": "np.min"}
# Helpers of runs that also take nodes, for zooming; a program meets numbers only.
NUMBERS_ONLY = {"larger": "np.maximum"}


def written(step: Step, operands: list[ast.expr], kinds: list[Kind], needed: set[Any]) -> ast.expr:
    """A step as a Python expression of its operands; functions that it calls are added to `needed`.

    Raises:
        OpError: the op's run has no source that could be emitted.
    """
    op, scalar = step.op, step.kind.scalar
    names = slots(op, len(operands))
    table = SCALAR if scalar else ARRAY
    run = getattr(op.scalar, "__wrapped__", op.scalar) if scalar and op.scalar else op.run
    run = op.run if getattr(run, "__closure__", None) else run  # made from the array run: that one has a source
    parts = dict(zip(names, operands, strict=True)) | {k: literal(v, needed) for k, v in step.static.items()}
    template = table.get(op.name)
    if template == "A.mT" and len(kinds[0].shape) == 2:
        template = "A.T"
    if template is not None:
        return substitute(ast.parse(template, mode="eval").body, parts)
    if op.name not in table and op.notation is not None and is_operator(op.notation):
        return substitute(op.notation, parts)
    callee = _parsed(WORDS[op.name]) if op.name in WORDS and not scalar else _callee(run, op, needed)
    numpys = isinstance(callee, ast.Attribute)  # its defaults are known: None and False
    whole = (0, None) if len(kinds[0].shape) == 1 else (None,)  # all axes
    static = [k for k, v in step.static.items() if not (numpys and (v is False or v in whole))]
    if not (numpys or scalar or op.elementwise):  # a run that takes arrays gets one, be it a constant number
        operands = [_as_array(o, kind) for o, kind in zip(operands, kinds, strict=True)]
    return ast.Call(callee, operands, [ast.keyword(k, parts[k]) for k in static])


def _as_array(operand: ast.expr, kind: Kind) -> ast.expr:
    number = not any(isinstance(each, (ast.Name, ast.Call)) for each in ast.walk(operand))
    return _parsed(f"np.array({ast.unparse(operand)}, dtype='{kind.dtype}')") if number else operand


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def is_operator(notation: ast.expr) -> bool:
    """True for notations that are Python operators alone: a + b, x ** n, x[key], A.mT, a if c else b."""
    parts = list(ast.walk(notation))
    if any(isinstance(part, ast.Call) for part in parts):
        return False  # x * sigmoid(x): a program knows no rows, but the source of `run` says it in NumPy
    if any(isinstance(part, ast.Compare) and len(part.ops) > 1 for part in parts):
        return False  # low <= x <= high: NumPy compares arrays two by two
    return isinstance(notation, (ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Attribute, ast.IfExp, ast.Compare))


def _callee(run: Any, op: Op, needed: set[Any]) -> ast.expr:
    home = getattr(run, "__module__", None)
    if isinstance(run, np.ufunc) or (home or "").startswith("numpy"):
        return _parsed(f"np.{run.__name__}")
    if home == "math":
        needed.add((None, math))
        return _parsed(f"math.{run.__name__}")
    if run is operator.abs:
        return ast.Name("abs")
    if isinstance(run, FunctionType):
        if run.__name__ == "<lambda>":
            needed.add((op.name, run))
            return ast.Name(f"{op.name}_")
        needed.add((None, run))
        return ast.Name(run.__name__)
    raise OpError(f"{op.name} cannot be compiled: its run has no source to write down.")


def literal(value: Any, needed: set[Any]) -> ast.expr:
    """A static parameter as source."""
    if isinstance(value, np.ndarray):
        text = re.sub(r"inf|nan", r"np.\g<0>", repr(value.tolist()))
        return _parsed(f"np.array({text}, dtype='{value.dtype}')")
    if isinstance(value, tuple) and type(value) is not tuple:  # a named tuple of ours, such as Window
        needed.add((None, type(value)))
        fields = [literal(part, needed) for part in value]
        return ast.Call(ast.Name(type(value).__name__), fields, [])
    if isinstance(value, tuple):
        return ast.Tuple([literal(part, needed) for part in value], ast.Load())
    if isinstance(value, slice):
        return _parsed(repr(value))
    if value is Ellipsis:
        return ast.Constant(...)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return ast.Constant(str(np.dtype(value)))
    if isinstance(value, (bool, str, type(None))):
        return ast.Constant(value)
    if isinstance(value, float) and not np.isfinite(value):
        return _parsed(f"float('{value}')")
    return constant(value)


def preamble(needed: set[Any]) -> str:
    """Imports, and the source of every function needed, with all that those need in turn."""
    sources: dict[str, str] = {}
    modules = {"np": "import numpy as np"}
    for name, thing in sorted(needed, key=lambda pair: (pair[0] or "", pair[1].__name__)):
        if isinstance(thing, ModuleType):
            modules[thing.__name__] = f"import {thing.__name__}"
            continue
        _collect(f"{name}_" if name else thing.__name__, thing, sources, modules)
    imports = sorted(set(modules.values()), key=lambda line: (line.startswith("from"), line))
    return "\n\n\n".join(["\n".join(imports), *sources.values()])


def _collect(name: str, thing: Any, sources: dict[str, str], modules: dict[str, str]) -> None:
    if name in sources:
        return
    sources[name] = ""  # keeps its place, and ends recursion
    text, names = source(thing, name)
    home = vars(inspect.getmodule(thing))
    inner: dict[str, str] = {}
    for word in sorted(names):
        used = home.get(word)
        if word in NUMBERS_ONLY:
            inner[word] = f"{word} = {NUMBERS_ONLY[word]}"
        elif isinstance(used, ModuleType):
            modules[word] = f"import {used.__name__}" + (f" as {word}" if word != used.__name__ else "")
        elif isinstance(used, (FunctionType, type)) and (used.__module__ or "").startswith("microgradx"):
            _collect(word, used, sources, modules)
        elif isinstance(owner := getattr(used, "__self__", None), np.ufunc):  # np.add.reduce under a name of its own
            inner[word] = f"{word} = np.{owner.__name__}.{getattr(used, '__name__', '')}"
        elif isinstance(used, np.ufunc) and not hasattr(np, used.__name__):  # made by np.frompyfunc
            inner[word], others = _assignment(thing, word)
            modules |= {
                n: f"import {home[n].__name__}" for n in others if isinstance(home.get(n), ModuleType) and n != "np"
            }
        elif type(used).__module__ == thing.__module__:  # a helper object, such as scratch memory
            _collect(type(used).__name__, type(used), sources, modules)
            inner[word] = f"{word} = {type(used).__name__}()"
        elif isinstance(used, (FunctionType, type)) or (word in home and callable(used)):
            alias = f" as {word}" if used.__name__ != word else ""
            modules[word] = f"from {used.__module__} import {used.__name__}{alias}"
        elif word in home and isinstance(used, (int, float, str, tuple, np.ndarray)):
            inner[word] = f"{word} = {ast.unparse(literal(used, set()))}"
    body = sources.pop(name) or text
    for word, line in inner.items():
        sources.setdefault(word, line)
    sources[name] = body


def _assignment(thing: Any, word: str) -> tuple[str, set[str]]:
    """The line beside `thing` that gives `word` its value, and the names it reads."""
    for node in ast.parse(inspect.getsource(inspect.getmodule(thing) or thing)).body:
        if isinstance(node, ast.Assign) and any(isinstance(n, ast.Name) and n.id == word for n in node.targets):
            return ast.unparse(node), {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    raise OpError(f"the source of {word} is not to be found.")


@cache
def source(thing: Any, name: str) -> tuple[str, frozenset[str]]:
    """The definition of a function (a lambda becomes `def name`), without annotations and docstring; its names."""
    module = ast.parse(textwrap.dedent(inspect.getsource(inspect.getmodule(thing) or thing)))
    line = thing.__code__.co_firstlineno if isinstance(thing, FunctionType) else None
    for node in ast.walk(module):
        if isinstance(node, ast.Lambda) and thing.__name__ == "<lambda>" and _same_lambda(node, thing, line):
            tree: Any = ast.FunctionDef(name, node.args, [ast.Return(node.body)], [])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == thing.__name__ and node.col_offset == 0:
            tree = node
        else:
            continue
        _bare(tree)
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - _local(thing)
        return ast.unparse(ast.fix_missing_locations(tree)), frozenset(names)
    raise OpError(f"the source of {thing.__name__} is not to be found.")


def _same_lambda(node: ast.Lambda, function: FunctionType, line: int | None) -> bool:
    """Several lambdas may stand on one line: the code's own positions tell which one it is."""
    if node.lineno != line:
        return False
    places = [(row, column) for row, _, column, _ in function.__code__.co_positions() if row and column]
    first, last = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return all(first <= place <= last for place in places)


def _local(thing: Any) -> set[str]:
    """Names that a function gives to values of its own."""
    return set(thing.__code__.co_varnames + thing.__code__.co_cellvars) if isinstance(thing, FunctionType) else set()


def _bare(tree: Any) -> None:
    """Drop annotations, defaults' types and docstrings: the emitted program imports NumPy only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("object")
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            if len(node.body) > 1 and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
