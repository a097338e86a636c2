"""`microgradx check`: prove derivatives against finite differences: the rulebook's, and the user's own."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.verdicts import Outcome, document, junit_xml, one_line, table

_PROFILES = {"quick": 5, "normal": 25, "thorough": 400}
_KINKS = 8  # of one subject, so many are told
_MODES = {"rev": ("rev",), "fwd": ("fwd",), "both": ("rev", "fwd")}


Job = tuple[str, Callable[[Callable[[Any], None]], Any]]  # a name, and what checks it


def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...", show_default=False,
            help="Ops by name, my_ops.py, my_model.py:loss, an example or an expression; none: the whole rulebook.",
        ),
    ] = None,
    at: o.At = None,
    order: Annotated[int, typer.Option("--order", min=1, max=3, help="Check derivatives up to this order.")] = 2,
    modes: Annotated[Literal["rev", "fwd", "both"], typer.Option("--modes", help="Ways to check.")] = "both",
    examples: Annotated[
        int | None,
        typer.Option(
            "--examples", min=1, show_default=False,
            help="Examples per op; of a function, the given point and others within a tenth of it.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", show_default=False, help="Other examples than the usual ones.")
    ] = None,
    profile: Annotated[
        Literal["quick", "normal", "thorough"], typer.Option("--profile", help="5, 25 or 400 examples per row.")
    ] = "normal",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (schema microgradx.check/1).")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE.xml", show_default=False, help="Also write JUnit XML.")
    ] = None,
    width: o.Width = None,
    ops: o.Ops = None,
) -> None:  # fmt: skip
    """Prove derivatives: finite differences, forward against reverse, and the scalar graph inside.

    Exit code 1 when a derivative is wrong; the lesson says where, and guesses why. What cannot be checked is told,
    the rest is still checked, and the exit code is 2 unless one is wrong.
    """
    from microgradx_cli.user_files import load_ops

    load_ops(ops)
    count = examples or _PROFILES[profile]
    near = 1 if examples is None and seed is None and profile == "normal" else count
    jobs = list(_jobs(targets or [], at, order, _MODES[modes], count, near, seed))
    outcomes = _run(jobs, as_json, width)
    failed = [each for each in outcomes if each.failure is not None]
    problems = [each.problem for each in outcomes if each.problem is not None]
    if as_json:
        typer.echo(json.dumps(document(outcomes), ensure_ascii=False, indent=1))
    else:
        for each in outcomes:
            for kink in dict.fromkeys(map(str, each.report.kinks[:_KINKS] if each.report else ())):
                typer.echo(f"{each.subject}: {kink}")
        for each in failed:
            typer.echo(f"\n{each.failure}")
        proved, unknown = sum(each.report.examples for each in outcomes if each.report), len(problems)
        typer.echo(
            f"\n{sum(each.ok for each in outcomes)} proved with {proved} examples, {len(failed)} failed"
            + f", {unknown} could not be checked" * bool(unknown)
        )
    if junit is not None:
        from microgradx.files import write_atomically

        write_atomically(junit, junit_xml(outcomes))
    for problem in problems if failed else problems[:-1]:
        typer.echo(f"Error: {one_line(problem)}", err=True)
    if failed:
        raise typer.Exit(1)
    if problems:
        raise problems[-1]


def _jobs(
    targets: list[str], at: list[str] | None, order: int, modes: tuple[str, ...], examples: int, near: int,
    seed: int | None,
) -> Iterator[Job]:  # fmt: skip
    from microgradx.examples import EXAMPLES
    from microgradx.rules import BOOK
    from microgradx.testing import check_rule
    from microgradx.testing.composites import CALLS
    from microgradx_cli.user_files import closest

    def row(op: Any) -> Job:
        return op.name, lambda watch: check_rule(
            op, order=order, modes=modes, examples=examples, seed=seed, watch=watch
        )

    if not targets:
        yield from (row(op) for op in BOOK.values() if op.smooth)
    for target in targets:
        path = Path(target)
        if target in CALLS:
            yield target, _composite(target, order, modes, examples, seed)
        elif target in BOOK:
            if BOOK[target].smooth:
                yield row(BOOK[target])
            else:
                yield target, functools.partial(_refuse, target)
        elif target.isidentifier() and target not in EXAMPLES:
            hint = closest(target, [*BOOK, *CALLS, *EXAMPLES])
            raise UserError(
                f"{target} is no op and no example.{hint} List them with: microgradx ops, microgradx examples."
            )
        elif path.suffix == ".py":
            yield from (row(op) for op in _rows_in(path))
        else:
            yield target, _function(target, at, order, modes, near, seed)


def _refuse(name: str, watch: Callable[[Any], None]) -> NoReturn:
    raise UserError(f"{name} carries no gradient (its result jumps between fixed values): nothing to check.")


def _rows_in(path: Path) -> list[Any]:
    """The rows with rules that a file of the user's defines."""
    from microgradx.rules import BOOK
    from microgradx_cli.user_files import load

    before = set(BOOK)
    home = load(path).__name__
    rows = [op for name, op in BOOK.items() if op.smooth and (name not in before or op.home == home)]
    if not rows:
        raise UserError(
            f"{path} defines no op with a rule. For a function of yours: microgradx check {path}:NAME --at …"
        )
    return rows


