"""Who does what in a phase: each thread its own share of the work first, piece by piece, then what others have left.

Threads that share equally end when the slowest does, and one is often slow: another process has its core, or its core's
other half. What a piece computes does not depend on who computes it, so no bit changes.
"""

from typing import Final, NamedTuple

from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Integers, shift
from fnn.equations.kernels.backprop import partition
from fnn.training.kernels import barrier
from fnn.training.kernels.barrier import fetch_and_add, load_acquired, store_released

CASES, ROWS = range(2)  # the phases
_LINE: Final = 16  # int64s from one counter to the next: two cache lines, because processors fetch them in pairs
_PIECE: Final = 500_000  # multiplications, some 5 µs: a turn costs 0.1 µs
_MOST: Final = 8  # pieces of a thread's share


class Worker(NamedTuple):
    """A thread among those that train together: its number, how many they are, and what they share."""

    part: int
    parts: int
    barrier: Integers  # the barrier, and behind it the counters of pieces taken, by phase and thread


def worker_type() -> types.Type:
    """`Worker` as a Numba type."""
    return types.NamedTuple([types.int64, types.int64, types.CPointer(types.int64)], Worker)


def barrier_size(parts: int) -> int:
    """int64s, all zero at first, that the threads share."""
    return barrier.SIZE + 2 * parts * _LINE


@inline
def even_chunks(worker: Worker, multiplications: int, rows: int, least: int) -> int:
    """Into how many pieces each thread's share of a phase is cut; a piece has at least so many rows."""
    if worker.parts == 1:
        return 1
    return max(1, min(_MOST, multiplications // (_PIECE * worker.parts), rows // (least * worker.parts)))


@inline
def guided_chunks(worker: Worker, multiplications: int, rows: int, least: int) -> int:
    """The same where pieces shrink: each is half of what is left of a share, the last all that is left."""
    each, left, work = 1, rows // worker.parts, multiplications // worker.parts
    while worker.parts > 1 and each < _MOST and left >= 2 * least and work >= 2 * _PIECE:
        each, left, work = each + 1, left // 2, work // 2
    return each


@inline
def guided_chunk(rows: int, chunk: int, each: int, parts: int) -> tuple[int, int]:
    """The rows of a piece, one of `guided_chunks`: each piece goes through all weights, so there should be few of them."""
    owner = chunk // each
    top, bottom = partition(rows, owner, parts)
    left = (bottom - top) >> (chunk - owner * each)
    return bottom - left, bottom if chunk == owner * each + each - 1 else bottom - left // 2


@inline
def next_chunk(worker: Worker, phase: int, each: int, last: int) -> int:
    """The number of a piece that nobody has taken, of each · parts, or −1; `last` is the one before, or −1."""
    if last < 0 and worker.parts > 1:
        # For the next phase: until the barrier before it nobody looks there.
        store_released(_counter(worker, 1 - phase, worker.part), 0)
    if each == 1:
        return worker.part if last < 0 else -1
    for offset in range(worker.parts):
        owner = (worker.part + offset) % worker.parts
        counter = _counter(worker, phase, owner)
        if load_acquired(counter) < each:
            taken = fetch_and_add(counter, 1)
            if taken < each:
                return owner * each + taken
    return -1


@inline
def _counter(worker: Worker, phase: int, part: int) -> Integers:
    return shift(worker.barrier, barrier.SIZE + (phase * worker.parts + part) * _LINE)
