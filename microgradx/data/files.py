"""Data from files: CSV, .npz and IDX (the format of MNIST). Reading never executes anything."""

import csv
import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.data.datasets import DataError, TensorDataset

Array = np.ndarray[Any, Any]
_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_csv(path: str | Path, target: str | int | None = None, header: bool = True) -> TensorDataset:
    """A table of numbers, one sample per line.

    Args:
        path: the file, UTF-8, with commas.
        target: the column to predict, by name or number (−1 is the last); it becomes the second array, (samples, 1).
            Words in it are class names: it then holds whole-number labels, (samples,), in alphabetical order.
        header: the first line names the columns.

    Raises:
        DataError: the file is missing, empty or ragged, or a cell is not a number; the message names the line.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [(number, row) for number, row in enumerate(csv.reader(file), start=1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"cannot read {path}: {problem}.") from problem
    names = [name.strip() for name in lines.pop(0)[1]] if header and lines else []
    if not lines:
        raise DataError(f"{path} has no lines of data.")
    width = len(names) or len(lines[0][1])
    for number, row in lines:
        if len(row) != width:
            raise DataError(f"{path}, line {number}: {len(row)} cells, but the others have {width}.")
    columns = list(range(width))
    if target is None:
        return TensorDataset([[_number(path, n, row[c]) for c in columns] for n, row in lines])
    if isinstance(target, str) and target not in names:
        raise DataError(f"{path} has no column {target!r}; it has {', '.join(names) or 'no header'}.")
    if isinstance(target, int) and not -width <= target < width:
        raise DataError(f"{path} has {width} columns; there is no column {target}.")
    at = names.index(target) if isinstance(target, str) else columns[target]
    columns.remove(at)
    X = [[_number(path, n, row[c]) for c in columns] for n, row in lines]
    cells = [row[at].strip() for _, row in lines]
    if all(_is_number(cell) for cell in cells):
        return TensorDataset(X, [[float(cell)] for cell in cells])
    classes = sorted(set(cells))
    return TensorDataset(X, np.array([classes.index(cell) for cell in cells]), names=tuple(classes))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(path: Any, line: int, cell: str) -> float:
    if not _is_number(cell):
        raise DataError(f"{path}, line {line}: {cell!r} is not a number.")
    return float(cell)


def read_npz(path: str | Path) -> dict[str, Array]:
    """The arrays of an .npz file by name; Python objects in it are refused.

    Raises:
        DataError: the file is missing, damaged, or holds objects.
    """
    try:
        with open(path, "rb") as raw, zipfile.ZipFile(raw):  # np.load would take an .npy file too
            pass
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as problem:
        raise DataError(f"cannot read {path}: {problem}") from problem


def read_idx(path: str | Path) -> Array:
    """The array of an IDX file, gzipped or not.

    The format: two zero bytes, a type code, the number of axes, their sizes (4 bytes each), the numbers themselves,
    all big-endian. (LeCun, Cortes & Burges, The MNIST database.)

    Raises:
        DataError: the file is missing, damaged, too short or too long.
    """
    try:
        data = Path(path).read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"cannot read {path}: {problem}.") from problem
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_TYPES:
        raise DataError(f"{path} is not an IDX file: it starts with {data[:4].hex(' ') or 'nothing'}.")
    dtype, start = np.dtype(_IDX_TYPES[data[2]]), 4 + 4 * data[3]
    if len(data) < start:
        raise DataError(f"{path} is damaged: it ends before the sizes of its {data[3]} axes.")
    shape = tuple(int(n) for n in np.frombuffer(data[4:start], ">u4"))
    expected, found = math.prod(shape) * dtype.itemsize, len(data) - start
    if found != expected:
        raise DataError(f"{path} is damaged: shape {shape} takes {expected} bytes of numbers, but there are {found}.")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
