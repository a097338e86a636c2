"""A folder to work in, with files of the learner's own."""

from pathlib import Path

import pytest

from tests.cli.run import NET, OPS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with net.py and my_ops.py in it."""
    (tmp_path / "net.py").write_text(NET, "utf-8")
    (tmp_path / "my_ops.py").write_text(OPS, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path
