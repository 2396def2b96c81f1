"""Plain files: what isn't one, such as a named pipe, is neither waited for nor replaced."""

import os
import stat
from io import BufferedReader, UnsupportedOperation

_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def require_plain(path: str | os.PathLike[str], status: os.stat_result) -> None:
    """Raise io.UnsupportedOperation, which is an OSError, unless this is the status of a plain file."""
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise UnsupportedOperation(f"{os.fspath(path)}: needs a plain file, got {kind}")


def open_plain(path: str | os.PathLike[str]) -> BufferedReader:
    """A plain file, or a link to one, to read from; OSError if it is anything else."""
    require_plain(path, os.stat(path))  # before it is opened, which a pipe waits for, and some devices act on

    return open(path, "rb")
