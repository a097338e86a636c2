"""The page in a real browser, the stepper in a real pseudo-terminal."""

import os
import pty
import re
import shutil
import subprocess
import sys
import time

import pytest

import microgradx as mx
from microgradx.explain.html import as_html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def neuron(w, x, b):
    z = w * x + b
    y = mx.sigmoid(z)
    return y


@pytest.fixture(scope="module")
def page():
    trace = mx.trace(neuron, 0.5, 2.0, -1.0, title="</script><b>neuron")
    return as_html(trace, engine="wasi")


def test_the_page_is_self_contained(page):
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page)
    assert "http" not in re.sub(r"http://www.w3.org/[\w/]+", "", page)
    assert "<b>neuron" not in page


def test_every_step_is_on_the_page_even_without_scripts(page):
    assert page.count('class="step"') == 5
    assert "<mfrac>" in page and "0.25" in page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: the page was not opened in a browser")
def test_a_browser_shows_the_linked_step_and_marks_the_picture(page, tmp_path):
    (tmp_path / "trace.html").write_text(page, "utf-8")
    run = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path}/trace.html#step-3"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    dom = run.stdout
    assert "stepping" in re.search(r"<body[^>]*>", dom).group()
    assert re.findall(r'class="step current" id="(step-\d)"', dom) == ["step-3"]
    assert "step 3 of 5" in dom and "is-now" in dom and "is-from" in dom


STEPPING = """
from rich.console import Console
import microgradx as mx
from microgradx.explain.stepper import walk
from tests.explain.test_page import neuron
walk(mx.trace(neuron, 0.5, 2.0, -1.0), Console())
"""


def in_terminal(keys: list[str]) -> list[str]:
    """What a pseudo-terminal shows after each line of keys."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-c", STEPPING])
    screens = [_read(terminal)]
    for key in keys:
        os.write(terminal, f"{key}\n".encode())
        screens.append(_read(terminal))
    os.close(terminal)
    os.waitpid(child, 0)
    return screens


def _read(terminal: int) -> str:
    """Read until the prompt (or the end)."""
    text, end = "", time.monotonic() + 30
    while time.monotonic() < end:
        try:
            part = os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:
            break
        text += part
        if not part or re.search("›", text):
            break
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)


def test_walking_forwards_back_and_to_a_step():
    start, first, second, back, jumped, wrong, bye = in_terminal(["", "", "p", "4", "99", "q"])
    assert "step 0 of 5" in start and "local" not in start
    assert "step 1 of 5" in first and "y · (1 − y)" in first
    assert "step 2 of 5" in second and "✓ y → z" in second
    assert "step 1 of 5" in back and "✓" not in back
    assert "step 4 of 5" in jumped and jumped.count("✓") == 3
    assert "no step from 0 to 5" in wrong
    assert "step" not in bye


def test_without_a_terminal_the_whole_trace_is_printed():
    run = subprocess.run([sys.executable, "-c", STEPPING], capture_output=True, text=True, timeout=60, check=True)
    assert "Gradients" in run.stdout and run.stdout.count("chain") >= 5
