"""Solutions with the factor against NumPy's, of the same factor in a wider format."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numerics.linear import back_substitute, factor, positive_definite, solve_rows, traces
from tests.numerics.test_matmul import Array, Float

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CONDITION = 1e2


def assert_near(x: Array, expected: Array) -> None:
    error = np.abs(x - expected).max()
    assert error <= 4 * expected.shape[-1] * CONDITION**0.5 * np.finfo(x.dtype).eps * np.abs(expected).max()


@given(
    n=st.integers(1, 200),
    rows=st.integers(1, 70),
    part=st.floats(0, 0.99),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(deadline=None, max_examples=50)
def test_rows(n: int, rows: int, part: float, dtype: Float) -> None:
    f = factor(positive_definite(n, dtype, condition=CONDITION))
    first = int(n * part)
    b = np.random.default_rng(rows).normal(size=(rows, n)).astype(dtype)
    b[:, :first] = 0
    assert_near(solve_rows(f, b, first), np.linalg.solve(f.lower.astype(float), b.T.astype(float)).T)


@dtypes
@pytest.mark.parametrize("n", [1, 20, 133])
def test_bits_of_a_row_do_not_depend_on_its_company_or_on_zeros_before_it(dtype: Float, n: int) -> None:
    f = factor(positive_definite(n, dtype))
    b = np.random.default_rng(n).normal(size=(40, n)).astype(dtype)
    b[:, : n // 2] = 0
    together = solve_rows(f, b)
    assert np.array_equal(solve_rows(f, b, n // 2), together)
    for row in (0, 17, 39):
        assert np.array_equal(solve_rows(f, b[row : row + 1]), together[row : row + 1])


@given(n=st.integers(1, 200), dtype=st.sampled_from([np.float32, np.float64]))
@settings(deadline=None, max_examples=40)
def test_back_substitution(n: int, dtype: Float) -> None:
    f = factor(positive_definite(n, dtype, condition=CONDITION))
    x = np.random.default_rng(n).normal(size=n).astype(dtype)
    assert_near(back_substitute(f, x), np.linalg.solve(f.lower.astype(float).T, x.astype(float)))


@dtypes
@pytest.mark.parametrize("n", [1, 2, 31, 32, 65, 200])
def test_trace_of_the_inverse(dtype: Float, n: int) -> None:
    a = positive_definite(n, dtype, condition=CONDITION)
    f = factor(a)
    (alone,) = traces(f)
    expected = np.trace(np.linalg.inv(f.lower.astype(float) @ f.lower.T.astype(float)))
    assert alone == pytest.approx(expected, rel=float(4 * n * np.finfo(dtype).eps * CONDITION))
    for threads in (2, 3, 4):
        assert traces(f, threads) == [alone] * threads


def test_the_whole_solution() -> None:
    """The step of a least-squares problem: Aᵀ comes back to x by both substitutions."""
    a = positive_definite(90, np.float64)
    x = np.random.default_rng(0).normal(size=90)
    f = factor(a, (a @ x)[None])
    assert np.allclose(back_substitute(f, f.below[0]), x, rtol=0, atol=1e-12)
