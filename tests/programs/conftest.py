"""Each test works in a folder of its own; and MNIST's files in small: real digits, scaled up to 28×28."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from microgradx.data import digits, library
from tests.data.test_files import idx

TRAIN, TEST = 720, 240


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@lru_cache
def packed() -> tuple[tuple[str, bytes], ...]:
    """Pictures and labels to learn from and to test, as files with their sums."""
    X, labels = digits().arrays
    large = np.kron(X.reshape(-1, 8, 8), np.ones((3, 3)))
    pixels = np.pad(np.round(255 * large).astype("uint8"), ((0, 0), (2, 2), (2, 2)))
    t = labels.astype("uint8")
    parts = (pixels[:TRAIN], t[:TRAIN], pixels[TRAIN : TRAIN + TEST], t[TRAIN : TRAIN + TEST])
    return tuple((hashlib.sha256(idx(part)).hexdigest(), gzip.compress(idx(part))) for part in parts)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that both sets' files are in; their sums are taken for the right ones."""
    monkeypatch.setenv("MICROGRADX_DATA", str(tmp_path / "data"))
    for name in ("mnist", "fashion-mnist"):
        monkeypatch.setitem(library.SETS, name, ((), tuple(sum_ for sum_, _ in packed())))
        (tmp_path / "data" / name).mkdir(parents=True)
        for file, (_, content) in zip(library.FILES, packed(), strict=True):
            (tmp_path / "data" / name / file).write_bytes(content)
    return tmp_path / "data"
