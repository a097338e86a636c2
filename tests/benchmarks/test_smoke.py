"""The benchmarks run and agree with their peers; how fast anybody is, is not a question for a test."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["scalar.py", "--blocks=1", "--rounds=1", "--largest=1000"], "bytes a node"),
        (["moons_step.py", "--points=4", "--rounds=1"], "a training step"),
        (["xor_step.py", "--rounds=1", "--calls=2"], "NumPy by hand"),
    ],
)
def test_a_benchmark_runs_and_its_results_are_right(command: list[str], shown: str) -> None:
    path, *options = command
    run = [sys.executable, str(BENCHMARKS / path), *options]
    assert shown in subprocess.run(run, capture_output=True, text=True, check=True).stdout
