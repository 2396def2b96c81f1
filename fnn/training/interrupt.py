"""Ctrl-C during a run: noted at once, heeded between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar

R = TypeVar("R")


class Interrupt:
    """Ctrl-C, between entering and leaving: whether it was pressed, instead of an exception anywhere.

    Only in the main thread, where Python runs signal handlers, and only where Python's own handler is in place, which
    raises KeyboardInterrupt: another one is left alone. A second Ctrl-C raises as ever.

    Parameters
    ----------
    tell
        Called when it is pressed.
    """

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell
        self._is_ours = self._raises = False
        self.interrupted = False

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._is_ours = True
            signal.signal(signal.SIGINT, self._heed)

        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._is_ours and signal.getsignal(signal.SIGINT) == self._heed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def call(self, function: Callable[[], R]) -> R | None:
        """Call what isn't ours, in which Ctrl-C raises KeyboardInterrupt as ever; None if that has come out of it."""
        try:
            try:
                self._raises = True
                return function()
            finally:
                self._raises = False
        except KeyboardInterrupt:
            self._raises, self.interrupted = False, True

            return None

    def _heed(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted or self._raises:
            signal.default_int_handler(number, frame)
        self.interrupted = True
        self._tell()
