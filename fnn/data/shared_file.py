"""One temporary file for the arrays of many runs, which all processes of a machine map, and a mark for each run."""

from __future__ import annotations

import io
import mmap
import os
import pickle
import platform
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.data.rows import address_of

fcntl: Any = import_module("fcntl") if os.name == "posix" else None

WAITING, BEGUN, ENDED = range(3)  # marks of runs

_PREFIX, _SUFFIX = "fnn-", ".shared"
_MORE: Final = 2  # bytes beside the marks: whether the file is locked, and whether all runs are cancelled
_LINE: Final = 64  # bytes: arrays begin where cache lines do
_CHUNK: Final = 1 << 24  # bytes of an array that are made contiguous at a time
_NORESERVE: Final = 0x4000 if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") else 0
# Pages of the process's own once it writes them: none is reserved, so a file may be larger than the memory.
_PRIVATE: Final[dict[str, int]] = (
    {"flags": mmap.MAP_PRIVATE | _NORESERVE, "prot": mmap.PROT_READ | mmap.PROT_WRITE}
    if sys.platform != "win32"
    else {"access": mmap.ACCESS_COPY}
)

_Key: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...], str]
_Place: TypeAlias = tuple[str, tuple[int, ...], int]  # dtype, shape and offset of an array in the file


class SharedFile:
    """The file, as the process that writes it sees it. It lasts as long as the context."""

    def __init__(self, arrays: Iterable[NDArray[Any]], runs: int) -> None:
        self.runs = runs
        self._places: dict[_Key, _Place] = {}
        _remove_leftovers()
        number, self.path, is_locked = _created()
        try:
            with open(number, "r+b") as file:
                end = runs + _MORE
                file.write(bytes(end))
                file.flush()  # no hole, into which a write through the mapping could fail on a full disk
                self.marks = Marks(mmap.mmap(file.fileno(), end))
                self.marks.are_locked = is_locked
                for array in arrays:
                    if array.size and (key := _key(array)) not in self._places:
                        start = -(-end // _LINE) * _LINE
                        self._places[key] = array.dtype.str, array.shape, start
                        file.seek(start)
                        _write(file, array)
                        end = start + array.nbytes
        except BaseException as failure:
            self._remove()
            if isinstance(failure, OSError):
                failure.add_note(f"while the cases were written for workers to {self.path}; TMPDIR names the folder")
            raise

    def __enter__(self) -> SharedFile:
        return self

    def __exit__(self, *raised: object) -> None:
        self._remove()
        self.marks.close()

    def _remove(self) -> None:
        with suppress(OSError):
            os.unlink(self.path)

    def dumps(self, value: object) -> bytes:
        """The value pickled, but for the arrays that are in the file."""
        buffer = io.BytesIO()
        _Pickler(buffer, self._places).dump(value)

        return buffer.getvalue()

    @cached_property
    def content(self) -> bytes:
        """All that is in the file, for processes that can't open it."""
        with open(self.path, "rb") as file:
            return file.read()


class MappedFile:
    """The same file, as another process sees it than the writer: mapped or, if it is given its content, as a copy."""

    def __init__(self, path: str, runs: int, writer: int, content: bytearray | None = None) -> None:
        self._parent = writer if os.getppid() == writer else None
        self._file: int | None = None  # its descriptor
        self._memory: mmap.mmap | bytearray
        self.is_shared = content is None  # and so are the marks
        if content is not None:
            self._memory, self.marks = content, Marks(bytearray(runs + _MORE))
            return
        self._file = os.open(path, os.O_RDWR)
        self.marks = Marks(mmap.mmap(self._file, runs + _MORE))
        self._memory = mmap.mmap(self._file, 0, **_PRIVATE)  # kernels take writable arrays

    def __enter__(self) -> MappedFile:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._file is not None:
            os.close(self._file)

    @property
    def is_wanted(self) -> bool:
        """Whether runs are to go on: they aren't cancelled, and the process that wrote the file lives."""
        is_orphan = self._parent not in (None, os.getppid())

        return not (self.marks.is_cancelled or is_orphan or self._is_unlocked())

    def _is_unlocked(self) -> bool:
        """Whether the file was locked, and isn't any more; a forked child, which holds the lock, can't tell."""
        if self._file is None or not self.marks.are_locked:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)

        return True

    def loads(self, pickled: bytes) -> Any:
        """What `SharedFile.dumps` pickled; its arrays are those of the file."""
        return _Unpickler(io.BytesIO(pickled), self._memory).load()


class Marks:
    """How far each run is, and whether all are cancelled, in memory that several processes may share."""

    def __init__(self, memory: mmap.mmap | bytearray) -> None:
        self._memory = memory

    def __getitem__(self, run: int) -> int:
        return self._memory[run]

    def __setitem__(self, run: int, mark: int) -> None:
        self._memory[run] = mark

    @property
    def are_locked(self) -> bool:
        """Whether the process that wrote the file holds a lock on it as long as it lives."""
        return self._memory[-2] > 0

    @are_locked.setter
    def are_locked(self, value: bool) -> None:
        self._memory[-2] = value

    @property
    def is_cancelled(self) -> bool:
        """Whether no run is wanted any more."""
        return self._memory[-1] > 0

    def cancel(self) -> None:
        """Let all runs end soon, and no other begin."""
        self._memory[-1] = 1

    def close(self) -> None:
        """Let go of the memory: while a file is mapped, it takes its space on the disk, also when it is removed."""
        if isinstance(self._memory, mmap.mmap):
            self._memory.close()


class _Pickler(pickle.Pickler):
    """Pickles an array that is in the file as its place there."""

    def __init__(self, file: io.BytesIO, places: dict[_Key, _Place]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._places = places

    def persistent_id(self, value: Any) -> _Place | None:
        return self._places.get(_key(value)) if type(value) is np.ndarray and value.size else None


class _Unpickler(pickle.Unpickler):
    """Finds the arrays that are in the file."""

    def __init__(self, file: io.BytesIO, memory: mmap.mmap | bytearray) -> None:
        super().__init__(file)
        self._memory = memory

    def persistent_load(self, place: _Place) -> NDArray[Any]:
        dtype, shape, offset = place

        return np.ndarray(shape, dtype, self._memory, offset)


def _created() -> tuple[int, str, bool]:
    """A new temporary file, open and locked if it can be, its path, and whether it is locked."""
    while True:
        number, path = tempfile.mkstemp(_SUFFIX, _PREFIX)
        is_locked = False
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(number, fcntl.LOCK_EX)  # held by the mapping, too, so as long as this process needs it
                is_locked = True
        if os.fstat(number).st_nlink > 0:  # else another process has removed it as a leftover, before the lock
            return number, path, is_locked
        os.close(number)


def _remove_leftovers() -> None:
    """Remove the files of processes that were killed; those that are in use are locked."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_SUFFIX}") if fcntl is not None else ():
        with suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _key(array: NDArray[Any]) -> _Key:
    return address_of(array), array.shape, array.strides, array.dtype.str


def _write(file: BinaryIO, array: NDArray[Any]) -> None:
    rows = max(_CHUNK * len(array) // array.nbytes, 1)
    for top in range(0, len(array), rows):
        file.write(np.ascontiguousarray(array[top : top + rows]).data)
