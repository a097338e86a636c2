"""Large arrays of a program that a person is to read stand in a file beside it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MANY = 250  # numbers


@dataclass(frozen=True)
class Apart:
    """An argument of a script that is read from a file; `str` is how."""

    name: str
    file: str
    dtype: Any

    def __str__(self) -> str:
        return f'numbers["{self.name}"]'


def set_apart(values: Mapping[str, Any], file: str) -> tuple[dict[str, Any], bytes]:
    """The values with their large arrays as Apart, and those arrays as an .npz file: b"" where there are none."""
    large = {name: np.asarray(value) for name, value in values.items() if np.size(value) > MANY}
    packed = io.BytesIO()
    np.savez(packed, **large)  # type: ignore[arg-type]  # its keyword allow_pickle is none of ours
    shown = {name: Apart(name, file, large[name].dtype) if name in large else values[name] for name in values}
    return shown, packed.getvalue() if large else b""


def reading(values: Mapping[str, Any]) -> list[str]:
    """The lines of Python with which a script reads the file; none where nothing is in one."""
    files = {value.file for value in values.values() if isinstance(value, Apart)}
    return [f'numbers = np.load(os.path.join(os.path.dirname(__file__), "{file}"))' for file in files]
