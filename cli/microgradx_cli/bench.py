"""`microgradx bench`: the workloads of the benchmarks folder, beside peers, in rounds that take turns."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from microgradx_cli import options as o
from microgradx_cli.errors import UserError

_PEERS = "torch,jax,autograd,micrograd,tinygrad,numba"


def _option(name: str, words: str, metavar: str | None = None) -> Any:
    return typer.Option(name, help=words, metavar=metavar, show_default=False)


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[W1 W1b W2 … | scaling]", show_default=False, help="Which; without names, W1 to W9."),
    ] = None,
    peers: Annotated[str, _option("--peers", f"Out of {_PEERS}; 'none' for none; all by default.", "A,B,…")] = _PEERS,
    threads: Annotated[Literal["1", "2"], _option("--threads", "For everybody's matrix products; 1 by default.")] = "1",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Medians are taken over so many.")] = 15,
    as_json: Annotated[bool, _option("--json", "Print one JSON document.")] = False,
    plot: Annotated[Path | None, _option("--plot", "Draw ratios, or how costs grow: FILE.png or .svg.", "FILE")] = None,
    markdown: Annotated[
        Path | None, _option("--markdown", "Write a results page, or bring its sections up to date.", "FILE.md")
    ] = None,
    smoke: Annotated[bool, _option("--smoke", "Tiny sizes, one round: is everybody's result right?")] = False,
    ops: o.Ops = None,
) -> None:
    """Time training steps beside hand-written NumPy, PyTorch, JAX and others, once all agree on the results."""
    folder = _folder()
    files = {file.name.partition("_")[0].upper(): file.stem for file in sorted(folder.glob("w*_*.py"))}
    wanted = [name.upper() for name in names or files]
    swept = wanted == ["SCALING"]
    unknown = [] if swept else [name for name in wanted if name not in files]
    if unknown:
        raise UserError(f"no workload is called {unknown[0]}; there are {', '.join(files)}, and scaling by itself.")
    beside = [] if peers == "none" else peers.split(",")
    for peer in beside:
        if peer not in _PEERS.split(","):
            raise UserError(f"--peers: {peer!r} is none of {_PEERS}; separate names by commas, or say none.")
    if swept and markdown:
        raise UserError("--markdown writes results of W1 to W9; scaling has --plot and --json.")
    _set_threads(threads)
    if ops:
        from microgradx_cli.user_files import load_ops

        load_ops(ops)
    if plot:
        _check_plot(plot)
    sys.path.insert(0, str(folder))
    rounds = 1 if smoke else rounds
    if swept:
        _scaling(rounds, beside, smoke, as_json, plot)
        return

    run, report = importlib.import_module("common").run, importlib.import_module("report")
    results: list[Any] = []
    told: set[str] = set()
    for name in wanted:
        result = run(importlib.import_module(files[name]).WORKLOAD, rounds, beside, smoke)
        results.append(result)
        for absent in {*result.absent} - told:
            typer.echo(f"Sits this out: {report.missing(absent)}.", err=True)
        told |= {*result.absent}
        if not as_json:
            typer.echo(report.text(result))
    if as_json:
        typer.echo(report.document(results, rounds))
    else:
        typer.echo(report.machine())
    if plot:
        report.plot(results, plot)
        typer.echo(f"{plot} written.", err=True)
    if markdown:
        from microgradx.files import write_atomically

        command = " ".join(["microgradx bench", *(names or []), f"--threads {threads}", f"--rounds {rounds}"])
        before = markdown.read_text("utf-8") if markdown.exists() else ""
        write_atomically(markdown, report.page(results, command, before))
        typer.echo(f"{markdown} written.", err=True)


def _scaling(rounds: int, peers: list[str], smoke: bool, as_json: bool, plot: Path | None) -> None:
    import json

    scaling = importlib.import_module("scaling")
    found = []
    for sweep in scaling.SWEEPS:
        found.append((sweep, scaling.curves(sweep, rounds, peers, smoke)))
        if not as_json:
            typer.echo(scaling.text(*found[-1]))
    if as_json:
        sweeps = [{"title": s.title, "x": s.x, "seconds": lines} for s, lines in found]
        typer.echo(json.dumps({"schema": "microgradx.scaling/1", "sweeps": sweeps}, ensure_ascii=False, indent=1))
    if plot:
        scaling.plot(found, plot)
        typer.echo(f"{plot} written.", err=True)


def _folder() -> Path:
    """The benchmarks of a clone: beside the package, or in the current folder; they are not installed with it."""
    package = find_spec("microgradx")
    places = [Path(package.origin).parents[1]] if package and package.origin else []
    for place in (*places, Path.cwd()):
        if (place / "benchmarks" / "common.py").is_file():
            return place / "benchmarks"
    raise UserError(
        "the benchmarks are not part of the installed package: they are in the folder benchmarks of the project's "
        "source. Get the source (a git clone, or the sdist), and run microgradx bench in it."
    )


def _set_threads(count: str) -> None:
    """Tell every library, before the first of them is loaded: this command has not loaded NumPy yet."""
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = count
    os.environ["MICROGRADX_BENCH_THREADS"] = count
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={str(count != '1').lower()}"
    os.environ["NPROC"] = count  # how XLA is told the size of its pool


def _check_plot(path: Path) -> None:
    """A plot that cannot be written is refused before the long run."""
    from microgradx.graph.errors import install
    from microgradx.plots.figures import check_suffix

    check_suffix(path)
    if find_spec("matplotlib") is None:
        raise UserError(f"--plot needs matplotlib, which is not installed: {install('plot')}.")
