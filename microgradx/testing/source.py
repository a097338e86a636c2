"""Where a function or a row comes from, as statements that bring it into a counterexample."""

import ast
import builtins
import dis
import inspect
import sys
import textwrap
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from microgradx.graph import Node
from microgradx.rules.op import Op
from microgradx.testing.calls import as_code

_READY = {"np": "numpy", "mx": "microgradx"}  # what every counterexample imports


def imported(home: str, name: str = "") -> str:
    """The line that brings in a row, or a function by its name, for code in a file beside that of the module."""
    file = getattr(sys.modules.get(home), "__file__", None)
    if home.startswith("microgradx_user_") and file:  # the command line's word for a file that import does not find
        run = f"runpy.run_path({Path(file).name!r})"
        return f"import runpy\n{name} = {run}[{name!r}]" if name else f"import runpy\n{run}"
    return f"from {home} import {name}" if name else f"import {home}"


def brought_in(f: Any, name: str) -> str:
    """Statements that give `f` the name `name`: an import, or its source and all that this reads.

    Where the source reads what has none (an object, a file handle), a comment says where the function stands.
    """
    try:
        return "\n".join(_defined(f, name, {}).values())
    except (LookupError, OSError, TypeError, SyntaxError):
        code = getattr(getattr(f, "__wrapped__", f), "__code__", None)
        return f"# {name}: the function in line {code.co_firstlineno} of {code.co_filename}" if code else ""


def _defined(value: Any, name: str, done: dict[str, str]) -> dict[str, str]:
    """Statements by the names they define, `name` last; LookupError where `value` cannot be written down."""
    home = getattr(value, "__module__", None) or ""
    own = getattr(value, "__name__", "")
    inner = getattr(value, "__wrapped__", value)  # the command line wraps what it checks
    here = getattr(sys.modules.get(home), own, None) if own and home != "__main__" else None
    if isinstance(value, ModuleType):
        text = f"import {own} as {name}"
    elif isinstance(value, Op) and value.home != "__main__":
        brings = "" if value.home.startswith("microgradx.") else imported(value.home) + "\n"
        text = f"{brings}{name} = mx.BOOK[{value.name!r}]"
    elif here is not None and (here is value or here is inner):
        text = imported(home, own) + (f"\n{name} = {own}" if name != own else "")
    elif isinstance(inner, FunctionType):
        text = _source(inner, name)
        done[name] = ""  # it may call itself
        for read, one in _reads(inner).items():
            ready = isinstance(one, ModuleType) and one.__name__ == _READY.get(read)
            if read not in done and not ready:
                _defined(one, read, done)
        del done[name]
    elif isinstance(value, (Node, bool, int, float, str, type(None))) or type(value).__module__ == "numpy":
        text = f"{name} = {as_code(value) if isinstance(value, Node) else _literal(value)}"
    else:
        raise LookupError(name)
    done[name] = text
    return done


def _literal(value: Any) -> str:
    if type(value).__module__ != "numpy":
        return repr(value)
    if not hasattr(value, "tolist") or value.dtype.kind not in "fiub":
        raise LookupError
    kind = "" if value.dtype == np.array(value.tolist()).dtype else f", dtype={value.dtype.name!r}"
    return f"np.array({value.tolist()!r}{kind})"


def _reads(f: FunctionType) -> dict[str, Any]:
    """What a function reads from outside, by name."""
    cells = dict(zip(f.__code__.co_freevars, (cell.cell_contents for cell in f.__closure__ or ()), strict=True))
    given = [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]
    if any(not isinstance(x, (bool, int, float, str, type(None))) for x in given):
        raise LookupError("a default")  # its name in the source is not known here
    found = {name: f.__globals__[name] for name in _names(f.__code__) if name in f.__globals__}
    return {name: one for name, one in {**found, **cells}.items() if not hasattr(builtins, name)}


def _names(code: CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part)]
    return [*(step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"), *inner]


def _source(f: FunctionType, name: str) -> str:
    """The definition of `f`, named `name`."""
    text = textwrap.dedent("".join(inspect.getsourcelines(f)[0]))
    if f.__name__ != "<lambda>":
        tree = ast.parse(text).body[0]
        if not isinstance(tree, ast.FunctionDef) or tree.decorator_list or f.__name__ != name:
            raise LookupError(name)
        return text.rstrip()
    file, line = inspect.getsourcefile(f) or "", f.__code__.co_firstlineno
    whole = "".join(inspect.findsource(f)[0])
    found = [node for node in ast.walk(ast.parse(whole, file)) if isinstance(node, ast.Lambda) and node.lineno == line]
    written = [segment for node in found if (segment := ast.get_source_segment(whole, node))]
    alike = [segment for segment in written if _same(_compiled(segment), f.__code__)]
    if len(set(alike)) != 1:
        raise LookupError(name)
    return f"{name} = {alike[0]}"


def _compiled(text: str) -> CodeType:
    (code,) = [part for part in compile(f"({text})", "", "eval").co_consts if isinstance(part, CodeType)]
    return code


def _same(one: CodeType, other: CodeType) -> bool:
    """The same names and numbers; a name may be global in the one and closed over in the other."""

    def read(code: CodeType) -> tuple[Any, ...]:
        plain = [repr(part) for part in code.co_consts if not isinstance(part, CodeType)]
        return code.co_varnames, sorted({*code.co_names, *code.co_freevars}), plain

    return read(one) == read(other)
