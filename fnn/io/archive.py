"""Archives: NPZ files of a description and arrays, in one canonical form.

The members of the ZIP file are uncompressed, undated and in a fixed order: ``fnn.json``, the description, then arrays,
``name.npy``, in row-major order with little-endian numbers. ``np.load`` and programs for ZIP files can read it.

Of an untrusted file the reader parses only the description, from which it computes how long the file must be before it
allocates the arrays; all bytes around their elements must be those that the writer would write. So nothing is unpacked,
unpickled or evaluated.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, BufferedWriter
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.io.plain import open_plain

Description: TypeAlias = dict[str, object]
Spec: TypeAlias = tuple[str, tuple[int, ...], np.dtype[Any]]  # an array's name, shape and dtype

_DESCRIPTION = "fnn.json"
_IN_EXTRA = 0xFFFFFFFF  # in place of a size that is in the extra field, with 64 bits
# Version, flags, method, time, date, crc, two sizes, lengths of name and extra field.
_COMMON = struct.Struct("<HHHHHIIIHH")
_LOCAL_EXTRA, _CENTRAL_EXTRA = struct.Struct("<HHQQ"), struct.Struct("<HHQQQ")
_PER_MEMBER, _END = 124, 98  # bytes beside names and contents: for each member, and at the end
_VERSION, _FIRST_DAY = 45, 0x0021  # ZIP with 64-bit sizes; 1 January 1980
_STEP = 1 << 20  # bytes read at a time


class _Member(NamedTuple):
    """The headers of a ZIP file's member."""

    name: str
    size: int
    crc: int

    def common(self, extra: int) -> bytes:
        """The fields of both headers."""
        return _COMMON.pack(_VERSION, 0, 0, 0, _FIRST_DAY, self.crc, _IN_EXTRA, _IN_EXTRA, len(self.name), extra)

    def local(self) -> bytes:
        """The header before the contents."""
        extra = _LOCAL_EXTRA.pack(1, 16, self.size, self.size)

        return b"PK\3\4" + self.common(len(extra)) + self.name.encode() + extra

    def central(self, offset: int) -> bytes:
        """The entry in the directory at the end of the file."""
        extra = _CENTRAL_EXTRA.pack(1, 24, self.size, self.size, offset)
        rest = struct.pack("<HHHII", 0, 0, 0, 0, _IN_EXTRA)

        return b"PK\1\2" + struct.pack("<H", _VERSION) + self.common(len(extra)) + rest + self.name.encode() + extra


def _directory(members: Sequence[_Member]) -> bytes:
    """The end of the file: the directory and its offset."""
    offset, entries = 0, []
    for member in members:
        entries.append(member.central(offset))
        offset += len(member.local()) + member.size
    directory, count = b"".join(entries), len(members)
    end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, _VERSION, _VERSION, 0, 0, count, count, len(directory), offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, offset + len(directory), 1)
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _IN_EXTRA, _IN_EXTRA, 0)

    return directory + end + locator + last


