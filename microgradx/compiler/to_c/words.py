"""What every emitted C file has: headers, helper functions, and names that C takes."""

import re
from dataclasses import replace

from microgradx.compiler.form import Form
from microgradx.compiler.to_c.helpers import HELPERS, helpers
from microgradx.compiler.to_c.rows import ELEMENTS
from microgradx.compiler.to_c.text import TYPES

# Words that mean something in C or in the emitted program; a learner's variable of that name gets a line below it.
_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false
    main printf memset memcpy step isnan isinf isfinite fabs rint fmod NAN INFINITY in out at s asm typeof linux unix
"""
_TAKEN = {*_WORDS.split(), *TYPES.values(), *ELEMENTS, *HELPERS}


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
