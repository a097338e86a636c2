"""Running a command in this process, and files that a learner might have."""

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from microgradx_cli.main import app

NET = """\
import microgradx as mx

def loss(w, x, b, t=1.0):
    y = mx.sigmoid(w * x + b)
    L = (y - t) ** 2
    return L

def power(x, n: int):
    y = x
    for _ in range(n):
        y = y * x
    return y

def padded(x, how: str = "zeros"):
    return x.sum() if how == "zeros" else x.mean()

def product(A, B):
    return (A @ B).sum()

def vector(x):
    return x * 2

def broken(x):
    return x + {}

def refused(x):
    raise ValueError("nothing\\nto say")

def deep(x):
    return deep(x)

def integers(x):
    return mx.Tensor([1, 2], requires_grad=True, dtype="int64").sum() * x

def nothing(x):
    pass

def noisy(x):
    print("a print of the learner's")
    return x * x

def quits(x):
    raise SystemExit(5)

def every(*xs):
    return sum(xs)

def named(x, squared: bool = False, **others):
    y = x * x if squared else x
    return y * others["k"]

def through_math(x):
    import math
    return math.exp(x)
"""
OPS = 'from microgradx import op\ncube = op("cube(x) = x ** 3", lambda x: x * x * x, x=lambda x: 3 * x ** 2)\n'


def run(*args: str, **environment: str) -> Any:
    """The result of `microgradx …`: exit_code, stdout, stderr."""
    return CliRunner(env={"COLUMNS": "", "NO_COLOR": "", "FORCE_COLOR": None, **environment}).invoke(
        app, list(args), prog_name="microgradx"
    )


def shown(*args: str, **environment: str) -> str:
    """What a command that succeeds prints."""
    result = run(*args, **environment)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return str(result.stdout)


def refusal(*args: str) -> str:
    """The one paragraph with which a command refuses; it exits with 2, prints nothing else and no traceback."""
    result = run(*args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    message = str(result.stderr).removesuffix("\n")
    assert message.startswith("Error: ") and "\n" not in message, message
    return message


def written(folder: Path, name: str, text: str) -> str:
    """A file in `folder`; its path as one types it."""
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)
