"""A model of data-parallel training on many machines, in seconds, bytes and cases; each rank has one shard.

A step takes what a rank's part of the batch takes alone, and then an exchange, in which a message of some bytes takes a
latency, and its bytes by the bandwidth. Nothing overlaps, all ranks are as fast as the slowest one, and no messages
share a link.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

WHOLE_ROWS: Final = 1 << 18  # bytes below which ranks give each other whole rows


class Network(NamedTuple):
    """How long a message takes."""

    name: str
    latency: float
    bandwidth: float  # bytes a second

    def seconds(self, size: float) -> float:
        """Of two messages at once, one to a neighbour and one from it."""
        return self.latency + size / self.bandwidth


class Steps(NamedTuple):
    """What a step of one rank takes, as it was measured."""

    cases: Sequence[int]  # ascending
    times: Sequence[float]

    def seconds(self, cases: float) -> float:
        """Of so many cases, along straight lines between those measured; beyond the last one, through the last two."""
        if len(self.cases) == 1:
            return self.times[0]
        at = min(max(bisect_right(self.cases, cases), 1), len(self.cases) - 1)
        a, b = self.cases[at - 1 : at + 1]
        p, q = self.times[at - 1 : at + 1]

        return max(p + (q - p) * (cases - a) / (b - a), 0.0)


class Exchange(NamedTuple):
    """Adds up the rows of all ranks: those of `TreeSum` where the ranks are a power of two."""

    row: int  # bytes
    network: Network
    adding: float  # bytes a second of what is added

    def seconds(self, ranks: int) -> float:
        """Recursive halving and doubling; of small rows, all of them at every level of the tree."""
        levels = math.log2(ranks)
        if self.row < WHOLE_ROWS:
            return levels * (self.network.seconds(self.row) + self.row / self.adding)
        part = self.row * (1 - 1 / ranks)  # what a rank sends, receives and adds on its way down

        return 2 * (levels * self.network.latency + part / self.network.bandwidth) + part / self.adding


class Model(NamedTuple):
    """A network's steps and exchanges; ranks that are as fast as several of those measured."""

    steps: Steps
    exchange: Exchange
    speed: float = 1.0

    def seconds(self, ranks: int, batch: float) -> float:
        """Of a step of all ranks."""
        return self.steps.seconds(batch / ranks) / self.speed + self.exchange.seconds(ranks)

    def weak(self, ranks: int, cases: int) -> float:
        """Efficiency: with as many cases a rank, a step's time alone by that of all."""
        return self.seconds(1, cases) / self.seconds(ranks, cases * ranks)

    def strong(self, ranks: int, batch: int) -> float:
        """How many times as fast as one rank all are with the same batch."""
        return self.seconds(1, batch) / self.seconds(ranks, batch)

    def pays_from(self) -> int:
        """The smallest batch with which two ranks have an efficiency of a half: they take no longer than one."""
        return smallest(lambda batch: self.strong(2, batch) >= 1)


def smallest(holds: Callable[[int], bool]) -> int:
    """The smallest even number, of at most 2³⁰, from which on something holds; 0 if it doesn't."""
    low, high = 0, 1 << 29
    if not holds(2 * high):
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(2 * middle) else (middle, high)

    return 2 * high


def line(sizes: Sequence[int], times: Sequence[float]) -> tuple[float, float]:
    """Latency and bandwidth: of the shortest message, and of what the longest takes more than that."""
    return times[0], (sizes[-1] - sizes[0]) / (times[-1] - times[0])
