"""The two-loop recursion and the iterations on functions of NumPy: against dense matrices, and against SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.optimize import minimize, rosen, rosen_der

from fnn.training.kernels.solvers import line_search
from fnn.training.kernels.solvers.lbfgs import (
    COMPLETE,
    DIRECTION,
    EVALUATE,
    FAILED,
    GRADIENT_ROW,
    NEWEST,
    RESTARTED,
    WORDS,
    WORK_ROWS,
    advance_kernel,
    numbers_of,
)

Vector: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[[Vector], tuple[float, Vector]]


class Machine:
    """The memory of the method, and a function to minimise."""

    def __init__(
        self, function: Function, start: Vector, history: int = 10, pairs: Vector | None = None, dtype: Any = np.float64
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.function, self.flat = function, np.array(start, self.dtype)
        self.pairs = np.zeros((2 * history, self.flat.size), self.dtype) if pairs is None else pairs.astype(dtype)
        self.work = np.full((WORK_ROWS, self.flat.size + 3), np.nan, self.dtype)
        self.numbers, self.words = np.full(numbers_of(history), np.nan), np.zeros(WORDS, np.int64)
        self.evaluations, self.iterations, self.is_new = 0, 0, True
        self.evaluate()

    def evaluate(self) -> None:
        self.value, gradient = self.function(self.flat)
        self.work[GRADIENT_ROW, : self.flat.size] = gradient
        self.evaluations += 1

    @property
    def gradient(self) -> Vector:
        return self.work[GRADIENT_ROW, : self.flat.size]

    def advance(self) -> int:
        code = advance_kernel[self.dtype](
            self.flat, self.pairs, self.work, self.numbers, self.words, self.value, self.is_new
        )
        self.is_new = False
        return code

    def iterate(self) -> int:
        """One iteration."""
        code = self.advance()
        while code == EVALUATE:
            self.evaluate()
            code = self.advance()
        self.iterations += code == COMPLETE
        return code

    def minimise(self, tolerance: float, most: int = 3000) -> int:
        code = COMPLETE
        while code == COMPLETE and abs(self.gradient).max() > tolerance and self.iterations < most:
            code = self.iterate()
        return code


def rosenbrock(x: Vector) -> tuple[float, Vector]:
    return float(rosen(x)), np.asarray(rosen_der(x))


def quadratic(size: int, decades: float) -> Function:
    curvatures = np.logspace(0, decades, size)
    return lambda x: (float(0.5 * np.sum(curvatures * x * x)), curvatures * x)


def quartic(x: Vector) -> tuple[float, Vector]:
    return float(np.sum(x**4) + 0.5 * np.sum(x) ** 2), 4 * x**3 + np.sum(x)


PROBLEMS: dict[str, tuple[Function, Vector]] = {
    "Rosenbrock 2": (rosenbrock, np.array([-1.2, 1.0])),
    "Rosenbrock 10": (rosenbrock, np.tile([-1.2, 1.0], 5)),
    "Rosenbrock 100": (rosenbrock, np.tile([-1.2, 1.0], 50)),
    "quadratic 20": (quadratic(20, 3), np.ones(20)),
    "quadratic 50": (quadratic(50, 2), np.arange(50.0) - 20),
    "quadratic 200": (quadratic(200, 3), np.ones(200)),
    "quartic": (quartic, np.linspace(-1, 3, 17)),
}


@pytest.mark.parametrize("tolerance", [1e-5, 1e-8])
@pytest.mark.parametrize("name", PROBLEMS)
def test_evaluations_are_those_of_scipy(name: str, tolerance: float) -> None:
    function, start = PROBLEMS[name]
    ours = Machine(function, start)
    ours.minimise(tolerance)
    options = {"maxcor": 10, "ftol": 0.0, "gtol": tolerance, "maxiter": 3000, "maxfun": 10**6}
    theirs = minimize(function, start, jac=True, method="L-BFGS-B", options=options)

    assert abs(ours.gradient).max() <= tolerance
    assert ours.evaluations <= 1.1 * theirs.nfev
    assert_allclose(ours.value, theirs.fun, atol=10 * tolerance)


def inverse_hessian(pairs: Vector) -> Vector:
    """H of BFGS from γ I by the formula with matrices, the oldest pair first."""
    s, y = pairs[0], pairs[1]
    size = s.size
    H = s @ y / (y @ y) * np.eye(size)
    for s, y in zip(pairs[-2::-2], pairs[-1::-2], strict=True):
        V = np.eye(size) - np.outer(y, s) / (s @ y)
        H = V.T @ H @ V + np.outer(s, s) / (s @ y)
    return np.asarray(H)


def random_pairs(random: np.random.Generator, count: int, size: int) -> Vector:
    """Pairs of a quadratic function, so that sᵀy > 0."""
    root = random.normal(size=(size, size))
    s = random.normal(size=(count, size))
    return np.stack([s, s @ (root @ root.T + np.eye(size))], axis=1).reshape(2 * count, size)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**32), st.sampled_from([np.float64, np.float32]))
def test_direction_is_that_of_the_matrix(count: int, size: int, seed: int, dtype: Any) -> None:
    random = np.random.default_rng(seed)
    pairs, slope = random_pairs(random, count, size).astype(dtype), random.normal(size=size)
    kept = np.concatenate([pairs, np.zeros((4, size))])  # two places are free
    machine = Machine(lambda x: (0.0, slope), np.zeros(size), count + 2, kept, dtype)

    assert machine.advance() == EVALUATE
    direction = -inverse_hessian(pairs.astype(float)) @ slope
    scale = np.abs(direction).max()
    condition = np.linalg.cond(inverse_hessian(pairs.astype(float)))
    eps = np.finfo(dtype).eps
    assert_allclose(machine.work[DIRECTION, :size], direction, atol=100 * eps * (10 + condition) * scale)
    assert_array_equal(machine.flat, machine.work[DIRECTION, :size])  # the first step is 1


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e30])
def test_first_step_has_length_1(factor: float) -> None:
    machine = Machine(lambda x: (0.0, factor * np.array([3.0, -4.0])), np.ones(2))

    assert machine.advance() == EVALUATE
    assert_allclose(machine.flat, [1 - 0.6, 1 + 0.8])


def test_iterations_are_those_of_the_formula_with_matrices() -> None:
    """Pairs, their order in the ring, and directions, over more iterations than pairs are kept."""
    machine, history = Machine(rosenbrock, np.array([-1.2, 1.0, 0.5]), 3), 3
    known: list[Vector] = []
    for _ in range(8):
        before, slope = machine.flat.copy(), machine.gradient.copy()
        assert machine.advance() == EVALUATE
        if known:
            pairs = np.array([v for pair in known[:history] for v in pair])
            assert_allclose(machine.work[DIRECTION, :3], -inverse_hessian(pairs) @ slope, rtol=1e-9, atol=1e-12)
        code = EVALUATE
        while code == EVALUATE:
            machine.evaluate()
            code = machine.advance()
        assert code == COMPLETE
        known.insert(0, np.array([machine.flat - before, machine.gradient - slope]))
        first = 2 * machine.words[NEWEST]
        kept = np.concatenate([machine.pairs[first:], machine.pairs[:first]])
        wanted = np.zeros((2 * history, 3))
        wanted[: 2 * len(known[:history])] = np.concatenate(known[:history])
        assert_array_equal(kept, wanted)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_value_never_rises_and_the_end_is_a_failure_that_changes_nothing(dtype: Any) -> None:
    machine = Machine(rosenbrock, np.tile([-1.2, 1.0], 5), dtype=dtype)
    values = [machine.value]
    while machine.iterate() == COMPLETE:
        values.append(machine.value)
        good = machine.flat.copy(), machine.gradient.copy(), machine.pairs.copy()

    assert 20 < machine.iterations < 500
    assert (np.diff(values) <= 0).all()
    for now, before in zip((machine.flat, machine.gradient, machine.pairs), good, strict=True):
        assert_array_equal(now, before)
    assert machine.iterate() == FAILED


def test_pairs_that_mislead_are_given_up() -> None:
    """A stale pair that takes the first step to where the function isn't finite: −g is tried, and it is forgotten."""

    def walled(x: Vector) -> tuple[float, Vector]:
        if x[0] > 1:
            return np.nan, np.full(2, np.nan)
        return float(-x[0] + 50 * x[1] ** 2), np.array([-1.0, 100 * x[1]])

    pairs = np.array([[0.0, 1.0], [0.0, 1e-300]])
    machine = Machine(walled, np.array([0.0, 0.1]), 2, np.concatenate([pairs, np.zeros((2, 2))]))
    assert machine.iterate() == COMPLETE
    assert machine.words[RESTARTED] == 1
    assert np.count_nonzero(machine.pairs.any(axis=1)) == 2  # the new pair alone


def test_useless_pairs_count_as_none() -> None:
    useless = np.array([[1.0, 0.0], [-1.0, 0.0], [np.nan, 0.0], [1.0, 1.0]])
    machine = Machine(quadratic(2, 1), np.array([3.0, 4.0]), 2, useless)

    assert machine.advance() == EVALUATE
    assert_allclose(machine.work[DIRECTION, :2], -machine.gradient)


def test_no_slope_and_no_finite_slope_fail_at_once() -> None:
    for slope in (0.0, np.nan, np.inf):
        machine = Machine(lambda x, g=slope: (1.0, np.full(3, g)), np.ones(3))  # type: ignore[misc]
        assert machine.advance() == FAILED
        assert_array_equal(machine.flat, np.ones(3))


def test_a_pair_without_curvature_is_refused() -> None:
    """A line: y = 0. The step is the longest that the line search tries."""
    machine = Machine(lambda x: (float(-x[0]), np.array([-1.0])), np.zeros(1), 2)

    assert machine.iterate() == COMPLETE
    assert machine.value < -100
    assert not machine.pairs.any()
    assert machine.numbers[line_search.STEP] > 100
