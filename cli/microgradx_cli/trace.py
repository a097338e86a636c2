"""`microgradx trace`: the forward table, every application of the chain rule, the gradients, one gradient step."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError
from microgradx_cli.screen import columns, json_text, out, screen, trimmed

if TYPE_CHECKING:
    from microgradx.explain import Trace

_SUFFIXES = (".txt", ".md", ".json", ".html")


def trace(
    context: typer.Context,
    target: o.Target,
    at: o.At = None,
    sample: o.Sample = None,
    level: o.Level = None,
    weights: o.Weights = None,
    seed: o.Seed = None,
    epochs: o.Epochs = None,
    part: o.Part = None,
    resume: o.Resume = None,
    dtype: o.Dtype = None,
    lr: Annotated[
        float | None,
        typer.Option("--lr", show_default=False, help="Learning rate of the gradient step shown at the end; else 0.1."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (schema microgradx.trace/1).")] = False,
    step: Annotated[bool, typer.Option("--step", help="Walk through the steps one at a time.")] = False,
    predict: Annotated[
        bool, typer.Option("--predict", help="With --step: guess each number before it is shown.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", show_default=False, help="The same as -o FILE.html.")
    ] = None,
    paths: Annotated[
        str | None,
        typer.Option(
            "--paths",
            metavar="NODE",
            show_default=False,
            help="Instead, write one node's gradient as the sum over all paths that lead there.",
        ),
    ] = None,
    zoom: o.Zoom = None,
    width: o.Width = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            "--max-steps",
            min=1,
            show_default=False,
            help="Show only so many backward steps; not for JSON, which is always whole, nor with --step.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Write FILE.txt, .md, .json or .html."),
    ] = None,
    ops: o.Ops = None,
) -> None:
    """Show every application of the chain rule, with numbers."""
    if html is not None:
        if output is not None or html.suffix.lower() not in (".html", ".htm"):
            raise UserError("--html FILE.html writes one page; leave out -o, and let the name end in .html.")
        output = html.with_suffix(".html")
    if output is not None and output.suffix.lower() not in _SUFFIXES:
        raise UserError(f"-o {output}: a trace is written as {', '.join(_SUFFIXES)}; say which by the suffix.")
    if as_json + step + (output is not None) + (paths is not None) > 1:
        raise UserError("--json, --step, --paths and -o FILE exclude each other; a JSON file is -o FILE.json alone.")
    if predict and not step:
        raise UserError("--predict asks for the next number while walking: it goes with --step.")
    if max_steps is not None and (as_json or step or (output is not None and output.suffix.lower() == ".json")):
        raise UserError("--max-steps shortens what is read at once: the screen, .txt, .md, .html. Leave it out here.")
    if lr is not None and not math.isfinite(lr):
        raise UserError(f"--lr {lr}: the learning rate is a finite number, such as 0.1.")

    from microgradx_cli.targets import resolve

    found = resolve(
        target, at, ops, context, lr, sample=sample, level=level, weights=weights, seed=seed, epochs=epochs, part=part,
        resume=resume, dtype=dtype,
    ).trace(0.1 if lr is None else lr, zoom)  # fmt: skip
    if output is not None:
        _write(found, output, width, max_steps)
    elif as_json:
        typer.echo(_json(found))
    elif paths is not None:
        from microgradx.explain.paths import paths as paths_to
        from microgradx.explain.text import show_paths

        told = paths_to(found, paths)
        out(lambda console: show_paths(told, console), width)
    elif step and sys.stdout.isatty():
        from microgradx.explain.stepper import walk

        walk(found, screen(width), predict)
    else:
        from microgradx.explain.text import show

        out(lambda console: show(found, console, max_steps), width)


def _write(found: "Trace", output: Path, width: int | None, max_steps: int | None) -> None:
    from microgradx.files import write_atomically

    suffix = output.suffix.lower()
    if suffix == ".json":
        content = _json(found) + "\n"
    elif suffix == ".html":
        from microgradx.explain.html import as_html

        content = as_html(found, max_steps=max_steps)
    elif suffix == ".md":
        from microgradx.explain.markdown import as_markdown

        content = as_markdown(found, max_steps)
    else:
        from microgradx.explain.text import as_text

        content = trimmed(as_text(found, columns(width) or 100, max_steps))
    write_atomically(output, content)
    typer.echo(f"{output} written: {len(found.rows)} nodes, {len(found.steps)} chain-rule steps.", err=True)


def _json(found: "Trace") -> str:
    from microgradx.explain.json_view import as_json

    return json_text(as_json(found))
