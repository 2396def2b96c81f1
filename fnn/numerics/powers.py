"""Powers of a number, for the bias corrections and the learning rates of a run of steps, and roots."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # exponents


def powers(base: float, exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    """base^n for every n in a rising sequence, by products alone: the same bits wherever the sequence starts.

    `np.power` may differ from processor to processor, and takes 20 ns a number; this takes 2.
    """
    high, low = np.divmod(exponents, BLOCK)
    starts = np.array([by_squaring(base, BLOCK * n) for n in range(high[0], high[-1] + 1)])

    with np.errstate(over="ignore", under="ignore"):
        return starts[high - high[0]] * _first(base)[low]


@lru_cache(maxsize=16)
def _first(base: float) -> NDArray[np.float64]:
    """base⁰, base¹, .. base^(BLOCK − 1)."""
    return np.array([by_squaring(base, n) for n in range(BLOCK)])


def by_squaring(base: float, exponent: int) -> float:
    """base^exponent, by squaring."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1

    return result


def root(x: float, degree: int) -> float:
    """The largest number whose power of that degree, `by_squaring`, is no more than x, at least 1; by bisection."""
    low, high = 1.0, x + 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if by_squaring(middle, degree) <= x else (low, middle)

    return low
