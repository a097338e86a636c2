"""Writing files so that an interrupted or failed run leaves the old file whole."""

import os
import shutil
import threading
from pathlib import Path

from microgradx.graph import MicrogradxError


class FileError(MicrogradxError, OSError):
    """A file could not be written; the file that was there before is untouched."""


def check_place(path: str | Path) -> None:
    """Refuse, before a long run, a path that nothing can be written to.

    Raises:
        FileError: the folder is missing or not writable, or `path` is a folder.
    """
    target = Path(path).expanduser().resolve()
    reason = ""
    if not target.parent.is_dir():
        reason = f"there is no folder {target.parent}"
    elif target.is_dir():
        reason = "it is a folder; name a file in it"
    elif not os.access(target if target.exists() else target.parent, os.W_OK):
        reason = "nothing may be written there"
    if reason:
        raise FileError(f"cannot write {path}: {reason}. Choose another place, or make the folder first.")


def write_atomically(path: str | Path, content: str | bytes) -> Path:
    """Write `content` (text as UTF-8) to a temporary name beside `path`, then rename it; returns the path.

    Raises:
        FileError: the folder is missing or not writable, `path` is a folder, or the disk is full.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = Path(path).expanduser().resolve()  # through a link to the file it stands for
    temporary = target.with_name(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError("it is a folder; name a file in it")
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError("the file there is read-only")
        if target.exists() and not target.is_file():  # /dev/stdout, a pipe: nothing to keep whole
            target.write_bytes(data)
            return Path(path)
        try:
            temporary.write_bytes(data)
            if target.exists():
                shutil.copymode(target, temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise FileError(f"cannot write {path}: {reason}. Choose another place, or make the folder first.") from problem
    return Path(path)
