"""Compiled code on disk."""

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache


@cache
def sources() -> str:
    """A hash of every kernel's source: Numba's own key sees only the file of the outermost function."""
    folder = Path(__file__).parent
    text = b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.glob("*.py")))

    return hashlib.sha256(text).hexdigest()


class KernelCache(FunctionCache):
    """Numba's cache on disk, with the function's name and the sources of all kernels for its key."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._function_name = function.__qualname__

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), self._function_name, sources()


@cache
def _say_uncached() -> None:
    warnings.warn(
        "fnn: no folder for compiled code is writable, so every process compiles anew; "
        "set NUMBA_CACHE_DIR to a writable folder",
        RuntimeWarning,
        stacklevel=2,
    )


def give_cache(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Have the dispatcher's code cached on disk, where there is a place for it."""
    try:
        dispatcher._cache = KernelCache(function)
    except RuntimeError:  # Numba: "no locator available"
        _say_uncached()
