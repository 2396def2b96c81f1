"""The objective of all cases by several threads: the bits of `fnn.value_and_grad`, interrupts, the penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types
from numpy.testing import assert_allclose, assert_array_equal

import fnn
from fnn.compiler import barrier
from fnn.compiler.intrinsics import pointer
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.threads import run_in_threads
from fnn.data.kernels.cases import Labels, Reals, Weights, cases_of
from fnn.data.rows import CaseArrays
from fnn.equations.kernels.backprop import ERROR_ONLY, GRADIENT
from fnn.equations.kernels.gradient import unit_case_weight
from fnn.network.kernels.plan import CHAIN, GROUP, net_of
from fnn.training.kernels.solvers.full_batch import add_penalty, objective
from tests.problems import Problem, problem, problems
from tests.scalars import CAUCHY

UNTOUCHED = -7.0
SHARED = 100  # of so many cases each thread has a part: no multiple of any block


@kernel(
    lambda t: types.UniTuple(types.float64, 2)(
        types.int64, types.int64, output(types.int64), array(types.int64), array(t), output(t), types.int64,
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, array(types.int64),
        types.int64, types.boolean, types.int64, output(t), types.float64, array(t),
    )
)  # fmt: skip
def objective_kernel(
    thread: int, threads: int, words: npt.NDArray[np.int64], table: npt.NDArray[np.int64], flat: Reals, space: Reals,
    capacity: int, x: Reals, y: Reals, labels: Labels, weights: Weights, sources: int, chosen: Labels, loss: int,
    mean: bool, extent: int, into: Reals, l2: float, mask: Reals,
) -> tuple[float, float]:  # fmt: skip
    """E, and the penalty by the first thread."""
    net = net_of(table, flat, space)
    cases = cases_of(x, y, labels, weights, chosen, sources, chosen.size)
    scale = unit_case_weight(cases, mean)
    error = objective(
        thread, threads, pointer(words), net, capacity, SHARED, cases, loss, scale, extent, pointer(into), 0
    )  # fmt: skip
    if thread > 0 or l2 < 0:
        return error, 0.0
    return error, add_penalty(net, l2, pointer(mask), mask.size > 0, pointer(into))


def evaluate(
    p: Problem, threads: int = 1, extent: int = GRADIENT, capacity: int = 2 * CHAIN, *, l2: float = -1.0,
    mask: npt.NDArray[Any] | None = None, interrupted: bool = False, cases: CaseArrays[Any] | None = None,
) -> tuple[list[float], npt.NDArray[Any], float]:  # fmt: skip
    """E as each thread finds it, the gradient, and the penalty; without l2 nothing is added."""
    params, flat = p.params, p.params.flat
    batch = p.cases.arrays(params, p.loss) if cases is None else cases
    layout = params.architecture.layout(params.dtype, min(capacity, batch.number))
    space, into = np.empty(layout.whole, params.dtype), np.full(flat.size, UNTOUCHED, params.dtype)
    words = np.zeros(barrier.SIZE, np.int64)
    words[barrier.INTERRUPTED] = interrupted
    x, y, labels, weights, sources = batch.taken
    found: dict[int, tuple[float, float]] = {}

    def part(thread: int, threads: int) -> None:
        found[thread] = objective_kernel[params.dtype](
            thread, threads, words, layout.table, flat, space, min(capacity, batch.number), x, y, labels, weights,
            sources, batch.chosen, p.loss.descriptor_address(params.dtype), p.reduction == "mean", extent, into, l2,
            np.zeros(0, params.dtype) if mask is None else mask.astype(params.dtype),
        )  # fmt: skip

    run_in_threads(part, threads)
    assert words[barrier.CANCELLED] == interrupted

    return [found[i][0] for i in range(threads)], into, found[0][1]


@given(problems(), st.integers(1, 4), st.sampled_from([CHAIN, 2 * CHAIN, 4 * CHAIN]))
@settings(max_examples=30, deadline=None)
def test_bits_are_those_of_value_and_grad(p: Problem, threads: int, capacity: int) -> None:
    with np.errstate(over="ignore"):
        value, slope = fnn.value_and_grad(p.params, p.cases, **p.options)
    errors, into, _ = evaluate(p, threads, GRADIENT, capacity)
    assert_array_equal(errors, [value] * threads)
    assert_array_equal(into, slope.flat)
    errors, into, _ = evaluate(p, threads, ERROR_ONLY, capacity)
    assert_array_equal(errors, [value] * threads)
    assert (into == UNTOUCHED).all()


@pytest.mark.parametrize("threads", [1, 3])
def test_bits_beyond_a_group_of_sums(threads: int) -> None:
    p = problem(3, (2, 3, 1), (fnn.tanh,), fnn.identity, fnn.squared_error, GROUP + 300, weighted=True)
    value, slope = fnn.value_and_grad(p.params, p.cases)
    errors, into, _ = evaluate(p, threads)

    assert errors == [value] * threads
    assert_array_equal(into, slope.flat)


def test_chosen_cases_alone_count() -> None:
    p = problem(5, (3, 6, 2), (fnn.tanh,), fnn.softmax, fnn.cross_entropy, 700, weighted=True, reduction="mean")
    chosen = np.flatnonzero(np.arange(700) % 5)
    value, slope = fnn.value_and_grad(p.params, p.rows(chosen).cases, **p.options)
    errors, into, _ = evaluate(p, 2, cases=p.cases.arrays(p.params, p.loss)._replace(chosen=chosen))

    assert errors == [value] * 2
    assert_array_equal(into, slope.flat)


def test_cases_that_are_fetched_have_the_bits_of_a_copy() -> None:
    x = np.random.default_rng(2).integers(0, 256, (3000, 60)).astype(np.uint8)
    y = np.random.default_rng(3).normal(size=(3000, 1)).astype(np.float32)
    params = fnn.init((60, 4, 1), output=fnn.identity, seed=1, dtype=np.float64)
    cases = fnn.Cases(x, y, scale=1 / 255)
    p = Problem(params, x, y, y.astype(float), fnn.squared_error, "sum", None)
    batch = cases.arrays(params, fnn.squared_error)
    assert batch.sources is not None
    value, slope = fnn.value_and_grad(params, cases)
    errors, into, _ = evaluate(p, 2, cases=batch)

    assert errors == [value] * 2
    assert_array_equal(into, slope.flat)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("extent", [ERROR_ONLY, GRADIENT])
def test_an_interrupt_cancels_in_all_threads(threads: int, extent: int) -> None:
    p = problem(4, (3, 6, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 1500)
    errors, _, _ = evaluate(p, threads, extent, interrupted=True)

    assert np.isnan(errors).all()


@pytest.mark.parametrize("weight, wanted", [(1e200, np.inf), (np.nan, np.nan)])
def test_infinity_and_nan_come_out(weight: float, wanted: float) -> None:
    p = problem(4, (3, 6, 2), (fnn.tanh,), fnn.identity, fnn.squared_error, 300)
    flat = p.params.flat.copy()
    flat[-3] = weight
    bad = Problem(p.params.with_flat(flat), p.x, p.y, p.dense, p.loss, p.reduction, None)
    errors, into, _ = evaluate(bad, 2)

    assert_array_equal(errors, [wanted] * 2)
    assert not np.isfinite(into).all()


@given(problems(counts=(3, 65)), st.sampled_from([0.0, 0.3]), st.booleans(), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_penalty_and_mask_as_value_and_grad_have_them(p: Problem, l2: float, has_mask: bool, seed: int) -> None:
    flat, mask = p.params.flat.copy(), None
    changes = fnn.Regularization(l2=l2)
    if has_mask:
        mask = np.random.default_rng(seed).integers(0, 2, flat.size)
        flat[mask == 0] = 0
        parts = p.params.architecture.slices()
        changes = fnn.Regularization(l2=l2, mask={key: mask[part].reshape(shape) for key, part, shape in parts})
    masked = Problem(p.params.with_flat(flat), p.x, p.y, p.dense, p.loss, p.reduction, p.weights)
    value, slope = fnn.value_and_grad(masked.params, p.cases, **p.options, regularization=changes)
    errors, into, penalty = evaluate(masked, l2=l2, mask=mask)

    assert_allclose(errors[0] + penalty, value, rtol=1e-6 if p.params.dtype == np.float32 else 1e-14)
    assert_array_equal(into, slope.flat)


def test_a_loss_of_the_user() -> None:
    p = problem(4, (3, 6, 2), (fnn.tanh,), fnn.identity, CAUCHY, 300)
    value, slope = fnn.value_and_grad(p.params, p.cases, **p.options)
    errors, into, _ = evaluate(p, 2)

    assert errors == [value] * 2
    assert_array_equal(into, slope.flat)
