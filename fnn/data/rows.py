"""The cases of a call as kernels take them: arrays, or sources, whose rows are fetched and never copied as a whole."""

from __future__ import annotations

import contextlib
import mmap
import struct
import weakref
from collections.abc import Iterator
from typing import Any, Final, Generic, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.data.kernels import fetch
from fnn.network.params import DT

CAST: Final = 2**20  # bytes of cases that are cast at a time; a smaller array is cast as a whole

NO_LABELS: Final[NDArray[np.int64]] = np.empty(0, np.int64)
NO_WEIGHTS: Final[NDArray[np.float64]] = np.empty(0)


class RowSources(NamedTuple):
    """Where and how kernels fetch cases."""

    dtype: np.dtype[Any]  # of the params
    scale: float  # x is multiplied by it after the cast
    words: NDArray[np.int64]  # of `fnn.data.kernels.fetch`; they hold addresses, so the arrays must live as long


class CaseArrays(NamedTuple, Generic[DT]):
    """Cases as arrays, as kernels take them; if there are sources, x, y and labels may be the caller's own."""

    x: NDArray[DT]  # (N, n_0)
    y: NDArray[DT]  # (N, n_L); empty if there are labels
    labels: NDArray[np.int64]  # (N,), or empty
    weights: NDArray[np.float64]  # (N,); empty if each case weighs 1
    single: bool  # the caller's x is one case, (n_0,)
    sources: RowSources | None = None
    chosen: NDArray[np.int64] = NO_LABELS  # the cases that count, in order; all if it is empty
    is_checked: bool = False  # free from faults

    @property
    def number(self) -> int:
        """The number of cases that count."""
        return len(self.chosen) or len(self.x)

    @property
    def taken(self) -> tuple[NDArray[DT], NDArray[DT], NDArray[np.int64], NDArray[np.float64], int]:
        """The arguments of the kernels: x, y, labels, weights, and the address of the sources or 0."""
        if self.sources is None:
            return self.x, self.y, self.labels, self.weights, 0
        nothing: NDArray[Any] = np.empty((0, 0), self.sources.dtype)

        return nothing, nothing, NO_LABELS, NO_WEIGHTS, address_of(self.sources.words)

    @property
    def plain(self) -> CaseArrays[DT]:
        """The same cases without sources, all of them cast, for kernels that don't fetch."""
        return self if self.sources is None else self.chunk(0, len(self.x))

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the words of the sources, which hold addresses: a copy gets its own."""
        sources = self.sources

        return _copied, (*self[:5], sources and (sources.dtype, sources.scale), *self[6:])

    def chunk(self, top: int, bottom: int) -> CaseArrays[DT]:
        """The cases top .. bottom, without sources."""
        rows = slice(top, bottom)
        x, y, labels, weights = self.x[rows], self.y[rows], self.labels[rows], self.weights[rows]
        if self.sources is not None:
            dtype = self.sources.dtype
            x, y, labels = cast(dtype, x, self.sources.scale), cast(dtype, y), as_labels(labels)

        return CaseArrays(x, y, labels, weights, self.single, is_checked=self.is_checked)

    def chunks(self) -> Iterator[tuple[int, CaseArrays[DT]]]:
        """All cases in chunks of CAST bytes, each with the number of its first case."""
        rows = max(CAST // (8 * max(self.x.shape[1], self.y.shape[1])), 1)
        for top in range(0, len(self.x), rows):
            yield top, self.chunk(top, top + rows)


def _copied(
    x: NDArray[DT], y: NDArray[DT], labels: NDArray[np.int64], weights: NDArray[np.float64], single: bool,
    fetched: tuple[np.dtype[DT], float] | None, chosen: NDArray[np.int64], is_checked: bool,
) -> CaseArrays[DT]:  # fmt: skip
    """What was pickled, with sources of its own if there were any."""
    arrays = CaseArrays(x, y, labels, weights, single, None, chosen, is_checked)

    return arrays if fetched is None else arrays._replace(sources=sources_of(arrays, *fetched))


def cast(dtype: np.dtype[DT], array: NDArray[Any], scale: float = 1.0) -> NDArray[DT]:
    """Real numbers as a C-contiguous, aligned array of the dtype, times scale."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # NaN and infinity are refused later
        plain: NDArray[DT] = np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])
        return plain if scale == 1 else np.multiply(plain, dtype.type(scale), dtype=dtype)


def as_labels(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Integers as int64; one that is too large for int64 becomes the largest, which is no class."""
    if labels.dtype.kind == "u" and labels.dtype.itemsize == 8:
        labels = np.minimum(labels, np.uint64(2**63 - 1))  # or it might become negative

    return labels.astype(np.int64)


def is_to_fetch(array: NDArray[Any], dtype: np.dtype[Any], scale: float = 1.0) -> bool:
    """Whether kernels fetch rows of the array, instead of getting a cast and scaled copy of it."""
    is_plain = array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned
    is_large = array.size * dtype.itemsize > CAST

    return is_large and fetch.is_known(array.dtype) and (scale != 1 or not is_plain)


def expect_no_order(array: NDArray[Any], owner: object) -> None:
    """Advise the kernel of random access to a memory-mapped array until `owner` is collected.

    Otherwise the system reads 32 pages for each one that is read, which takes some fifteen times as long if the file
    exceeds memory. If it doesn't, all rows are in memory already, since all were checked in order.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base.obj if isinstance(base.base, memoryview) else base.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_RANDOM)
        weakref.finalize(owner, _expect_order, base)


def _expect_order(mapping: mmap.mmap) -> None:
    with contextlib.suppress(ValueError):  # it is closed
        mapping.madvise(mmap.MADV_NORMAL)


def sources_of(
    batch: CaseArrays[Any], dtype: np.dtype[Any], scale: float, start: int = 0, *, more: bool = False
) -> RowSources:
    """How to fetch the cases of a batch, which are numbered from `start`; `more` cases may follow."""
    x, y, labels, weights = batch[:4]
    row, column = x.strides
    is_contiguous = column == x.itemsize and row > 0 and row % dtype.itemsize == 0
    words = [
        start + len(x) + more, labels.size > 0, weights.size > 0, address_of(weights) - start * weights.itemsize,
        row // dtype.itemsize if is_contiguous else 0,
        *_words(x, dtype, scale, start), *_words(labels[:, None] if labels.size else y, dtype, 1.0, start),
    ]  # fmt: skip

    return RowSources(dtype, scale, np.array(words, np.int64))


def address_of(array: NDArray[Any]) -> int:
    """The address of an array's first element; `ctypes` takes three times as long."""
    address: int = array.__array_interface__["data"][0]

    return address


def _words(array: NDArray[Any], dtype: np.dtype[Any], scale: float, start: int) -> list[int]:
    """The words of one array (N, columns)."""
    row, column = array.strides
    (bits,) = struct.unpack("q", struct.pack("d", scale))

    return [fetch.address_for(array.dtype, dtype), address_of(array) - start * row, row, column, array.shape[1], bits]
