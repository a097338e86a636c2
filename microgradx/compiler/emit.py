"""The program as Python source: a function, or a script that trains and prints the loss."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from microgradx.compiler.program import Program


def function_source(found: Program, name: str = "compiled") -> str:
    """`def name(arguments)` returning the outputs and the gradients."""
    body = _body(found)
    outputs = ", ".join(found.results) + ("," if len(found.results) == 1 else "")
    gradients = ", ".join(f"{found.arguments[i]}={text}" for i, text in found.gradients.items())
    body.append(f"return ({outputs}), dict({gradients})")
    return f"def {name}({', '.join(found.arguments)}):\n" + "\n".join(f"    {line}" if line else "" for line in body)


def script(found: Program, values: Mapping[str, Any], lr: float, steps: int) -> str:
    """A program that trains on its own with NumPy and prints the loss; whatever has a gradient is updated."""
    lines = [f'"""{found.title}: forward, backward and update as straight-line code, written by microgradx."""', ""]
    lines += [found.helpers, ""]
    lines += ["np.seterr(all='ignore')", ""]
    lines += [f"{name} = {_data(value)}" for name, value in {**found.constants, **values}.items()]
    lines += [f"lr = {lr!r}", "", f"for step in range({steps}):"]
    body = _body(found)
    body += _update(found)
    body.append(f"if step % {max(1, steps // 10)} == 0 or step == {steps - 1}:")
    body.append(f"    print(step, {found.results[0]})")
    lines += [f"    {line}" if line else "" for line in body]
    return "\n".join(lines) + "\n"


def _update(found: Program) -> list[str]:
    """One gradient step; every gradient is in hand before the first argument changes."""
    made = {line.partition(" = ")[0] for _, line in found.lines}
    named = {i: text if text in made else f"d_{found.arguments[i]}" for i, text in found.gradients.items()}
    lines = [f"{named[i]} = {text}" for i, text in found.gradients.items() if text not in made]
    steps = [f"{found.arguments[i]} = {found.arguments[i]} - lr * {name}" for i, name in named.items()]
    return [*lines, "# update", *steps] if steps else []


def _body(found: Program) -> list[str]:
    lines = []
    for section in ("forward", "backward"):
        part = [line for where, line in found.lines if where == section]
        if part:
            lines += [f"# {section}", *part]
    return lines


def _data(value: Any) -> str:
    if isinstance(value, (int, float)):
        return repr(value)
    array = np.asarray(value)
    return f"np.array({array.tolist()!r}, dtype='{array.dtype}')"
