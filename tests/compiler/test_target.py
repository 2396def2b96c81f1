"""The widths that kernels see are those of the target, and of NumPy's dtypes."""

from typing import Any

import numpy as np
import pytest
from numba import njit, types

from fnn.compiler.intrinsics import pointer
from fnn.compiler.target import LINE, float_type, itemsize, lanes_of, line_width, panel_width, tile_rows, vector_width


@njit
def widths(x: Any) -> tuple[int, int, int, int]:
    p = pointer(x)

    return vector_width(p), panel_width(p), line_width(p), tile_rows(p)


@njit
def bytes_of(x: Any) -> int:
    return int(itemsize(pointer(x)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_widths(dtype: type[Any]) -> None:
    x = np.zeros(1, dtype)
    vector, panel, line, rows = widths(x)

    assert vector == lanes_of(x.dtype)
    assert vector * x.itemsize in (16, 32, 64)
    assert (panel, line) == (2 * vector, LINE // x.itemsize)
    assert rows in (4, 6, 8, 12)
    assert float_type(x.dtype) is {np.float32: types.float32, np.float64: types.float64}[dtype]


@pytest.mark.parametrize("code", "?bhilBHILfd")
def test_itemsize(code: str) -> None:
    x = np.zeros(1, code)

    assert bytes_of(x) == x.itemsize
