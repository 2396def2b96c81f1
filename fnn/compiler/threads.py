"""Threads for kernels that split their work into parts.

They are plain Python threads, and kernels release the interpreter's lock. None of Numba's threading layers is needed,
so several callers may train at once whichever layer is installed, and so may a forked child.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from fnn.compiler.control_groups import OWN, ROOT, groups_of

_LIMITS: Final = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT")

# The processor that the calling thread runs on, where threads can be moved. A PyDLL keeps the interpreter's lock.
_processor: Final[Callable[[], int] | None] = (
    getattr(ctypes.PyDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
)


def available(threads: int | None = None) -> int:
    """As many threads as there are processors for this process, or `threads` if that is less.

    Unless `threads` is given, no more than pools and schedulers allow, either: by the environment, as joblib and Dask
    do, or by a quota of processor time.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads is not None:
        return min(threads, processors)
    words = [os.environ.get(name, "").partition(",")[0].strip() for name in _LIMITS]
    limits = [int(word) for word in words if word.isdecimal()]

    return max(1, int(min(processors, cpu_quota(), *(limit for limit in limits if limit))))


@cache
def cpu_quota(own: Path = OWN, root: Path = ROOT) -> float:
    """The processors that the quotas of this process's control groups allow; infinity without one."""
    return min([math.inf, *map(_quota_of, groups_of("cpu", own, root))])


def _quota_of(group: Path) -> float:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):  # ValueError: "max"
            quota, period = " ".join((group / name).read_text(encoding="utf-8") for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else math.inf

    return math.inf


def pin_apart(busy: set[int]) -> None:
    """Move the calling thread to a processor that isn't in `busy`, if its own is; add its processor to `busy`.

    Linux starts two of four threads on one processor in one of five calls, and moves them apart milliseconds later.
    Threads that wait for each other lose half of a short call by that: on four processors a step of 784-128-10 took
    174 µs, and takes 131 (time a step of `train` with threads=4, with and without the call in `run_in_threads`).
    Only fnn's own threads are moved, never the caller's, and each may then run wherever it could before.
    """
    if _processor is None:
        return
    processor, allowed = _processor(), os.sched_getaffinity(0)
    target = min(allowed - busy, default=processor) if processor in busy else processor
    busy.add(target)  # before the move, or another thread might choose the same one meanwhile
    if target != processor:
        with contextlib.suppress(OSError):  # it is only a hint
            os.sched_setaffinity(0, {target})
            os.sched_setaffinity(0, allowed)


def run_in_threads(
    part: Callable[[int, int], None], parts: int, abandon: Callable[[], object] = lambda: None,
    interrupt: Callable[[], bool] = lambda: False, *, apart: bool = False,
) -> None:  # fmt: skip
    """Call ``part(i, parts)`` for all i at once, each in a thread of its own; one part alone only if `apart`.

    Parts may wait for each other, so none begins before all threads run: if the system refuses one, the caller does
    the work alone, as ``part(0, 1)``. When a part fails, `abandon` must release the others; its error is raised.

    The caller only waits, so that its signal handlers run. If one of them raises, `interrupt` may tell the parts to end
    and return True: the caller waits for them, too, since until then they write. Else they are left to end.
    """
    if parts == 1 and not apart:
        part(0, 1)
        return
    decided, finished = threading.Event(), threading.Event()
    all_run = False
    ended: list[int] = []
    failures: list[BaseException] = []
    busy: set[int] = set()

    def enter(number: int) -> None:
        decided.wait()
        if all_run:
            try:
                pin_apart(busy)
                part(number, parts)
            except BaseException as failure:
                failures.append(failure)
                abandon()
            ended.append(number)
            if len(ended) == parts:
                finished.set()

    threads: list[threading.Thread] = []
    try:
        all_run = _start(threads, parts, enter)
    finally:
        decided.set()
        _join(threads, lambda: all_run and interrupt() and finished.wait())
    if failures:
        raise failures[0]
    if not all_run:
        part(0, 1)


def _join(threads: list[threading.Thread], on_error: Callable[[], object]) -> None:
    """Wait until the threads end, or do something else before an error of a signal handler is raised.

    Not to be called again then: until Python 3.13, `Thread.join` returns at once after it was interrupted.
    """
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        on_error()
        raise


def _start(threads: list[threading.Thread], count: int, enter: Callable[[int], None]) -> bool:
    """Start threads that call ``enter(i)``, and append each to the list; whether all could be started."""
    try:
        for number in range(count):
            thread = threading.Thread(target=enter, args=(number,), daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:  # can't start new thread
        return False

    return True
