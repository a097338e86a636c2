"""The learner's own Python files: functions to trace, and rows for the rulebook."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from microgradx_cli.errors import UserError

_loaded: set[str] = set()  # the files whose lines an error may point at


def load_ops(paths: list[Path] | None) -> None:
    """Run files of op rows; the rulebook then has them."""
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
    return found  # type: ignore[no-any-return]


def load(path: Path) -> ModuleType:
    """Run the file as a module, once; files beside it can be imported from it."""
    file = path.expanduser().resolve()
    if not file.is_file():
        beside = [p.name for p in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise UserError(f"there is no file {path}.{closest(file.name, beside)}")
    name = file.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    if known is not None or name in sys.stdlib_module_names or not name.isidentifier():
        name = f"microgradx_user_{file.stem}"
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file; its name should end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _loaded.add(str(file))
    try:
        with blaming():
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


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
        theirs = [frame for frame in traceback.extract_tb(problem.__traceback__) if frame.filename in _loaded]
        if not theirs:
            raise
        where = f"{Path(theirs[-1].filename).name}:{theirs[-1].lineno}"
        raise UserError(f"{where}: {theirs[-1].line}  raised {_what(problem)}") from problem


def _what(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__


def _has(path: Path, functions: list[str]) -> str:
    return f"{path.name} has {', '.join(functions)}." if functions else f"{path.name} defines no functions."


def closest(name: str, names: list[str]) -> str:
    """ " Did you mean …?" when something is close."""
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""
