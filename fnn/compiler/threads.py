"""Threads for kernels that are run by several at once, each with its part.

They are plain Python threads, which the kernels leave the interpreter's lock for: they need none of Numba's threading
layers, so several callers may train at once whichever is installed, and so may a forked child.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from typing import Final

# The processor that a thread runs on, where threads can be moved; asked without a pause for other threads to step in.
_processor: Final[Callable[[], int] | None] = (
    getattr(ctypes.PyDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
)
_GLANCE: Final = 0.02  # seconds from one look at whether it is late to the next


def available() -> int:
    """How many threads this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pin_apart(taken: set[int]) -> None:
    """Move the calling thread to a processor that isn't taken, if the one that it runs on is; then take that.

    Linux starts two of four threads on one processor in one of five cases, until it notices. Parts that wait for each
    other lose half of a short call by then: four of them took 174 µs for a step of 784-128-10, and take 131.
    """
    if _processor is None:
        return
    here, allowed = _processor(), os.sched_getaffinity(0)
    there = min(allowed - taken, default=here) if here in taken else here
    taken.add(there)  # before it moves, or another thread might choose the same meanwhile
    if there != here:
        with contextlib.suppress(OSError):  # it is only a hint
            os.sched_setaffinity(0, {there})
            os.sched_setaffinity(0, allowed)  # from now on it may go where the system sends it


def run_in_threads(
    part: Callable[[int, int], None],
    parts: int,
    abandon: Callable[[], object] = lambda: None,
    is_late: Callable[[], bool] | None = None,
) -> bool:
    """Call ``part(i, parts)`` for all i at once, each in a thread of its own; one part is called here.

    The parts wait for each other inside, so none may enter before all are there: if the system refuses a thread, the
    work is done by one. If a part fails, `abandon` must let the others go on without it. The caller only waits, so that
    an interrupt from the keyboard leaves no part alone; the parts then end by themselves, and nobody sees their work.

    With `is_late` even one part has a thread of its own, and the caller waits no longer once that is true.

    Returns whether the work is done.
    """
    if parts == 1 and is_late is None:
        part(0, 1)
        return True
    decided = threading.Event()
    agreed = False
    failures: list[BaseException] = []
    taken: set[int] = set()

    def enter(number: int) -> None:
        decided.wait()
        if agreed:
            try:
                pin_apart(taken)
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
        is_done = _joined(started, is_late)
    if failures:
        raise failures[0]
    if not agreed:
        part(0, 1)

    return is_done


def _joined(threads: list[threading.Thread], is_late: Callable[[], bool] | None) -> bool:
    """Wait for the threads; whether they have ended before it was late."""
    for thread in threads:
        if is_late is None:
            thread.join()
        while thread.is_alive():
            thread.join(_GLANCE)
            if is_late is not None and thread.is_alive() and is_late():
                return False

    return True
