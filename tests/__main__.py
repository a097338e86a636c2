"""All checks, in order: `python -m tests`; further arguments go to pytest, as in `python -m tests -k sigmoid`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],  # --strict, on the folders that pyproject.toml lists
    ["tests.tools.imports"],
]
PYTEST = ["pytest", "--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile"]  # a page's blocks run in order


# Several processes share the cores, and the matrices are small: threads of BLAS would only wait for each other.
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main(extra: list[str]) -> int:
    """Run every check, pytest last; 0 when all of them pass."""
    failed = [" ".join(check) for check in CHECKS if _run(check)]
    tests_failed = _run([*PYTEST, *extra])
    if failed:
        print("failed besides pytest:" if tests_failed else "failed, though pytest passed:", *failed, sep="\n  ")
    return int(bool(failed) or tests_failed)


def _run(command: list[str]) -> bool:
    print("$ python -m", *command, flush=True)
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env={**ALONE, **os.environ}).returncode != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
