"""Workspaces for the kernels, from `fnn.network.kernels.plan`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import types
from numba.core.registry import cpu_target
from numpy.typing import NDArray

from fnn.compiler.intrinsics import LINE
from fnn.network.kernels.narrow_plan import lay_out_narrow
from fnn.network.kernels.plan import COLUMNS, lay_out
from fnn.numerics.microkernel import machine

DT = TypeVar("DT", bound=np.float32 | np.float64)


class Layout(NamedTuple):
    """The table that the kernels read, and how many elements their buffers need wherever those start."""

    table: NDArray[np.int64]
    forward: int  # of workspace, for the forward pass alone
    whole: int  # of workspace
    weights: int
    stride: int  # from one vector like the weights to the next, in whole cache lines


def layout_of(sizes: Sequence[int], functions: Sequence[int], rows: int, dtype: np.dtype[Any], packed: bool) -> Layout:
    """The layout of a network for so many cases; `functions` are the numbers of its activations."""
    table = [0] * (COLUMNS * len(sizes))
    spare = LINE // dtype.itemsize  # kernels start at a whole cache line
    needed = lay_out(sizes, functions, rows, lanes_of(dtype), packed, table)
    array = _fixed(table)

    forward, whole, weights = (count + spare for count in needed)

    return Layout(array, forward, whole, weights, -(-weights // spare) * spare)


def narrow_layout_of(
    sizes: Sequence[int], functions: Sequence[int], outputs_code: int, batch: int, dtype: np.dtype[Any]
) -> Layout:
    """The layout for training a narrow network (see `fnn.training.kernels.narrow.equations`), its weights as in `Params`."""
    table, whole = lay_out_narrow(sizes, functions, outputs_code, batch, lanes_of(dtype))
    weights = sum((m + 1) * n for m, n in pairwise(sizes))

    return Layout(_fixed(table), 0, whole + LINE // dtype.itemsize, weights, weights)


def _fixed(table: Sequence[int]) -> NDArray[np.int64]:
    """The table as the kernels take it; nobody may write to it."""
    array = np.array(table, np.int64)
    array.flags.writeable = False

    return array


@cache
def lanes_of(dtype: np.dtype[Any]) -> int:
    """Elements of a vector: looking at the processor's features takes 0.1 ms."""
    return machine(cpu_target.target_context, types.float32 if dtype == np.float32 else types.float64).lanes


def first_aligned(space: NDArray[Any]) -> int:
    """The element of a workspace at which the kernels start to use it."""
    return -space.ctypes.data % LINE // space.itemsize


def cache_aligned(count: int, dtype: np.dtype[DT]) -> NDArray[DT]:
    """A new vector that starts at a whole cache line: weights that don't make `forward` for one case 20 % slower."""
    space = np.empty(count + LINE // dtype.itemsize, dtype)
    start = first_aligned(space)

    return space[start : start + count]


def cache_aligned_copy(array: NDArray[DT]) -> NDArray[DT]:
    """A copy that starts at a whole cache line: kernels, which begin at one, find in it what they find in the array."""
    copy = cache_aligned(array.size, array.dtype)
    copy[:] = array.ravel()

    return copy.reshape(array.shape)


def workspaces(dtype: np.dtype[Any], *sizes: int) -> list[NDArray[Any]]:
    """Workspaces that lie one behind the other, filled with anything.

    The C library gives freed memory back to the system once it is more than twice the largest piece: two large pieces
    would be fetched anew at every call, page by page, which can take longer than what they are for.
    """
    whole = np.empty(sum(sizes), dtype)

    return [whole[end - size : end] for end, size in zip(accumulate(sizes), sizes, strict=True)]
