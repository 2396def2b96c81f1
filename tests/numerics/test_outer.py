"""Rows of products, and copies by whole vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types
from numpy.testing import assert_array_equal

from fnn.compiler.intrinsics import pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.target import lanes_of
from fnn.numerics.outer import copy_vectors, outer_product

Reals = npt.NDArray[Any]


@kernel(lambda t: types.void(array(t), types.int64, array(t), types.int64, output(t)))
def row_kernel(a: Reals, m: int, b: Reals, n: int, into: Reals) -> None:
    outer_product(pointer(a), m, pointer(b), n, pointer(into))
    copy_vectors(pointer(b), n, shift(pointer(into), m * n))


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([np.float64, np.float32]), st.integers(0, 2**16))
@settings(deadline=None)
def test_products_and_a_copy_behind_them(m: int, n: int, dtype: type[Any], seed: int) -> None:
    """A vector behind the operands and the row may be anything, and what lies further is left alone."""
    spare = lanes_of(np.dtype(dtype))
    a, b = (np.random.default_rng([seed, size]).normal(size=size + spare).astype(dtype) for size in (m, n))
    a[m:], b[n:] = np.nan, np.nan
    into = np.full(m * n + n + 2 * spare, 7, dtype)
    row_kernel[into.dtype](a, m, b, n, into)

    assert_array_equal(into[: m * n], np.outer(a[:m], b[:n]).ravel())
    assert_array_equal(into[m * n : m * n + n], b[:n])
    assert_array_equal(into[m * n + n + spare :], 7)
