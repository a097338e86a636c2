"""README and tutorials are tests: every block that runs is run, and what it shows is compared."""

import contextlib
import os
from pathlib import Path

from sybil import Sybil
from sybil.example import Example
from sybil.parsers.markdown import CodeBlockParser

from microgradx.explain.lesson import Block, Session, agrees

FIGURES = Path(__file__).parent / "tutorials" / "figures"


def command(words: list[str]) -> None:
    """The command line, in this process, as wide as the pages and without colour."""
    from microgradx_cli.main import app

    os.environ.update(COLUMNS="100", NO_COLOR="1", TERM="dumb")
    with contextlib.suppress(SystemExit):
        app(words, prog_name="microgradx")


def evaluate(example: Example) -> str | None:
    """None when the block's output is as shown, else both."""
    block = Block(example.language, str(example.parsed))
    if not block.runs:
        return None
    session = example.namespace["session"]
    actual = session.run(block)
    if not agrees(block.text, actual):
        return f"shown:\n{block.text}\nbut running it gives:\n{actual}"
    stale = [f.name for f in drawn(session) if f.read_bytes() != (FIGURES / f.name).read_bytes()]
    return f"tutorials/figures differs from what the page draws: {stale}" if stale else None


def drawn(session: Session) -> list[Path]:
    """The files a page has written that are committed as figures."""
    return [f for f in Path(session.folder.name).iterdir() if (FIGURES / f.name).exists()]


def setup(namespace: dict[str, Session]) -> None:
    """Each document runs in a folder and with names of its own."""
    namespace["session"] = Session(command)


def teardown(namespace: dict[str, Session]) -> None:
    """Nothing of it stays behind."""
    namespace["session"].close()


class _Parser(CodeBlockParser):
    """A fenced block that remembers its language."""

    def evaluate(self, example: Example) -> str | None:
        example.language = self.language  # type: ignore[attr-defined]  # sybil's examples take more attributes
        return evaluate(example)


pytest_collect_file = Sybil(
    parsers=[_Parser(language=language) for language in ("pycon", "console", "python")],
    patterns=["README.md", "tutorials/*.md"],
    path=str(Path(__file__).parent),
    setup=setup,
    teardown=teardown,
).pytest()
