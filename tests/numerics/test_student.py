"""Student's t quantiles against SciPy's."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnn.numerics.student import student_quantile

t = pytest.importorskip("scipy.stats").t

LEVELS = (0.01, 0.3, 0.5, 0.68, 0.9, 0.95, 0.99, 0.999, 1 - 1e-6, 1 - 1e-10)


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 3.25, 5, 10, 30, 39.5, 40.5, 100, 1e3, 1e4, 1e5, 1e6])
def test_against_scipy(freedom: float) -> None:
    for level in LEVELS:
        assert student_quantile(level, freedom) == pytest.approx(t.isf((1 - level) / 2, freedom), rel=1e-11)


@given(st.floats(0.001, 0.9999), st.floats(1, 1e6))
def test_the_integral_is_the_level(level: float, freedom: float) -> None:
    quantile = student_quantile(level, freedom)

    assert t.cdf(quantile, freedom) - t.cdf(-quantile, freedom) == pytest.approx(level, abs=1e-11)
    assert quantile > student_quantile(level, math.inf)


def test_closed_forms() -> None:
    for level in LEVELS[:-2]:
        assert student_quantile(level, 1) == pytest.approx(math.tan(math.pi * level / 2), rel=1e-11)
        assert student_quantile(level, 2) == pytest.approx(level * math.sqrt(2 / (1 - level**2)), rel=1e-11)
        assert student_quantile(level, math.inf) == pytest.approx(NormalDist().inv_cdf((1 + level) / 2), rel=1e-11)
    assert student_quantile(0.0, 3) == 0
