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
from fnn.compiler.intrinsics import Floats, aligned, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.target import common_width, common_width_of, panel_width, tile_rows
from fnn.numerics.microkernel import ADD, STORE, ZERO
from fnn.numerics.tile import tile

Matrix = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

BLOCK: Final = 128  # rows of X at a call: a panel of B stays in the first-level cache, and C is read once for 256 sums
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
        for q in range(width):
            to[q] = values[q]
        values, to = shift(values, width), shift(to, width * capacity)
        j += width
    for q in range(n - j):
        to[q] = values[q]


@inline
def _tiles(
    n: int, k: int, x: Floats, capacity: int, c: Floats, c_row: int, epilogue: int, top: int, j: int
) -> None:  # fmt: skip
    """C's panel from column j on, in the strip of rows from `top` on, without tiles above the diagonal."""
    width, panel = common_width(x), panel_width(x)
    rows = min(width, n - top)
    blocks = (rows + tile_rows(x) - 1) // tile_rows(x)
    height = rows // blocks
    taller = rows - height * blocks
    a, b = shift(x, top * capacity), shift(x, j // width * width * capacity + j % width)
    i = 0
    for is_taller in range(1, -1, -1):
        count = taller if is_taller else blocks - taller
        above = min(count, max(0, j - top - i) // (height + is_taller))
        i += above * (height + is_taller)
        if count > above:
            tile(
                height + is_taller, count - above, k, shift(a, i), 1, width, b, panel, width,
                shift(c, (top + i) * c_row + j), panel, c_row, ZERO, x, epilogue, like(x, 1.0),
                min(panel, n - j), b, 0,
            )  # fmt: skip
        i += (count - above) * (height + is_taller)


@linked(lambda t: types.void(_I, _I, types.CPointer(t), _I, types.CPointer(t), _I, _I, _I, _I))
def add_gram(
    n: int, k: int, x: Floats, capacity: int, c: Floats, c_row: int, epilogue: int, thread: int, threads: int
) -> None:  # fmt: skip
    """C[i,j] = epilogue(Σ_r X[r,i] X[r,j]), j ≤ i < n, over the first k ≥ 1 rows: one chain of fma, r in order.

    `epilogue` is STORE, ADD or DESCEND, which subtracts. Numbers above the diagonal may be written where a tile lies
    across it, those far from it aren't touched. Threads have equal parts of the tiles.
    """
    width, panel = common_width(x), panel_width(x)
    strips, panels = (n + width - 1) // width, width // panel
    cells = strips * (strips + 1) // 2 * panels - (strips * panels - (n + panel - 1) // panel)
    low, high = cells * thread // threads, cells * (thread + 1) // threads
    cell = first = 0
    while first < strips:
        last = min(first + _GROUP, strips)
        j = 0
        while j < min(n, last * width):
            for strip in range(max(first, j // width), last):
                if low <= cell < high:
                    _tiles(n, k, x, capacity, c, c_row, epilogue, strip * width, j)
                cell += 1
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
