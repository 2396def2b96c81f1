"""What sums along the tree must be: its definition, in one process."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = (1, 2, 3, 4, 7)  # numbers of ranks


class Row(NamedTuple):
    """What a node of the tree holds: elements, and eight numbers."""

    elements: NDArray[Any]
    numbers: NDArray[np.float64]


class Rows(NamedTuple):
    """Rows of shards, random numbers whose magnitudes are far apart."""

    shards: int
    dtype: str
    length: int
    trial: int = 0

    def shard(self, shard: int) -> Row:
        r = np.random.default_rng((self.shards, self.length, self.trial, shard))
        values = r.normal(size=self.length + 8) * 10.0 ** r.integers(-6, 7, self.length + 8)

        return Row(values[:-8].astype(self.dtype), values[-8:])

    def node(self, first: int, size: int) -> Row:
        """The sum of an aligned subtree: of its left half, and then of its right one."""
        if size == 1:
            return self.shard(first)
        left, right = self.node(first, size // 2), self.node(first + size // 2, size // 2)

        return Row(left.elements + right.elements, left.numbers + right.numbers)


CASES = [
    Rows(shards, dtype, length, trial)
    for shards, length in ((8, 101), (64, 101), (8, 70_001), (8, 0))
    for dtype in ("float32", "float64")
    for trial in range(2)
]
