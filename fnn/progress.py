"""A progress bar for runs that someone watches."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np


class Progress:
    """Shows epochs and the error by tqdm, after the first second; does nothing when nobody watches.

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
        self._bar = tqdm(total=epochs, unit="epoch", delay=1.0, leave=False)

    def advance(self, epochs: int, error: float) -> None:
        """Say that so many more epochs are done."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"error {error:.6g}", refresh=False)
            self._bar.update(epochs)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
