"""Atomic replacement of files: a reader sees the old file or the new one, never a part."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import BufferedWriter
from pathlib import Path
from typing import Any

fcntl: Any = import_module("fcntl") if os.name == "posix" else None


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BufferedWriter]:
    """A file to write to, which replaces the one at the path if the block ends without an exception.

    A process killed before leaves the previous file, and possibly a stale one, ``.name.<random>.tmp``, in its folder
    (see `remove_leftovers`).
    """
    target = Path(os.path.realpath(path))  # the target of a link is replaced, not the link
    temporary, opened = _beside(target)
    with opened as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())  # after a power failure, else, the file may be empty
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _beside(target: Path) -> tuple[Path, BufferedWriter]:
    """A new file in the target's folder, locked until this process closes it or ends."""
    while True:
        temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
        file = temporary.open("xb")
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink > 0:  # else another process has removed it as a leftover, before the lock
            return temporary, file
        file.close()


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files of killed processes; those that a process still writes to are locked."""
    target = Path(os.path.realpath(path))
    if fcntl is None or not target.parent.is_dir():
        return
    start, end, length = f".{target.name}.", ".tmp", len(target.name) + 22
    for name in os.listdir(target.parent):
        if len(name) == length and name.startswith(start) and name.endswith(end):
            leftover = target.with_name(name)
            with suppress(OSError), open(leftover, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()
