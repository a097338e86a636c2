"""How the command line speaks of mistakes: one paragraph on stderr and exit code 2; with --debug also the traceback."""

import errno
import re
import sys
import traceback
from typing import NoReturn

import typer


class UserError(Exception):
    """A mistake in what was typed, or in the learner's own file; its message says what to do next."""


def tell(problem: Exception, debug: bool) -> NoReturn:
    """Say what went wrong and exit with 2; whatever is not a person's mistake is raised again."""
    if not _expected(problem):
        raise problem
    if debug:
        traceback.print_exception(problem)
    typer.echo(f"Error: {' '.join(_told(problem).split())}", err=True)
    raise typer.Exit(2) from problem


def _told(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:  # not one of our own, which are messages
        return f"cannot write the output: {problem.strerror}. Free some space there, or let it go elsewhere."
    return str(problem)


# What the option parser says, and what we say.
_WORDS = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "it takes a whole number."),
    (r"Input should be a valid number.*", "it takes a number."),
    (r"Input should be greater than or equal to (\S+?)\.?$", r"it is at least \1."),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"Nothing more is expected, but there is \1."),
    (r" \(Possible options: (.*)\)", r". Did you mean \1?"),
    (r"(?<![.?])$", "."),
)


def plainly(problem: Exception, command: str) -> Exception:
    """A complaint of the option parser as a mistake like any other, in plain words; all else as it is."""
    told = getattr(problem, "format_message", None)
    if told is None or type(problem).__name__ == "NoArgsIsHelpError":  # which is the help, asked for by saying nothing
        return problem
    message = str(told())
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    return UserError(f"{message} See: {command} --help")


def _expected(problem: Exception) -> bool:
    if isinstance(problem, UserError):
        return True
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):  # a full disk, say
        return True
    graph = sys.modules.get("microgradx.graph")  # not loaded: then the problem is not one of the library's
    return graph is not None and isinstance(problem, graph.MicrogradxError)
