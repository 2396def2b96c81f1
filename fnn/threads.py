"""Threads for kernels that are run by several at once, each with its part.

They are plain Python threads, which the kernels leave the interpreter's lock for: they need none of Numba's threading
layers, so several callers may train at once whichever is installed, and so may a forked child.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def available() -> int:
    """How many threads this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_parts(part: Callable[[int, int], None], parts: int, abandon: Callable[[], object] = lambda: None) -> None:
    """Call ``part(i, parts)`` for all i at once, each in a thread of its own; one part is called here.

    The parts wait for each other inside, so none may enter before all are there: if the system refuses a thread, the
    work is done by one. If a part fails, `abandon` must let the others go on without it. The caller only waits, so that
    an interrupt from the keyboard leaves no part alone; the parts then end by themselves, and nobody sees their work.
    """
    if parts == 1:
        part(0, 1)
        return
    decided = threading.Event()
    agreed = False
    failures: list[BaseException] = []

    def enter(number: int) -> None:
        decided.wait()
        if agreed:
            try:
                part(number, parts)
            except BaseException as failure:
                failures.append(failure)
                abandon()

    started: list[threading.Thread] = []
    try:
        for number in range(parts):
            thread = threading.Thread(target=enter, args=(number,), daemon=True)
            thread.start()
            started.append(thread)
        agreed = True
    except RuntimeError:  # can't start new thread
        pass
    finally:
        decided.set()
        for thread in started:
            thread.join()
    if failures:
        raise failures[0]
    if not agreed:
        part(0, 1)
