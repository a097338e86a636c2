"""`microgradx doctor`: what is installed, and how to get what is not."""

import platform
import re
import sys
from typing import TYPE_CHECKING

from microgradx_cli import options as o
from microgradx_cli.screen import out

if TYPE_CHECKING:
    from rich.console import Console


def doctor(width: o.Width = None, ops: o.Ops = None) -> None:
    """Tell what is installed, and how to get the rest."""
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    out(_report, width)


def _report(console: "Console") -> None:
    from microgradx.graph.errors import install
    from microgradx.pictures import PictureError
    from microgradx.pictures.engines import ENGINES, lay_out

    console.print(f"microgradx {_version('microgradx')} on Python {platform.python_version()} ({sys.executable})")
    console.print(f"{platform.platform()}, stdout in {sys.stdout.encoding}")
    needed = requirements()
    packages = [f"{name} {_version(name) or 'MISSING'}" for name in [*needed.pop(""), "wasmtime"]]
    console.print(f"\npackages: {', '.join(packages)}", markup=False)
    console.print("\npicture engines, tried in this order:")
    for name in ENGINES:
        try:
            lay_out("digraph { a -> b }", name)
            console.print(f"  {name:<5} works")
        except PictureError as problem:
            console.print(f"  {name:<5} cannot draw: {str(problem).removeprefix(f'engine {name}: ')}", markup=False)
    console.print("\nextras:")
    widest = max(map(len, needed), default=0)
    for extra, packages in needed.items():
        missing = [name for name in packages if not _version(name)]
        state = f"lacks {', '.join(missing)}: {install(extra)}" if missing else "installed"
        console.print(f"  {extra:<{widest}} {state}", markup=False)


def requirements() -> dict[str, list[str]]:
    """The packages that the installed microgradx asks for, by extra; under "" those that it cannot do without."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        told = metadata("microgradx")
    except PackageNotFoundError:  # run from its folder
        return {"": []}
    found: dict[str, list[str]] = {"": [], **{extra: [] for extra in told.get_all("Provides-Extra") or ()}}
    for line in told.get_all("Requires-Dist") or ():
        package, condition = re.match(r"[\w.-]+", line), re.search(r"extra\s*==\s*['\"]([^'\"]+)", line)
        if package:
            found[condition[1] if condition else ""].append(package[0])
    return found


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
