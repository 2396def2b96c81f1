"""Threads that wait for each other: nobody passes before all have come, and writes are seen."""

import os
import time

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.compiler.threads import run_in_threads
from fnn.training.kernels.barrier import SIZE, wait_for_all


@njit(nogil=True)
def rounds(part: int, parts: int, gate: NDArray[np.int64], at: NDArray[np.int64], count: int) -> int:
    """Go through rounds side by side; how often another part was seen in another round."""
    sync, strangers = pointer(gate), 0
    for now in range(1, count + 1):
        at[8 * part] = now
        wait_for_all(sync, parts)
        for other in range(parts):
            strangers += at[8 * other] != now
        wait_for_all(sync, parts)
    return strangers


@pytest.mark.parametrize("parts, count", [(1, 10), (2, 20_000), (3, 5_000), (4, 5_000), (7, 200)])
def test_all_are_in_the_same_round(parts: int, count: int) -> None:
    gate, at = np.zeros(SIZE, np.int64), np.zeros(8 * parts, np.int64)
    strangers = [-1] * parts

    def part(number: int, of: int) -> None:
        strangers[number] = rounds(number, of, gate, at, count)

    rounds(0, 1, gate, at[:8], 1)  # compiled before the others wait
    gate[:] = 0
    run_in_threads(part, parts)

    assert strangers == [0] * parts


def test_a_part_that_comes_late_is_waited_for() -> None:
    gate, at = np.zeros(SIZE, np.int64), np.zeros(16, np.int64)
    came: dict[int, float] = {}

    def part(number: int, of: int) -> None:
        if number == 1:
            time.sleep(0.2)
        began = time.perf_counter()
        assert rounds(number, of, gate, at, 1) == 0
        came[number] = time.perf_counter() - began

    rounds(0, 1, gate.copy(), at[:8].copy(), 1)
    run_in_threads(part, 2)

    assert came[0] > 0.15


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs os.sched_setaffinity")
def test_parts_on_a_single_processor_give_way() -> None:
    # A part that only spun would hold the processor for a whole slice of the system's, some ms, in each of 600 waits.
    gate, at = np.zeros(SIZE, np.int64), np.zeros(24, np.int64)
    strangers = [-1] * 3

    def part(number: int, of: int) -> None:
        strangers[number] = rounds(number, of, gate, at, 300)

    rounds(0, 1, gate.copy(), at[:8].copy(), 1)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        began = time.perf_counter()
        run_in_threads(part, 3)
        seconds = time.perf_counter() - began
    finally:
        os.sched_setaffinity(0, allowed)

    assert strangers == [0] * 3
    assert seconds < 10
