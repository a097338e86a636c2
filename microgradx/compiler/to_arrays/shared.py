"""What the targets `jax` and `torch` share: a form as a program of array functions, line by line as in NumPy.

A language is a table that says how an op *runs* there: a template, or a function that writes one for the sizes at hand.
What has no single expression there is a function of the language's `rows` module, whose source becomes part of the
program. How an op differentiates is not said anywhere: the backward lines are ops of the rulebook, like all others.
"""

import ast
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.compiler.apart import Apart, reading
from microgradx.compiler.form import Form, Kind, Step
from microgradx.compiler.joint import CompileError
from microgradx.compiler.to_numpy import emit
from microgradx.compiler.to_numpy.emit import Written
from microgradx.compiler.to_numpy.rows import is_operator, preamble
from microgradx.graph.errors import install
from microgradx.rules.convolution import Window
from microgradx.rules.formula import constant, slots, substitute

Template = str | Callable[[Step, list[Kind]], str]


@dataclass(frozen=True)
class Language:
    """How ops run with a package's array functions."""

    name: str  # of the package, and of the target
    title: str  # as people call it
    prefix: str  # what its array functions are called with: "jnp"
    head: tuple[str, ...]  # the first lines of every program
    table: Mapping[str, Template]  # by op
    functions: Callable[[str], str | None]  # NumPy's function -> the one that does the same; None: there is none
    array: str  # template of an array from a nested list: "jnp.array({data}, dtype=jnp.{dtype})"
    tensors_only: bool = False  # functions take no plain numbers
    with_number: Mapping[str, str] = field(default_factory=dict)  # templates where the second operand is a number
    decorator: str = ""  # of the step

    @cached_property
    def rows(self) -> dict[str, Any]:
        """The functions of the rows module, as syntax trees: it is not imported, as its package may be absent."""
        tree = ast.parse(Path(__file__).with_name(f"{self.name}_rows.py").read_text("utf-8"))
        return {node.name: _bare(node) for node in tree.body if isinstance(node, ast.FunctionDef)}

    def data(self, value: Any) -> str:
        """An array, or a number, as source."""
        if isinstance(value, Apart):
            return self.array.format(data=value, dtype=value.dtype)
        array = np.asarray(value)
        text = re.sub(r"inf|nan", r"float('\g<0>')", repr(array.tolist()))
        return self.array.format(data=text, dtype=array.dtype)

    def literal(self, value: Any) -> ast.expr:
        """A static parameter as source."""
        if isinstance(value, Window):
            return _parsed(f"Window({', '.join(map(repr, value))})")
        if isinstance(value, np.ndarray):
            return _parsed(self.data(value))
        if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
            return _parsed(f"{self.prefix}.{np.dtype(value)}")
        if isinstance(value, (tuple, list)):
            return ast.Tuple([self.literal(part) for part in value], ast.Load())
        if isinstance(value, np.generic):
            value = value.item()
        return _parsed(repr(value)) if isinstance(value, slice) else ast.Constant(value)

    def written(self, step: Step, operands: list[ast.expr], kinds: list[Kind], needed: set[Any]) -> ast.expr:
        """A step as an expression of its operands.

        Raises:
            CompileError: the op has no form in this language.
        """
        op = step.op
        names = slots(op, len(operands))
        static = {k: self.literal(_plain(k, v, step, kinds)) for k, v in step.static.items()}
        parts = dict(zip(names, operands, strict=True)) | static
        numbers = [_is_number(each) for each in operands]
        template = self.table.get(op.name)
        if op.name in self.with_number and numbers == [False, True]:
            template = self.with_number[op.name]
        if template is None and op.notation is not None and is_operator(op.notation):
            tree: ast.expr = op.notation
        elif template is not None:
            tree = _parsed(template if isinstance(template, str) else template(step, kinds))
        elif op.name in self.rows:
            needed.add(op.name)
            arguments: list[ast.expr] = [ast.Name(name) for name in (*names, *step.static)]
            tree = ast.Call(ast.Name(f"_{op.name}"), arguments, [])
        else:
            function = self._function(op.run)
            if function is None:
                raise CompileError(f"uses {op.name}, which has no form for {self.name}")
            text = [*names, *(f"{k}={k}" for k, v in step.static.items() if v is not None and v is not False)]
            tree = _parsed(f"{function}({', '.join(text)})")
        wider = any(not number and kind.dtype.kind != "f" for number, kind in zip(numbers, kinds, strict=True))
        if self.tensors_only and (wider or (isinstance(tree, ast.Call) and op.name not in self.with_number)):
            for name, kind, number in zip(names, kinds, numbers, strict=True):
                if number:
                    parts[name] = _parsed(self.array.format(data=ast.unparse(parts[name]), dtype=kind.dtype))
        return substitute(tree, parts)

    def _function(self, run: Any) -> str | None:
        numpys = isinstance(run, np.ufunc) or (getattr(run, "__module__", "") or "").startswith("numpy")
        return self.functions(run.__name__) if numpys else None

    def constant(self, name: str, value: Any, found: Written, needed: set[Any]) -> ast.expr:
        """A constant of the form: floats stand in the lines, arrays get a name."""
        array = np.asarray(value)
        if array.ndim == 0 and array.dtype.kind == "f":
            number = array.item()
            return constant(number) if np.isfinite(number) else _parsed(f"float('{number}')")
        name = f"C{len(found.constants) + 1}" if re.match(r"t\d", name) else name
        found.constants[name] = array
        return ast.Name(name)

    def write(self, form: Form) -> Written:
        """The form as lines of this language."""
        found = emit.write(form, how=self.written, number=self.constant)
        found.helpers = self._helpers(found.needed)
        return found

    def _helpers(self, needed: set[Any]) -> str:
        """The source of the functions that the lines call, and of what those call."""
        functions: dict[str, str] = {}
        ours: set[Any] = set()
        queue = sorted(needed)
        while queue:
            name = queue.pop(0)
            if name in functions:
                continue
            tree = self.rows[name]
            words = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - {a.arg for a in tree.args.args}
            queue += sorted(words & self.rows.keys())
            for word in words & _SHARED.keys():
                ours.add((None, getattr(import_module(_SHARED[word]), word)))
            functions[name] = ast.unparse(_Underscored({*self.rows}).visit(deepcopy(tree)))
        if any("Window(" in text or "how" in text for text in functions.values()):
            ours.add((None, Window))
        plain = preamble(ours).split("\n\n\n") if ours else []
        imports = [line for line in plain[0].splitlines() if " numpy " not in line] if plain else []
        return "\n\n\n".join(["\n".join([*imports, *self.head]), *plain[1:], *functions.values()])

    def function_source(self, form: Form, name: str = "compiled") -> str:
        """`def name(arguments)` that returns what `function` of a target is to return; see `targets`."""
        found = self.write(form)
        results = [f"({', '.join(map(found.text, form.outputs))},)"]
        for each in (form.gradients, form.updates) if form.updates else (form.gradients,):
            results.append(f"dict({', '.join(f'{a}={found.text(n)}' for a, n in each.items())})")
        return self._module(found, name, [], f"return {', '.join(results)}")

    def script(self, form: Form, values: Mapping[str, Any], steps: int) -> str:
        """A program that starts from `values`, takes `steps` steps and prints the loss."""
        found = self.write(form)
        last = emit.assigned(found)
        loss, updated = found.text(form.outputs[0]), ", ".join(form.updates)
        taken = {*form.arguments, *found.constants, *(line.name for line in found.lines)}
        result = next(n for n in ("L", "loss", "result", *(f"L{i}" for i in range(99))) if n not in form.arguments)
        i = next(n for n in ("i", "step_number", *(f"i{k}" for k in range(99))) if n not in taken)
        text = self._module(found, "step", last, f"return {loss}, {updated}")
        title = f'"""{form.title}: forward, backward and update with {self.title}, written by microgradx."""\n\n'
        read = reading(values)
        title += "import os\n\nimport numpy as np\n" if read else ""
        lines = [*read, *(f"{name} = {self.data(value)}" for name, value in values.items())]
        lines += ["", f"for {i} in range({steps}):", f"    {result}, {updated} = step({', '.join(form.arguments)})"]
        lines += [f"    if {i} % {max(1, steps // 10)} == 0 or {i} == {steps - 1}:"]
        lines += [f"        print({i}, float({result}))"]
        return title + text + "\n\n" + "\n".join(lines) + "\n"

    def _module(self, found: Written, name: str, last: list[str], end: str) -> str:
        constants = [f"{word} = {self.data(value)}" for word, value in found.constants.items()]
        head = found.helpers + ("\n\n" + "\n".join(constants) if constants else "")
        body = "".join(f"    {line}\n" for line in [*found.body(), *last, end])
        return f"{head}\n\n\n{self.decorator}def {name}({', '.join(found.form.arguments)}):\n{body}"

    def converted(self, form: Form, run: Callable[..., Any], into: Callable[[Any], Any]) -> Callable[..., Any]:
        """`run` on NumPy arrays and floats, with results of that kind."""
        kinds = form.kinds()
        arguments = [kind.dtype for kind in form.arguments.values()]

        def back(name: str, result: Any) -> Any:
            return float(result) if kinds[name].scalar else np.asarray(result)

        def call(*raw: Any) -> Any:
            outputs, *parts = run(*(into(np.asarray(a, d)) for a, d in zip(raw, arguments, strict=True)))
            found: list[Any] = [tuple(map(back, form.outputs, outputs))]
            for names, part in zip((form.gradients, form.updates), parts, strict=False):
                found.append({a: back(names[a], result) for a, result in part.items()})
            return tuple(found)

        return call

    def present(self) -> None:
        """Raise where the package is not installed.

        Raises:
            MissingExtraError: it says how to install it.
        """
        from microgradx.data.library import MissingExtraError

        if find_spec(self.name) is None:
            raise MissingExtraError(
                f"this needs {self.name}, which is not installed. Install it with: {install(self.name)}"
            )


