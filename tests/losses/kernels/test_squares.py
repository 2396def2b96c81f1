"""The squared error of cases that share a vector: the bits of one case after the other, and nothing else touched."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.compiler.linking import load_needed
from fnn.compiler.target import float_type, lanes_of
from fnn.losses.kernels.squares import squared_errors
from fnn.network.kernels.plan import stride_of

Array: TypeAlias = NDArray[Any]


@njit
def call(a: Array, y: Array, case_weights: Array, dE_da: Array, errors: Array, rows: int, units: int) -> None:
    squared_errors(
        pointer(a), pointer(y), pointer(case_weights), pointer(dE_da), pointer(errors), rows, units, a.shape[1]
    )


@given(
    st.integers(1, 70), st.integers(1, 20), st.sampled_from([np.float32, np.float64]), st.integers(0, 2**16)
)  # fmt: skip
@settings(deadline=None)
def test_the_sums_are_in_the_order_of_the_units(rows: int, units: int, dtype: type[Any], seed: int) -> None:
    random, stride = np.random.default_rng(seed), stride_of(units, lanes_of(np.dtype(dtype)))
    a, y = (random.normal(size=(rows, stride)).astype(dtype) for _ in range(2))
    a[:, units:] = np.nan
    a[0, 0] = np.inf
    case_weights = random.choice([0.0, 0.3, 1.0], rows).astype(dtype)
    dE_da, errors = np.full((rows + 1, stride), 7, dtype), np.full(rows + 1, 7.0)
    load_needed(call.py_func, float_type(np.dtype(dtype)))
    call(a, y, case_weights, dE_da, errors, rows, units)

    differences = a[:, :units] - y[:, :units]
    totals = np.zeros(rows)
    for d in range(units):
        totals += differences[:, d].astype(np.float64) ** 2
    with np.errstate(invalid="ignore"):
        wanted = np.where(case_weights == 0, 0, case_weights.astype(np.float64) * (0.5 * totals))
        slopes = case_weights[:, None] * differences
    assert errors[:rows].tobytes() == wanted.tobytes()
    assert np.array_equal(dE_da[:rows, :units], slopes, equal_nan=True)
    assert errors[rows] == 7
    assert (dE_da[rows] == 7).all()
