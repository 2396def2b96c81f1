"""The Cholesky factor A = L Lᵀ, by blocks of columns, on the register tiles of `matmul`.

A block of BLOCK columns is first brought up to date with all columns before it, then factored by panels of PANEL
columns: L of the square on the diagonal and its inverse by Gaussian elimination, then the rows below it times the
inverse. The constants fix the order of all sums, whatever the machine's tiles are.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, integers, like, pointer, shift
from fnn.compiler.kernel import kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width
from fnn.numerics.elimination import SIDE, factor_square, transpose
from fnn.numerics.matmul import Prefetch, matmul, transpose_pack
from fnn.numerics.microkernel import DESCEND, STORE, ZERO

Matrix = npt.NDArray[np.floating[Any]]

PANEL: Final = SIDE  # columns
_BLOCK: Final = 64  # columns: four panels
_CHAIN: Final = 128  # columns whose products are one sum, so that what a tile reads of B stays in the first-level cache
_ROWS: Final = 48  # of A, which stay in the second-level cache while the block's columns go by
_LINE: Final = 16  # elements of a cache line, at most
_I: Final = types.int64


def inverses_size(n: int) -> int:
    """Elements of the inverses of the squares on the diagonal."""
    return (n + PANEL - 1) // PANEL * PANEL**2


def cholesky_scratch(n: int, threads: int) -> int:
    """Elements that `cholesky` needs."""
    shared = 2 * _LINE + _BLOCK * (n + _BLOCK) + PANEL**2

    return shared + threads * _ROWS * PANEL


@inline
def multiply(
    m: int, n: int, k: int, a: Floats, a_row: int, a_col: int, b: Floats, b_panel: int, b_row: int, c: Floats,
    c_panel: int, c_row: int, epilogue: int,
) -> None:  # fmt: skip
    """C = A B or, with DESCEND, C − A B."""
    nothing = Prefetch(b, integers(b), 0, 0)
    matmul(
        m, n, k, a, a_row, a_col, b, b_panel, b_row, c, c_panel, c_row, ZERO, b, epilogue, like(c, 1.0), nothing
    )  # fmt: skip


@inline
def _descend_panel(m: int, size: int, before: int, a: Floats, a_row: int, transposed: Floats) -> None:
    """Bring a panel of a block up to date with the block's columns before it, in the m rows from a on."""
    if before > 0 and m > 0:
        panel = panel_width(a)
        multiply(
            m, size, before, a, a_row, 1, shift(transposed, before), panel, _BLOCK,
            shift(a, before), panel, a_row, DESCEND,
        )  # fmt: skip


@inline
def _solve_panel(m: int, size: int, a: Floats, a_row: int, inverse: Floats, copy: Floats) -> None:
    """A panel of m ≤ _ROWS rows times L⁻ᵀ of its square."""
    for i in range(m):
        for q in range(size):
            copy[i * PANEL + q] = a[i * a_row + q]
    if m > 0:
        panel = panel_width(a)
        multiply(m, size, size, copy, PANEL, 1, inverse, panel, PANEL, a, panel, a_row, STORE)


@linked(
    lambda t: _I(_I, types.CPointer(t), _I, types.CPointer(t), types.CPointer(t), types.CPointer(t), types.CPointer(t))
)
def _factor_block(
    width: int, a: Floats, a_row: int, inverses: Floats, transposed: Floats, square: Floats, copy: Floats
) -> bool:  # fmt: skip
    """L of a block's square on the diagonal, by one thread; below its panels also transposed, for the rows to come."""
    j = 0
    while j < width:
        size = min(PANEL, width - j)
        end = j + size
        corner, inverse = shift(a, j * (a_row + 1)), shift(inverses, j * PANEL)
        _descend_panel(width - j, size, j, shift(a, j * a_row), a_row, transposed)
        if not factor_square(size, corner, a_row, inverse, square):
            return False
        below = shift(corner, size * a_row)
        _solve_panel(width - end, size, below, a_row, inverse, copy)
        transpose(width - end, size, below, a_row, shift(transposed, j * _BLOCK + end), _BLOCK)
        j = end
    return True


@linked(lambda t: types.void(_I, _I, types.CPointer(t), _I, types.CPointer(t), types.CPointer(t), types.CPointer(t)))
def _solve_below(
    m: int, width: int, a: Floats, a_row: int, inverses: Floats, transposed: Floats, copy: Floats
) -> None:  # fmt: skip
    """Rows of a block below its square, from a on: b becomes b L⁻ᵀ."""
    i = 0
    while i < m:
        rows = min(_ROWS, m - i)
        j = 0
        while j < width:
            size, row = min(PANEL, width - j), shift(a, i * a_row)
            _descend_panel(rows, size, j, row, a_row, transposed)
            _solve_panel(rows, size, shift(row, j), a_row, shift(inverses, j * PANEL), copy)
            j += size
        i += rows


