"""A process whose threads do jobs of every kind side by side: ``python -m tests.concurrency.hammer omp 8 60``.

Numba's threading layer `workqueue` ends a process in which two threads run parallel code of a user's at once, so there
they take turns with that; fnn's own threads need not.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext

import numba

from .work import JOBS, NUMBERS, PROBLEMS, bits, take_threads, user_bits

MARGIN = 60.0  # seconds after which a thread that hasn't come back is stuck


class Hammer:
    """Some threads, what they are to find, and what they found."""

    def __init__(self, layer: str) -> None:
        self._turns: AbstractContextManager[object] = threading.Lock() if layer == "workqueue" else nullcontext()
        self._wanted = [bits(number) for number in NUMBERS]
        self._user_wanted = [user_bits(number) for number in range(len(PROBLEMS))]
        self.calls: dict[str, int] = {job.__name__: 0 for job in JOBS} | {"user": 0}
        self.different = 0
        self.slowest = 0.0
        self._lock = threading.Lock()

    def strike(self, first: int, end: float) -> None:
        """Do one job after another until it is time."""
        number = first
        while time.perf_counter() < end:
            number += 1
            began = time.perf_counter()
            if number % 4:
                is_right = bits(number) == self._wanted[number % len(NUMBERS)]
                name = JOBS[number % len(JOBS)].__name__
            else:
                with self._turns:
                    is_right = user_bits(number) == self._user_wanted[number % len(PROBLEMS)]
                name = "user"
            with self._lock:
                self.calls[name] += 1
                self.different += not is_right
                self.slowest = max(self.slowest, time.perf_counter() - began)

    def run(self, threads: int, seconds: float) -> None:
        """Strike in a number of threads; what fails in one is written to stderr."""
        end = time.perf_counter() + seconds
        started = [threading.Thread(target=self.strike, args=(7 * i, end)) for i in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()


def main(layer: str, threads: int, seconds: float) -> None:
    """Hammer, and print what came of it as a line of JSON."""
    threading.excepthook = fail
    numba.config.THREADING_LAYER = layer
    hammer = Hammer(layer)  # what one thread finds is what all must
    take_threads()
    faulthandler.dump_traceback_later(seconds + MARGIN, exit=True)  # now that all is compiled
    hammer.run(threads, seconds)
    found = {"layer": numba.threading_layer(), "different": hammer.different, "slowest": hammer.slowest}
    print(json.dumps({**found, "calls": hammer.calls}))
    faulthandler.cancel_dump_traceback_later()


def fail(arguments: threading.ExceptHookArgs) -> None:
    """An error in a thread is the process's."""
    threading.__excepthook__(arguments)
    sys.stderr.flush()

    os._exit(3)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
