"""`microgradx compile`: a training step as straight-line source, to read and to run."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError

_PICTURES = (".svg", ".png", ".dot")


def compile(
    context: typer.Context,
    target: o.Target,
    language: Annotated[
        Literal["numpy", "c", "jax", "torch"], typer.Option("--target", help="What the program is written for.")
    ] = "numpy",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", show_default=False, help="Write it there.")
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Say on stderr what each pass left, and what is kept.")
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Show the graph before and after each pass instead; -o FILE.svg draws both ends of it."
        ),
    ] = False,
    buffers: Annotated[
        bool, typer.Option("--buffers", help="Show what mx.compile runs: NumPy calls into kept memory; loops in C.")
    ] = False,
    lr: Annotated[
        float | None,
        typer.Option("--lr", show_default=False, help="Learning rate of the update; by default what suits the target."),
    ] = None,
    updates: Annotated[
        int, typer.Option("--updates", min=1, help="How many gradient steps the written program takes when it is run.")
    ] = 1000,
    at: o.At = None,
    sample: o.Sample = None,
    level: o.Level = None,
    weights: o.Weights = None,
    seed: o.Seed = None,
    epochs: o.Epochs = None,
    part: o.Part = None,
    resume: o.Resume = None,
    dtype: o.Dtype = None,
    ops: o.Ops = None,
) -> None:
    """Print forward, backward and update as straight-line source, a program that runs on its own."""
    from microgradx.compiler import targets
    from microgradx.compiler.apart import set_apart
    from microgradx.compiler.explanation import explained
    from microgradx.examples import EXAMPLES
    from microgradx.files import write_atomically
    from microgradx_cli.targets import resolve

    if buffers and (language not in ("numpy", "c") or explain):
        raise UserError(
            "--buffers shows how a program for numpy or c is run; it goes without --explain, jax and torch."
        )
    writer = targets.target(language)
    fits = _PICTURES if explain else (writer.suffix,)
    if output is not None and output.suffix not in fits:
        kind = "the picture of a graph" if explain else f"a program for {language}"
        raise UserError(f"-o {output}: {kind} needs a name that ends in {' or '.join(fits)}.")
    options = dict(weights=weights, seed=seed, epochs=epochs, part=part, resume=resume, dtype=dtype)
    found = resolve(target, at, ops, context, lr, batch=True, sample=sample, level=level, **options)
    if found.level not in (None, "tensor"):
        raise UserError(
            f"--level {found.level}: {found.title} is compiled as it computes; the other levels are those of trace and "
            "graph."
        )
    if sample is None and target.strip() in EXAMPLES and found.weights is None:
        samples = filter(lambda each: each is not None, EXAMPLES[target.strip()].choices("sample"))
        rows = [resolve(target, at, None, context, lr, batch=True, sample=s, level=level, **options) for s in samples]
        found = _batch(found, rows)
    lr = found.lr if lr is None else lr
    numbers = _many_numbers(found) if language == "numpy" and not (explain or buffers) else None
    if numbers is not None:
        if stats:
            typer.echo(f"grouped: {numbers.grouped.summary}", err=True)
        names = [node.name for node in _nodes(found)]
        chosen = names if found.parameters is None else found.parameters
        _give(numbers.script(found.title, _nodes(found), names, chosen, lr, updates), output)
        return
    form, values = _training_step(found, None if buffers and language == "c" else lr)  # an update in C is apart
    story = explained(form, values)
    if explain:
        _show(story, output)
        return
    last = story.stages[-1][1]
    beside = (output or Path(re.sub(r"[^\w-]+", "-", target.strip()))).with_suffix(".npz")
    file = b""
    if buffers:
        from microgradx.compiler.compiled import source

        text = source(last, "step", targets.runner(language))
    else:
        if writer.suffix == ".py":
            values, file = set_apart(values, beside.name)
        text = writer.script(last, values, updates)
    if stats:
        typer.echo(f"{story.table()}\n{_kept(last)}", err=True)
    if file and output:
        write_atomically(beside, file)
    elif file:
        typer.echo(f"Its large arrays are read from {beside}: -o {beside.with_suffix('.py')} writes both.", err=True)
    _give(text, output)


def _kept(form: Any) -> str:
    """What the program is for, and how many such are kept."""
    from microgradx.compiler.compiled import MOST

    kinds = ", ".join(f"{name} {kind}" for name, kind in form.arguments.items() if name != "lr")
    return f"signature: {kinds}\nkept: the last {MOST} programs of a function, one for each signature"


def _give(text: str, output: Path | None) -> None:
    """Print the program, or write it to a file and say how to run it."""
    if output is None:
        typer.echo(text, nl=False)
        return
    from microgradx.files import write_atomically

    write_atomically(output, text)
    run = f"cc -O3 {output} -lm && ./a.out" if output.suffix == ".c" else f"python {output}"
    typer.echo(f"{output} written; run it with: {run}", err=True)


def _nodes(found: Any) -> list[Any]:
    from microgradx.graph import Node

    return [a for a in found.args if isinstance(a, Node)]


def _many_numbers(found: Any) -> Any:
    """The program in which many single numbers are computed together; None where there are not so many."""
    from microgradx.compiler.grouped.call import numbers_program
    from microgradx.graph import Node
    from microgradx_cli.user_files import blaming

    function, options = found.function, found.options
    settings = [None if isinstance(a, Node) else (a,) for a in found.args]

    def with_settings(*nodes: Any) -> Any:
        supply = iter(nodes)
        return function(*(next(supply) if given is None else given[0] for given in settings), **options)

    with blaming():
        return numbers_program(with_settings, _nodes(found), differentiate=True, scalars=False)


def _batch(found: Any, rows: list[Any]) -> Any:
    """A program of single numbers for one sample, on all samples: what differs among them becomes an array."""
    from dataclasses import replace

    from microgradx.graph import Tensor, Value

    columns = [*zip(*(row.args for row in rows), strict=True)]
    if not all(isinstance(node, Value) for column in columns for node in column):
        return found
    args = [
        Tensor([node.data for node in column], requires_grad=column[0].requires_grad, name=column[0].name)
        if len({node.data for node in column}) > 1
        else column[0]
        for column in columns
    ]
    return replace(found, args=tuple(args)) if rows else found


def _training_step(found: Any, lr: float | None) -> tuple[Any, dict[str, Any]]:
    """A step of gradient descent as a form (without lr: its gradients alone), and the numbers to start from."""
    from microgradx.compiler.form import lower
    from microgradx.compiler.joint import descend, joint
    from microgradx.random import noting_draws
    from microgradx_cli.user_files import blaming

    with noting_draws() as draws, blaming():
        graph = joint(found.function, list(found.args), options=found.options)
    if draws:
        raise UserError(
            f"{found.title} draws random numbers (dropout), and a program on its own would use the same ones in every "
            "step. mx.compile_step draws them anew; or compile the model after model.eval()."
        )
    chosen = [
        i
        for i, node in enumerate(graph.arguments)
        if i in graph.gradients and (found.parameters is None or node.name in found.parameters)
    ]
    if not chosen:
        raise UserError(f"{found.title} has nothing to train: no argument that a gradient reaches.")
    graph.gradients = {i: graph.gradients[i] for i in chosen} if lr is None else graph.gradients
    if lr is not None:
        descend(graph, chosen)
        graph.gradients = {}
    form = lower(graph, found.title)
    numbers = [lr if node is graph.arguments[-1] and lr is not None else node.data for node in graph.arguments]
    return form, dict(zip(form.arguments, numbers, strict=True))


def _show(story: Any, output: Path | None) -> None:
    if output is None:
        typer.echo(str(story))
        return
    typer.echo(story.table())
    for stage, word in ((0, "recorded"), (-1, "simplified")):
        path = output.with_name(f"{output.stem}-{word}{output.suffix}")
        story.picture(stage).save(path)
        typer.echo(f"{path} written", err=True)
