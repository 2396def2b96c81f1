"""Work stealing: a thread takes chunks of its own range first, then of the other threads'.

Threads with equal ranges end when the slowest does, and one is often slow: another process runs on its core, or on the
core's other hardware thread. What a chunk computes does not depend on the thread that takes it, so no bit changes.
"""

from typing import Final, NamedTuple

from numba import types

from fnn.compiler import barrier
from fnn.compiler.barrier import fetch_and_add, load_acquired, store_released
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Integers, shift
from fnn.equations.kernels.parts import partition

CASES, ROWS = range(2)  # the phases, by what they divide among the threads
_COUNTER_STRIDE: Final = 16  # int64s between counters: two cache lines, which processors fetch in pairs
_CHUNK_WORK: Final = 500_000  # multiplications of a chunk at least, about 5 µs: taking one costs 0.1 µs
_MAX_CHUNKS: Final = 8  # of a thread's range


class Worker(NamedTuple):
    """One of the threads that train together."""

    thread: int  # its number
    threads: int  # how many there are
    barrier: Integers  # the barrier; behind it the counters of chunks taken, by phase and thread


def worker_type() -> types.Type:
    """`Worker` as a Numba type."""
    return types.NamedTuple([types.int64, types.int64, types.CPointer(types.int64)], Worker)


def barrier_size(threads: int) -> int:
    """Elements of the int64 array, zero at first, that the threads share."""
    return barrier.SIZE + 2 * threads * _COUNTER_STRIDE


@inline
def even_chunks(worker: Worker, multiplications: int, rows: int, least: int) -> int:
    """The number of equal chunks in each thread's range of a phase; a chunk has at least `least` rows."""
    if worker.threads == 1:
        return 1
    return max(1, min(_MAX_CHUNKS, multiplications // (_CHUNK_WORK * worker.threads), rows // (least * worker.threads)))


@inline
def guided_chunks(worker: Worker, multiplications: int, rows: int, least: int) -> int:
    """The number of guided chunks in each thread's range: each chunk is half of the rest, the last all of it."""
    chunks, rest, work = 1, rows // worker.threads, multiplications // worker.threads
    while worker.threads > 1 and chunks < _MAX_CHUNKS and rest >= 2 * least and work >= 2 * _CHUNK_WORK:
        chunks, rest, work = chunks + 1, rest // 2, work // 2
    return chunks


@inline
def guided_chunk(rows: int, chunk: int, chunks: int, threads: int) -> tuple[int, int]:
    """The range of one of `guided_chunks`. A chunk reads all weights, hence few and large ones."""
    owner = chunk // chunks
    top, bottom = partition(rows, owner, threads)
    rest = (bottom - top) >> (chunk - owner * chunks)
    return bottom - rest, bottom if chunk == owner * chunks + chunks - 1 else bottom - rest // 2


@inline
def next_chunk(worker: Worker, phase: int, chunks: int, last: int) -> int:
    """Take a chunk: its number in [0, threads · chunks), or −1 if none is left.

    `last` is the number of the chunk before, −1 at the start of a phase.
    """
    if last < 0 and worker.threads > 1:
        # For the next phase: its counters are read only after the barrier that ends this one.
        store_released(_counter(worker, 1 - phase, worker.thread), 0)
    if chunks == 1:
        return worker.thread if last < 0 else -1
    for offset in range(worker.threads):
        owner = (worker.thread + offset) % worker.threads
        counter = _counter(worker, phase, owner)
        if load_acquired(counter) < chunks:
            number = fetch_and_add(counter, 1)
            if number < chunks:
                return owner * chunks + number
    return -1


@inline
def _counter(worker: Worker, phase: int, thread: int) -> Integers:
    """Chunks taken of a thread's range."""
    return shift(worker.barrier, barrier.SIZE + (phase * worker.threads + thread) * _COUNTER_STRIDE)
