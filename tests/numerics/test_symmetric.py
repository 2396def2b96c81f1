"""The symmetric product against NumPy's, and one element at a time against a chain of exact steps."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fnn.numerics.symmetric import BLOCK, packed_size
from tests.numerics.linear import gram
from tests.numerics.test_matmul import Array, Float, rounded

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rows_of(rows: int, n: int, dtype: Any) -> Array:
    return np.random.default_rng([rows, n]).normal(size=(rows, n)).astype(dtype)


def assert_near(c: Array, x: Array) -> None:
    wide = x.astype(np.longdouble)
    error = np.abs(c - np.tril(wide.T @ wide))
    assert np.all(error <= len(x) * np.finfo(x.dtype).eps * np.abs(wide).T @ np.abs(wide))


@dtypes
def test_each_block_is_one_chain_and_blocks_are_added_in_order(dtype: Float) -> None:
    x = rows_of(BLOCK + 5, 2, dtype)
    c = gram(x)
    for i, j in ((0, 0), (1, 0), (1, 1)):
        total = dtype(0)
        for first in (0, BLOCK):
            chain = dtype(0)
            for row in x[first : first + BLOCK]:
                chain = rounded(Fraction(float(row[i])) * Fraction(float(row[j])) + Fraction(float(chain)), dtype)
            total += chain
        assert c[i, j] == total


@given(
    rows=st.integers(1, 300),
    n=st.integers(1, 130),
    spare=st.integers(0, 9),
    threads=st.integers(1, 2),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(deadline=None, max_examples=40)
def test_any_size(rows: int, n: int, spare: int, threads: int, dtype: Float) -> None:
    x = rows_of(rows, n, dtype)
    assert_near(gram(x, threads=threads, spare=spare), x)


@dtypes
@pytest.mark.parametrize("n", [1, 61, 97, 200])
def test_bits_do_not_depend_on_threads(dtype: Float, n: int) -> None:
    x = rows_of(300, n, dtype)
    alone = gram(x)
    assert_near(alone, x)
    for threads in (2, 3, 4):
        assert gram(x, threads=threads).tobytes() == alone.tobytes()


@dtypes
def test_bits_do_not_depend_on_other_columns(dtype: Float) -> None:
    x = rows_of(40, 150, dtype)
    whole = gram(x)
    for columns in (1, 7, 30, 111):
        assert np.array_equal(gram(np.ascontiguousarray(x[:, :columns])), whole[:columns, :columns])


def test_nan_stays_in_its_column() -> None:
    x = rows_of(20, 70, np.float64)
    x[3, 50] = np.nan
    c = gram(x)
    is_nan = np.isnan(c)
    assert is_nan[50, :51].all()
    assert is_nan[50:, 50].all()
    assert is_nan.sum() == 70


def test_the_packed_copy_has_whole_strips() -> None:
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        width = packed_size(1, 1, dtype)
        assert packed_size(width, 3, dtype) == 3 * width
        assert packed_size(width + 1, 3, dtype) == 6 * width