@linked(lambda t: types.void(_I, _I, _I, _I, types.CPointer(t), _I, types.CPointer(t)))
def _descend_block(start: int, end: int, j: int, width: int, a: Floats, a_row: int, packed: Floats) -> None:
    """Bring the rows start .. end of the block from column j on up to date with all columns before it."""
    panel, k = panel_width(a), 0
    while k < j:
        chain, i = min(_CHAIN, j - k), start
        while i < end:
            # On the diagonal, no more columns than the rows need.
            rows = min(PANEL if i < j + width else _ROWS, end - i)
            multiply(
                rows, min(width, i + rows - j), chain, shift(a, i * a_row + k), a_row, 1,
                shift(packed, k * _BLOCK), chain * panel, panel, shift(a, i * a_row + j), panel, a_row, DESCEND,
            )  # fmt: skip
            i += rows
        k += chain


@inline
def _pack_block(start: int, end: int, j: int, width: int, a: Floats, a_row: int, packed: Floats) -> None:
    """The block's rows start .. end of L before column j, transposed, for `_descend_block`."""
    k = 0
    while k < j:
        chain, panel = min(_CHAIN, j - k), panel_width(a)
        transpose_pack(
            width, chain, shift(a, j * a_row + k), panel, a_row, shift(packed, k * _BLOCK), start, end
        )  # fmt: skip
        k += chain


@inline
def _part(total: int, thread: int, threads: int) -> tuple[int, int]:
    return total * thread // threads, total * (thread + 1) // threads


@linked(
    lambda t: _I(
        _I, _I, types.CPointer(t), _I, types.CPointer(t), types.CPointer(t), types.CPointer(_I), _I, _I
    )
)  # fmt: skip
def cholesky(
    n: int, rows: int, a: Floats, a_row: int, inverses: Floats, scratch: Floats, barrier: Integers, thread: int,
    threads: int,
) -> bool:  # fmt: skip
    """A = L Lᵀ: L replaces the lower triangle of A, n × n, row-major with rows `a_row` apart, by all threads together.

    The rows n .. rows − 1 below it, b, become b L⁻ᵀ, so that gᵀ becomes (L⁻¹ g)ᵀ. The inverses of the squares of PANEL
    columns on the diagonal are left in `inverses`, transposed, row-major, in `inverses_size(n)` elements. Numbers above
    the diagonal take no part. False, for all threads alike, if a pivot isn't positive and finite; A is then spoilt.
    """
    outcome = aligned(scratch)
    transposed = shift(outcome, _LINE)
    square = shift(transposed, _BLOCK**2)
    copies = shift(square, PANEL**2)
    packed, copy = shift(copies, threads * _ROWS * PANEL), shift(copies, thread * _ROWS * PANEL)
    j = 0
    while j < n:
        width = min(_BLOCK, n - j)
        end = j + width
        if j > 0:
            low, high = _part(_BLOCK // PANEL, thread, threads)
            _pack_block(low * PANEL, min(width, high * PANEL), j, width, a, a_row, packed)
            wait_for_all(barrier, threads)
            low, high = _part(rows - j, thread, threads)
            _descend_block(j + low, j + high, j, width, a, a_row, packed)
            wait_for_all(barrier, threads)
        corner, inverse = shift(a, j * (a_row + 1)), shift(inverses, j * PANEL)
        if thread == 0:
            is_positive = _factor_block(width, corner, a_row, inverse, transposed, square, copy)
            outcome[0] = like(outcome, 1.0 if is_positive else 0.0)
        wait_for_all(barrier, threads)
        if outcome[0] == 0.0:
            wait_for_all(barrier, threads)  # a thread that returns may soon write an outcome again
            return False
        low, high = _part(rows - end, thread, threads)
        _solve_below(high - low, width, shift(a, (end + low) * a_row + j), a_row, inverse, transposed, copy)
        wait_for_all(barrier, threads)
        j = end
    return True


@kernel(lambda t: types.boolean(_I, _I, output(_I), _I, output(t, 2), output(t), output(t)))
def cholesky_kernel(
    thread: int, threads: int, barrier: npt.NDArray[np.int64], n: int, a: Matrix, inverses: Matrix, scratch: Matrix
) -> bool:  # fmt: skip
    """`cholesky` of the first n rows of a matrix, which may have columns to spare."""
    rows, a_row = a.shape
    return cholesky(
        n, rows, pointer(a), a_row, pointer(inverses), pointer(scratch), pointer(barrier), thread, threads
    ) != 0  # fmt: skip
