"""Training narrow networks: the bits of the general equations, for any network and any cases."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

import fnn
from fnn.activations.kernels.dispatch import CODE_OF_SIGMOID, DESCRIPTOR_SIZE
from fnn.network.kernels import narrow_plan, plan
from fnn.network.kernels.narrow_plan import is_narrow, lay_out_narrow
from fnn.network.kernels.plan import COLUMNS
from tests.paces import train_by_exactly
from tests.problems import Problem, problem, problems

BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EVERY = sorted(
    (f for f in vars(fnn).values() if isinstance(f, fnn.Activation) and not f.is_rowwise), key=lambda f: f.name
)


def by(narrow: bool, p: Problem, **options: Any) -> fnn.Run[Any] | fnn.TrainingDiverged:
    """A run by the narrow equations or the general ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fnn.training.steppers.buffers.is_narrow", lambda *_: narrow)
        try:
            return fnn.train(p.params, p.cases, **options, **p.options)
        except fnn.TrainingDiverged as diverged:
            return diverged


def assert_same(p: Problem, **options: Any) -> None:
    one, other = by(True, p, **options), by(False, p, **options)

    assert type(one) is type(other)
    assert one.params.flat.tobytes() == other.params.flat.tobytes()
    assert one.history.error.tobytes() == other.history.error.tobytes()


@given(
    problems(counts=(1, 2, 7, 16, 17, 40), widest=35),
    st.sampled_from([None, 1, 3, 8, 10, 16, 33]), st.integers(0, 2**63 - 1),
)  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_the_bits_are_those_of_the_general_equations(p: Problem, batch_size: int | None, seed: int) -> None:
    assert_same(p, eta=0.1 / len(p.x), epochs=3, batch_size=batch_size, seed=seed)


@BOTH
@pytest.mark.parametrize("sizes", [(1, 1), (1, 1, 1), (7, 8, 8), (8, 9, 1), (15, 16, 16), (16, 17, 15), (33, 1, 31)])
@pytest.mark.parametrize("count", [1, 8, 9, 16, 17])
def test_around_whole_vectors_of_units_and_of_cases(sizes: tuple[int, ...], count: int, dtype: type[Any]) -> None:
    hidden = (fnn.sigmoid,) * (len(sizes) - 2)
    p = problem(count, sizes, hidden, fnn.sigmoid, fnn.squared_error, count, dtype=dtype, weighted=True)

    assert_same(p, eta=0.3, epochs=4)


@BOTH
@pytest.mark.parametrize("activation", EVERY, ids=lambda f: f.name)
def test_every_activation(activation: fnn.Activation, dtype: type[Any]) -> None:
    p = problem(3, (3, 5, 2), (activation,), activation, fnn.squared_error, 11, dtype=dtype)

    assert_same(p, eta=0.01, epochs=5, batch_size=4)


@njit
def _cube(z: float) -> float:
    return z * z * z


@njit
def _of_cube(z: float, a: float) -> float:
    return 3 * z * z


def test_a_user_defined_activation() -> None:
    cube = fnn.Activation("cube", _cube, _of_cube)

    p = problem(5, (2, 3, 1), (fnn.tanh,), fnn.tanh, fnn.squared_error, 6)
    params = fnn.Params(p.params, hidden=cube, output=cube)

    assert_same(Problem(params, p.x, p.y, p.dense, p.loss, p.reduction, p.weights), eta=0.01, epochs=5)


