"""W8: what `import microgradx` takes beside NumPy's own import, and how quickly --help is there. Fresh processes."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile

from common import Goal, Measure, Workload

WORKLOAD = Workload(
    "W8", "import in a fresh process",
    goals=[
        Goal(
            "import microgradx, time", 1.12, "import numpy, time",
            note="24 modules to load, and some 60 rows to read and check when they are defined: half each",
        ),
        Goal("import microgradx, memory beyond NumPy's", 4.0),
        Goal("microgradx --help, time", 0.3),
    ],
    size=11, smoke=1,
)  # fmt: skip
CODE = """
import time
start = time.process_time()
import {}
seconds = time.process_time() - start
try:
    pages = open("/proc/self/statm").read().split()[1]
except OSError:
    pages = 0  # not Linux
print(seconds, pages)
"""
COMMAND = [sys.executable, "-c", "from microgradx_cli.main import app; app()", "--help"]


def imported(package: str, environment: dict[str, str]) -> tuple[float, float]:
    """CPU seconds of the import, and megabytes that the process then holds."""
    command = [sys.executable, "-c", CODE.format(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    seconds, pages = done.stdout.split()
    return float(seconds), int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def helped(environment: dict[str, str]) -> float:
    """CPU seconds of the whole command, Python's own start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(COMMAND, capture_output=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@WORKLOAD.measure
def fresh_processes(rounds: int) -> dict[str, Measure]:
    """Medians of processes that take turns, all bytecode written before; memory as Linux tells it."""
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        turns = [
            (imported("numpy", environment), imported("microgradx", environment), helped(environment))
            for _ in range(rounds + 1)
        ][1:]
    (numpy, numpy_mb), (ours, ours_mb) = (map(statistics.median, zip(*(turn[k] for turn in turns))) for k in (0, 1))
    return {
        "import numpy, time": Measure(numpy, "s"),
        "import microgradx, time": Measure(ours, "s"),
        "import microgradx, memory beyond NumPy's": Measure(ours_mb - numpy_mb, "MB"),
        "microgradx --help, time": Measure(statistics.median(turn[2] for turn in turns), "s"),
    }
