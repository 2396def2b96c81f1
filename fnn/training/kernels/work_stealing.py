"""Who does what in a phase: each thread its own share of the work first, piece by piece, then what others have left.

Threads that share equally end when the slowest does, and one is often slow: another process has its core, or its core's
other half. What a piece computes does not depend on who computes it, so no bit changes.
"""

from typing import Final, NamedTuple

from numba import types

from fnn.compiler.intrinsics import Integers, shift
from fnn.compiler.options import inline
from fnn.equations.kernels.backprop import share
from fnn.training.kernels import barrier
from fnn.training.kernels.barrier import fetch_and_add, load_acquired, store_released

CASES, ROWS = range(2)  # the phases
_LINE: Final = 16  # int64s from one counter to the next: two cache lines, because processors fetch them in pairs
_PIECE: Final = 500_000  # multiplications, some 5 µs: a turn costs 0.1 µs
_MOST: Final = 8  # pieces of a thread's share


class Crew(NamedTuple):
    """A thread among those that train together: its number, how many they are, and what they share."""

    part: int
    parts: int
    gate: Integers  # the barrier, and behind it the counters of pieces taken, by phase and thread


def crew_type() -> types.Type:
    """`Crew` as a Numba type."""
    return types.NamedTuple([types.int64, types.int64, types.CPointer(types.int64)], Crew)


def gate_size(parts: int) -> int:
    """int64s, all zero at first, that the threads share."""
    return barrier.SIZE + 2 * parts * _LINE


@inline
def pieces(crew: Crew, multiplications: int, rows: int, least: int) -> int:
    """Into how many pieces each thread's share of a phase is cut; a piece has at least so many rows."""
    if crew.parts == 1:
        return 1
    return max(1, min(_MOST, multiplications // (_PIECE * crew.parts), rows // (least * crew.parts)))


@inline
def halvings(crew: Crew, multiplications: int, rows: int, least: int) -> int:
    """The same where pieces shrink: each is half of what is left of a share, the last all that is left."""
    each, left, work = 1, rows // crew.parts, multiplications // crew.parts
    while crew.parts > 1 and each < _MOST and left >= 2 * least and work >= 2 * _PIECE:
        each, left, work = each + 1, left // 2, work // 2
    return each


@inline
def halved(rows: int, piece: int, each: int, parts: int) -> tuple[int, int]:
    """The rows of a piece, one of `halvings`: each piece goes through all weights, so there should be few of them."""
    owner = piece // each
    top, bottom = share(rows, owner, parts)
    left = (bottom - top) >> (piece - owner * each)
    return bottom - left, bottom if piece == owner * each + each - 1 else bottom - left // 2


@inline
def next_piece(crew: Crew, phase: int, each: int, last: int) -> int:
    """The number of a piece that nobody has taken, of each · parts, or −1; `last` is the one before, or −1."""
    if last < 0 and crew.parts > 1:
        # For the next phase: until the barrier before it nobody looks there.
        store_released(_counter(crew, 1 - phase, crew.part), 0)
    if each == 1:
        return crew.part if last < 0 else -1
    for offset in range(crew.parts):
        owner = (crew.part + offset) % crew.parts
        counter = _counter(crew, phase, owner)
        if load_acquired(counter) < each:
            taken = fetch_and_add(counter, 1)
            if taken < each:
                return owner * each + taken
    return -1


@inline
def _counter(crew: Crew, phase: int, part: int) -> Integers:
    return shift(crew.gate, barrier.SIZE + (phase * crew.parts + part) * _LINE)
