"""The NumPy target as a person reads it: a form as lines of Python, one per named result."""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np

from microgradx.compiler.apart import Apart, reading
from microgradx.compiler.form import Form
from microgradx.compiler.to_numpy.rows import literal, preamble, written
from microgradx.rules.formula import constant

suffix = ".py"
_INLINE = 60  # an unnamed result that is used once is written into its user, up to this many characters


@dataclass
class Line:
    """`name = expr`, with the rule that it came from."""

    name: str
    expr: ast.expr
    section: str
    note: str

    @property
    def code(self) -> str:
        """The line without its comment."""
        return f"{self.name} = {ast.unparse(self.expr)}"

    def __str__(self) -> str:
        return f"{self.code}  # {self.note}" if self.note else self.code


@dataclass
class Written:
    """A form as Python: lines, what they need, and the expressions that its results are."""

    form: Form
    lines: list[Line] = field(default_factory=list)
    expr: dict[str, ast.expr] = field(default_factory=dict)  # name in the form -> how it is written
    constants: dict[str, Any] = field(default_factory=dict)  # arrays that need a name
    helpers: str = ""
    needed: set[Any] = field(default_factory=set)  # functions that the lines call

    def text(self, name: str) -> str:
        """How a result is written."""
        return ast.unparse(self.expr[name])

    def body(self) -> list[str]:
        """The lines under the names of their sections."""
        found = []
        for section in ("forward", "backward", "update"):
            part = [str(line) for line in self.lines if line.section == section]
            found += [f"# {section}", *part] if part else []
        return found


def write(
    form: Form,
    ieee: bool = False,
    how: Callable[..., ast.expr] = written,
    number: Callable[..., ast.expr] | None = None,
) -> Written:
    """The form as lines; what is unnamed, short and used once stands inside its user.

    With `ieee` numbers are NumPy's, which overflow to inf where Python's raise an error. Other languages say `how` a
    step is written, and a constant `number`.
    """
    found = Written(form)
    needed = found.needed
    found.expr = {name: ast.Name(name) for name in form.arguments}
    for name, value in form.constants.items():
        found.expr[name] = (number or _constant)(name, value, found, needed)
    kinds, uses = form.kinds(), form.uses()
    own_line = set(form.results)
    notes: dict[str, str] = {}  # of results that stand inside their user
    taken = {*form.arguments, *(step.name for step in form.steps if step.named)}
    fresh = (t for i in count(1) if (t := f"t{i}") not in taken)
    for step in form.steps:
        if ieee:
            step = replace(step, kind=step.kind._replace(scalar=False))
        expr = how(step, [found.expr[n] for n in step.operands], [kinds[n] for n in step.operands], needed)
        note = step.note or next(filter(None, (notes.get(n, "") for n in step.operands)), "")
        if not step.named and step.name not in own_line and uses[step.name] < 2 and len(ast.unparse(expr)) <= _INLINE:
            found.expr[step.name], notes[step.name] = expr, note
            continue
        name = step.name if step.named else next(fresh)
        found.lines.append(Line(name, expr, step.section, note))
        found.expr[step.name] = ast.Name(name)
    _tell_parts(found.lines)
    found.helpers = preamble(needed) if how is written else ""
    return found


def _tell_parts(lines: list[Line]) -> None:
    """A line of the backward part that several rules read is a part of the first one's."""
    for i, line in reversed([*enumerate(lines)]):
        if line.section == "backward" and not line.note:
            users = (later.note for later in lines[i + 1 :] if later.note and _reads(later.expr, line.name))
            line.note = next((f"part of {note.removeprefix('part of ').partition(' = ')[0]}" for note in users), "")


def function_source(form: Form, name: str = "compiled") -> str:
    """`def name(arguments)` returning (outputs), {argument: gradient} and, where there are any, {argument: next}."""
    found = write(form)
    results = [f"({', '.join(map(found.text, form.outputs))},)"]
    for each in (form.gradients, form.updates) if form.updates else (form.gradients,):
        results.append(f"dict({', '.join(f'{a}={found.text(n)}' for a, n in each.items())})")
    body = [*(f"{n} = {_data(v)}" for n, v in found.constants.items()), *found.body(), f"return {', '.join(results)}"]
    return f"{found.helpers}\n\n\ndef {name}({', '.join(form.arguments)}):\n" + "".join(f"    {b}\n" for b in body)


def function(form: Form) -> Callable[..., Any]:
    """The form as a Python function of its arguments."""
    space: dict[str, Any] = {}
    exec(function_source(form), space)  # source that we have just written
    return space["compiled"]  # type: ignore[no-any-return]  # what exec defined


def script(form: Form, values: Mapping[str, Any], steps: int) -> str:
    """A program that starts from `values`, takes `steps` steps and prints the loss, with NumPy alone."""
    found = write(form, ieee=True)
    last = assigned(found)
    lines = [f'"""{form.title}: forward, backward and update as straight-line code, written by microgradx."""', ""]
    lines += [found.helpers, *[""] * (2 if "def " in found.helpers else 0), "np.seterr(all='ignore')", ""]
    read = reading(values)
    lines[1:1] = ["", "import os"] if read else []
    lines += [*read, *(f"{name} = {_data(value)}" for name, value in found.constants.items())]
    for name, value in values.items():
        numpys = isinstance(value, float) and name != "lr"  # overflows to inf, where Python's own raise an error
        lines.append(f"{name} = np.float64({_data(value)})" if numpys else f"{name} = {_data(value)}")
    lines += ["", f"for step in range({steps}):"]
    body = [*found.body(), *last]
    body.append(f"if step % {max(1, steps // 10)} == 0 or step == {steps - 1}:")
    body.append(f"    print(step, {found.text(form.outputs[0])})")
    return "\n".join([*lines, *(f"    {line}" for line in body)]) + "\n"


def assigned(found: Written) -> list[str]:
    """Write next values straight into their arguments where nobody reads the old ones later; the rest at the end."""
    later = []
    for argument, result in found.form.updates.items():
        name = found.text(result)
        where = next((i for i, line in enumerate(found.lines) if line.name == name), None)
        if where is not None and not any(_reads(line.expr, argument) for line in found.lines[where + 1 :]):
            for line in found.lines[where:]:
                line.name = argument if line.name == name else line.name
                line.expr = _Renamed(name, argument).visit(line.expr)
        else:
            later.append((argument, name))
    if not later:
        return []
    return [f"{', '.join(a for a, _ in later)} = {', '.join(n for _, n in later)}"]


def _reads(expr: ast.expr, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(expr))


class _Renamed(ast.NodeTransformer):
    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.new) if node.id == self.old else node


def _constant(name: str, value: Any, found: Written, needed: set[Any]) -> ast.expr:
    array = np.asarray(value)
    if isinstance(value, float) or (array.ndim == 0 and array.dtype.kind == "f"):
        number = array.item()
        return constant(number) if np.isfinite(number) else ast.parse(f"float('{number}')", mode="eval").body
    if array.size <= 1:
        return literal(array, needed)
    name = f"C{len(found.constants) + 1}" if re.match(r"t\d", name) else name
    found.constants[name] = array
    return ast.Name(name)


def _data(value: Any) -> str:
    if isinstance(value, Apart):
        return str(value)
    if isinstance(value, (int, float)):
        return repr(value) if np.isfinite(value) else f"float('{value}')"
    array = np.asarray(value)
    text = re.sub(r"inf|nan", r"np.\g<0>", repr(array.tolist()))
    return f"np.array({text}, dtype='{array.dtype}')"
