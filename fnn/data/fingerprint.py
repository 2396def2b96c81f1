"""Fingerprints of arrays, by which a checkpoint recognises the data of a run."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.data.rows import CaseArrays

_CHUNK = 1 << 16  # bytes: they stay in the nearest caches


def fingerprints(arrays: CaseArrays[Any]) -> dict[str, str]:
    """The fingerprints of x, y and the weights: of the caller's arrays, or of what they were cast and scaled to."""
    y = arrays.labels if arrays.labels.size else arrays.y
    scale = "" if arrays.sources is None else f" times {arrays.sources.scale!r}"

    return {"x": fingerprint(arrays.x) + scale, "y": fingerprint(y), "weights": fingerprint(arrays.weights)}


def fingerprint(array: NDArray[Any]) -> str:
    """Dtype, shape, and 64 bits of SHA-256 of the checksums of all chunks; "None" of nothing.

    Four times as fast as SHA-256 of all bytes: enough to tell other data, not to resist forged ones.
    """
    if array.size == 0:
        return "None"
    rows = max(1, _CHUNK * len(array) // array.nbytes)
    digest = hashlib.sha256()
    for start in range(0, len(array), rows):
        chunk = np.ascontiguousarray(array[start : start + rows])
        digest.update(zlib.crc32(chunk.reshape(-1).view(np.uint8).data).to_bytes(4, "little"))

    return f"{array.dtype} {array.shape} {digest.hexdigest()[:16]}"
