"""Arrows go one way: each package imports only its own layer and the ones before it (see CONTRIBUTING.md).

python tests/tools/imports.py
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the bottom up. "microgradx" is the package's own front door: its __init__, and the binding of methods.
LAYERS = [
    {"graph"},
    {"rules", "random"},
    {"functional", "linalg"},
    {"autodiff"},
    {"binding", "methods", "autograd"},
    {"microgradx", "files"},
    {"testing", "compiler", "pictures", "nn", "optim", "data", "training", "plots"},
    {"explain"},
    {"examples", "programs"},
    {"microgradx_cli"},
]
# NumPy, nothing else; the first three when the package is imported, the others when they are first used.
START = {"graph", "rules", "binding"}
CORE = START | {"random", "functional", "linalg", "autodiff", "methods", "autograd"}
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def problems(root: Path = ROOT) -> list[str]:
    """Every import that points upwards, or out of the core to a third party, as "file:line: what is wrong"."""
    found = []
    for file in sorted([*root.glob("microgradx/**/*.py"), *root.glob("cli/microgradx_cli/**/*.py")]):
        path = file.relative_to(root)
        here = _part(".".join(path.with_suffix("").parts).removeprefix("cli."))
        for line, module in _imports(ast.parse(file.read_text(encoding="utf-8"))):
            problem = _problem(here, module, front_door=path == Path("microgradx/__init__.py"))
            if problem:
                found.append(f"{path}:{line}: {problem}")
    return found


def _problem(here: str, module: str, front_door: bool) -> str:
    first = module.split(".")[0]
    if first not in ("microgradx", "microgradx_cli"):
        if first in sys.stdlib_module_names | {"numpy"} or not (here in CORE or front_door):
            return ""
        return f"{here} imports {module}, but the core takes only NumPy and the standard library"
    there = _part(module)
    for name in (here, there):
        if name not in HEIGHT:
            return f"{name} has no layer yet: give it one in tests/tools/imports.py"
    if HEIGHT[there] > HEIGHT[here] and not front_door:
        return f"{here} imports {there}, which is above it"
    return ""


def _part(module: str) -> str:
    """microgradx.rules.op -> rules; microgradx itself and the command line stay as they are."""
    first, *rest = module.split(".")
    return rest[0] if first == "microgradx" and rest and rest[0] != "__init__" else first


def _imports(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of each import that runs, inside functions too; those only for type checkers do not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((child.lineno, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            if child.level:
                yield child.lineno, "a relative import, which hides its layer"
            elif child.module == "microgradx":  # from microgradx import functional: the part counts
                parts = [f".{alias.name}" if alias.name in HEIGHT else "" for alias in child.names]
                yield from ((child.lineno, f"microgradx{part}") for part in parts)
            else:
                yield child.lineno, child.module or ""
        elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _imports(child)


if __name__ == "__main__":
    wrong = problems()
    print("\n".join(wrong) or "every import points downwards")
    sys.exit(bool(wrong))
