"""Fingerprints of numbers, by which a checkpoint knows the data that a run was given."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.data.rows import CaseArrays

_PIECE = 1 << 16  # bytes: they stay in the nearest caches


def fingerprints(batch: CaseArrays[Any]) -> dict[str, str]:
    """Those of x, y and the weights of cases: as their owner has them, or cast and scaled if they are few."""
    y = batch.labels if batch.labels.size else batch.y

    return {"x": fingerprint(batch.x), "y": fingerprint(y), "weights": fingerprint(batch.weights)}


def fingerprint(array: NDArray[Any]) -> str:
    """Dtype, shape, and 64 bits that follow from all bytes, wherever they lie; "None" of nothing.

    They tell other data, not data that somebody has made up to look the same: a checksum of every piece, four times as
    fast as SHA-256 of them all, and SHA-256 of the checksums.
    """
    if array.size == 0:
        return "None"
    rows = max(1, _PIECE * len(array) // array.nbytes)
    pieces = hashlib.sha256()
    for start in range(0, len(array), rows):
        piece = np.ascontiguousarray(array[start : start + rows])
        pieces.update(zlib.crc32(piece.reshape(-1).view(np.uint8).data).to_bytes(4, "little"))

    return f"{array.dtype} {array.shape} {pieces.hexdigest()[:16]}"
