"""A progress bar for runs that someone watches."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from fnn.training.history import Record

_FORMAT = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Progress:
    """Shows epochs, how fast they go, errors and the time left by tqdm, after a second; nothing if nobody watches.

    Parameters
    ----------
    epochs
        How many there will be.
    wanted
        None: if standard error is a terminal and tqdm is installed. True: always. False: never.

    Raises
    ------
    ImportError
        If it is wanted and tqdm isn't installed.
    TypeError
        If it is none of these.
    """

    def __init__(self, epochs: int, wanted: bool | None) -> None:
        self._epochs = epochs
        self._tqdm: Any = None
        self._bar: Any = None
        if not (wanted is None or isinstance(wanted, bool | np.bool_)):
            raise TypeError(f"progress: must be True, False or None, got {wanted!r}")
        if not (wanted if wanted is not None else sys.stderr and sys.stderr.isatty()):
            return
        try:
            tqdm = importlib.import_module("tqdm").tqdm
        except ImportError:
            if wanted:
                raise ImportError("progress=True needs tqdm: pip install 'fnn[progress]'") from None
            return
        # Without the thread that tqdm starts for bars that nobody moves, and never ends.
        self._tqdm = type("Bar", (tqdm,), {"monitor_interval": 0})

    def begin(self, done: int) -> None:
        """Put up the bar, for a run that has done so many epochs."""
        if self._tqdm is not None:
            self._bar = self._tqdm(
                total=self._epochs, initial=done, unit="epoch", delay=1.0, leave=False, bar_format=_FORMAT
            )

    def tell(self, record: Record) -> None:
        """Say what is known of the last epoch."""
        if self._bar is not None:
            validation = "" if record.validation_error is None else f", validation {record.validation_error:.6g}"
            self._bar.set_postfix_str(f"error {record.error:.6g}{validation}", refresh=False)

    def show(self, done: float) -> None:
        """Say that so many epochs are done, the last one perhaps in part."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
