"""What `op()` asks of a row when it is defined; each error says how to mend the row."""

from __future__ import annotations

import builtins
import dis
import inspect
from collections.abc import Mapping
from functools import cache
from keyword import iskeyword
from typing import Any

from microgradx.graph import RuleError
from microgradx.rules.specialise import codes


def parsed(form: str, own: bool) -> tuple[str, tuple[str, ...], bool, dict[str, Any]]:
    """A form taken apart: name, inputs, whether the input is variadic, static parameters.

    A form is a Python function without its `def`, "add(a, b) = a + b", so Python's compiler reads it. Of the book's
    `own` rows it reads the notation only when somebody wants to see it: all at once it would be a fifth of the import.
    """
    head, _, notation = form.partition(" = ")
    name, _, rest = head.strip().partition("(")
    try:
        code, defaults, named_defaults = _function(rest.removesuffix(")"), "" if own else notation)
    except (SyntaxError, NameError) as problem:
        if "duplicate argument" in str(problem):
            raise RuleError(f"{name}: the form {form!r} uses one name twice; every input needs its own.") from None
        code = None
    if code is None or not rest.endswith(")") or not name.isidentifier() or iskeyword(name):
        raise RuleError(
            f"op({form!r}): the form must look like 'name(x, y, axis=None)', optionally followed by "
            "' = ' and how it is written, for example 'add(a, b) = a + b'."
        )
    count = code.co_argcount
    names, variadic = _parameters(code), bool(code.co_flags & inspect.CO_VARARGS)
    free, named = count - len(defaults), names[count : count + code.co_kwonlyargcount]
    inputs = names[:free] + names[count + len(named) :]
    static = {**dict(zip(names[free:count], defaults)), **{n: named_defaults.get(n) for n in named}}
    reserved = {"y", "g", "i"} & {*inputs, *static}
    if reserved:
        raise RuleError(
            f"{name}: {', '.join(sorted(reserved))} cannot name an input: in rules y is the output, "
            "g the upstream gradient and i the position; labels are usually called t."
        )
    if not inputs or (variadic and len(inputs) > 1):
        raise RuleError(f"{name}: an op needs inputs: either named ones or a single '*xs'.")
    return name, inputs, variadic, static


@cache
def _function(parameters: str, notation: str) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The code and the defaults of the function that a form is; many forms have the same parameters."""
    read = eval(f"lambda {parameters}: ({notation or 0})", {"__builtins__": {}})
    return read.__code__, read.__defaults__ or (), read.__kwdefaults__ or {}


def _parameters(code: Any) -> tuple[str, ...]:
    """The names of a function's parameters, those that take all others last."""
    every = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + every]  # type: ignore[no-any-return]  # code is Any


def check_rule(
    name: str, key: str, rule: Any, names: tuple[str, ...], elementwise: bool, variadic: bool
) -> tuple[str, ...]:
    """The names that a rule reads, once it is seen to be a rule."""
    if not callable(rule):
        raise RuleError(f"{name}: the rule for {key} must be a function, such as lambda {key}: 2 * {key}.")
    code = getattr(rule, "__code__", None)
    if code is None:
        raise RuleError(f"{name}: the rule for {key} must be a plain function or lambda, so that it can be read.")
    reads = _parameters(getattr(rule, "__wrapped__", rule).__code__)
    allowed = (*names, "y", "g", *(("i",) if variadic else ()))
    unknown = [n for n in reads if n not in allowed]
    if unknown:
        raise RuleError(
            f"{name}: the rule for {key} reads {', '.join(unknown)}, but a rule may only read {', '.join(allowed)} "
            "(y is the output, g the upstream gradient)."
        )
    if missing := missing_names(rule, also=name):
        raise RuleError(
            f"{name}: the rule for {key} uses {', '.join(missing)}, which is not defined where the row is "
            "written; import it (from microgradx import …) or define that row first."
        )
    if changes := in_place(rule):
        raise RuleError(
            f"{name}: the rule for {key} changes something in place ({', '.join(changes)}). Rules only read, for "
            "others use the same arrays; write t = t + … for t += …, and where or scatter for t[i] = …"
        )
    if "g" not in reads and not elementwise:
        raise RuleError(
            f"{name}: the rule for {key} does not read g. A local partial is only allowed for elementwise ops; "
            "this row has shapes, so write the whole pull-back: lambda g, …: …"
        )
    if not reads and not isinstance(rule(), (int, float)):
        raise RuleError(f"{name}: the rule for {key} reads nothing, so it must be a plain number.")
    return reads


def check_inputs(
    name: str, inputs: tuple[str, ...], rules: Mapping[str, Any], nondiff: set[str],
    where: Mapping[str, Any], words: Mapping[str, str], linear: tuple[tuple[str, ...], ...],
) -> None:  # fmt: skip
    """Every input has a rule or is declared without one, and nothing is said of what is no input."""
    for n in inputs:
        if n not in rules and n not in nondiff:
            raise RuleError(
                f"{name}: input {n} has no rule. Give its derivative ({n}=lambda …: …), or declare it "
                f"nondiff={n!r} when no gradient can flow to it."
            )
        if n in rules and n in nondiff:
            raise RuleError(f"{name}: input {n} has a rule and is declared nondiff; keep one of the two.")
    named = {*rules, *nondiff, *where, *words, *(n.lstrip("*") for group in linear for n in group)}
    stray = [n for n in sorted(named) if n not in inputs]
    if stray:
        raise RuleError(f"{name}: {', '.join(stray)} is not an input of {name}({', '.join(inputs)}).")


def in_place(rule: Any) -> list[str]:
    """What a rule would change in place: "t[i] = …", "t.a = …", "+=" and its kin."""
    if rule.__name__ == "<lambda>":
        return []  # a single expression changes nothing
    steps = [step for code in codes(rule.__code__) for step in dis.get_instructions(code)]
    found = {_STORES[step.opname] for step in steps if step.opname in _STORES}
    return sorted(found | {s.argrepr for s in steps if s.opname == "BINARY_OP" and s.argrepr.endswith("=")})


_STORES = {"STORE_SUBSCR": "t[i] = …", "STORE_SLICE": "t[i] = …", "DELETE_SUBSCR": "del t[i]", "STORE_ATTR": "t.a = …"}


def missing_names(rule: Any, also: str) -> list[str]:
    """Global names a rule loads that exist nowhere; inside the rulebook, later rows may be named."""
    if rule.__module__.startswith("microgradx.rules."):
        return []  # rows of one family name each other; the tests call every rule
    known = {**rule.__globals__, **vars(builtins), also: None}
    loads = [i.argval for code in codes(rule.__code__) for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"]
    return sorted({n for n in loads if n not in known})
