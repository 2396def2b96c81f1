"""Scalar functions that a user has jitted."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from typing import TypeAlias

from numba.core.dispatcher import Dispatcher

Scalar: TypeAlias = Callable[..., object]
Stored: TypeAlias = Scalar | tuple[str, str]


def require_jitted(name: str, function: Scalar, parameters: str) -> None:
    """Raise TypeError unless it was made by ``@njit`` and takes as many arguments as are named."""
    if not isinstance(function, Dispatcher):
        hint = "; put @numba.njit above it" if callable(function) else ""
        raise TypeError(f"{name}: needs a function under @numba.njit, got {function!r}{hint}")
    taken = inspect.signature(function.py_func).parameters.values()
    wanted = parameters.split(", ")
    if len(taken) != len(wanted) or any(p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in taken):
        got = ", ".join(map(str, taken))
        raise TypeError(f"{name}: needs to take {len(wanted)} ({parameters}), got {function.__name__}({got})")


def stored(function: Scalar) -> Stored:
    """What to pickle for it: where it can be imported from or, if it can't, the function itself."""
    python = getattr(function, "py_func", function)
    module, name = python.__module__, python.__qualname__
    if module != "__main__" and module in sys.modules:
        try:
            if attrgetter(name)(sys.modules[module]) is function:
                return module, name
        except AttributeError:  # a local function
            pass

    return function


def restored(what: Stored) -> Scalar:
    """The function that was stored."""
    if isinstance(what, tuple):
        module, name = what
        found: Scalar = attrgetter(name)(import_module(module))
        return found

    return what
