"""The factor against NumPy's in a wider format, its properties, and matrices that have none."""

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fnn.numerics.cholesky import PANEL
from tests.numerics.linear import back_substitute, factor, gram, positive_definite, solve_rows, traces
from tests.numerics.test_matmul import Array, Float, tile_shape

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CONDITION = 1e2


def assert_factor(lower: Array, a: Array) -> None:
    """L Lᵀ = A, within what n rounded products of elements of L may err."""
    wide = lower.astype(np.longdouble)
    error = np.abs(wide @ wide.T - a)
    assert np.all(error <= (len(a) + 8) * np.finfo(a.dtype).eps * np.abs(wide) @ np.abs(wide).T)


@given(
    n=st.one_of(st.integers(1, 70), st.integers(1, 200)),
    rows=st.integers(0, 60),
    spare=st.integers(0, 9),
    threads=st.integers(1, 2),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(deadline=None, max_examples=40)
def test_any_size(n: int, rows: int, spare: int, threads: int, dtype: Float) -> None:
    a = positive_definite(n, dtype, condition=CONDITION)
    below = np.random.default_rng(n).normal(size=(rows, n)).astype(dtype)
    f = factor(a, below, threads=threads, spare=spare)
    assert f.outcomes == [True] * threads
    assert_factor(f.lower, a)
    expected = np.linalg.solve(np.linalg.cholesky(a.astype(float)), below.T.astype(float)).T
    assert np.all(np.abs(f.below - expected) <= 4 * n * CONDITION**0.5 * np.finfo(dtype).eps)


@dtypes
@pytest.mark.parametrize("n", [1, 61, 64, 193])
def test_bits_do_not_depend_on_threads(dtype: Float, n: int) -> None:
    a, below = positive_definite(n, dtype), np.ones((3, n), dtype)
    alone = factor(a, below)
    assert_factor(alone.lower, a)
    for threads in (2, 3, 4):
        f = factor(a, below, threads=threads)
        assert f.lower.tobytes() == alone.lower.tobytes()
        assert f.below.tobytes() == alone.below.tobytes()
        assert f.inverses.tobytes() == alone.inverses.tobytes()


@dtypes
def test_near_numpy(dtype: Float) -> None:
    a = positive_definite(200, dtype, condition=CONDITION)
    error = factor(a).lower - np.linalg.cholesky(a.astype(float))
    assert np.abs(error).max() < 4 * CONDITION**0.5 * np.finfo(dtype).eps * CONDITION**0.5


@dtypes
@pytest.mark.parametrize("n", [5, 40])
def test_inverses_of_the_squares(dtype: Float, n: int) -> None:
    f = factor(positive_definite(n, dtype))
    for first in range(0, n, PANEL):
        size = min(PANEL, n - first)
        inverse = f.inverses.reshape(-1, PANEL, PANEL)[first // PANEL].T
        square = f.lower[first : first + size, first : first + size].astype(float)
        assert np.allclose(inverse[:size, :size] @ square, np.eye(size), atol=100 * np.finfo(dtype).eps)
        assert np.array_equal(inverse, np.tril(inverse))


@dtypes
def test_a_matrix_that_is_its_own_factor(dtype: Float) -> None:
    """The squares of small whole numbers: no rounding anywhere."""
    lower = np.tri(150, dtype=dtype)
    f = factor(lower @ lower.T)
    assert np.array_equal(f.lower, lower)


@dtypes
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 15, 16, 63, 64, 99])
def test_pivots_that_are_not_positive(dtype: Float, threads: int, value: float, place: int) -> None:
    a = np.eye(100, dtype=dtype)
    a[place, place] = value
    assert factor(a, threads=threads).outcomes == [False] * threads


@dtypes
def test_a_singular_matrix(dtype: Float) -> None:
    a = np.ones((70, 70), dtype)
    assert factor(a).outcomes == [False]
    assert factor(a + np.eye(70, dtype=dtype)).outcomes == [True]


def test_nan_beside_the_diagonal() -> None:
    a = positive_definite(90, np.float64)
    a[80, 3] = np.nan
    assert factor(a, threads=2).outcomes == [False, False]


def digest() -> str:
    """A hash of what must be equal on all machines."""
    total = hashlib.sha256()
    for n in (3, 50, 131):
        x = np.random.default_rng(n).normal(size=(2 * n, n))
        f = factor(gram(x), x[:5])
        rows: list[Any] = [f.lower, f.below, f.inverses, solve_rows(f, x[:9], n // 3), back_substitute(f, x[0])]
        for values in (*rows, np.array(traces(f))):
            total.update(values.tobytes())

    return total.hexdigest()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of x86 processors")
def test_other_processors_return_the_same_bits(tmp_path: Path) -> None:
    target = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma", "NUMBA_CACHE_DIR": str(tmp_path)}
    if tile_shape(np.zeros(1)) <= (6, 8):
        target |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    script = "import tests.numerics.test_cholesky as t; print(t.digest())"
    child = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | target,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == digest()
