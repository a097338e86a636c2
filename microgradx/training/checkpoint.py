"""Saving and loading: plain numbers in .safetensors or .npz files. Loading never executes anything."""

import hashlib
import io
import json
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from microgradx.data.library import MissingExtraError
from microgradx.files import write_atomically
from microgradx.graph import MicrogradxError
from microgradx.graph.errors import install
from microgradx.training.callbacks import Callback, Run

Array = np.ndarray[Any, Any]
FORMAT = "microgradx.state/1"


class CheckpointError(MicrogradxError, ValueError):
    """A file is damaged, or is not one that can be loaded here."""


def save(path: str | Path, state: Mapping[str, Any]) -> Path:
    """Write arrays, numbers, strings, and dicts and lists of them; an interrupted write leaves the old file whole.

    A model's `state_dict()` is stored under its own names, so that other libraries can read the file.

    Args:
        path: ends in .safetensors (needs the extra "train") or .npz.
    """
    arrays: dict[str, Array] = {}
    try:
        text = json.dumps(_without_arrays(state, "", arrays))
    except TypeError as problem:
        raise CheckpointError(f"cannot save {path}: {problem}; only numbers, strings and arrays can be.") from None
    metadata = {"format": FORMAT, "state": text, "sha256": _digest(arrays, text)}
    return write_atomically(path, _WAYS[_kind(path)].pack(arrays, metadata))


def load(path: str | Path) -> dict[str, Any]:
    """What `save` wrote; from a file that another library wrote, its arrays by name.

    Raises:
        CheckpointError: the file is missing, truncated, changed, or of another kind.
    """
    unpack = _WAYS[_kind(path)].unpack
    try:
        arrays, metadata = unpack(Path(path).read_bytes())
    except OSError as problem:
        raise CheckpointError(f"cannot load {path}: {problem.strerror or problem}.") from problem
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as problem:
        raise CheckpointError(f"cannot load {path}: {problem}. It may be cut off, or not a saved state.") from problem
    if not metadata.keys() & {"state", "sha256"}:  # written by another library
        return dict(arrays)
    text = metadata.get("state", "")
    if metadata.get("format") != FORMAT or metadata.get("sha256") != _digest(arrays, text):
        raise CheckpointError(
            f"cannot load {path}: its content was changed after it was saved (its SHA-256 differs), or it is not of "
            f"the format {FORMAT}."
        )
    return dict(_with_arrays(json.loads(text), arrays))


