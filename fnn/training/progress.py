"""`Progress`: the bar of a run, or of many: tqdm's where it is installed, else a plain one."""

from __future__ import annotations

import threading
import time
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from fnn.boundary import terminal
from fnn.training.history import Record

_DELAY: Final = 1.0  # seconds of a run before it has a bar
_REWRITTEN: Final = 0.1  # seconds from one writing of a plain bar to the next, in place
_WRITTEN: Final = 10.0  # on a new line
_WIDTH: Final = 20  # characters of a plain bar, if there is room
_FORMAT: Final = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Progress:
    """Epochs or networks that are done, their errors, and the time left, once a run has lasted a second.

    `shown` None: if a terminal or a notebook shows standard error. What fails when it is written to fails in silence.
    """

    def __init__(self, shown: bool | None, unit: str = "epoch") -> None:
        self._is_shown = terminal.is_shown() if shown is None else shown
        self._unit = unit
        self._total, self._initial, self._began = 0, 0, 0.0
        self._record: Record | None = None
        self._bar: TqdmBar | PlainBar | None = None

    def begin(self, total: int, done: int) -> None:
        """Start the clock of a run that has done some of its epochs already."""
        self._total, self._initial, self._began = total, done, time.perf_counter()

    def tell(self, record: Record) -> None:
        """Show the errors of the last epoch."""
        self._record = record

    def show(self, done: float) -> None:
        """Move the bar to the epochs that are done, the last one perhaps in part."""
        if not self._is_shown or time.perf_counter() - self._began < _DELAY:
            return
        try:
            self._bar = self._bar or self._new_bar()
            self._bar.show(done, self._errors())
        except Exception:  # standard error may be closed, or be anything
            self._is_shown, self._bar = False, None

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            with suppress(Exception):
                self._bar.close()

    def _new_bar(self) -> TqdmBar | PlainBar:
        given = self._total, self._initial, self._unit, self._began
        terminal.write("")  # what fails here is no half-made bar of tqdm yet
        try:
            return TqdmBar(_tqdm(), *given)
        except ImportError:
            return PlainBar(*given)

    def _errors(self) -> str:
        record = self._record
        if record is None:
            return ""
        validation = "" if record.validation_error is None else f", validation {record.validation_error:.6g}"

        return f"error {record.error:.6g}{validation}"


class NetworkProgress:
    """The progress of one network of a pool, in whose bar it counts 1."""

    def __init__(self, whole: PoolProgress) -> None:
        self._whole, self._epochs, self._part = whole, 0, 0.0

    def begin(self, total: int, done: int) -> None:
        self._epochs = total
        self.show(done)

    def tell(self, record: Record) -> None:
        """Do nothing: errors of several networks would take turns."""

    def show(self, done: float) -> None:
        self._move(done / max(self._epochs, 1))

    def close(self) -> None:
        self._move(1.0)

    def _move(self, part: float) -> None:
        self._whole.add(part - self._part)
        self._part = part


class PoolProgress(Progress):
    """The bar of networks that several threads train."""

    def __init__(self, shown: bool | None) -> None:
        super().__init__(shown, "network")
        self._done, self._lock = 0.0, threading.Lock()

    def add(self, part: float) -> None:
        """Move the bar by a part of a network."""
        if self._is_shown:
            with self._lock:
                self._done += part
                self.show(self._done)


class TqdmBar:
    """A bar of tqdm, from the beginning of the run on."""

    def __init__(self, tqdm: Any, total: int, initial: int, unit: str, began: float) -> None:
        # Without tqdm's monitor thread, which never ends, and without errors when the bar is collected.
        kind = type("Bar", (tqdm,), {"monitor_interval": 0, "__del__": lambda bar: None})
        self._bar: Any = kind(total=total, initial=initial, unit=unit, leave=False, bar_format=_FORMAT)
        self._bar.start_t -= time.perf_counter() - began
        self._bar.last_print_t = self._bar.start_t

    def show(self, done: float, errors: str) -> None:
        self._bar.set_postfix_str(errors, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.total = self._bar.n  # a notebook keeps, in red, the bar of what isn't complete
        self._bar.close()


class PlainBar:
    """A line of text: rewritten in place on a terminal and in a notebook, elsewhere a new one now and then."""

    def __init__(self, total: int, initial: int, unit: str, began: float) -> None:
        self._total, self._initial, self._unit, self._began = total, initial, unit, began
        self._is_rewritten = terminal.is_shown()
        self._due, self._length = 0.0, 0

    def show(self, done: float, errors: str) -> None:
        now = time.perf_counter()
        if now < self._due:
            return
        self._due = now + (_REWRITTEN if self._is_rewritten else _WRITTEN)
        seconds, new, part = now - self._began, done - self._initial, done / max(self._total, 1)
        left = _clock(seconds * (self._total - done) / new) if new > 0 else "?"
        between = ", " if errors else ""
        text = f"| {done:.1f}/{self._total} {self._unit}s [{_clock(seconds)}<{left}{between}{errors}]"
        room = terminal.columns() - 1 if self._is_rewritten else 999
        width = min(max(room - len(text) - 6, 0), _WIDTH)
        line = f"{part:4.0%} |{'#' * round(width * part):-<{width}}{text}"[:room]
        if self._is_rewritten:
            terminal.write(f"\r{line:<{self._length}}")
            self._length = len(line)
        else:
            terminal.write(f"{line}\n")

    def close(self) -> None:
        if self._length:
            terminal.write(f"\r{'':{self._length}}\r")


def _tqdm() -> Any:
    """The class of tqdm's bars; ImportError if it isn't installed."""
    if not terminal.in_notebook():
        return import_module("tqdm").tqdm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could do better with ipywidgets

        return import_module("tqdm.auto").tqdm


def _clock(seconds: float) -> str:
    """A duration as 01:23, or with hours as 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)

    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
