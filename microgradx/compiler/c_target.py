"""The C target: a form as one readable C99 file that trains on its own, and as a function built from the same loops.

What C has no form for, and what NumPy does better (large products, which it hands to a tuned library), is refused with
a CompileError; `compile` then runs the NumPy program.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from microgradx.compiler import buffers
from microgradx.compiler.buffers import Fixed
from microgradx.compiler.c_helpers import HELPERS, helpers
from microgradx.compiler.c_loops import Lowering
from microgradx.compiler.c_rows import ELEMENTS
from microgradx.compiler.c_text import TYPES, numbers
from microgradx.compiler.c_write import Body, declared
from microgradx.compiler.form import Form
from microgradx.compiler.joint import CompileError
from microgradx.compiler.passes import dead

suffix = ".c"
# Words that mean something in C or in the emitted program; a learner's variable of that name gets a line below it.
_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false
    main printf memset memcpy step isnan isinf isfinite fabs rint fmod NAN INFINITY in out at s asm typeof linux unix
"""
_TAKEN = {*_WORDS.split(), *TYPES.values(), *ELEMENTS, *HELPERS}


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


_HEADERS = {
    "math.h": r"\w\(|NAN|INFINITY", "stdbool.h": r"\bbool\b", "stdint.h": r"int\d+_t", "string.h": r"\bmem(set|cpy)\(",
}  # fmt: skip


def program(text: str, *headers: str) -> str:
    """What stands above a body: the headers, and the functions that it calls."""
    needed = helpers(text)
    found = [*headers, *(name for name, words in _HEADERS.items() if re.search(words, text + needed))]
    includes = "\n".join(f"#include <{name}>" for name in sorted(found))
    return f"{includes}\n\n{needed}\n\n" if needed else f"{includes}\n\n"


def speakable(form: Form) -> tuple[dict[str, str], Form]:
    """The form under names that C takes, and what each name has become."""
    every = [*form.arguments, *form.constants, *(step.name for step in form.steps)]
    taken = set(every)
    names: dict[str, str] = {}
    for name in every:
        word = "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)
        while word in _TAKEN or (word != name and word in taken):
            word += "_"
        taken.add(word)
        names[name] = word
    steps = [replace(s, name=names[s.name], operands=tuple(names[n] for n in s.operands)) for s in form.steps]
    new = form.with_steps(steps, names, {names[n]: value for n, value in form.constants.items()})
    return names, replace(
        new,
        arguments={names[a]: kind for a, kind in form.arguments.items()},
        gradients={names[a]: n for a, n in new.gradients.items()},
        updates={names[a]: n for a, n in new.updates.items()},
    )


def function(form: Form, fixed: Fixed | None = None) -> Callable[..., Any]:
    """The form as a function of its arguments but the fixed ones: built from C, or NumPy's where that cannot be.

    Why it is NumPy's is told once, as a warning.
    """
    from microgradx.compiler.native import NoCompilerError, native

    try:
        return native(form, fixed)
    except (CompileError, NoCompilerError) as reason:
        if str(reason) not in _told:
            _told.add(str(reason))
            warnings.warn(f"target c: {reason} It runs as NumPy.", stacklevel=2)
        return buffers.function(form, fixed)


_told: set[str] = set()
