"""Rows fetched from arrays of any dtype, strides and byte order, against NumPy's own casts."""

from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.data.kernels.fetch import address_for, fetch, is_known

DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u4", ">i4", "<i8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


@njit
def row(words: NDArray[np.int64], case: int, into: NDArray[Any]) -> None:
    fetch(pointer(words), case, pointer(into))


def rows(x: NDArray[Any], dtype: type[Any], scale: float) -> NDArray[Any]:
    """All rows of x, fetched one by one."""
    bits = int(np.float64(scale).view(np.int64))
    words = np.array([address_for(x.dtype, np.dtype(dtype)), x.ctypes.data, *x.strides, x.shape[1], bits])
    into = np.full((len(x), x.shape[1] + 1), 7, dtype)
    for case in range(len(x)):
        row(words, case, into[case])

    assert (into[:, -1] == 7).all()
    return into[:, :-1]


def values(dtype: np.dtype[Any]) -> NDArray[Any]:
    """9 × 22 values, the extreme ones among them."""
    random = np.random.default_rng(0)
    if dtype.kind == "b":
        return random.integers(0, 2, (9, 22)).astype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = random.integers(info.min, info.max, (9, 22), dtype.newbyteorder("="), endpoint=True).astype(dtype)
        x[0, :2] = info.min, info.max
        return x
    finite = np.finfo(dtype)
    x = random.normal(size=(9, 22)).astype(dtype)
    x[0, :6] = finite.max, finite.min, finite.smallest_subnormal, np.inf, -np.inf, np.nan
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("source", DTYPES)
def test_any_dtype_and_any_strides(source: str, dtype: type[Any]) -> None:
    x = values(np.dtype(source))
    views = [x, x[::2], x[:, ::3], x[::-1, ::-1], x.T, np.asfortranarray(x), np.broadcast_to(x[:1], (4, 22))]

    for view in views:
        with np.errstate(over="ignore", invalid="ignore"):
            expected = view.astype(dtype) * dtype(0.5)
        assert_array_equal(rows(view, dtype, 0.5), expected)


def test_addresses_that_are_not_aligned() -> None:
    memory = np.zeros(1 + 8 * 6, np.uint8)
    x = memory[1:].view("<f8").reshape(2, 3)
    x[:] = [[1, 2, 3], [4, 5, 6]]

    assert_array_equal(rows(x, np.float64, 1.0), x)


def test_which_dtypes_are_known() -> None:
    assert all(is_known(np.dtype(dtype)) for dtype in DTYPES)
    assert not any(is_known(np.dtype(dtype)) for dtype in ("c8", "U3", "O", "M8[s]"))
    if np.finfo(np.longdouble).bits > 64:
        assert not is_known(np.dtype(np.longdouble))
