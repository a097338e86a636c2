"""Side-by-side timing: contenders take turns in one process, so that a slow moment of the machine hits all of them."""

import gc
import importlib
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

Contenders = dict[str, Callable[[], Any]]


def peer(name: str) -> Any:
    """The package `name`, or None with a note when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"({name} is not installed and sits this one out: pip install {name.split('.')[0]})")
        return None


def interleaved(contenders: Contenders, rounds: int = 7, calls: int = 1) -> dict[str, float]:
    """Median CPU seconds per call of each contender, over `rounds` in which all of them run once in turn."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()  # warm up
    for _ in range(rounds):
        for name, run in contenders.items():
            gc.collect()
            start = time.process_time()
            for _ in range(calls):
                run()
            times[name].append((time.process_time() - start) / calls)
    return {name: statistics.median(each) for name, each in times.items()}


def table(title: str, seconds: dict[str, float], reference: str, per: int = 1, unit: str = "ms") -> None:
    """Print one line per contender: its time (divided by `per`), and its ratio to `reference`."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6}[unit]
    print(f"\n{title}")
    for name, each in seconds.items():
        ratio = each / seconds[reference]
        print(f"  {name:28s} {each * scale / per:10.3f} {unit}   {ratio:7.3f} × {reference}")


def versions(*packages: str) -> str:
    """One line that says what was measured, on what."""
    found = []
    for name in packages:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(found)}, {platform.machine()}"
