"""Layouts of `fnn.network.kernels.plan` as arrays, and cache-aligned memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.target import LINE, float_type, lanes_of
from fnn.network.kernels.narrow_plan import lay_out_narrow
from fnn.network.kernels.plan import COLUMNS, fill, rounded
from fnn.numerics.blocked import BY_BLOCKS, pays

DT = TypeVar("DT", bound=np.float32 | np.float64)


class Layout(NamedTuple):
    """The table that kernels read, and the elements that their buffers need, with room to start at a cache line."""

    table: NDArray[np.int64]
    forward: int  # elements of workspace, for the forward pass alone
    whole: int  # elements of workspace
    weights: int
    stride: int  # from one vector like the weights to the next, in whole cache lines


def layout_of(
    sizes: Sequence[int], descriptors: Sequence[int], rows: int, dtype: np.dtype[Any], packed: bool
) -> Layout:
    """The layout of `plan.fill`."""
    table = [0] * (COLUMNS * len(sizes))
    line = LINE // dtype.itemsize
    lanes, by_blocks = lanes_of(dtype), 0
    if not packed and pays(rows, max(sizes[1:]), lanes):
        by_blocks = BY_BLOCKS.address(float_type(dtype))
    needed = fill(len(sizes) - 1, sizes, descriptors, rows, lanes, packed, by_blocks, table)
    forward, whole, weights = (count + line for count in needed)

    return Layout(read_only(table), forward, whole, weights, rounded(weights, line))


def narrow_layout_of(
    sizes: Sequence[int], descriptors: Sequence[int], outputs_code: int, batch: int, dtype: np.dtype[Any]
) -> Layout:
    """The layout of `lay_out_narrow`, with the weights as in `Params`."""
    table, whole = lay_out_narrow(sizes, descriptors, outputs_code, batch, lanes_of(dtype))
    weights = sum((m + 1) * n for m, n in pairwise(sizes))

    return Layout(read_only(table), 0, whole + LINE // dtype.itemsize, weights, weights)


def read_only(table: Sequence[int]) -> NDArray[np.int64]:
    """A table that nothing writes to any more."""
    array = np.array(table, np.int64)
    array.flags.writeable = False

    return array


def first_aligned(space: NDArray[Any]) -> int:
    """The element of a workspace at which kernels start: its first whole cache line."""
    return -space.ctypes.data % LINE // space.itemsize


def cache_aligned(count: int, dtype: np.dtype[DT]) -> NDArray[DT]:
    """A new vector that starts at a cache line; with other weights `forward` of one case takes 20 % longer."""
    space = np.empty(count + LINE // dtype.itemsize, dtype)
    start = first_aligned(space)

    return space[start : start + count]


def workspaces(dtype: np.dtype[Any], *sizes: int) -> list[NDArray[Any]]:
    """Uninitialized workspaces, adjacent in one allocation.

    The C library returns freed memory to the system once there is more than twice the largest piece. Two large pieces
    would be mapped anew at every call, page by page, which can take longer than the computation.
    """
    whole = np.empty(sum(sizes), dtype)

    return [whole[end - size : end] for end, size in zip(accumulate(sizes), sizes, strict=True)]
