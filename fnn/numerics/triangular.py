"""Solutions with a Cholesky factor L and the inverses of the squares on its diagonal, as `cholesky` leaves them."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.barrier import wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, fma, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width
from fnn.numerics.cholesky import PANEL, multiply
from fnn.numerics.elimination import transpose
from fnn.numerics.microkernel import DESCEND, STORE

Matrix = npt.NDArray[np.floating[Any]]

_LINE: Final = 16  # elements of a cache line, at most
_WIDEST: Final = 32  # columns of a panel of `matmul`, at most
_CHUNK: Final = 32  # columns of the identity that are solved at once; a multiple of PANEL and of any panel
_I: Final = types.int64


def solve_scratch(n: int, rows: int) -> int:
    """Elements that `solve_rows` needs."""
    return (n + PANEL) * ((rows + _WIDEST - 1) // _WIDEST * _WIDEST) + _LINE


def trace_scratch(n: int, threads: int) -> int:
    """Elements that `trace_of_inverse` needs."""
    return n + threads * ((n + PANEL) * _CHUNK + _LINE)


@linked(lambda t: types.void(_I, _I, types.CPointer(t), _I, types.CPointer(t), types.CPointer(t), types.CPointer(t)))
def _substitute(n: int, rows: int, L: Floats, l_row: int, inverses: Floats, y: Floats, copy: Floats) -> None:
    """Y becomes L⁻¹ Y; Y is n × rows in packed panels, so that L, as A of the tiles, is read where it lies."""
    panel = panel_width(y)
    j = 0
    while j < n:
        size = min(PANEL, n - j)
        here = shift(y, j * panel)
        if j > 0:
            multiply(
                size, rows, j, shift(L, j * l_row), l_row, 1, y, n * panel, panel, here, n * panel, panel, DESCEND
            )  # fmt: skip
        for first in range(0, rows, panel):
            for q in range(size * panel):
                copy[first * PANEL + q] = here[first * n + q]
        multiply(
            size, rows, size, shift(inverses, j * PANEL), 1, PANEL, copy, PANEL * panel, panel,
            here, n * panel, panel, STORE,
        )  # fmt: skip
        j += size


@linked(
    lambda t: types.void(
        _I, types.CPointer(t), _I, types.CPointer(t), types.CPointer(t), _I, _I, _I, types.CPointer(t)
    )
)  # fmt: skip
def solve_rows(
    n: int, L: Floats, l_row: int, inverses: Floats, b: Floats, b_row: int, rows: int, first: int, scratch: Floats
) -> None:  # fmt: skip
    """Rows b of n numbers become b L⁻ᵀ = (L⁻¹ bᵀ)ᵀ; what lies before column `first`, all zeros, isn't looked at."""
    first = first // PANEL * PANEL
    size, panel = n - first, panel_width(b)
    y, from_first = aligned(scratch), shift(b, first)
    for row in range(0, rows, panel):
        transpose(min(panel, rows - row), size, shift(from_first, row * b_row), b_row, shift(y, row * size), panel)
    copy = shift(y, (rows + panel - 1) // panel * panel * size)
    _substitute(size, rows, shift(L, first * (l_row + 1)), l_row, shift(inverses, first * PANEL), y, copy)
    for row in range(0, rows, panel):
        transpose(size, min(panel, rows - row), shift(y, row * size), panel, shift(from_first, row * b_row), b_row)


@linked(lambda t: types.void(_I, types.CPointer(t), _I, types.CPointer(t)))
def back_substitute(n: int, L: Floats, l_row: int, x: Floats) -> None:
    """x becomes L⁻ᵀ x."""
    for i in range(n - 1, -1, -1):
        row = shift(L, i * l_row)
        x[i] /= row[i]
        factor = -x[i]
        for j in range(i):
            x[j] = fma(factor, row[j], x[j])


@inline
def _squares_of_inverse(
    n: int, L: Floats, l_row: int, inverses: Floats, y: Floats, first: int, sums: Floats
) -> None:  # fmt: skip
    """sums[j] = the sum of squares of column j of L⁻¹, for a chunk of columns from `first` on."""
    size, columns, panel = n - first, min(_CHUNK, n - first), panel_width(y)
    padded = (columns + panel - 1) // panel * panel
    for q in range(padded * size):
        y[q] = like(y, 0.0)
    for j in range(columns):
        y[j // panel * panel * size + j * panel + j % panel] = like(y, 1.0)
    corner, inverse = shift(L, first * (l_row + 1)), shift(inverses, first * PANEL)
    _substitute(size, columns, corner, l_row, inverse, y, shift(y, padded * size))
    for j in range(columns):
        column, total = shift(y, j // panel * panel * size + j % panel), like(y, 0.0)
        for i in range(j, size):
            total = fma(column[i * panel], column[i * panel], total)
        sums[first + j] = total


@linked(
    lambda t: t(_I, types.CPointer(t), _I, types.CPointer(t), types.CPointer(t), types.CPointer(_I), _I, _I)
)  # fmt: skip
def trace_of_inverse(
    n: int, L: Floats, l_row: int, inverses: Floats, scratch: Floats, barrier: Integers, thread: int, threads: int
) -> float:  # fmt: skip
    """tr A⁻¹ = ‖L⁻¹‖²_F, by all threads together, the same for all of them; see `trace_scratch`."""
    y = aligned(shift(scratch, n + thread * ((n + PANEL) * _CHUNK + _LINE)))
    for chunk in range((n + _CHUNK - 1) // _CHUNK):
        if chunk % threads == thread:
            _squares_of_inverse(n, L, l_row, inverses, y, chunk * _CHUNK, scratch)
    wait_for_all(barrier, threads)
    total = like(scratch, 0.0)
    for j in range(n):
        total += scratch[j]
    wait_for_all(barrier, threads)  # so that the caller may use the memory again
    return total


@kernel(lambda t: types.void(array(t, 2), array(t), output(t, 2), _I, output(t)))
def solve_rows_kernel(L: Matrix, inverses: Matrix, b: Matrix, first: int, scratch: Matrix) -> None:
    rows, n = b.shape
    solve_rows(n, pointer(L), L.shape[1], pointer(inverses), pointer(b), n, rows, first, pointer(scratch))


@kernel(lambda t: types.void(array(t, 2), output(t)))
def back_substitute_kernel(L: Matrix, x: Matrix) -> None:
    back_substitute(x.size, pointer(L), L.shape[1], pointer(x))


@kernel(lambda t: t(_I, _I, output(_I), _I, array(t, 2), array(t), output(t)))
def trace_kernel(
    thread: int, threads: int, barrier: npt.NDArray[np.int64], n: int, L: Matrix, inverses: Matrix, scratch: Matrix
) -> float:  # fmt: skip
    return trace_of_inverse(
        n, pointer(L), L.shape[1], pointer(inverses), pointer(scratch), pointer(barrier), thread, threads
    )
