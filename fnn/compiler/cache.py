"""Compiled code on disk."""

import hashlib
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile


@cache
def sources() -> str:
    """A hash of the sources of all that is compiled: Numba's own key sees only the file of the outermost function."""
    return digest_of("compiler/*.py", "numerics/*.py", "**/kernels/**/*.py")


def digest_of(*patterns: str) -> str:
    """A hash of the files of fnn that the patterns name, and of their places."""
    root = Path(__file__).parents[1]
    paths = sorted({path for pattern in patterns for path in root.glob(pattern)})
    text = b"".join(str(path.relative_to(root)).encode() + path.read_bytes() for path in paths)

    return hashlib.sha256(text).hexdigest()


class _Files(IndexDataCacheFile):
    """The files of one function: an index, and compiled code in files that are named after what it was compiled for.

    Numba numbers them, each process by the index that it has read: two that compile for float32 and float64 at the same
    time take the same number, and the index then leads to the code of the other.
    """

    def save(self, key: Any, data: Any) -> None:
        entries = self._load_index()
        for old in [known for known in entries if known[-1] != key[-1]]:  # of sources that are no more
            Path(self._data_path(entries.pop(old))).unlink(missing_ok=True)
        entries[key] = self._data_name_pattern.format(
            number=int(hashlib.sha256(repr(key).encode()).hexdigest()[:15], 16)
        )
        self._save_data(entries[key], data)
        self._save_index(entries)


class KernelCache(FunctionCache):
    """Numba's cache on disk, with the function's name and the sources of all kernels for its key."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._function_name = function.__qualname__
        self._cache_file = _Files(self.cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), self._function_name, sources()


@cache
def _say_uncached() -> None:
    warnings.warn(
        "fnn: no folder for compiled code is writable, so every process compiles anew; "
        "set NUMBA_CACHE_DIR to a writable folder",
        RuntimeWarning,
        stacklevel=_level_of_caller(),
    )


def _level_of_caller() -> int:
    """The stack level, for who calls this, of the innermost line outside fnn and Numba."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in ("fnn", "numba"):
        level, frame = level + 1, frame.f_back

    return level


def give_cache(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Have the dispatcher's code cached on disk, where there is a place for it."""
    try:
        dispatcher._cache = KernelCache(function)
    except RuntimeError:  # Numba: "no locator available"
        _say_uncached()
