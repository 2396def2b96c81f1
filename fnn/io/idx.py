"""IDX files, the format in which MNIST is distributed: a strict reader of those of unsigned bytes (t = 8).

    0 0 t d | size 1 .. size d | elements, last index fastest

One byte each for the element type t and the number of dimensions d; big-endian 32-bit sizes. A file is checked to its
end before its elements are allocated: one in gzip is unpacked twice, which takes 0.1 s for MNIST's training images.
"""

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.checks import path_of
from fnn.io.plain import open_plain

_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_GZIP = b"\x1f\x8b"
_MAX_DIMENSIONS = 32  # the limit of NumPy 1
_STEP = 1 << 18  # bytes unpacked at a time


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The elements of an IDX file of unsigned bytes, gzip or not, in the shape that its header states.

    Compression is detected from the first bytes, not from the name. The elements take the memory that the header
    states, once the file is known to have them: up to 1000 times the length of a file in gzip, or more than a sparse
    file takes on disk.

    Raises
    ------
    ValueError, TypeError
        The file is not IDX, holds another element type, is damaged, or is shorter or longer than its header says; the
        message names the file and the fault. The path is none.
    OSError
        The file can't be read, or isn't a plain file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    with _open(path_of("path", path)) as source:
        shape = _read_shape(source)
        _check_length(source, shape)

        return _read_elements(source, shape)


def read_images_and_labels(
    images: str | os.PathLike[str], labels: str | os.PathLike[str]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images (N, rows, columns), from 0 to 255, and the labels (N,) of a pair of IDX files, such as MNIST's.

    Raises
    ------
    ValueError, TypeError, OSError
        As for `read_idx`; a file has another number of dimensions; the files differ in the number of cases.
    """
    with _open(path_of("images", images)) as image, _open(path_of("labels", labels)) as label:
        shape, label_shape = _read_shape(image, dimensions=3), _read_shape(label, dimensions=1)
        if shape[0] != label_shape[0]:
            raise ValueError(f"{image.path} has {shape[0]} images, but {label.path} has {label_shape[0]} labels")
        _check_length(image, shape)
        _check_length(label, label_shape)

        return _read_elements(image, shape), _read_elements(label, label_shape)


@dataclass(frozen=True)
class _Source:
    """An open file, decompressed if need be."""

    path: str
    stream: BufferedIOBase

    def fill(self, target: memoryview) -> int:
        """Fill the target, unless the file ends; the number of bytes read."""
        filled = 0
        with self._unpacking():
            while filled < len(target) and (count := self.stream.readinto(target[filled : filled + _STEP])):
                filled += count

        return filled

    def seek(self, offset: int) -> None:
        """Go to a place in the file."""
        with self._unpacking():
            self.stream.seek(offset)

    @contextmanager
    def _unpacking(self) -> Iterator[None]:
        try:
            yield
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{self.path}: damaged gzip data: {error}") from error

    def read(self, count: int) -> bytes:
        """Count bytes, fewer only at the end of the file."""
        target = bytearray(count)

        return bytes(target[: self.fill(memoryview(target))])

    def skip(self, count: int) -> int:
        """Read past count bytes, unless the file ends; the number of bytes read."""
        scratch = memoryview(bytearray(min(count, _STEP)))
        skipped = 0
        while skipped < count and (step := self.fill(scratch[: count - skipped])):
            skipped += step

        return skipped


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[_Source]:
    with open_plain(path) as file:
        if file.peek(len(_GZIP)).startswith(_GZIP):
            with gzip.GzipFile(fileobj=file) as stream:
                yield _Source(os.fspath(path), stream)
        else:
            yield _Source(os.fspath(path), file)


def _read_shape(source: _Source, dimensions: int | None = None) -> tuple[int, ...]:
    path, magic = source.path, source.read(4)
    if len(magic) < 4:
        raise ValueError(f"{path}: truncated: the type takes 4 bytes, the file ends after {len(magic)}")
    if magic[:2] != b"\0\0":
        raise ValueError(f"{path}: not an IDX file: it must start with 00 00, it starts with {magic[:2].hex(' ')}")
    if magic[2] != 0x08:
        name = _TYPES.get(magic[2], "unknown")
        raise ValueError(f"{path}: element type must be 0x08 (uint8), got 0x{magic[2]:02x} ({name})")
    if not 1 <= magic[3] <= _MAX_DIMENSIONS:
        raise ValueError(f"{path}: number of dimensions must be 1 to {_MAX_DIMENSIONS}, got {magic[3]}")
    if dimensions is not None and magic[3] != dimensions:
        raise ValueError(f"{path}: number of dimensions must be {dimensions}, got {magic[3]}")

    sizes = source.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError(f"{path}: truncated: the header of {magic[3]} dimensions ends after {4 + len(sizes)} bytes")
    shape = tuple(int.from_bytes(sizes[k : k + 4], "big") for k in range(0, len(sizes), 4))
    if 0 in shape:
        raise ValueError(f"{path}: every size must be at least 1, got {shape}")

    return shape


def _check_length(source: _Source, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the file has exactly the header's elements; return to the first."""
    first, needed = source.stream.tell(), math.prod(shape)
    count = source.skip(needed + 1)
    if count < needed:
        raise ValueError(f"{source.path}: truncated: sizes {shape} need {needed} elements, the file holds {count}")
    if count > needed:
        raise ValueError(f"{source.path}: trailing bytes: sizes {shape} need {needed} elements, the file holds more")
    source.seek(first)


def _read_elements(source: _Source, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    elements = np.empty(shape, np.uint8)
    if source.fill(elements.reshape(-1).data) < elements.size:
        raise ValueError(f"{source.path}: changed while it was read")

    return elements
