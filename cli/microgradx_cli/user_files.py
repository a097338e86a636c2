"""The learner's own Python files: functions to trace, and rows for the rulebook."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from microgradx.rules import BOOK, forget
from microgradx_cli.errors import UserError

_modules: dict[str, str] = {}  # the files that were run, and the module that each became
_rows: set[str] = set()  # the ops that they defined


USERS = "__microgradx_user_file__"  # marks the modules that are a user's file


def load_ops(paths: list[Path] | None) -> None:
    """Start afresh, then run files of op rows; the rulebook then has them."""
    for name in _modules.values():
        sys.modules.pop(name, None)
    for row in _rows:
        forget(row)
    _modules.clear()
    _rows.clear()
    linecache.checkcache()  # a file may have changed since the last command in this process
    for path in paths or []:
        load(path)


def load_function(path: Path, name: str) -> Callable[..., Any]:
    """The function called `name` in the file.

    Raises:
        UserError: there is no such file or function, or the file cannot be run.
    """
    module = load(path)
    functions = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    found = getattr(module, name, None)
    if not callable(found):
        if not name:
            what = f"say which function: {path}:NAME"
        else:
            what = f"{name} is not a function" if hasattr(module, name) else f"there is no function {name}"
        raise UserError(f"{path}: {what}.{closest(name, functions)} {_has(path, functions)}")
    return found  # type: ignore[no-any-return]  # as the file defines it


def load(path: Path) -> ModuleType:
    """Run the file as a module, once a command; files beside it can be imported from it."""
    file = path.expanduser().resolve()
    if not file.is_file():
        beside = [p.name for p in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise UserError(f"there is no file {path}.{closest(file.name, beside)}")
    source = _source(path, file)
    name = file.stem
    if str(file) in _modules:
        return sys.modules[_modules[str(file)]]
    taken = name in sys.modules and not hasattr(sys.modules[name], USERS)  # an earlier file of theirs may give way
    if taken or name in sys.stdlib_module_names or not name.isidentifier():
        name = f"microgradx_user_{file.stem}"
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; its name should end in .py.")
    module = importlib.util.module_from_spec(spec)
    setattr(module, USERS, True)
    sys.modules[name], _modules[str(file)] = module, name
    before = set(BOOK)
    try:
        with blaming():
            exec(compile(source, str(file), "exec"), vars(module))  # not from a .pyc, which may be stale
    finally:
        _rows.update(set(BOOK) - before)
    return module


def _source(path: Path, file: Path) -> bytes:
    try:
        source = file.read_bytes()
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror}.") from problem
    if b"\0" in source:
        raise UserError(f"{path} is not a Python file: it is not text.")
    return source


@contextmanager
def blaming() -> Iterator[None]:
    """Run the learner's code: an exception becomes a message that names it and the line of their file.

    What the code prints goes to stderr, for stdout is the command's own answer.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SyntaxError as problem:
        where = f"{Path(problem.filename or '').name}:{problem.lineno}"
        raise UserError(f"{where} cannot be read as Python: {problem.msg}: {(problem.text or '').strip()}") from problem
    except (Exception, SystemExit) as problem:
        theirs = [frame for frame in traceback.extract_tb(problem.__traceback__) if frame.filename in _modules]
        if not theirs:
            raise
        where = f"{Path(theirs[-1].filename).name}:{theirs[-1].lineno}"
        raise UserError(f"{where}: {theirs[-1].line}  raised {_what(problem)}") from problem


def _what(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__


def _has(path: Path, functions: list[str]) -> str:
    return f"{path.name} has {', '.join(functions)}." if functions else f"{path.name} defines no functions."


def closest(name: str, names: list[str], likeness: float = 0.5) -> str:
    """ " Did you mean …?" when something is close."""
    near = difflib.get_close_matches(name, dict.fromkeys(names), n=2, cutoff=likeness)
    return f" Did you mean {' or '.join(near)}?" if near else ""
