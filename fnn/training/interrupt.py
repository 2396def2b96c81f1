"""Ctrl-C during a run: a flag at once, an exception between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from fnn.training.ranks.team import Team

R = TypeVar("R")


class Interrupt:
    """A context in which Ctrl-C sets a flag instead of raising KeyboardInterrupt wherever the program is.

    Only in the main thread, where Python runs signal handlers, and only in the place of Python's own handler: another
    one stays. `notify` is called when the flag is set, in a signal handler. A second Ctrl-C raises KeyboardInterrupt,
    unless other ranks would wait for this one then.
    """

    def __init__(self, notify: Callable[[], object], team: Team | None = None) -> None:
        self._notify, self._team = notify, team or Team()
        self._is_installed = self._raises = False

    @property
    def interrupted(self) -> bool:
        """Whether the flag is set on a rank, and all ranks know that."""
        return self._team.interrupted

    def __enter__(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._is_installed = True
            signal.signal(signal.SIGINT, self._handle)

    def __exit__(self, *raised: object) -> None:
        if self._is_installed and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(self) -> None:
        """Set the flag, as Ctrl-C does."""
        self._team.wanted = True
        self._notify()

    def call(self, function: Callable[[], R], *, waits: bool = False) -> R | None:
        """Call code of the user, in which Ctrl-C raises KeyboardInterrupt; if that comes out, set the flag: None.

        It doesn't raise in a function that `waits` for other ranks.
        """
        try:
            try:
                self._raises = self._team.size == 1 or not waits
                return function()
            finally:
                self._raises = False
        except KeyboardInterrupt:
            self._raises, self._team.wanted = False, True

            return None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._raises or (self._team.wanted and self._team.size == 1):
            signal.default_int_handler(number, frame)
        self.interrupt()