def _composite(
    name: str, order: int, modes: tuple[str, ...], examples: int, seed: int | None
) -> Callable[[Callable[[Any], None]], Any]:
    import numpy as np

    from microgradx.testing.composites import CALLS

    rng, calls = np.random.default_rng(seed or 0), CALLS[name]
    return _each(name, (calls[k % len(calls)].function(rng) for k in range(examples)), order, modes)


def _function(
    target: str, at: list[str] | None, order: int, modes: tuple[str, ...], examples: int, seed: int | None
) -> Callable[[Callable[[Any], None]], Any]:
    import numpy as np

    from microgradx.testing.functions import nearby
    from microgradx_cli.targets import resolve
    from microgradx_cli.user_files import blaming

    found = resolve(target, at, None)

    @functools.wraps(found.function)
    def call(*args: Any) -> Any:
        with blaming():
            return found.function(*args, **found.options)

    rng = np.random.default_rng(seed or 0)
    points = (nearby(call, found.args, rng) if k else found.args for k in range(examples))
    return _each(target, ((call, args) for args in points), order, modes)


def _each(
    name: str, calls: Iterator[tuple[Callable[..., Any], Any]], order: int, modes: tuple[str, ...]
) -> Callable[[Callable[[Any], None]], Any]:
    """What checks one call after the other."""

    def prove(watch: Callable[[Any], None]) -> Any:
        from microgradx.testing import Report, check_grads

        whole = Report(name, order, modes, examples=0)
        for f, args in calls:
            report = check_grads(f, args, order=order, modes=modes)
            whole.examples += 1
            whole.worst, whole.seconds = max(whole.worst, report.worst), whole.seconds + report.seconds
            whole.kinks += report.kinks
            watch(whole)
        return whole

    return prove


def _run(jobs: list[Job], quiet: bool, width: int | None) -> list[Outcome]:
    """Check one after the other, with a live table where there is a terminal."""
    from rich.live import Live

    from microgradx_cli.screen import out, screen

    outcomes: list[Outcome] = []
    console = screen(width)
    live = None if quiet or not console.is_terminal else Live(console=console, refresh_per_second=8)
    if live:
        live.start()

    def watch(report: Any) -> None:
        if live:
            live.update(table([*outcomes[-12:], Outcome(report.subject, report)], console.width))

    try:
        for name, prove in jobs:
            outcomes.append(_one(name, prove, watch))
    finally:
        if live:
            live.update(table(outcomes, console.width))
            live.stop()
    if not quiet and not live:
        out(lambda plain: plain.print(table(outcomes, plain.width)), width)
    return outcomes


def _one(name: str, prove: Any, watch: Callable[[Any], Any]) -> Outcome:
    from microgradx.graph import MicrogradxError
    from microgradx.testing import CheckError
    from microgradx_cli.user_files import blaming

    try:
        return Outcome(name, prove(watch))
    except CheckError as failure:
        return Outcome(name, None, failure)
    except (MicrogradxError, UserError) as problem:
        return Outcome(name, None, problem=problem)
    except Exception as problem:
        try:
            with blaming():  # a row of theirs that raises is told with its line
                raise problem
        except UserError as told:
            return Outcome(name, None, problem=told)
