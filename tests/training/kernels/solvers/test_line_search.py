"""The line search against SciPy's port of MINPACK-2, step by step, and against the conditions it is to meet."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.training.kernels.solvers import line_search
from fnn.training.kernels.solvers.line_search import ENDED, EVALUATE, FOUND, FTOL, GTOL, LONGEST, MOST, XTOL

MINPACK: Any = import_module("scipy.optimize._dcsrch")

Phi: TypeAlias = Callable[[float], tuple[float, float]]  # φ and φ′


@njit
def begin(state: NDArray[np.float64], value: float, slope: float, step: float) -> None:
    line_search.begin(pointer(state), value, slope, step)


@njit
def search(state: NDArray[np.float64], value: float, slope: float) -> int:
    code: int = line_search.search(pointer(state), value, slope)

    return code


def steps(phi: Phi, first: float) -> tuple[list[float], int]:
    """The steps that are evaluated, and how the search ends."""
    state = np.full(line_search.SIZE, np.nan)
    begin(state, *phi(0.0), first)
    tried = [first]
    while True:
        code = search(state, *phi(tried[-1]))
        if code != EVALUATE:
            assert state[line_search.STEP] == tried[-1]
            assert state[line_search.EVALUATIONS] == len(tried)
            return tried, code
        tried.append(float(state[line_search.STEP]))


def steps_of_scipy(phi: Phi, first: float) -> tuple[list[float], int]:
    theirs = MINPACK.DCSRCH(None, None, FTOL, GTOL, XTOL, 0.0, LONGEST)
    value, slope = phi(0.0)
    step, _, _, task = theirs._iterate(first, value, slope, b"START")
    tried = [float(step)]
    while True:
        step, _, _, task = theirs._iterate(step, *phi(step), task)
        if task[:2] != b"FG" or len(tried) == MOST:
            return tried, FOUND if task[:4] == b"CONV" else ENDED
        tried.append(float(step))


def yanai(b1: float, b2: float) -> Phi:
    """Functions 4 to 6 of the paper."""

    def gamma(b: float) -> float:
        return float(np.sqrt(1 + b * b) - b)

    def phi(a: float) -> tuple[float, float]:
        left, right = np.sqrt((1 - a) ** 2 + b2**2), np.sqrt(a**2 + b1**2)
        slope = gamma(b1) * (a - 1) / left + gamma(b2) * a / right
        return float(gamma(b1) * left + gamma(b2) * right), float(slope)

    return phi


def bumpy(a: float) -> tuple[float, float]:
    """Function 3 of the paper."""
    b, wave = 0.01, 39 * np.pi / 2
    value = 1 - a if a <= 1 - b else a - 1 if a >= 1 + b else (a - 1) ** 2 / (2 * b) + b / 2
    slope = -1 if a <= 1 - b else 1 if a >= 1 + b else (a - 1) / b
    return float(value + (1 - b) / wave * np.sin(wave * a)), float(slope + (1 - b) * np.cos(wave * a))


PAPER: dict[str, Phi] = {
    "1": lambda a: (-a / (a * a + 2), (a * a - 2) / (a * a + 2) ** 2),
    "2": lambda a: ((a + 0.004) ** 5 - 2 * (a + 0.004) ** 4, 5 * (a + 0.004) ** 4 - 8 * (a + 0.004) ** 3),
    "3": bumpy,
    "4": yanai(0.001, 0.001),
    "5": yanai(0.01, 0.001),
    "6": yanai(0.001, 0.01),
    "line": lambda a: (-a, -1.0),
    "quadratic": lambda a: ((a - 3) ** 2, 2 * (a - 3)),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 1e3])
@pytest.mark.parametrize("name", PAPER)
def test_steps_are_those_of_minpack(name: str, first: float) -> None:
    tried, code = steps(PAPER[name], first)
    wanted, wanted_code = steps_of_scipy(PAPER[name], first)

    assert_allclose(tried, wanted, rtol=1e-7)
    assert code == wanted_code


@settings(deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6), st.floats(-3, 3), st.floats(0.1, 4))
def test_random_functions(numbers: list[float], magnitude: float, frequency: float) -> None:
    """Polynomials that end upwards, with a wave."""
    a, b, c, d, e, f = numbers

    def phi(x: float) -> tuple[float, float]:
        value = 0.2 * x**4 + a * x**3 + b * x**2 + c * x + d * np.sin(frequency * x + e)
        slope = 0.8 * x**3 + 3 * a * x**2 + 2 * b * x + c + d * frequency * np.cos(frequency * x + e)
        return float(value + f), float(slope)

    if not phi(0.0)[1] < -1e-3:
        return
    tried, code = steps(phi, 10**magnitude)
    wanted, wanted_code = steps_of_scipy(phi, 10**magnitude)
    assert_allclose(tried, wanted, rtol=1e-5)
    assert code == wanted_code
    if code == FOUND:
        (start, downwards), (value, slope) = phi(0.0), phi(tried[-1])
        assert value <= start + FTOL * tried[-1] * downwards
        assert abs(slope) <= GTOL * abs(downwards)


@pytest.mark.parametrize("edge", [0.5, 2.0, 30.0])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_steps_back_from_where_phi_is_not_finite(edge: float, bad: float) -> None:
    tried, code = steps(lambda a: (bad, bad) if a > edge else ((a - 0.4) ** 2, 2 * (a - 0.4)), 50.0)

    assert code == FOUND
    assert tried[-1] <= edge


def test_a_slope_that_is_not_finite_counts_as_well() -> None:
    tried, code = steps(lambda a: (-a, np.nan if a > 1e-3 else -1.0), 1.0)

    assert code == ENDED
    assert 0 < tried[-1] <= 1e-3


def test_ends_where_nothing_is_finite() -> None:
    tried, code = steps(lambda a: (0.0, -1.0) if a == 0 else (np.nan, np.nan), 1.0)

    assert code == ENDED
    assert len(tried) == MOST


def test_ends_at_the_best_step_if_rounding_hides_the_decrease() -> None:
    tried, code = steps(lambda a: (1.0 if a == 0 else 1.0 + 1e-15, -1e-20), 1.0)

    assert code == ENDED
    assert tried[-1] == 0
