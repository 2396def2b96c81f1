"""Products row by row: the bits of one element at a time, and nothing read or written beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from fnn.compiler.intrinsics import pointer
from fnn.compiler.linking import load_needed
from fnn.compiler.target import float_type, lanes_of
from fnn.numerics.microkernel import BIAS, KEEP, STORE, ZERO
from fnn.numerics.outer import row_product
from tests.numerics.test_matmul import Array, expected, operands, place, same_bits


@njit
def call(
    m: int, n: int, k: int, a: Array, a_row: int, b: Array, b_panel: int, b_row: int, c: Array, c_row: int, init: int,
    bias: Array,
) -> None:  # fmt: skip
    row_product(
        m, n, k, pointer(a), a_row, pointer(b), b_panel, b_row, pointer(c), c_row, init, pointer(bias)
    )  # fmt: skip


@given(
    m=st.integers(1, 40),
    vectors=st.integers(1, 9),
    missing=st.sampled_from([0, 0, 1]),
    k=st.integers(1, 6),
    dtype=st.sampled_from([np.float32, np.float64]),
    init=st.sampled_from([ZERO, BIAS, KEEP]),
    packed=st.booleans(),
    gap=st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
def test_each_element_is_one_chain(
    m: int, vectors: int, missing: int, k: int, dtype: type[Any], init: int, packed: bool, gap: int
) -> None:
    lanes = lanes_of(np.dtype(dtype))
    n = vectors * lanes - missing
    x = operands(m, n, k, dtype)
    b, c = place(x.b, packed, gap), place(x.c, False, gap)
    a = np.full((m, k + gap), np.nan, dtype)
    a[:, :k] = x.a
    bias = np.concatenate([x.bias, np.zeros(2 * lanes, dtype)])  # two vectors are read even from ZERO
    load_needed(call.py_func, float_type(np.dtype(dtype)))
    call(m, n, k, a, k + gap, b.buffer, b.panel, b.row, c.buffer, c.row, init, bias)

    assert c.intact()
    assert same_bits(c.values, expected(x, init, STORE))
