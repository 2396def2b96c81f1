"""The progress bar of a run."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from fnn.extras import extra
from fnn.training.history import Record

_FORMAT = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Progress:
    """Epochs, their rate and errors, and the time left, shown by tqdm once a run has lasted a second."""

    def __init__(self, epochs: int, shown: bool | None) -> None:  # None: on a terminal, if tqdm is installed
        self._epochs = epochs
        self._tqdm: Any = None
        self._bar: Any = None
        if shown or (shown is None and sys.stderr and sys.stderr.isatty()):
            # Without the monitor thread of tqdm, which never ends.
            with suppress(*[] if shown else [ModuleNotFoundError]):
                tqdm = extra("tqdm", "fnn.progress(True)", "progress").tqdm
                self._tqdm = type("Bar", (tqdm,), {"monitor_interval": 0})

    def begin(self, done: int) -> None:
        """Show the bar, for a run that has done some epochs already."""
        if self._tqdm is not None:
            self._bar = self._tqdm(
                total=self._epochs, initial=done, unit="epoch", delay=1.0, leave=False, bar_format=_FORMAT
            )

    def tell(self, record: Record) -> None:
        """Show the errors of the last epoch."""
        if self._bar is not None:
            validation = "" if record.validation_error is None else f", validation {record.validation_error:.6g}"
            self._bar.set_postfix_str(f"error {record.error:.6g}{validation}", refresh=False)

    def show(self, done: float) -> None:
        """Move the bar to the epochs that are done, the last one perhaps in part."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
