"""`TreeSum`: sums over all shards along one binary tree, whose bits are the same for any number of ranks.

The leaves of the tree are shards, and each inner node is the sum of its left child and its right one. A rank fills the
largest nodes that are whole in it, its forest; what is above them is added here.
"""

from __future__ import annotations

import ctypes
import time
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.training.ranks.shards import forest, shards_of
from fnn.training.ranks.team import Team

TAIL: Final = 64  # bytes of the eight float64 numbers behind the elements of a row
_HALVED: Final = 1 << 18  # bytes of a row from which on ranks exchange halves of it

Exchange = ctypes.CFUNCTYPE(ctypes.c_int64)


class Node(NamedTuple):
    """Where the sum of a subtree is: a row of a rank."""

    rank: int
    row: int


class Sum(NamedTuple):
    """An inner node above the forests: the sum of two others, which takes the place of one of them."""

    size: int  # shards
    left: Node
    right: Node
    result: Node


def sums_of(ranks: int, shards: int) -> tuple[list[Sum], Node]:
    """The sums above the forests of all ranks, each after those of its children; and where the root is."""
    bounds = [shards_of(rank, ranks, shards)[0] for rank in range(ranks + 1)]
    rows = [{start: row for row, (start, _) in enumerate(forest(*bounds[r : r + 2]))} for r in range(ranks)]
    sums: list[Sum] = []

    def add_up(start: int, size: int) -> Node:
        rank, half = bisect_right(bounds, start, hi=ranks) - 1, size // 2
        if start + size <= bounds[rank + 1]:
            return Node(rank, rows[rank][start])
        left, right = add_up(start, half), add_up(start + half, half)
        owned = [min(start + size, bounds[n.rank + 1]) - max(start, bounds[n.rank]) for n in (left, right)]
        result = left if owned[0] >= owned[1] else right
        sums.append(Sum(size, left, right, result))

        return result

    root = add_up(0, shards)

    return sorted(sums, key=attrgetter("size")), root


class TreeSum:
    """Adds up rows of this rank's forest, and those of all other ranks; what it does is worked out once.

    Parameters
    ----------
    team
        The ranks, which must all make one, and then call it together.
    shards
        The leaves of the tree, a power of two.
    buffers
        Bytes, C-contiguous: a row for each node of this rank's forest, of `count` elements, perhaps a gap, and in the
        last 64 bytes eight float64 numbers.
    dtype, count
        Type and number of the elements: float32 or float64.
    """

    def __init__(self, team: Team, shards: int, buffers: NDArray[np.uint8], dtype: np.dtype[Any], count: int) -> None:
        self._team, self._buffers, self._count, self._dtype = team, buffers, count, dtype
        self._received = np.empty(buffers.shape[1], np.uint8)
        self.calls, self.seconds = 0, 0.0  # of `sum`, with the time that it waits for other ranks
        self._steps: list[Callable[[], object]] = []
        ranks, length = team.size, buffers.shape[1]
        if ranks & (ranks - 1) == 0 and shards % ranks == 0:
            if length < max(_HALVED, 4 * TAIL * ranks):
                self._plan_whole_rows()
            else:
                self._plan_halves()
        else:
            self._plan_tree(shards)
        self._callback = Exchange(self._exchange)

    @property
    def address(self) -> int:
        """The address of a function in C, of no arguments, that calls `sum` and returns 0; it lives as long as this."""
        return ctypes.cast(self._callback, ctypes.c_void_p).value or 0

    def sum(self) -> None:
        """Let the first row of every rank be the sum of all shards; the other rows are then of no use."""
        began = time.perf_counter()
        with np.errstate(all="ignore"):  # a run that diverges
            for step in self._steps:
                step()
        self.calls += 1
        self.seconds += time.perf_counter() - began

    def _exchange(self) -> int:
        try:
            self.sum()
        except BaseException:  # the other ranks wait for messages
            self._team.abort()

        return 0

    def _plan_tree(self, shards: int) -> None:
        """Every sum on the rank that owns more of its shards, then a broadcast of the root."""
        comm, me, rows = self._team.communicator, self._team.rank, self._buffers
        sums, root = sums_of(self._team.size, shards)
        for _, left, right, result in sums:
            other = right if result == left else left
            if me == other.rank != result.rank:
                self._steps.append(partial(comm.Send, rows[other.row], result.rank))
            if me == result.rank:
                if me != other.rank:
                    self._steps.append(partial(comm.Recv, self._received, other.rank))
                operand = rows[other.row] if me == other.rank else self._received
                self._plan_sum(rows[result.row], operand, is_left=result == left)
        if me == root.rank and root.row:
            self._steps.append(partial(np.copyto, rows[0], rows[root.row]))
        if self._team.size > 1:
            self._steps.append(partial(comm.Bcast, rows[0], root.rank))

    def _plan_whole_rows(self) -> None:
        """In log₂ of the ranks steps, neighbours at distance 1, 2, 4, .. give each other their rows; all add them."""
        row, other = self._buffers[0], self._received
        for distance, is_left in self._distances():
            self._plan_exchange(distance, row, other)
            self._plan_sum(row, other, is_left=is_left)

    def _plan_halves(self) -> None:
        """Of what two neighbours have, each adds one half; in the end they give each other their sums."""
        low, high = 0, self._buffers.shape[1]
        back: list[tuple[int, NDArray[np.uint8], NDArray[np.uint8]]] = []
        for distance, is_left in self._distances():
            middle = low + (high - low) // 2 // TAIL * TAIL
            mine, others = slice(low, middle), slice(middle, high)
            if not is_left:
                mine, others = others, mine
            row, received = self._buffers[0, mine], self._received[mine]
            self._plan_exchange(distance, self._buffers[0, others], received)
            self._plan_sum(row, received, is_left=is_left, start=mine.start)
            back.append((distance, row, self._buffers[0, others]))
            low, high = mine.start, mine.stop
        for distance, row, rest in reversed(back):
            self._plan_exchange(distance, row, rest)

    def _distances(self) -> list[tuple[int, bool]]:
        """Of the levels of the tree: the distance of the rank to exchange with, and whether this one is to its left."""
        levels = (self._team.size - 1).bit_length()

        return [(1 << level, not self._team.rank >> level & 1) for level in range(levels)]

    def _plan_exchange(self, distance: int, sent: NDArray[np.uint8], received: NDArray[np.uint8]) -> None:
        """Give a neighbour some bytes, and get as many or as few of its."""
        neighbour = self._team.rank ^ distance
        self._steps.append(
            partial(self._team.communicator.Sendrecv, sent, neighbour, recvbuf=received, source=neighbour)
        )

    def _plan_sum(
        self, row: NDArray[np.uint8], other: NDArray[np.uint8], *, is_left: bool, start: int = 0
    ) -> None:  # fmt: skip
        """Add another's part of a row, which begins at this byte of it, to the own, the left operand or the right."""
        operands = (row, other, row) if is_left else (other, row, row)
        stop = min(start + len(row), self._count * self._dtype.itemsize) - start
        if stop > 0:
            self._plan_add(*(part[:stop].view(self._dtype) for part in operands))
        if start + len(row) == self._buffers.shape[1]:
            self._plan_add(*(part[-TAIL:].view(np.float64) for part in operands))

    def _plan_add(self, left: NDArray[Any], right: NDArray[Any], total: NDArray[Any]) -> None:
        self._steps.append(partial(np.add, left, right, out=total))
