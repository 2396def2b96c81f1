"""Threads at a barrier: none passes before all have arrived, and each sees what the others wrote."""

import os
import time

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.barrier import SIZE, wait_for_all
from fnn.compiler.intrinsics import pointer
from fnn.compiler.threads import run_in_threads


@njit(nogil=True)
def rounds(thread: int, threads: int, words: NDArray[np.int64], at: NDArray[np.int64], count: int) -> int:
    """Go through rounds; returns how often another thread was seen in another round."""
    barrier, differences = pointer(words), 0
    for now in range(1, count + 1):
        at[8 * thread] = now
        wait_for_all(barrier, threads)
        for other in range(threads):
            differences += at[8 * other] != now
        wait_for_all(barrier, threads)
    return differences


# More threads than two wait for a processor at each barrier, some milliseconds each time.
@pytest.mark.parametrize("threads, count", [(1, 10), (2, 20_000), (3, 150), (4, 150), (7, 40)])
def test_all_are_in_the_same_round(threads: int, count: int) -> None:
    words, at = np.zeros(SIZE, np.int64), np.zeros(8 * threads, np.int64)
    differences = [-1] * threads

    def thread(number: int, of: int) -> None:
        differences[number] = rounds(number, of, words, at, count)

    rounds(0, 1, words, at[:8], 1)  # compiled before threads wait
    words[:] = 0
    run_in_threads(thread, threads)

    assert differences == [0] * threads


def test_a_late_thread_is_waited_for() -> None:
    words, at = np.zeros(SIZE, np.int64), np.zeros(16, np.int64)
    waited: dict[int, float] = {}

    def thread(number: int, of: int) -> None:
        if number == 1:
            time.sleep(0.2)
        began = time.perf_counter()
        assert rounds(number, of, words, at, 1) == 0
        waited[number] = time.perf_counter() - began

    rounds(0, 1, words.copy(), at[:8].copy(), 1)
    run_in_threads(thread, 2)

    assert waited[0] > 0.15


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs os.sched_setaffinity")
def test_threads_on_one_processor_yield() -> None:
    # A thread that only spun would hold the processor for a whole time slice, some ms, in each of 600 waits.
    words, at = np.zeros(SIZE, np.int64), np.zeros(24, np.int64)
    differences = [-1] * 3

    def thread(number: int, of: int) -> None:
        differences[number] = rounds(number, of, words, at, 300)

    rounds(0, 1, words.copy(), at[:8].copy(), 1)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        began = time.perf_counter()
        run_in_threads(thread, 3)
        seconds = time.perf_counter() - began
    finally:
        os.sched_setaffinity(0, allowed)

    assert differences == [0] * 3
    assert seconds < 10