# What functions of a rows module may call besides each other: plain Python, the same in all languages.
_SHARED = dict.fromkeys(("Window", "slabs", "core"), "microgradx.rules.convolution")


class _Underscored(ast.NodeTransformer):
    """Functions of the rows module under names that a learner's variables do not have."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.generic_visit(node)
        return ast.FunctionDef(f"_{node.name}", node.args, node.body, [], lineno=0)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"_{node.id}") if node.id in self.names else node


def _bare(tree: ast.FunctionDef) -> ast.FunctionDef:
    """Without annotations and docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
    tree.returns = None
    if len(tree.body) > 1 and ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    return tree


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _is_number(expr: ast.expr) -> bool:
    inner = expr.operand if isinstance(expr, ast.UnaryOp) else expr
    return isinstance(inner, ast.Constant) or (isinstance(inner, ast.Call) and ast.unparse(inner.func) == "float")


def _plain(name: str, value: Any, step: Step, kinds: list[Kind]) -> Any:
    """A static parameter in words that all languages know."""
    if name == "dtype":
        return np.dtype(step.kind.dtype if value is None else value)
    return _key(value, kinds[0].shape if step.op.name == "index" else step.kind.shape) if name == "key" else value


def _key(key: Any, shape: tuple[int, ...]) -> Any:
    """An index without what only NumPy has: masks as places, slices that run backwards as places."""
    parts = key if isinstance(key, tuple) else (key,)
    axes = sum(np.ndim(p) if _is_mask(p) else p is not None and p is not Ellipsis for p in parts)
    found: list[Any] = []
    axis = 0
    for part in parts:
        if part is Ellipsis:
            found.append(part)
            axis += len(shape) - axes
        elif _is_mask(part):
            found += np.nonzero(part)
            axis += np.ndim(part)
        elif isinstance(part, slice) and (part.step or 1) < 0:
            found.append(np.arange(shape[axis])[part])
            axis += 1
        else:
            found.append(part)
            axis += part is not None
    return tuple(found) if isinstance(key, tuple) or len(found) > 1 else found[0]


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool
