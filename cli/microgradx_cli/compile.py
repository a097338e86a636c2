"""`microgradx compile`: a training step as straight-line NumPy source, to read and to run."""

from pathlib import Path
from typing import Annotated

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError


def compile(
    target: o.Target,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.py", show_default=False, help="Write it there.")
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Say on stderr what the compiler left out.")] = False,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate of the update.")] = 0.5,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="How many steps the program takes when it is run.")
    ] = 100,
    at: o.At = None,
    sample: o.Sample = None,
    level: o.Level = None,
    weights: o.Weights = None,
    seed: o.Seed = None,
    ops: o.Ops = None,
) -> None:
    """Print forward, backward and update as plain NumPy, a program that runs on its own."""
    if output is not None and output.suffix != ".py":
        raise UserError(f"-o {output}: the program is Python; let the name end in .py.")

    from microgradx.compiler.emit import script
    from microgradx.compiler.form import lower
    from microgradx.compiler.joint import descend, joint
    from microgradx.compiler.passes import simplified
    from microgradx.graph import Node
    from microgradx_cli.targets import resolve

    found = resolve(target, at, ops, sample=sample, level=level, weights=weights, seed=seed)
    nodes = [each for each in found.args if isinstance(each, Node)]
    if len(nodes) < len(found.args):
        raise UserError(
            f"{found.title} takes settings beside its numbers; a program is compiled from numbers and arrays alone."
        )
    recorded = joint(found.function, nodes, options=found.options)
    chosen = (i for i, node in enumerate(nodes) if found.parameters is None or node.name in found.parameters)
    descend(recorded, [i for i in chosen if i in recorded.gradients])
    recorded.gradients = {}
    before = lower(recorded, found.title)
    form = simplified(before)
    values = dict(zip(form.arguments, [*(node.data for node in nodes), lr], strict=True))
    text = script(form, values, steps)
    if stats:
        typer.echo(f"{len(before.steps)} steps recorded, {len(form.steps)} left", err=True)
    if output is None:
        typer.echo(text, nl=False)
        return
    from microgradx.files import write_atomically

    write_atomically(output, text)
    typer.echo(f"{output} written; run it with: python {output}", err=True)
