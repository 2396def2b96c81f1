"""Warnings that name the line of the program that called an estimator."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

_INSIDE = {"fnn", "sklearn", "joblib", "contextlib"}  # packages between the program and a fit


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, at the line of the innermost frame that isn't of these packages."""
    level = 2
    outer: FrameType | None = sys._getframe(1)
    while outer is not None and str(outer.f_globals.get("__name__")).partition(".")[0] in _INSIDE:
        level, outer = level + 1, outer.f_back
    warnings.warn(message, category, stacklevel=level)
