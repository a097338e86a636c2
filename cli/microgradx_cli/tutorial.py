"""`microgradx tutorial`: list the tutorials, or walk through one, running each block on the spot."""

from typing import Annotated, Any

import typer

from microgradx_cli import options as o


def tutorial(
    ctx: typer.Context,
    number: Annotated[int | None, typer.Argument(show_default=False, help="Which one; none lists them all.")] = None,
    width: o.Width = None,
    ops: o.Ops = None,
) -> None:
    """Learn backpropagation step by step, in the terminal.

    Enter goes on to the next block, q quits. Every block is run live, in a folder that is thrown away.
    """
    from rich.console import Console
    from rich.text import Text

    from microgradx.explain.lesson import blocks, lesson, lessons, title
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    console = Console(width=width)
    if number is None:
        for each, path in lessons().items():
            console.print(Text.assemble((str(each), "bold"), f"  {title(path).partition('. ')[2]}"))
        console.print("\nStart with: microgradx tutorial 1", style="dim")
        return
    _walk(console, blocks(lesson(number).read_text("utf-8")), ctx.find_root().command)


def _walk(console: Any, parts: list[Any], program: Any) -> None:
    from rich.markdown import Markdown
    from rich.syntax import Syntax

    from microgradx.explain.lesson import Session

    session = Session(lambda words: _run(program, words))
    asking = console.is_terminal and console.is_interactive
    for part in parts:
        if not part.runs:
            console.print(Markdown(part.text if not part.kind else f"```{part.kind}\n{part.text}```"))
            continue
        if asking and not _goes_on(console):
            return
        text = session.run(part).rstrip("\n")
        console.print(Syntax(text, part.kind, background_color="default", word_wrap=True))
        console.print()
    session.close()


def _goes_on(console: Any) -> bool:
    try:
        answer: str = console.input("[dim]Enter runs the next block, q quits  › [/dim]")
    except (EOFError, KeyboardInterrupt):
        console.print()
        return False
    return answer.strip().lower() != "q"


def _run(program: Any, words: list[str]) -> None:
    """Run a command of ours inside the tutorial; its mistakes are part of the lesson."""
    try:
        program(words, prog_name="microgradx")
    except SystemExit:
        return
