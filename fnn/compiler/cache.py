"""Compiled code on disk."""

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.runtime import _nrt_python

from fnn.compiler.internals import binding

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

    Every file ends with a checksum of the rest, which the reader of a pickle skips. A damaged file counts as absent:
    code with one wrong bit could end the process.
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
        if not _is_whole(self._index_path):
            return {}
        try:
            return super()._load_index()
        except (AttributeError, ImportError):  # another version of fnn wrote it, with a class that has moved since
            return {}

    def _load_data(self, name: str) -> Any:
        return super()._load_data(name) if _is_whole(self._data_path(name)) else None

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[IO[bytes]]:
        with super()._open_for_write(filepath) as file:
            content = BytesIO()
            yield content
            file.write(content.getvalue() + _checksum(content.getvalue()))


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _is_whole(path: str) -> bool:
    """Whether a file can be read, and ends with the checksum of the rest."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False

    return _checksum(content[:-32]) == content[-32:]


class KernelCache(FunctionCache):
    """Numba's cache on disk, with the function's name and the sources of all compiled code in its key."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._function_name = function.__qualname__
        self._cache_file = CacheFiles(self.cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Read compiled code, without what only a compilation needs.

        Numba would first import and register all that it can compile, SciPy included where it is installed: nine tenths
        of the time that a first `train` takes from the cache. A compilation does so by itself.
        """
        _register_runtime()
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code, if the disk, the quota and the permissions allow."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn_uncached(f"compiled code can't be kept in {self.cache_path} ({error.strerror})")

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return sig, codegen.magic_tuple(), self._function_name, sources()


@cache
def _register_runtime() -> None:
    """Tell LLVM where the C functions of Numba's runtime are, under the names by which compiled code calls them."""
    for name, address in _nrt_python.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def give_cache(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Cache the dispatcher's code on disk, if a folder for it is writable."""
    try:
        dispatcher._cache = KernelCache(function)
    except RuntimeError:  # Numba: "no locator available"
        _warn_uncached("no folder for compiled code is writable")


_reasons: Final[list[str]] = []  # why code isn't kept; the first is told


def _warn_uncached(reason: str) -> None:
    _reasons.append(reason)
    if len(_reasons) == 1:
        warnings.warn(
            f"fnn: {reason}, so every process compiles anew; set NUMBA_CACHE_DIR to a writable folder with room",
            RuntimeWarning,
            stacklevel=_user_level(),
        )


def _user_level() -> int:
    """The stack level, as seen by the calling function, of the innermost frame outside fnn and Numba."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] in ("fnn", "numba"):
        level, frame = level + 1, frame.f_back

    return level