def _npy(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The header of an NPY file: format 1.0, a multiple of 64 bytes."""
    text = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"

    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode("latin1")


def little_endian(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype with the byte order of files."""
    return dtype.newbyteorder("<")


def text_of(description: Description) -> str:
    """The description as JSON, in its canonical form."""
    return json.dumps(description)


def require_short(text: int, length: int, what: str) -> None:
    """Raise ValueError if a description is implausibly long: parsed, JSON takes up to 25 times its length in memory."""
    if text > max(1 << 16, length // 4):
        raise ValueError(f"{what}: a description of {text} bytes, in a file of {length}")


def description_of(path: str, text: bytes) -> Description:
    """The description in a file; ValueError, which names the file, unless it has the form of `text_of`."""
    try:
        description = json.loads(text)
        is_canonical = isinstance(description, dict) and text_of(description).encode() == text
    except (ValueError, RecursionError):
        is_canonical = False
    if not is_canonical:
        raise ValueError(f"{path}: damaged: its description isn't as fnn writes it")

    return dict(description)


def write_archive(file: BufferedWriter, text: str, arrays: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """Write a description, from `text_of`, and arrays with ASCII names; ValueError if it is too long to be read."""
    members = [_write(file, _DESCRIPTION, text.encode())]
    for name, array in arrays:
        stored = np.ascontiguousarray(array, little_endian(array.dtype))
        members.append(_write(file, f"{name}.npy", _npy(array.shape, stored.dtype), stored))
    file.write(_directory(members))
    require_short(len(text), file.tell(), "can't be saved")


def _write(file: BufferedWriter, name: str, head: bytes, elements: NDArray[Any] | None = None) -> _Member:
    contents = memoryview(b"") if elements is None else _bytes_of(elements)
    member = _Member(name, len(head) + len(contents), zlib.crc32(contents, zlib.crc32(head)))
    file.write(member.local() + head)
    file.write(contents)

    return member


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """The elements of a contiguous array, perhaps empty."""
    return array.reshape(-1).view(np.uint8).data


class Archive:
    """An archive that is read once, from start to end."""

    def __init__(self, path: str, file: BufferedReader, length: int, first: _Member, description: Description) -> None:
        self.path, self.description = path, description
        self._file, self._length, self._members = file, length, [first]

    def expect(self, specs: Iterable[Spec]) -> None:
        """Raise ValueError unless the file has the length of an archive of these arrays."""
        members = list(self._members)
        for name, shape, dtype in specs:
            size = len(_npy(shape, little_endian(dtype))) + math.prod(shape) * dtype.itemsize
            members.append(_Member(f"{name}.npy", size, 0))
        needed = sum(2 * len(member.name) + member.size for member in members) + _PER_MEMBER * len(members) + _END
        if needed != self._length:
            which = "truncated" if self._length < needed else "too long"
            raise ValueError(
                f"{self.path}: {which}: what it describes takes {needed} bytes, the file has {self._length}"
            )

    def fill(self, arrays: Iterable[tuple[str, NDArray[Any]]]) -> None:
        """Read all arrays, which must be contiguous and little-endian; ValueError if the file holds anything else."""
        for name, array in arrays:
            self._members.append(self._fill(f"{name}.npy", array))
        directory = _directory(self._members)
        if self._file.read(len(directory) + 1) != directory:
            raise ValueError(f"{self.path}: damaged: its directory doesn't match its members")

    def _fill(self, name: str, array: NDArray[Any]) -> _Member:
        head = _npy(array.shape, array.dtype)
        crc = _read_local(self._file, self.path, name, len(head) + array.nbytes).crc
        if self._file.read(len(head)) != head:
            raise ValueError(f"{self.path}: {name} isn't an array of {array.dtype} with shape {array.shape}")
        _read_checked(self._file, f"{self.path}: {name}", _bytes_of(array), zlib.crc32(head), crc)

        return _Member(name, len(head) + array.nbytes, crc)


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """An archive whose description has been read."""
    name = os.fspath(path)
    with open_plain(path) as file:
        length = os.fstat(file.fileno()).st_size
        member = _read_local(file, name, _DESCRIPTION)
        require_short(member.size, length, f"{name}: damaged")
        text = bytearray(member.size)
        _read_checked(file, f"{name}: {_DESCRIPTION}", memoryview(text), 0, member.crc)
        yield Archive(name, file, length, member, description_of(name, bytes(text)))


def require_arrays(
    arrays: Mapping[str, NDArray[Any]], specs: Mapping[str, tuple[type[Any], tuple[int, ...]]],
    finite: Iterable[str] = (),
) -> None:  # fmt: skip
    """Raise ValueError unless the arrays are those of the specs, and those named by `finite` hold finite numbers."""
    if set(arrays) != set(specs):
        raise ValueError(f"it needs the arrays {', '.join(specs)}, it has {', '.join(arrays) or 'none'}")
    for name, (dtype, shape) in specs.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"{name}: needs {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
    for name in finite:
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name}: has a number that isn't finite")


def _read_local(file: BufferedReader, path: str, name: str, size: int | None = None) -> _Member:
    """Read a member's header; ValueError unless it is that member's, of that size if one is given."""
    length = len(_Member(name, 0, 0).local())
    header = file.read(length).ljust(length, b"\0")
    crc = _COMMON.unpack_from(header, 4)[5]
    stated_size = _LOCAL_EXTRA.unpack_from(header, length - _LOCAL_EXTRA.size)[2]
    member = _Member(name, stated_size if size is None else size, crc)
    if member.local() != header:
        if name == _DESCRIPTION:
            raise ValueError(f"{path}: not a file that fnn saved, or its beginning is damaged")
        raise ValueError(f"{path}: damaged: another member where {name} should begin")

    return member


def _read_checked(file: BufferedReader, what: str, target: memoryview, crc: int, expected_crc: int) -> None:
    """Fill the target from the file; ValueError if the file ends before, or the checksum doesn't match."""
    for start in range(0, len(target), _STEP):
        step = target[start : start + _STEP]
        if file.readinto(step) != len(step):
            raise ValueError(f"{what} is truncated")
        crc = zlib.crc32(step, crc)
    if crc != expected_crc:
        raise ValueError(f"{what} is damaged: its checksum is {crc:08x}, it should be {expected_crc:08x}")
