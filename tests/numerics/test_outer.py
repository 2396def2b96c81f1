"""Rows of products, and copies by whole vectors."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
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
from fnn.numerics.outer import copy_padded, copy_vectors, outer_product

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


@kernel(lambda t: types.void(array(t), types.int64, output(t), types.int64))
def padding_kernel(source: Reals, count: int, into: Reals, room: int) -> None:
    copy_padded(pointer(source), count, pointer(into), room)


@given(st.integers(0, 90), st.integers(0, 40), st.sampled_from([np.float64, np.float32]))
@settings(deadline=None)
def test_a_copy_is_padded_with_zeros(count: int, more: int, dtype: type[Any]) -> None:
    lanes = lanes_of(np.dtype(dtype))
    width = min(-(-count // lanes) * lanes, count + more)
    source, into = np.random.default_rng(count).normal(size=count + lanes).astype(dtype), np.full(width + 1, 7, dtype)
    padding_kernel[into.dtype](source, count, into, count + more)

    assert_array_equal(into, [*source[:count], *[0] * (width - count), 7])


def test_a_copy_reads_nothing_behind_its_source(tmp_path: Path) -> None:
    """To read what is mapped of a file that has been cut ends the process."""
    page = mmap.PAGESIZE // 4
    mapped = np.memmap(tmp_path / "pages", np.float32, "w+", shape=2 * page)
    os.truncate(tmp_path / "pages", mmap.PAGESIZE)
    for count in range(1, 2 * lanes_of(mapped.dtype)):
        into = np.full(3 * lanes_of(mapped.dtype), 7, mapped.dtype)
        padding_kernel[mapped.dtype](np.asarray(mapped[page - count : page]), count, into, into.size)

        assert_array_equal(into[:count], 0)
