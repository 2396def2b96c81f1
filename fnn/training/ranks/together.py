"""What ranks do together must come to its end on each, whatever a signal handler of the user raises meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")


def to_the_end(function: Callable[[], R], interrupt: Callable[[], object]) -> R:
    """Call a function in a thread of its own, since signal handlers run in the main one.

    What a handler raises meanwhile is raised after the function's end, which `interrupt` brings about.
    """
    results: list[R] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def enter() -> None:
        try:
            results.append(function())
        except BaseException as failure:
            failures.append(failure)
        finally:
            done.set()

    thread, raised = threading.Thread(target=enter, daemon=True), list[BaseException]()
    while not done.is_set():
        try:
            if thread.ident is None:
                thread.start()
            done.wait()
        except BaseException as error:
            if thread.ident is None and isinstance(error, RuntimeError):  # the system refuses a thread
                enter()
            else:
                raised.append(error)
                interrupt()
    for first in [*raised, *failures]:
        raise first

    return results[0]
