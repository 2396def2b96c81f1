"""Products of few columns: the bits of one element at a time, and nothing touched beside them."""

from typing import Any, TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.intrinsics import fma, integers, pointer
from fnn.compiler.linking import load_needed
from fnn.compiler.target import float_type, lanes_of
from fnn.numerics.matmul import Prefetch
from fnn.numerics.microkernel import ADD, DESCEND, STORE
from fnn.numerics.thin import few_columns_product, has_few_columns, thin_product

Array: TypeAlias = NDArray[Any]


@njit
def call(
    m: int, n: int, k: int, a: Array, d: Array, c: Array, columns: int, epilogue: int, eta: Any, work: Array
) -> None:
    nothing = Prefetch(pointer(a), integers(pointer(a)), 0, 0)
    thin_product(
        m, n, k, pointer(a), a.shape[1], pointer(d), d.shape[1], pointer(c), c.shape[1], columns, epilogue, eta,
        pointer(work), work.shape[1], nothing,
    )  # fmt: skip


@njit
def one_by_one(m: int, n: int, k: int, a: Array, d: Array, c: Array, epilogue: int, eta: Any) -> None:
    for i in range(m):
        for j in range(n):
            total = eta - eta
            for q in range(k):
                total = fma(a[q, i], d[q, j], total)
            if epilogue == STORE:
                c[i, j] = total
            else:
                c[i, j] = total + c[i, j] if epilogue == ADD else fma(-eta, total, c[i, j])


@given(
    st.integers(1, 70), st.integers(1, 16), st.integers(1, 40), st.booleans(), st.sampled_from([STORE, ADD, DESCEND]),
    st.sampled_from([np.float32, np.float64]), st.integers(0, 2**16),
)  # fmt: skip
@settings(deadline=None)
def test_each_element_is_one_chain(
    m: int, n: int, k: int, whole: bool, epilogue: int, dtype: type[Any], seed: int
) -> None:
    lanes, random = lanes_of(np.dtype(dtype)), np.random.default_rng(seed)
    n = min(n, lanes)
    columns = lanes if whole else n
    a, d, c = (random.normal(size=size).astype(dtype) for size in ((k, m + 3), (k, lanes + 1), (m + 1, lanes + 2)))
    c[:m, n:columns] = 0
    work, wanted, eta = np.full((n + 1, m + 1), 7, dtype), c.copy(), dtype(0.3)
    load_needed(call.py_func, float_type(np.dtype(dtype)))
    call(m, n, k, a, d, c, columns, epilogue, eta, work)
    one_by_one(m, n, k, a, d, wanted, epilogue, eta)

    assert c.tobytes() == wanted.tobytes()
    assert (work[n:] == 7).all()
    assert (work[:, m:] == 7).all()


@njit
def call_few_columns(m: int, n: int, k: int, a: Array, b: Array, bias: Array, c: Array) -> None:
    few_columns_product(
        m, n, k, pointer(a), a.shape[1], pointer(b), b.shape[1], pointer(bias), pointer(c)
    )  # fmt: skip


@njit
def rows_one_by_one(m: int, n: int, k: int, a: Array, b: Array, bias: Array, c: Array, width: int) -> None:
    for i in range(m):
        for j in range(n):
            total = bias[j]
            for q in range(k):
                total = fma(a[i, q], b[q, j], total)
            c[i * width + j] = total


@given(
    st.integers(0, 70), st.integers(1, 15), st.integers(0, 40), st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**16),
)  # fmt: skip
@settings(deadline=None)
def test_few_columns_are_the_same_chains(m: int, n: int, k: int, dtype: type[Any], seed: int) -> None:
    lanes, random = lanes_of(np.dtype(dtype)), np.random.default_rng(seed)
    n, m, k = min(n, lanes - 1), m + lanes, k + lanes
    width = 1 << (n - 1).bit_length()
    a = np.full((m, (k + lanes - 1) // lanes * lanes), np.nan, dtype)
    a[:, :k] = random.normal(size=(m, k))
    b, bias = random.normal(size=(k, n + 2)).astype(dtype), random.normal(size=n).astype(dtype)
    c = np.full(m * width + 3, 7, dtype)
    wanted = c.copy()
    wanted[: m * width] = 0
    load_needed(call_few_columns.py_func, float_type(np.dtype(dtype)))
    call_few_columns(m, n, k, a, b, bias, c)
    rows_one_by_one(m, n, k, a, b, bias, wanted, width)

    assert c.tobytes() == wanted.tobytes()


@njit
def prefers_few_columns(m: int, n: int, k: int, lanes: int) -> bool:
    return has_few_columns(m, n, k, lanes)


def test_few_columns_are_preferred_where_they_pay() -> None:
    assert prefers_few_columns(77, 3, 203, 16)
    assert prefers_few_columns(64, 10, 2048, 16)
    assert not prefers_few_columns(32, 15, 64, 16)
    assert not prefers_few_columns(17, 10, 64, 16)
    assert not prefers_few_columns(15, 1, 64, 16)  # a vector of rows, and of columns, is read at a time
    assert not prefers_few_columns(64, 1, 15, 16)
    assert not prefers_few_columns(64, 16, 64, 16)
