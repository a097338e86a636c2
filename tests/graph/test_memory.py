"""The memory of a training step's arrays stays with the process, to be used by the next step."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import numpy as np
{}

def step():
    arrays = [np.ones(2**18) for _ in range(8)]  # 2 MiB each

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have rules of their own")
def test_large_arrays_get_no_fresh_pages() -> None:
    def fresh(first: str) -> int:
        return int(subprocess.run([sys.executable, "-c", STEPS.format(first)], capture_output=True, text=True).stdout)

    assert fresh("import microgradx") < fresh("") / 10
