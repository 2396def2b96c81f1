"""Atomic replacement of files: a reader sees the old file or the new one, never a part."""

import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import BufferedWriter
from pathlib import Path
from typing import Any

from fnn.io.plain import open_plain, require_plain

fcntl: Any = import_module("fcntl") if os.name == "posix" else None


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BufferedWriter]:
    """A file to write to, which replaces the one at the path if the block ends without an exception.

    It gets the mode of the one that it replaces and, where that is allowed, its owner and group. What is there and
    isn't a plain file is refused. A process killed before leaves the previous file, and possibly a stale one,
    ``.name.<random>.tmp``, in its folder (see `remove_leftovers`).
    """
    target = Path(os.path.realpath(path))  # the target of a link is replaced, not the link
    temporary, opened = _beside(target, _replaced(path))
    with opened as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())  # after a power failure, else, the file may be empty
            os.replace(temporary, target)
        except BaseException as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.filename is None:  # such as of a full disk
                error.filename = os.fspath(path)
            raise


def _replaced(path: str | os.PathLike[str]) -> os.stat_result | None:
    """The status of the file that will be replaced, if there is one; OSError unless it is a plain file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    require_plain(path, status)

    return status


def _beside(target: Path, replaced: os.stat_result | None) -> tuple[Path, BufferedWriter]:
    """A new file in the target's folder, locked until this process closes it or ends."""
    mode = 0o666 if replaced is None else 0o600  # until it has that of the file that it replaces
    while True:
        temporary = target.with_name(f"{_beginning(target)}{os.urandom(8).hex()}.tmp")
        file = _created(temporary, target, mode)
        if replaced is not None:
            _imitate(temporary, target, replaced)
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink > 0:  # else another process has removed it as a leftover, before the lock
            return temporary, file
        file.close()


def _created(temporary: Path, target: Path, mode: int) -> BufferedWriter:
    """A new file; OSError, which names the target, if there can be none."""
    try:
        return open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, mode))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(target)) from None


def _beginning(target: Path) -> str:
    """What the names of its temporary files begin with, short enough wherever the target's own name is."""
    name = target.name
    if len(os.fsencode(name)) > 100:
        name = f"{name[:20]}.{zlib.crc32(os.fsencode(name)):08x}"

    return f".{name}."


def _imitate(temporary: Path, target: Path, status: os.stat_result) -> None:
    """Give a file the owner, group, mode and access list of another, as far as user and file system allow."""
    if os.name == "posix":
        for owner, group in ((-1, status.st_gid), (status.st_uid, -1)):
            with suppress(OSError):
                os.chown(temporary, owner, group)
    with suppress(OSError):
        shutil.copystat(target, temporary)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files of killed processes; those that a process still writes to are locked."""
    target = Path(os.path.realpath(path))
    if fcntl is None or not target.parent.is_dir():
        return
    form = re.compile(re.escape(_beginning(target)) + r"[0-9a-f]{16}\.tmp")
    for name in os.listdir(target.parent):
        leftover = target.with_name(name)
        if form.fullmatch(name) and not leftover.is_symlink():
            with suppress(OSError), open_plain(leftover) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()