class Checkpoint(Callback):
    """Save everything every few epochs, and when the training ends, by Ctrl-C too.

    A training that goes on from the file takes the very steps that it would have taken uninterrupted.

    Args:
        path: the file, .safetensors or .npz; it is replaced each time.
        every: after how many epochs.
        resume: go on from the file, when it is there.
        how: what Ctrl-C tells a person to do in order to go on; by default, to pass this with resume=True.
        setup: what else must be alike for going on, as numbers and strings by name; the optimizer's rule, the batch
            size and the number of samples are compared in any case.
    """

    only_watches = True

    def __init__(
        self, path: str | Path, every: int = 1, resume: bool = False, how: str = "",
        setup: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.path, self.every, self.resume, self.setup = Path(path), every, resume, dict(setup or {})
        self.how = how or f'run the same training with Checkpoint("{self.path}", resume=True)'
        _kind(self.path)
        if every < 1:
            raise CheckpointError(f"Checkpoint: every must be 1 or more, not {every}.")

    def on_start(self, run: Run) -> None:
        if self.resume and self.path.exists():
            state = load(self.path)
            if {"model", "optimizer", "callbacks", "progress"} - state.keys():
                held = ", ".join(list(state)[:8]) + ", …" * (len(state) > 8) or "nothing"
                raise CheckpointError(
                    f"{self.path} holds no training to go on with. It holds {held}. Checkpoint and train --save keep "
                    "trainings; weights alone are for model.load_state_dict(load(path))."
                )
            self._compare(state.get("setup", {}), self._setup(run))
            run.load_state_dict(state)

    def on_epoch(self, run: Run) -> None:
        if run.epoch % self.every == 0:
            self._save(run)

    def on_end(self, run: Run) -> None:
        if run.stop == "interrupted" or (run.epoch % self.every and not run.batch):  # in mid-epoch it has diverged
            self._save(run)
        if run.stop == "interrupted":
            print(
                f"Stopped after epoch {run.epoch}, batch {run.batch} of the next; everything is saved in {self.path}. "
                f"To go on: {self.how}",
                file=sys.stderr,
            )

    def _save(self, run: Run) -> None:
        save(self.path, {**run.state_dict(), "setup": self._setup(run)})

    def _setup(self, run: Run) -> dict[str, Any]:
        alike = {"optimizer": type(run.optimizer).__name__, "batch_size": run.data.batch_size}
        return {"training": run.name, "samples": len(run.data.dataset), **alike, **self.setup}

    def _compare(self, saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differ = [name for name in now if name in saved and saved[name] != now[name]]
        if differ:
            was, here = (", ".join(f"{name} {each[name]}" for name in differ) for each in (saved, now))
            raise CheckpointError(
                f"cannot go on from {self.path}: it was saved by a training with {was}, and this one has {here}. "
                "Set it up as it was, or start anew without resuming."
            )


def _without_arrays(part: Any, path: str, arrays: dict[str, Array]) -> Any:
    """`part` as JSON can hold it; its arrays go to `arrays`, each replaced by {"array": name}."""
    if isinstance(part, (np.ndarray, np.generic)):
        if part.dtype.kind not in "biuf":
            raise TypeError(f"an array of {part.dtype}")
        arrays[path] = np.ascontiguousarray(part).reshape(part.shape)  # safetensors ignores strides
        return {"array": path}
    inside = f"{path}/" if path else ""
    if isinstance(part, Mapping):
        return {str(key): _without_arrays(each, f"{inside}{key}", arrays) for key, each in part.items()}
    if isinstance(part, (list, tuple)):
        return [_without_arrays(each, f"{inside}{k}", arrays) for k, each in enumerate(part)]
    return part


def _with_arrays(part: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(part, dict):
        if part.keys() == {"array"} and isinstance(part["array"], str):
            return arrays[part["array"]]
        return {key: _with_arrays(each, arrays) for key, each in part.items()}
    return [_with_arrays(each, arrays) for each in part] if isinstance(part, list) else part


def _digest(arrays: Mapping[str, Array], text: str) -> str:
    """Neither format notices every changed byte, so this does."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


class _Way(NamedTuple):
    pack: Callable[[dict[str, Array], dict[str, str]], bytes]
    unpack: Callable[[bytes], tuple[dict[str, Array], dict[str, str]]]


def _kind(path: str | Path) -> str:
    suffix = Path(path).suffix
    if suffix not in _WAYS:
        raise CheckpointError(f"{path}: the name must end in {' or '.join(_WAYS)}.")
    return suffix


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError(
            f".safetensors files need a package that is not installed: {install('train')}. .npz files work without."
        ) from None
    return safetensors


def _pack_safetensors(arrays: dict[str, Array], metadata: dict[str, str]) -> bytes:
    return bytes(_safetensors().numpy.save(arrays, metadata))


def _unpack_safetensors(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    library = _safetensors()
    try:
        arrays = library.numpy.load(data)
    except (library.SafetensorError, KeyError) as problem:  # KeyError: a number type that NumPy lacks
        raise ValueError(str(problem)) from problem
    size = int.from_bytes(data[:8], "little")  # the format: the header's size, the header as JSON, the numbers
    return arrays, json.loads(data[8 : 8 + size]).get("__metadata__", {})


def _pack_npz(arrays: dict[str, Array], metadata: dict[str, str]) -> bytes:
    file = io.BytesIO()
    named: dict[str, Any] = {f"arrays/{name}": array for name, array in arrays.items()}
    np.savez(file, metadata=np.array(json.dumps(metadata)), **named)
    return file.getvalue()


def _unpack_npz(data: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(data)):  # np.load would take an .npy file too
        pass
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name.removeprefix("arrays/"): file[name] for name in file.files if name != "metadata"}
        return arrays, json.loads(str(file["metadata"])) if "metadata" in file.files else {}


_WAYS = {".safetensors": _Way(_pack_safetensors, _unpack_safetensors), ".npz": _Way(_pack_npz, _unpack_npz)}
