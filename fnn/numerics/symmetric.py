"""The symmetric product C = Xᵀ X, of which only the lower triangle is computed.

X is k × n and comes row by row. Both operands of the register tile are read from one packed copy: its columns lie in
strips of `common_width`, a strip's rows one behind the other, so that a strip is a whole number of panels for B and of
tiles for A = Xᵀ. X[r,j] = x[j // S · S · capacity + r S + j % S] for strips of S columns.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, aligned, like, pointer, prefetch_line, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.target import common_width, common_width_of, itemsize, line_width, panel_width, tile_rows
from fnn.numerics.microkernel import ADD, STORE, ZERO
from fnn.numerics.outer import copy_vectors
from fnn.numerics.tile import tile

Matrix = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

BLOCK: Final = 128  # rows of X at a call: a strip of A and a panel of B fit into the first-level cache
_GROUP: Final = 4  # strips of A that stay in the second-level cache while panels of B go by
_I: Final = types.int64


def packed_size(n: int, capacity: int, dtype: np.dtype[Any]) -> int:
    """Elements of a packed X with room for `capacity` rows of n columns."""
    width = common_width_of(dtype)

    return (n + width - 1) // width * width * capacity


@inline
def put_row(x: Floats, row: int, values: Floats, n: int, capacity: int) -> None:
    """Write a row of X, n numbers, into its packed copy, which has room for `capacity` rows."""
    width = common_width(x)
    to, j = shift(x, row * width), 0
    while j + width <= n:
        copy_vectors(values, width, to)
        values, to = shift(values, width), shift(to, width * capacity)
        j += width
    for q in range(n - j):
        to[q] = values[q]


@inline
def _prefetch_next(rows: int, c: Floats, c_row: int) -> None:
    """Prefetch a panel of rows of C: from memory they would come too late, when a tile has its sums."""
    for i in range(rows):
        for q in range(0, panel_width(c), line_width(c)):
            prefetch_line(shift(c, i * c_row + q))


@inline
def _tiles(
    n: int, k: int, x: Floats, capacity: int, c: Floats, c_row: int, epilogue: int, top: int, j: int, is_first: bool
) -> None:  # fmt: skip
    """C's panel from column j on, in the strip of rows from `top` on, without tiles above the diagonal.

    Meanwhile what comes next is prefetched: the panel of C beside this one and, by the first strip of rows alone, as
    much of B's next strip as makes it whole before its turn.
    """
    width, panel = common_width(x), panel_width(x)
    rows, strip = min(width, n - top), j // width
    if j + panel < n:
        _prefetch_next(rows, shift(c, top * c_row + j + panel), c_row)
    blocks = (rows + tile_rows(x) - 1) // tile_rows(x)
    height = rows // blocks
    taller = rows - height * blocks
    a, b = shift(x, top * capacity), shift(x, strip * width * capacity + j % width)
    i = 0
    for is_taller in range(1, -1, -1):
        count = taller if is_taller else blocks - taller
        above = min(count, max(0, j - top - i) // (height + is_taller))
        i += above * (height + is_taller)
        count -= above
        if count > 0:
            ahead, step = b, 0
            if is_first and (strip + 1) * width < n:
                ahead = shift(x, (strip + 1) * width * capacity + j % width * k)
                step = panel * itemsize(x) // count
            tile(
                height + is_taller, count, k, shift(a, i), 1, width, b, panel, width,
                shift(c, (top + i) * c_row + j), panel, c_row, ZERO, x, epilogue, like(x, 1.0),
                min(panel, n - j), ahead, step,
            )  # fmt: skip
        i += count * (height + is_taller)


@linked(lambda t: types.void(_I, _I, types.CPointer(t), _I, types.CPointer(t), _I, _I, _I, _I))
def add_gram(
    n: int, k: int, x: Floats, capacity: int, c: Floats, c_row: int, epilogue: int, thread: int, threads: int
) -> None:  # fmt: skip
    """C[i,j] = epilogue(Σ_r X[r,i] X[r,j]), j ≤ i < n, over the first k ≥ 1 rows: one chain of fma, r in order.

    `epilogue` is STORE, ADD or DESCEND, which subtracts. Numbers above the diagonal may be written where a tile lies
    across it, those far from it aren't touched. Threads have equal parts of the tiles.
    """
    width, panel = common_width(x), panel_width(x)
    whole = n // width  # strips
    strips, panels = whole + (n > whole * width), (n + panel - 1) // panel
    # Work is counted in rows of panels.
    work = whole * (whole + 1) // 2 * (width // panel) * width + (n - whole * width) * panels
    low, high = work * thread // threads, work * (thread + 1) // threads
    done = first = 0
    while first < strips:
        last = min(first + _GROUP, strips)
        j = 0
        while j < min(n, last * width):
            top = max(first, j // width)
            for strip in range(top, last):
                if low <= done < high:
                    _tiles(n, k, x, capacity, c, c_row, epilogue, strip * width, j, strip == top)
                done += min(width, n - strip * width)
            j += panel
        first = last


@kernel(lambda t: types.void(_I, _I, output(_I), array(t, 2), output(t, 2), output(t)))
def gram_kernel(thread: int, threads: int, barrier: Integers, x: Matrix, c: Matrix, scratch: Matrix) -> None:
    """C = Xᵀ X by blocks of rows; `scratch` has `packed_size(n, BLOCK, dtype)` elements and a line to align them."""
    rows, n = x.shape
    packed, signals = aligned(pointer(scratch)), pointer(barrier)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        for row in range(count * thread // threads, count * (thread + 1) // threads):
            put_row(packed, row, shift(pointer(x), (first + row) * n), n, BLOCK)
        wait_for_all(signals, threads)
        epilogue = ADD if first > 0 else STORE
        add_gram(n, count, packed, BLOCK, pointer(c), c.shape[1], epilogue, thread, threads)
        wait_for_all(signals, threads)