@BOTH
def test_calls_continue_each_other(dtype: type[Any]) -> None:
    p = problem(8, (3, 6, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 23, dtype=dtype)
    options: dict[str, Any] = {"eta": 0.5, "epochs": 12, "batch_size": 5, "seed": 9}
    wanted = by(True, p, **options)
    with pytest.MonkeyPatch.context() as patch:
        train_by_exactly(patch)
        run = by(True, p, **options)

    assert run.params.flat.tobytes() == wanted.params.flat.tobytes()
    assert run.history.error.tobytes() == wanted.history.error.tobytes()


def test_a_rate_that_changes_with_the_step() -> None:
    p = problem(4, (3, 6, 2), (fnn.sigmoid,), fnn.sigmoid, fnn.squared_error, 23)

    assert_same(p, eta=fnn.cosine(3.0, steps=40), epochs=10, batch_size=5)


def test_cases_of_weight_0() -> None:
    p = problem(6, (3, 6, 2), (fnn.sigmoid,), fnn.identity, fnn.squared_error, 9, weighted=True, reduction="mean")
    assert p.weights is not None
    p.weights[2:5] = 0

    assert_same(p, eta=0.1, epochs=10, batch_size=3)


@BOTH
@pytest.mark.parametrize("loss", [fnn.squared_error, fnn.absolute_error])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_runs_that_diverge_stop_at_the_same_step(loss: fnn.Loss, batch_size: int | None, dtype: type[Any]) -> None:
    p = problem(7, (2, 3, 2), (fnn.relu,), fnn.identity, fnn.squared_error, 6, dtype=dtype)
    p = Problem(p.params, 1e3 * p.x, p.y, p.dense, loss, p.reduction, p.weights)
    diverged = by(True, p, eta=1e3, epochs=200, batch_size=batch_size)

    if loss is fnn.squared_error:
        assert isinstance(diverged, fnn.TrainingDiverged)
    assert_same(p, eta=1e3, epochs=200, batch_size=batch_size)


def test_which_networks_are_narrow() -> None:
    assert is_narrow((2, 2, 1), 4, 16)
    assert is_narrow((16, 16, 16), 1, 16)
    assert not is_narrow((16, 17, 1), 1, 16)
    assert is_narrow((13, 30, 3), 10, 16)
    assert not is_narrow((13, 33, 3), 10, 16)
    assert is_narrow((2, 2, 1), 64, 16)
    assert not is_narrow((2, 2, 1), 65, 16)
    assert not is_narrow((784, 30, 10), 10, 16)
    assert not is_narrow((30, 32, 3), 16, 16)
    assert is_narrow((4, 4, 1), 4, 2)
    assert not is_narrow((4, 5, 1), 4, 2)


@pytest.mark.parametrize("outputs_code", [0, 1])
@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 40), st.sampled_from([2, 4, 8, 16]))
def test_arrays_do_not_overlap(outputs_code: int, sizes: list[int], batch: int, lanes: int) -> None:
    functions = [CODE_OF_SIGMOID] * DESCRIPTOR_SIZE * (len(sizes) - 1)
    table, whole = lay_out_narrow(sizes, functions, outputs_code, batch, lanes)
    stride = -(-batch // lanes) * lanes
    doubles = 2
    spans = [
        (table[narrow_plan.ERRORS], doubles * batch),
        (table[plan.TARGETS], sizes[-1] * stride),
        (table[plan.CASE_WEIGHTS], stride),
        (table[narrow_plan.ONES], max(sizes[1:]) * stride),
    ]
    for layer, units in enumerate(sizes):
        row = table[layer * COLUMNS : (layer + 1) * COLUMNS]
        spans.append((row[plan.A], (units + 1) * stride))
        if layer < len(sizes) - 1:
            spans.append((row[narrow_plan.BY_CASES], stride * (-(-(units + 1) // lanes) * lanes)))
        if layer > 0:
            spans += [(row[column], units * stride) for column in (plan.Z, plan.DELTA, narrow_plan.PRIME)]
            spans.append((row[plan.W], units * row[plan.W_ROW]))
            assert row[plan.W_ROW] > sizes[layer - 1]
    if outputs_code:
        size = batch * table[narrow_plan.OUTPUT_STRIDE]
        spans += [(table[narrow_plan.OUTPUTS] + n * table[narrow_plan.OUTPUT_BLOCK], size) for n in range(5)]

    assert all(start % lanes == 0 for start, _ in spans)
    assert all(a + length <= b for (a, length), (b, _) in pairwise(sorted(spans)))
    assert max(start + length for start, length in spans) <= whole
