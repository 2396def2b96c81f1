"""A line on standard error once fnn has compiled for two seconds: what takes so long, and that it happens once.

Only where a terminal or a notebook shows it: elsewhere no user waits for it, and programs take it for an error.
"""

import threading
import time
from contextlib import suppress
from typing import Final

from fnn.boundary import terminal
from fnn.compiler.cache import KernelCache
from fnn.compiler.internals import event

_AFTER: Final = 2.0  # seconds of compiling
_LINE: Final = "fnn: compiling, which takes some seconds and happens once on this machine: later runs load the code\n"


class Notice(event.Listener):
    """Adds up the time in which Numba compiles, nested or not, what is to be kept on disk.

    It hears of what is loaded as little as of the user's own functions. Numba compiles under a lock, so one thread at a
    time calls it. Another thread writes the line, since a single function may take three seconds.
    """

    def __init__(self) -> None:
        self._is_due = True
        self._seconds, self._began, self._depth = 0.0, 0.0, 0
        self._timer: threading.Timer | None = None

    def on_start(self, event: event.Event) -> None:
        if self._is_due and _is_kept(event):
            self._depth += 1
            if self._depth == 1 and terminal.is_shown():
                self._began = time.perf_counter()
                self._timer = threading.Timer(max(_AFTER - self._seconds, 0.0), self._tell)
                self._timer.daemon = True
                with suppress(RuntimeError):  # can't start new thread
                    self._timer.start()

    def on_end(self, event: event.Event) -> None:
        if self._depth and _is_kept(event):
            self._depth -= 1
            if self._depth == 0 and self._timer is not None:
                self._timer.cancel()
                if self._timer.ident is not None:
                    self._timer.join(1.0)  # no thread should be left when the process forks, but a terminal may block
                self._timer = None
                self._seconds += time.perf_counter() - self._began

    def _tell(self) -> None:
        self._is_due = False
        with suppress(Exception):  # whatever stands for standard error
            terminal.write(_LINE)


def _is_kept(event: event.Event) -> bool:
    return isinstance(getattr(event.data["dispatcher"], "_cache", None), KernelCache)
