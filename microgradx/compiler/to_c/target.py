"""The C target: a form as one readable C99 file that trains on its own, and as a function built from the same loops.

What C has no form for, and what NumPy does better (large products, which it hands to a tuned library), is refused with
a CompileError; `compile` then runs the NumPy program.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from microgradx.compiler.form import Form
from microgradx.compiler.joint import CompileError
from microgradx.compiler.passes import dead
from microgradx.compiler.to_c.loops import Lowering
from microgradx.compiler.to_c.text import numbers
from microgradx.compiler.to_c.words import program, speakable
from microgradx.compiler.to_c.write import Body, declared
from microgradx.compiler.to_numpy import buffers
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.graph.node import caller

suffix = ".c"


def script(form: Form, values: Mapping[str, Any], steps: int) -> str:
    """A C99 program that starts from `values`, takes `steps` steps and prints the loss: cc -O3 FILE.c -lm."""
    names, form = speakable(dead(replace(form, gradients={})))
    lowered = Lowering(form)
    body = Body(lowered, form.arguments, {n: a for a, n in form.updates.items()}, "static")
    lines = body.lines()
    data = [
        f"{'' if names[a] in form.updates else 'const '}{declared(names[a], kind)} = "
        f"{numbers(np.asarray(values[a], kind.dtype), '    ')};"
        for a, kind in zip(names, form.arguments.values(), strict=False)
    ]
    data = [f"static {line}" if "[" in line.partition("=")[0] else line for line in data]
    show = [
        f"if (step % {max(1, steps // 10)} == 0 || step == {steps - 1})",
        f'    printf("%d %.17g\\n", step, {form.outputs[0]});',
    ]
    inside = [*body.tables(), *data, "", f"for (int step = 0; step < {steps}; step++) {{"]
    text = "\n".join([*(f"    {line}".rstrip() for line in inside), *(f"        {line}" for line in [*lines, *show])])
    text = _renumbered(text, {step.name for step in form.steps if step.named} | set(form.arguments))
    return (
        f"// {form.title}: forward, backward and update in C99, written by microgradx.\n"
        "// Build it and run it: cc -O3 THIS_FILE.c -lm && ./a.out\n\n"
        f"{program(text, 'stdio.h')}int main(void) {{\n{text}\n    }}\n}}\n"
    )


def _renumbered(text: str, named: set[str]) -> str:
    """Nameless results as t1, t2 … in the order in which they appear."""
    found = dict.fromkeys(name for name in re.findall(r"\bt\d+\b", text) if name not in named)
    fresh = (name for k in count(1) if (name := f"t{k}") not in named)
    short = dict(zip(found, fresh, strict=False))
    return re.sub(r"\bt\d+\b", lambda word: short.get(word[0], word[0]), text)


def function(form: Form, fixed: Fixed | None = None) -> Callable[..., Any]:
    """The form as a function of its arguments but the fixed ones: built from C, or NumPy's where that cannot be.

    Why it is NumPy's is told once, as a warning.
    """
    from microgradx.compiler.to_c.mixed import Mixed
    from microgradx.compiler.to_c.native import NoCompilerError, native

    try:
        try:
            return native(form, fixed)
        except CompileError:
            with suppress(CompileError):
                return Mixed(form, fixed or Fixed())
            raise
    except (CompileError, NoCompilerError) as reason:
        if str(reason) not in _told:
            _told.add(str(reason))
            warnings.warn_explicit(f"target c: {reason} It runs as NumPy.", UserWarning, *(caller() or ("", 0)))
        return buffers.function(form, fixed)


_told: set[str] = set()
