"""`KernelCalls`: how several threads enter a kernel in which they wait for each other, and how an interrupt ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fnn.compiler import barrier
from fnn.compiler.threads import run_in_threads

LONG_CALL: Final = 0.05  # seconds: longer calls run in a worker thread, so that the main thread can handle signals


class KernelCalls:
    """Calls of a kernel, one after the other."""

    def __init__(self) -> None:
        self.interrupted = False  # since the last call ended
        self.starting = 0.0  # seconds of the calls, until the last of their threads ran
        self._words: NDArray[np.int64] = np.zeros(0, np.int64)  # the barrier of the present call

    def interrupt(self) -> None:
        """End the present call soon, or else the next; for signal handlers."""
        self.interrupted = True
        self._words[barrier.INTERRUPTED : barrier.INTERRUPTED + 1] = 1

    def call(
        self, part: Callable[[int, int, NDArray[np.int64]], None], threads: int, size: int, seconds: float
    ) -> None:
        """Call ``part(thread, threads, words)`` in each thread; the words, zero at first, begin with a barrier."""
        words = np.zeros(size, np.int64)

        def abandon() -> None:
            words[barrier.ABANDONED] = 1

        def interrupt() -> bool:
            """End the call after this step; whether to wait for that: not if it was to end before."""
            before, words[barrier.INTERRUPTED] = words[barrier.INTERRUPTED], 1

            return bool(before == 0)

        def enter(number: int, parts: int) -> None:
            entered.append(time.perf_counter())
            part(number, parts, words)

        entered: list[float] = []
        self._words, began = words, time.perf_counter()
        if self.interrupted:  # just before
            words[barrier.INTERRUPTED] = 1
        try:
            run_in_threads(enter, threads, abandon, interrupt, apart=seconds > LONG_CALL)
        finally:
            self.starting += max(entered, default=began) - began
