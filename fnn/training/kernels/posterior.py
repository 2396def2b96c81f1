"""The lengths that variances are made of."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.intrinsics import fma, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.numerics.triangular import solve_rows

Matrix = npt.NDArray[np.floating[Any]]


@kernel(lambda t: types.void(array(t, 2), array(t), output(t, 2), types.int64, output(t), output(t)))
def squares_kernel(L: Matrix, inverses: Matrix, b: Matrix, first: int, scratch: Matrix, into: Matrix) -> None:
    """bᵀ A⁻¹ b = ‖L⁻¹ b‖² of each row of b, which is overwritten; all of them are 0 before column `first`."""
    rows, n = b.shape
    solve_rows(n, pointer(L), L.shape[1], pointer(inverses), pointer(b), n, rows, first, pointer(scratch))
    for row in range(rows):
        solved, total = shift(pointer(b), row * n), like(pointer(b), 0.0)
        for i in range(first, n):
            total = fma(solved[i], solved[i], total)
        into[row] = total
