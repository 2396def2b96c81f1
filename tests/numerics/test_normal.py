"""The normal quantile against SciPy's and Python's own."""

from statistics import NormalDist

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fnn.numerics.normal import _log, normal_quantile

ndtri = pytest.importorskip("scipy.special").ndtri

HALF_STEP = 2.0**-54  # the least number that `init` can draw


def everywhere() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Numbers close to 0, in between, close to 1, and beside those at which the formula changes."""
    tails = 10.0 ** np.linspace(np.log10(HALF_STEP), -1, 4000)
    changes = np.array([0.075, 0.925, np.exp(-25.0), 0.5])
    beside = np.concatenate([np.nextafter(changes, 0), changes, np.nextafter(changes, 1)])

    return np.concatenate([tails, np.linspace(0.01, 0.99, 4001), 1 - tails[tails > 1e-15], beside])


def test_against_scipy() -> None:
    u = everywhere()

    assert_allclose(normal_quantile(u), ndtri(u), rtol=1e-14, atol=1e-16)


def test_against_the_standard_library() -> None:
    u = everywhere()[::7]
    expected = [NormalDist().inv_cdf(p) for p in u.tolist()]

    assert_allclose(normal_quantile(u), expected, rtol=1e-13, atol=1e-15)


def test_it_is_odd_and_increases() -> None:
    u = np.arange(1, 2**12) / 2**12
    z = normal_quantile(u)

    np.testing.assert_array_equal(z, -z[::-1])
    assert (np.diff(z) > 0).all()
    assert normal_quantile(np.array([0.5])).item() == 0


def test_the_extremes_are_finite() -> None:
    # u is an odd multiple of 2⁻⁵⁴: the least is 2⁻⁵⁴, the greatest 1 − 2⁻⁵⁴, which is rounded to 1 − 2⁻⁵³ or 1.
    z = normal_quantile(np.array([HALF_STEP, 1 - 2.0**-53]))

    assert_allclose(z, ndtri([HALF_STEP, 1 - 2.0**-53]), rtol=1e-14)


@pytest.mark.parametrize("x", [HALF_STEP, 1e-10, 0.3, 0.5, 0.70710678, 0.7071068, 0.99, 1 - 2.0**-53])
def test_log(x: float) -> None:
    assert_allclose(_log(np.array([x])), np.log(x), rtol=2e-15)
