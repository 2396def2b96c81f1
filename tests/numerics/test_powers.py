"""Roots against their definition in exact arithmetic, and against NumPy's powers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnn.numerics.powers import root


@given(st.integers(1, 2**40), st.integers(1, 1000))
def test_roots(x: int, degree: int) -> None:
    assert root(x, degree) == pytest.approx(x ** (1 / degree), rel=1e-13)
    assert root(x, 1) == x


@given(st.integers(1, 2**40), st.integers(2, 3))
def test_roots_are_as_near_as_powers_allow(x: int, degree: int) -> None:
    found = root(x, degree)
    near = [Fraction(float(np.nextafter(found, side))) ** degree for side in (0.0, np.inf)]
    slack = Fraction(1, 2**51)  # the rounding of a power

    assert near[0] < x * (1 + slack)
    assert near[1] > x * (1 - slack)


def test_whole_roots() -> None:
    assert [root(n**m, m) for n, m in ((1, 9), (2, 10), (3, 4), (10, 6))] == [1, 2, 3, 10]
