"""`microgradx graph`: the computation graph as a picture."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError

_SUFFIXES = (".svg", ".png", ".dot")


def graph(
    context: typer.Context,
    target: o.Target,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default=False,
            help="Write FILE.svg, .png or .dot; without it, DOT text is printed.",
        ),
    ] = None,
    at: o.At = None,
    sample: o.Sample = None,
    level: o.Level = None,
    weights: o.Weights = None,
    seed: o.Seed = None,
    epochs: o.Epochs = None,
    part: o.Part = None,
    resume: o.Resume = None,
    dtype: o.Dtype = None,
    no_grad: Annotated[bool, typer.Option("--no-grad", help="Draw the forward pass only.")] = False,
    animate: Annotated[
        bool, typer.Option("--animate", help="Write an SVG (or FILE.gif) that walks through the steps by itself.")
    ] = False,
    engine: Annotated[
        Literal["auto", "dot", "wasi"],
        typer.Option("--engine", help="Who lays it out: the system's Graphviz (dot), or the embedded one (wasi)."),
    ] = "auto",
    max_nodes: Annotated[
        int | None,
        typer.Option(
            "--max-nodes", metavar="N", min=0, show_default=False,
            help="Draw at most about N values and fold the others; 0 draws all. (Usually 150; a layer is one box.)",
        ),
    ] = None,
    zoom: o.Zoom = None,
    ops: o.Ops = None,
) -> None:  # fmt: skip
    """Draw the computation graph with values and gradients."""
    suffix = "" if output is None else output.suffix.lower()
    if animate and (no_grad or suffix not in (".svg", ".gif")):
        raise UserError("--animate shows gradients on their way: it goes with -o FILE.svg or .gif, without --no-grad.")
    if animate and max_nodes is not None:
        raise UserError("--max-nodes: not with --animate, which draws every step.")
    if output is not None and suffix not in _SUFFIXES and not animate:
        raise UserError(f"-o {output}: a picture is written as {', '.join(_SUFFIXES)}; say which by the suffix.")

    from microgradx.explain.levels import picture as picture_of
    from microgradx.graph import GradientError, Node
    from microgradx.pictures import draw
    from microgradx_cli.targets import resolve

    found = resolve(
        target, at, ops, context, sample=sample, level=level, weights=weights, seed=seed, epochs=epochs, part=part,
        resume=resume, dtype=dtype,
    )  # fmt: skip
    if max_nodes is not None and found.layered(zoom):
        raise UserError(
            "--max-nodes: at layer level each layer is one box, whatever is in it; --level tensor has more."
        )
    notes: list[str] = []
    limit = 150 if max_nodes is None else max_nodes or None
    if no_grad:
        if found.level or zoom:
            raise UserError("--no-grad draws the forward pass as it is computed; leave out --level and --zoom.")
        result = found.run()
        if not isinstance(result, Node):
            found.trace(lr=0.1)  # which says why not, and where the gradient was lost
        picture = draw(result, grads=False, engine=engine, max_nodes=limit)
    else:
        try:
            trace = found.trace(lr=0.1, zoom=zoom)
        except GradientError as problem:
            if not isinstance(found.run(), Node):
                raise  # nothing to draw without gradients either
            raise UserError(f"{problem} (With --no-grad it is drawn without gradients.)") from problem
        if animate and output is not None:
            from microgradx.explain.animation import animated, gif_bytes
            from microgradx.files import write_atomically

            write_atomically(output, animated(trace, engine) if suffix == ".svg" else gif_bytes(trace, engine))
            typer.echo(f"{output} written: {len(trace.steps)} steps.", err=True)
            return
        picture, notes = picture_of(trace, engine, limit), trace.notes
    if output is None:
        typer.echo(picture.dot)
    else:
        picture.save(output)
        drawn_by = "" if output.suffix.lower() == ".dot" else f", laid out by {picture.engine}"
        typer.echo(f"{output} written{drawn_by}.", err=True)
    for note in [*notes, *picture.notes]:
        typer.echo(f"Note: {note}", err=True)
