"""The installed command in a process of its own: terminals, pipes, locales, and what --help imports."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from microgradx_cli.main import app

SCRIPT = Path(sys.executable).with_name("microgradx")
PLAIN = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM")}


def process(*args: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([SCRIPT, *args], capture_output=True, env={**PLAIN, **environment}, check=False)


def on_a_terminal(*args: str, columns: int, keys: str = "", **environment: str) -> str:
    """What the command writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    environment = {**PLAIN, "TERM": "xterm-256color", "COLUMNS": str(columns), **environment}
    running = subprocess.Popen([SCRIPT, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    os.write(ours, keys.encode("ascii"))
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    assert running.wait(timeout=60) == 0
    return b"".join(chunks).decode("utf-8").replace("\r\n", "\n")


def test_the_installed_command_runs() -> None:
    done = process("trace", "two-paths")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "36 + 18 = 54" in done.stdout.decode("utf-8")


def test_json_on_stdout_and_mistakes_on_stderr() -> None:
    assert json.loads(process("trace", "xor", "--json").stdout)["schema"] == "microgradx.trace/1"
    done = process("trace", "xorr", "--json")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Error: no example is called 'xorr'.")


def test_an_ascii_locale_stops_nothing() -> None:
    done = process("trace", "two-paths", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "∂L/∂x" in done.stdout.decode("utf-8")


def test_a_closed_pipe_is_no_error() -> None:
    command = f'"{SCRIPT}" trace xor | head -n 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=PLAIN, check=False)
    assert (done.stdout, done.stderr) == (b"trace of xor\n", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_is_one_paragraph() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([SCRIPT, "trace", "xor"], stdout=full, stderr=subprocess.PIPE, env=PLAIN, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: ") and b"No space left on device. Free some space" in done.stderr
    assert b"Errno" not in done.stderr and b"Traceback" not in done.stderr


def test_stepping_goes_forward_and_back() -> None:
    text = on_a_terminal("trace", "two-paths", "--step", columns=100, keys="\n\np\n4\nq\n")
    assert re.findall(r"step (\d) of 4", text) == ["0", "1", "2", "1", "4"]
    assert "36 + 18 = 54" in text


def test_stepping_asks_for_a_prediction_before_it_reveals() -> None:
    keys = "\n9\n\n7\n\n\n\nnine\nq\n"  # right, wrong, none, no number
    text = on_a_terminal("trace", "two-paths", "--step", "--predict", columns=100, keys=keys)
    assert "Next: L → a, where ∂L/∂a = b, and ∂L/∂L = 1 has arrived." in text
    assert "What does this add to ∂L/∂a?" in text
    assert "9 is right." in text and "You said 7; it is 6." in text and "'nine' is no number." in text
    assert re.findall(r"step (\d) of 4", text) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("columns", [60, 100])
def test_on_a_terminal_it_is_as_wide_as_that_and_coloured(columns: int) -> None:
    text = on_a_terminal("trace", "xor", columns=columns)
    assert "\x1b[" in text
    plain = on_a_terminal("trace", "xor", columns=columns, NO_COLOR="1")
    assert "\x1b[3" not in plain, "NO_COLOR: no colours (bold and dim are not colours)"
    assert "w11" in plain


def test_a_bar_shows_long_training_on_a_terminal_only() -> None:
    command = ("trace", "xor", "--weights", "trained", "--seed", "8")
    assert "training xor" in on_a_terminal(*command, columns=80)
    assert process(*command).stderr == b""


COMMANDS: list[str] = list(vars(get_command(app))["commands"])


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS), ["train", "xor"], ["watch-gradients", "lenet"]])
def test_help_is_quick_as_it_imports_neither_numpy_nor_rich_nor_the_library(words: list[str]) -> None:
    code = (
        "import sys\nfrom microgradx_cli.main import app\n"
        "try:\n    app(sys.argv[1:], prog_name='microgradx')\nexcept SystemExit:\n    pass\n"
        "print({n.split('.')[0] for n in sys.modules} & {'numpy', 'rich', 'microgradx', 'graphviz', 'wasmtime'})"
    )
    done = subprocess.run([sys.executable, "-c", code, *words, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ") and done.stdout.strip().endswith("set()"), done.stdout[-200:]
