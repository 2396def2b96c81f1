"""The inner product against exact fractions, chain by chain."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.numerics.dot import CHAINS, dot


@njit
def call(a: NDArray[Any], b: NDArray[Any]) -> float:
    total: float = dot(pointer(a), pointer(b), a.size)

    return total


def by_fractions(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Each fma rounded once, by exact arithmetic; then the chains in halves."""
    sums = [0.0] * CHAINS
    for i, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        sums[i % CHAINS] = float(Fraction(x) * Fraction(y) + Fraction(sums[i % CHAINS]))
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [low + high for low, high in zip(sums[:half], sums[half:], strict=True)]

    return sums[0]


@settings(deadline=None)  # the first example is compiled
@given(st.integers(0, 70), st.integers(0, 2**32), st.sampled_from([np.float32, np.float64]))
def test_bits_by_exact_fractions(count: int, seed: int, dtype: type[Any]) -> None:
    a, b = (np.random.default_rng(seed).normal(size=(2, count)) * 10.0 ** (seed % 9)).astype(dtype)

    assert call(a, b) == by_fractions(a, b)


def test_nan_and_infinity_come_out() -> None:
    a = np.ones(40)
    for place in (3, 39):
        for bad in (np.nan, np.inf):
            b = a.copy()
            b[place] = bad
            np.testing.assert_equal(call(a, b), bad)


def test_pointers_of_two_dtypes_are_refused() -> None:
    with pytest.raises(TypingError, match="pointers of one type"):
        call(np.ones(3), np.ones(3, np.float32))
