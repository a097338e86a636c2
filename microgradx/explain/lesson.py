"""Tutorials as Markdown whose blocks run: the terminal walk and the tests use the same few functions.

Three kinds of fenced block run: `pycon` (>>> lines with their output), `console` ($ lines with their output)
and `python` with a first line `# file: NAME` (saved under that name). A line ⋮ stands for output left out.
"""

import contextlib
import doctest
import io
import re
import shlex
import sysconfig
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import microgradx
from microgradx.graph import OpError
from microgradx.rules import BOOK, forget

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_HOMES = (
    Path(microgradx.__file__).parents[1] / "tutorials",  # a checkout
    Path(sysconfig.get_path("data")) / "share" / "microgradx" / "tutorials",  # an installed package
)
GAP = "⋮"


@dataclass(frozen=True)
class Block:
    """A piece of a tutorial: prose (kind ""), or a fenced block of some language."""

    kind: str
    text: str

    @property
    def runs(self) -> bool:
        """True for the blocks that `Session.run` executes."""
        return self.kind in ("pycon", "console") or self.file is not None

    @property
    def file(self) -> str | None:
        """The name under which a `python` block is saved."""
        found = re.match(r"# file: (\S+)\n", self.text) if self.kind == "python" else None
        return found.group(1) if found else None


def lessons() -> dict[int, Path]:
    """The tutorials by number, wherever the package keeps them."""
    home = next((h for h in _HOMES if h.is_dir()), None)
    return {int(p.name[:2]): p for p in sorted(home.glob("[0-9][0-9]-*.md"))} if home else {}


def lesson(number: int) -> Path:
    """The file of one tutorial; an OpError naming those that exist."""
    found = lessons()
    if number not in found:
        raise OpError(f"there is no tutorial {number}; there are {', '.join(map(str, found)) or 'none installed'}.")
    return found[number]


def title(path: Path) -> str:
    """The first heading."""
    return path.read_text("utf-8").partition("\n")[0].lstrip("# ")


def blocks(markdown: str) -> list[Block]:
    """The tutorial cut into prose and fenced blocks, in order."""
    parts, at = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [Block("", markdown[at : fence.start()].strip()), Block(fence.group(1), fence.group(2))]
        at = fence.end()
    return [part for part in [*parts, Block("", markdown[at:].strip())] if part.text]


class Session:
    """Runs the blocks of one tutorial, one after the other, in a folder and with names of its own.

    `command` runs a list of words as the command line does, printing to the standard output.
    """

    def __init__(self, command: Callable[[list[str]], None]) -> None:
        self.command = command
        self.names: dict[str, Any] = {"__name__": "__tutorial__"}
        self.folder = tempfile.TemporaryDirectory(prefix="microgradx-")
        self.book = set(BOOK)

    def close(self) -> None:
        """Throw the folder away, and take the tutorial's own ops out of the rulebook."""
        self.folder.cleanup()
        for name in set(BOOK) - self.book:
            forget(name)

    def run(self, block: Block) -> str:
        """The block as it looks when it has run: its input lines, each followed by what it printed."""
        with contextlib.chdir(self.folder.name):
            if block.file is not None:
                Path(block.file).write_text(block.text, "utf-8")
                return block.text
            return self._console(block.text) if block.kind == "console" else self._python(block.text)

    def _python(self, text: str) -> str:
        out = []
        for example in doctest.DocTestParser().get_examples(text):
            lines = example.source.rstrip("\n").split("\n")
            out.append("".join(f"{'>>>' if i == 0 else '...'} {line}".rstrip() + "\n" for i, line in enumerate(lines)))
            out.append(_captured(lambda source=example.source: self._execute(source)))  # type: ignore[misc]  # mypy takes no default in a lambda
        return "".join(out)

    def _execute(self, source: str) -> None:
        try:
            exec(compile(source, "<tutorial>", "single"), self.names)  # our own tutorial's text
        except Exception as problem:  # what the interpreter would show
            print("Traceback (most recent call last):\n    ...")
            print("".join(traceback.format_exception_only(problem)), end="")

    def _console(self, text: str) -> str:
        commands = re.findall(r"^\$ (microgradx .*)$", text, re.M)
        return "".join(f"$ {line}\n{_captured(lambda line=line: self._command(line))}" for line in commands)  # type: ignore[misc]  # mypy takes no default in a lambda

    def _command(self, line: str) -> None:
        self.command(shlex.split(line)[1:])


def _captured(action: Callable[[], None]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        action()
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def agrees(shown: str, actual: str) -> bool:
    """True when the block's text is what running it gives; a line ⋮ matches any number of lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == GAP else re.escape(line.rstrip() + "\n") for line in shown.splitlines()
    )
    return re.fullmatch(pattern, actual) is not None
