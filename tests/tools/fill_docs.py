"""Run every block of the README and the tutorials; write what they print, and the figures they draw, into place.

    python -m tests.tools.fill_docs            rewrites the pages, and the compiled programs among the figures
Blocks with a ⋮ line (output left out) are only compared; a difference is reported.
"""

import shutil
import sys
from pathlib import Path

from conftest import FIGURES, command
from microgradx.explain.lesson import GAP, Session, agrees, blocks

ROOT = Path(__file__).parents[2]
PROGRAMS = {"xor_compiled.py": ["compile", "xor"], "xor_compiled.c": ["compile", "xor", "--target", "c"]}


def write_programs(folder: Path) -> None:
    """The programs that stand among the figures."""
    for name, words in PROGRAMS.items():
        command([*words, "-o", str(folder / name)])


def filled(path: Path) -> tuple[str, list[str]]:
    """The page with its outputs brought up to date, and the blocks that only a person can mend."""
    text, session, stuck = path.read_text("utf-8"), Session(command), []
    for block in blocks(text):
        if not block.runs:
            continue
        actual = session.run(block)
        for figure in Path(session.folder.name).glob("*.svg"):
            shutil.copy(figure, FIGURES / figure.name)
        if agrees(block.text, actual):
            continue
        if GAP in block.text.splitlines():
            stuck.append(f"{path.name}: shown\n{block.text}\nbut running it gives\n{actual}")
        else:
            text = text.replace(f"```{block.kind}\n{block.text}```", f"```{block.kind}\n{actual}```", 1)
    session.close()
    return text, stuck


if __name__ == "__main__":
    pages = [Path(p) for p in sys.argv[1:]] or [ROOT / "README.md", *sorted((ROOT / "tutorials").glob("*.md"))]
    problems = []
    for page in pages:
        new, stuck = filled(page)
        problems += stuck
        if new != page.read_text("utf-8"):
            page.write_text(new, "utf-8")
            print(f"rewrote {page}")
    if not sys.argv[1:]:
        write_programs(FIGURES)
    print("\n\n".join(problems))
    sys.exit(bool(problems))
