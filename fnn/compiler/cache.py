"""Compiled code on disk."""

import hashlib
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from numba.core.caching import FunctionCache, IndexDataCacheFile

COMPILED: Final = ("compiler/*.py", "numerics/*.py", "**/kernels/**/*.py")  # the sources of all compiled code
_PACKAGE: Final = Path(__file__).parents[1]


@cache
def sources() -> str:
    """A hash of the sources of all compiled code: Numba's own key covers only the file of the outermost function."""
    return digest_of(*COMPILED)


def digest_of(*patterns: str, root: Path = _PACKAGE) -> str:
    """A hash of the contents and relative paths of the files that the patterns match."""
    paths = sorted({path for pattern in patterns for path in root.glob(pattern)})
    text = b"".join(str(path.relative_to(root)).encode() + path.read_bytes() for path in paths)

    return hashlib.sha256(text).hexdigest()


class CacheFiles(IndexDataCacheFile):
    """The files of one function: an index, and compiled code in files that are named after the index's key.

    Numba numbers them, each process by the index that it has read: two processes that compile for float32 and float64
    at the same time take the same number, and the index then leads to the wrong code.
    """

    def save(self, key: Any, data: Any) -> None:
        entries = self._load_index()
        for outdated in [entry for entry in entries if entry[-1] != key[-1]]:  # by the hash of the sources
            Path(self._data_path(entries.pop(outdated))).unlink(missing_ok=True)
        entries[key] = self._data_name_pattern.format(
            number=int(hashlib.sha256(repr(key).encode()).hexdigest()[:15], 16)
        )
        self._save_data(entries[key], data)
        self._save_index(entries)

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index()
        except (AttributeError, ImportError):  # another version of fnn wrote it, with a class that has moved since
            return {}


class KernelCache(FunctionCache):
    """Numba's cache on disk, with the function's name and the sources of all compiled code in its key."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._function_name = function.__qualname__
        self._cache_file = CacheFiles(self.cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), self._function_name, sources()


def give_cache(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Cache the dispatcher's code on disk, if a folder for it is writable."""
    try:
        dispatcher._cache = KernelCache(function)
    except RuntimeError:  # Numba: "no locator available"
        _warn_uncached()


@cache  # once a process
def _warn_uncached() -> None:
    warnings.warn(
        "fnn: no folder for compiled code is writable, so every process compiles anew; "
        "set NUMBA_CACHE_DIR to a writable folder",
        RuntimeWarning,
        stacklevel=_user_level(),
    )


def _user_level() -> int:
    """The stack level, as seen by the calling function, of the innermost frame outside fnn and Numba."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in ("fnn", "numba"):
        level, frame = level + 1, frame.f_back

    return level
