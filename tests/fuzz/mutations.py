"""What can happen to a file, and what may come of it."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

import fnn
from tests.fuzz.seeds import Format

NUMBERS = [0, 1, 2, 127, 255, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]
WORDS = [
    b"[", b"]", b'"', b"{", b"}", b"null", b"-1", b"1e999", b"99999999999", b"NaN", b"true", b"PK\3\4", b"PK\1\2",
    b"PK\5\6", b"PK\6\6", b".npy", b"W1", b"b1", b"float32", b"float64", b"object", b"|O", b"\x1f\x8b", b"\x93NUMPY",
    b"tanh", b"sizes",
]  # fmt: skip
Change = Callable[[random.Random, bytearray, list[bytes]], None]


def place(r: random.Random, content: bytearray, size: int = 0) -> int:
    """Anywhere, but half of the time near an end, where the structure of a file is."""
    last = max(len(content) - size, 0)

    return r.choice(
        [r.randint(0, last), r.randint(0, last), min(r.randint(0, 120), last), max(last - r.randint(0, 120), 0)]
    )


def flip(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    """A bit."""
    if content:
        content[place(r, content, 1)] ^= 1 << r.randint(0, 7)


def overwrite(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    """With an extreme number of 1 to 8 bytes."""
    size = r.choice([1, 2, 4, 8])
    start = place(r, content, size)
    number = (r.choice(NUMBERS) % 256**size).to_bytes(size, r.choice(["little", "big"]))
    content[start : start + size] = number


def truncate(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    del content[place(r, content) :]


def remove(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    start = place(r, content)
    del content[start : start + r.choice([1, 2, 4, 8, 64])]


def insert(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    start = place(r, content)
    content[start:start] = r.choice([bytes([r.randint(0, 255)]), r.choice(WORDS), bytes(r.choice([1, 4, 64, 5000]))])


def replace(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    """One word by another."""
    there = [word for word in WORDS if word in content]
    if there:
        word = r.choice(there)
        start = content.find(word)
        content[start : start + len(word)] = r.choice(WORDS)


def digit(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    """Another digit in a text, the length unchanged."""
    digits = [i for i, byte in enumerate(content[:400]) if 48 <= byte <= 57]
    if digits:
        content[r.choice(digits)] = r.randint(48, 57)


def splice(r: random.Random, content: bytearray, seeds: list[bytes]) -> None:
    """The end of another file."""
    other = r.choice(seeds)
    content[place(r, content) :] = other[place(r, bytearray(other)) :][:100_000]


CHANGES: list[Change] = [flip, overwrite, truncate, remove, insert, replace, digit, splice]


def mend(content: bytearray) -> None:
    """Make sizes and checksums of ZIP members fit what is between them, so that what comes after them is reached."""
    starts = [i for i in range(len(content) - 3) if content[i : i + 4] == b"PK\3\4"]
    last = content.find(b"PK\1\2")
    for start, end in pairwise([*starts, len(content) if last < 0 else last]):
        lengths = content[start + 26 : start + 30]
        if len(lengths) < 4:
            continue
        first = start + 30 + sum(struct.unpack("<HH", lengths))
        if first <= end:
            content[start + 14 : start + 18] = zlib.crc32(content[first:end]).to_bytes(4, "little")
            content[first - 16 : first] = (end - first).to_bytes(8, "little") * 2


def mutated(r: random.Random, seeds: list[bytes]) -> bytes:
    """One of the files, changed in one to four places."""
    content = bytearray(r.choice(seeds))
    for _ in range(r.choice([1, 1, 1, 2, 3, 4])):
        r.choice(CHANGES)(r, content, seeds)
    if content.startswith(b"PK") and len(content) < 100_000 and r.random() < 0.3:
        mend(content)

    return bytes(content)


def is_accepted(kind: Format, path: Path, content: bytes) -> bool:
    """Whether the file is read; AssertionError if that has another result than it may have."""
    path.write_bytes(content)
    try:
        result = kind.read(path)
    except ValueError as error:
        assert os.fspath(path) in str(error), f"doesn't name the file: {error!r}"
        return False
    except fnn.TrainingDiverged:  # from numbers that can't be told from those of a run
        return True
    if isinstance(result, fnn.Run):
        assert np.isfinite(result.params.flat).all()
    elif isinstance(result, fnn.Params):
        assert np.isfinite(result.flat).all()
        assert result.flat.nbytes < len(content)
    elif isinstance(result, fnn.Quantized):
        assert all(np.isfinite(leaf).all() for leaf in result.leaves.values())
    else:
        assert isinstance(result, np.ndarray)
        assert result.dtype == np.uint8

    return True
