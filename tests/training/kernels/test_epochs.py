"""Batches of an epoch, and its error, against the same in Python."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.data.kernels.cases import cases_of
from fnn.training.kernels.epochs import (
    CURSOR_SIZE,
    begin_batch,
    end_batch,
    position_at,
    reshuffle,
    store_position,
)
from tests import reference

EMPTY, NO_CHOICE = np.zeros((0, 1)), np.zeros(0, np.int64)


@njit
def steps(
    x: NDArray[np.float64], weights: NDArray[np.float64], order: NDArray[np.int64], chosen: NDArray[np.int64],
    batch_size: int, mean: bool, seed: int, errors: NDArray[np.float64], cursor: NDArray[np.int64],
    sums: NDArray[np.float64], history: NDArray[np.float64], batches: NDArray[np.float64], is_writer: bool,
) -> None:  # fmt: skip
    """A step for each error; `batches` gets the first place, the rows, Σ w and the scale of each."""
    cases = cases_of(x, x, order[:0], weights, order, 0, chosen.size)
    at = position_at(pointer(cursor), pointer(sums))
    for step in range(errors.size):
        if at.first == 0:
            reshuffle(cases, pointer(chosen), chosen.size > 0, seed, pointer(cursor), at.epoch)
        batch = begin_batch(at, cases, batch_size, mean)
        batches[step, 0], batches[step, 1], batches[step, 2], batches[step, 3] = batch
        at = end_batch(at, batch, errors[step], cases, mean, pointer(history), is_writer)
    store_position(at, pointer(cursor), pointer(sums))


def run(
    count: int, batch_size: int, mean: bool, weights: NDArray[np.float64], errors: NDArray[np.float64],
    chosen: NDArray[np.int64] = NO_CHOICE, is_writer: bool = True,
) -> tuple[Any, ...]:  # fmt: skip
    """The cursor, the sums, the history and the batches after the steps."""
    cursor, sums, history = np.zeros(CURSOR_SIZE, np.int64), np.zeros(2), np.full(len(errors) + 1, np.nan)
    batches, order = np.zeros((len(errors), 4)), np.zeros(len(chosen) or count, np.int64)
    steps(
        np.zeros((count, 1)), weights, order, chosen, batch_size, mean, 5, errors, cursor, sums, history, batches,
        is_writer,
    )  # fmt: skip

    return cursor, sums, history, batches, order


@settings(deadline=None)
@given(
    count=st.integers(1, 12), batch_size=st.integers(1, 15), done=st.integers(0, 30), mean=st.booleans(),
    weighted=st.booleans(),
)  # fmt: skip
def test_positions_batches_and_errors(count: int, batch_size: int, done: int, mean: bool, weighted: bool) -> None:
    random = np.random.default_rng(0)
    w, errors = random.integers(0, 4, count).astype(float), random.integers(1, 9, done).astype(float)
    cursor, sums, history, batches, order = run(count, batch_size, mean, w if weighted else w[:0], errors)
    epoch, total, weight, step = 0, 0.0, 0.0, 0
    expected: list[float] = []
    while step < done:
        places = reference.permutation(count, 5, epoch)
        for first in range(0, count, batch_size):
            if step == done:
                break
            rows = places[first : first + batch_size]
            of_batch = w[rows].sum() if weighted else len(rows)
            scale = 1 / of_batch if mean and of_batch > 0 else 1.0
            assert_array_equal(batches[step], [first, len(rows), of_batch, scale])
            total, weight = total + errors[step] * (of_batch if mean else 1), weight + of_batch
            step += 1
            if first + batch_size >= count:
                with np.errstate(invalid="ignore", divide="ignore"):
                    expected.append(float(np.divide(total, weight)))
                epoch, total, weight = epoch + 1, 0.0, 0.0

    assert_array_equal(history[:epoch], expected)
    assert np.isnan(history[epoch:]).all()
    first = done % -(-count // batch_size) * batch_size
    assert (cursor[0], cursor[1], *sums) == (epoch, first, total, weight)
    if done:
        assert sorted(order) == list(range(count))


def test_chosen_cases_are_permuted() -> None:
    chosen = np.array([9, 2, 7, 4])
    *_, order = run(10, 2, False, np.zeros(0), np.ones(1), chosen)

    assert_array_equal(order, chosen[reference.permutation(4, 5, 0)])


@pytest.mark.parametrize("is_writer", [True, False])
def test_one_thread_writes_the_history(is_writer: bool) -> None:
    cursor, _, history, *_ = run(3, 3, False, np.zeros(0), np.array([6.0, 9.0]), is_writer=is_writer)

    assert cursor[0] == 2
    assert_array_equal(history, [2, 3, np.nan] if is_writer else [np.nan] * 3)
