"""Files that are replaced as a whole: whoever looks finds the old one or the new one, never a part."""

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
    """A file to write to, which takes the place of the one at the path if the block ends without an exception.

    Until then it stands beside that one, as ``.name.<random>.tmp``. Killed at any instant, a process leaves the
    previous file as it was, and perhaps such a stranger, which nothing reads (see `remove_leftovers`).
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    temporary, opened = _beside(target)
    with opened as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a machine that loses power may have the name without the contents
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _beside(target: Path) -> tuple[Path, BufferedWriter]:
    """A new file beside the target, which is locked until this process closes it or ends, however it does."""
    while True:
        temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
        file = open(temporary, "xb")  # noqa: SIM115 # the caller closes it
        if fcntl is not None:
            with suppress(OSError):  # a file system that knows no locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink > 0:  # else somebody has taken it for a leftover before it was locked
            return temporary, file
        file.close()


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed have left beside the file; what another one still writes is locked."""
    target = Path(os.path.realpath(path))
    if fcntl is None or not target.parent.is_dir():
        return
    start, end, length = f".{target.name}.", ".tmp", len(target.name) + 22
    for name in os.listdir(target.parent):
        if len(name) == length and name.startswith(start) and name.endswith(end):
            _remove_unlocked(target.with_name(name))


def _remove_unlocked(leftover: Path) -> None:
    with suppress(OSError), open(leftover, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink()
