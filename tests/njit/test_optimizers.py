"""Optimizers inside jitted functions: near the formulas, with the bits of the Python calls, and with plain errors."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError
from numpy.testing import assert_allclose

import fnn
from fnn.compiler.linking import needed_by
from fnn.njit.kernels import entry_points as native
from fnn.njit.kernels import optimize
from fnn.optimizers.kernels.apply import modified_step
from fnn.training.kernels.phases import optimizer_phase
from fnn.training.kernels.regularized_phase import regularized_phase
from tests.njit import optimizing
from tests.optimizers import formulas
from tests.optimizers.examples import OPTIMIZERS, PARAMS, optimizers, slope
from tests.scalars import BELL

DTYPES = (np.float64, np.float32)
each = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
SCHEDULES = [
    fnn.step_decay(0.3, every=7, factor=0.5),
    fnn.exponential(0.3, factor=0.25, every=10),
    fnn.exponential(1e-3, factor=1.001),
    fnn.inverse_time(0.3, steps=5),
    fnn.cosine(0.3, steps=60, end=1e-3),
    fnn.one_cycle(0.3, steps=50),
    fnn.one_cycle(0.3, steps=10, rise=0.0),
    fnn.warm_up(0.1, steps=20),
    fnn.warm_up(fnn.warm_up(fnn.cosine(0.3, steps=30), steps=11), steps=7),
]


def states_equal(one: fnn.OptimizerState[Any], other: fnn.OptimizerState[Any]) -> bool:
    return one == other and [v.dtype for v in one.vectors] == [v.dtype for v in other.vectors]


def after(steps: int) -> fnn.OptimizerState[Any]:
    """The state of an optimizer that has no vectors."""
    return fnn.OptimizerState(steps, ())


@each
def test_a_hundred_steps_by_the_formula(optimizer: fnn.Optimizer) -> None:
    steps = formulas.begin(optimizer, PARAMS)
    w, slopes, wanted = PARAMS.flat, [], []
    for step in range(100):
        slopes.append(slope(step, w))
        w = steps.send(slopes[-1])
        wanted.append(w)
    found, state = optimizing.follow(optimizer, PARAMS, np.array(slopes), optimizing.init(optimizer, PARAMS))
    assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
    assert state.step == 100


@pytest.mark.parametrize("dtype", DTYPES)
@each
def test_steps_and_state_have_the_bits_of_the_python_calls_on_both_sides(optimizer: fnn.Optimizer, dtype: Any) -> None:
    params = fnn.init((3, 4, 2), seed=5, dtype=dtype)
    grads = [params.with_flat(slope(step, params.flat)) for step in range(4)]
    inside, state = params, optimizing.init(optimizer, params)
    outside, wanted = params, optimizer.init(params)
    assert states_equal(state, wanted)
    for g in grads:
        inside, state = optimizing.update(optimizer, inside, g, state)
        outside, wanted = optimizer.update(outside, g, wanted)
        assert inside == outside
        assert states_equal(state, wanted)
    assert optimizer.update(inside, grads[0], state)[0] == optimizing.update(optimizer, outside, grads[0], wanted)[0]
    assert states_equal(pickle.loads(pickle.dumps(state)), wanted)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_have_the_bits_of_the_python_calls(schedule: fnn.Schedule) -> None:
    ones = PARAMS.with_flat(np.ones(PARAMS.flat.size))
    for step in (*range(80), 4095, 4096, 2**19, 2**40)[: 83 if isinstance(schedule, fnn.exponential) else None]:
        optimizer, state = fnn.gradient_descent(schedule), after(step)
        assert optimizing.update(optimizer, PARAMS, ones, state)[0] == optimizer.update(PARAMS, ones, state)[0]


@settings(max_examples=60)
@given(st.integers(0, 2**45), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_corrections_have_the_bits_of_the_python_calls(step: int, beta_1: float, beta_2: float) -> None:
    vectors = tuple(PARAMS.with_flat(np.full(PARAMS.flat.size, value)) for value in (0.5, 0.25, 0.75))
    for kind in (fnn.adam, fnn.nadam, fnn.amsgrad):
        optimizer = kind(fnn.cosine(0.3, steps=2**44, end=0.1), beta_1=beta_1, beta_2=beta_2)
        state = fnn.OptimizerState(step, vectors[: 3 if kind is fnn.amsgrad else 2])
        with np.errstate(all="ignore"):
            wanted = optimizer.update(PARAMS, PARAMS, state)
        assert optimizing.update(optimizer, PARAMS, PARAMS, state)[0] == wanted[0]


@pytest.mark.parametrize("dtype", DTYPES)
@each
def test_training_has_the_bits_of_the_python_call(optimizer: fnn.Optimizer, dtype: Any) -> None:
    params = fnn.init((3, 20, 2), seed=0, dtype=dtype, hidden=fnn.tanh)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(600, 3)).astype(dtype), random.normal(size=(600, 2)).astype(dtype)
    for batch in (600,) if optimizer.needs_all_cases else (600, 550, 7):
        run = optimizing.train(optimizer, params, x, y, 2, batch)
        wanted = fnn.train(params, x, y, optimizer=optimizer, epochs=2, batch_size=batch, seed=5)
        assert run.params == wanted.params
        assert list(run.history.error) == list(wanted.history.error)
        assert states_equal(run.state, wanted.state)
    run = optimizing.train(optimizer, params, x[::-1], y, 1, None)
    assert run.params == fnn.train(params, x[::-1], y, optimizer=optimizer, epochs=1).params


@settings(deadline=None, max_examples=60)
@given(
    optimizers(), st.sampled_from([(1, 1), (3, 1, 2), (4, 33, 2), (2, 40, 70, 3)]), st.sampled_from(DTYPES),
    st.booleans(),
)  # fmt: skip
def test_steps_inside_are_those_of_train_outside(
    optimizer: fnn.Optimizer, sizes: tuple[int, ...], dtype: Any, mean: bool
) -> None:
    params, random = fnn.init(sizes, seed=1, dtype=dtype, hidden=fnn.tanh), np.random.default_rng(0)
    x, y = random.normal(size=(9, sizes[0])).astype(dtype), random.uniform(size=(9, sizes[-1])).astype(dtype)
    run = fnn.train(params, x, y, optimizer=optimizer, epochs=3, reduction="mean" if mean else "sum")
    moved, state, steps = (optimizing.fit_mean if mean else optimizing.fit)(optimizer, params, x, y, 3)
    inside = (optimizing.train_mean if mean else optimizing.train)(optimizer, params, x, y, 3, 9)

    assert (moved, steps) == (run.params, 3)
    assert inside.params == run.params
    assert list(inside.history.error) == list(run.history.error)
    assert states_equal(state, run.state)
    assert states_equal(inside.state, run.state)


@each
def test_a_run_goes_on_from_the_state_of_another(optimizer: fnn.Optimizer) -> None:
    x, y = np.random.default_rng(0).normal(size=(5, 3)), np.ones((5, 2))
    run = wanted = optimizing.go_on(optimizer, PARAMS, x, y, None)
    for _ in range(2):
        run = optimizing.go_on(optimizer, run.params, x, y, run.state)
        wanted = fnn.train(wanted.params, x, y, optimizer=optimizer, epochs=2, state=wanted.state)
        assert (run.params, run.state) == (wanted.params, wanted.state)


def test_a_run_that_follows_a_schedule_over_many_calls_of_the_loop() -> None:
    params, optimizer = fnn.init((2, 3, 1), seed=0), fnn.adam(fnn.warm_up(fnn.cosine(0.1, steps=900), steps=50))
    x, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[1.0], [1.0], [0.0]])
    run = optimizing.train(optimizer, params, x, y, 400, 1)
    wanted = fnn.train(params, x, y, optimizer=optimizer, epochs=400, batch_size=1, seed=5)
    assert (run.params, run.state) == (wanted.params, wanted.state)
    assert optimizing.train(optimizer, params, x, y, 0, 1).params == params


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [fnn.adam, fnn.nadam, fnn.amsgrad, fnn.rmsprop, fnn.adagrad, fnn.adadelta, fnn.lion])
def test_what_leaves_the_range_has_the_bits_of_the_python_calls(kind: Any, dtype: Any) -> None:
    # Gradients whose squares overflow, and in float64 norms, too.
    params, size = fnn.init((3, 4, 2), seed=5, dtype=dtype), PARAMS.flat.size
    grads = params.with_flat(np.linspace(-1, 1, size) * (1e37 if dtype is np.float32 else 1e290))
    for fields in ({}, {"clip_norm": 1e30, "max_norm": 0.1}):
        optimizer = kind(0.1, **fields)
        moved, state = optimizing.update(optimizer, params, grads, optimizer.init(params))
        wanted, after_it = optimizer.update(params, grads, optimizer.init(params))
        assert moved == wanted != params
        assert states_equal(state, after_it)
        assert all(np.isfinite(vector.flat).all() for vector in (wanted, *after_it.vectors))


def test_one_specialisation_serves_all_optimizers_and_states() -> None:
    for params in (PARAMS, fnn.init((2, 3), seed=0)):
        for optimizer in OPTIMIZERS:
            optimizing.update(optimizer, params, params, optimizing.init(optimizer, params))
    numbers = {str(signature[1]) for signature in optimizing.update.signatures}
    assert len(optimizing.update.signatures) == len(numbers)


def test_activations_of_ones_own() -> None:
    params, x, y = fnn.init((3, 4, 2), seed=0, hidden=BELL), np.ones((2, 3)), np.ones((2, 2))
    moved, state, steps = optimizing.fit(fnn.adam(0.1), params, x, y, 3)
    run = fnn.train(params, x, y, optimizer=fnn.adam(0.1), epochs=3)
    assert (moved, state, steps) == (run.params, run.state, 3)
    assert state.vectors[0].activations == params.activations


def problem(count: int) -> tuple[fnn.Params[np.float64], Any, Any]:
    random = np.random.default_rng(0)
    return fnn.init((4, 8, 2), seed=0), random.normal(size=(count, 5, 4)), random.normal(size=(count, 5, 2))


def after_all(optimizer: fnn.Optimizer, params: fnn.Params[np.float64], x: Any, y: Any) -> list[Any]:
    found = []
    for cases, targets in zip(x, y, strict=True):
        moved, _, _ = optimizing.fit(optimizer, params, cases, targets, 2)
        found.append(fnn.train(moved, cases, targets, optimizer=optimizer, epochs=2).params.flat)
    return found


def test_in_parallel_and_by_threads() -> None:
    params, x, y = problem(17)
    optimizers: list[fnn.Optimizer] = [fnn.adam(0.1), fnn.gradient_descent(0.1), fnn.irprop(), fnn.amsgrad(0.1)]
    wanted = [after_all(optimizer, params, x, y) for optimizer in optimizers]
    for optimizer, flats in zip(optimizers, wanted, strict=True):
        np.testing.assert_array_equal(optimizing.in_parallel(optimizer, params, x, y), flats)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(after_all, optimizers[i % 4], params, x, y) for i in range(12)]
        for i, job in enumerate(jobs):
            np.testing.assert_array_equal(job.result(), wanted[i % 4])


def test_constants() -> None:
    pairs: list[tuple[fnn.Optimizer, Any]] = [
        (fnn.momentum(fnn.cosine(0.3, steps=5)), np.float64),
        (fnn.adam(0.1, clip_norm=0.1, shrink=0.1, max_norm=0.9), np.float32),
    ]
    for optimizer, dtype in pairs:

        @njit
        def fit(params: Any, x: Any, y: Any) -> Any:
            moved, state = optimizer.update(params, fnn.grad(params, x, y), optimizer.init(params))  # noqa: B023
            run = fnn.train(moved, x, y, optimizer=optimizer, epochs=2)  # noqa: B023
            return moved, state, run.params

        params, (x, y) = fnn.init((4, 3, 2), seed=0, dtype=dtype), (a[0].astype(dtype) for a in problem(1)[1:])
        moved, state = optimizer.update(params, fnn.grad(params, x, y), optimizer.init(params))
        trained = fnn.train(moved, x, y, optimizer=optimizer, epochs=2).params
        assert fit(params, x, y) == (moved, state, trained)


def test_what_they_reach_is_loaded_with_every_params() -> None:
    """A cached function that has their code in it loads nothing else."""
    entries = (native.differentiate_all, native.train_all)
    loaded = {link for entry in entries for link in needed_by(entry.function)}
    phases = (optimizer_phase, regularized_phase, modified_step)
    for function in (optimize.begin_all, optimize.step_all, optimize.optimize_all, *phases):
        assert set(needed_by(function)) <= loaded


P, X, Y = PARAMS, np.ones((5, 3)), np.ones((5, 2))
F = fnn.init((3, 4, 2), seed=5, dtype=np.float32)
ADAM = fnn.adam(0.1)
STATE = ADAM.init(P)


class mine(fnn.gradient_descent):
    pass


@njit
def by_both(params: Any, x: Any, y: Any, optimizer: Any) -> Any:
    return fnn.train(params, x, y, eta=0.1, optimizer=optimizer, epochs=1)


@njit
def by_neither(params: Any, x: Any, y: Any) -> Any:
    return fnn.train(params, x, y, epochs=1)


@njit
def with_a_global_state(params: Any) -> Any:
    return ADAM.update(params, params, STATE)


PLATEAU = fnn.adam(fnn.plateau(0.1))


@njit
def with_a_global_plateau(params: Any) -> Any:
    return PLATEAU.init(params)


@pytest.mark.parametrize(
    "call, arguments, text",
    [
        (optimizing.init, (ADAM, X), "params: needs fnn.Params, got array(float64, 2d, C)"),
        (optimizing.update, (ADAM, P, X, STATE), "grads: needs fnn.Params of float64 inside @njit, got array"),
        (optimizing.update, (ADAM, P, F, STATE), "grads: needs fnn.Params of float64 inside @njit, got fnn.Params"),
        (optimizing.update, (ADAM, P, P, 1), "state: needs what init or update returned, got int64"),
        (optimizing.train, (0.1, P, X, Y, 1, 5), "optimizer: needs an optimizer such as fnn.adam(1e-3), got float64"),
        (optimizing.go_on, (ADAM, P, X, Y, 1), "state: needs what init or update returned, got int64"),
        (by_both, (P, X, Y, ADAM), "eta: the optimizer has its own"),
        (by_neither, (P, X, Y), "eta: needs a number, got None"),
        (with_a_global_state, (P,), "state: a jitted function can't hold it as a global"),
        (with_a_global_plateau, (P,), "eta: inside @njit it must be a number or one of fnn's schedules"),
    ],
)  # fmt: skip
def test_typing_errors_are_plain_sentences(call: Any, arguments: Any, text: str) -> None:
    with pytest.raises(TypingError) as caught:
        call(*arguments)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "optimizer, text",
    [
        (fnn.adam(lambda step: 0.1), "eta: inside @njit it must be a number or one of fnn's schedules, such as"),
        (fnn.lion(lambda step: 0.1), "got <function <lambda>"),
        (
            fnn.adam(fnn.warm_up(fnn.warm_up(fnn.warm_up(1.0, steps=1), steps=2**63 - 1), steps=1)),
            "optimizer: too many",
        ),
        (fnn.momentum(0.1, alpha=lambda step: 0.1), "alpha: inside @njit it must be a number, got <function"),
        (fnn.adam(fnn.warm_up(lambda step: 0.1, steps=5)), "eta: inside @njit it must be a number"),
        (PLATEAU, "fnn.plateau works in fnn.train from Python"),
        (fnn.adam(fnn.cosine(0.1)), r"steps: fnn.cosine(eta=0.1, steps=None, end=0.0) goes over the steps of a run"),
        (fnn.adam(fnn.warm_up(fnn.one_cycle(0.1), steps=5)), "inside @njit, it needs steps="),
        (fnn.lion(fnn.exponential(0.1, factor=0.5, epochs=3)), "every: fnn.exponential(eta=0.1, factor=0.5, every="),
        (mine(0.1), "optimizer: only those of fnn work inside @njit, got fnn.mine"),
    ],
)
def test_what_only_python_can_ask_is_refused_at_the_boundary(optimizer: fnn.Optimizer, text: str) -> None:
    optimizing.init(ADAM, P)
    for _ in range(2):
        with pytest.raises(TypingError) as caught:
            optimizing.init(optimizer, P)
        assert text in str(caught.value)


OTHER = fnn.init((3, 5, 2), seed=0)


@pytest.mark.parametrize(
    "call, arguments, text",
    [
        (optimizing.update, (ADAM, P, OTHER, STATE), "grads: needs the sizes and activations of params"),
        (optimizing.update, (ADAM, P, P, fnn.momentum(0.1).init(P)), "state: is that of another optimizer"),
        (optimizing.go_on, (ADAM, P, X, Y, fnn.momentum(0.1).init(P)), "state: is that of another optimizer"),
        (optimizing.go_on, (ADAM, P, X, Y, ADAM.init(OTHER)), "state: its vectors need the dtype, sizes"),
        (optimizing.update, (ADAM, P, P, ADAM.init(OTHER)), "state: its vectors need the dtype, sizes"),
        (optimizing.update, (ADAM, P, P, ADAM.init(F)), "state: its vectors need the dtype, sizes"),
        (optimizing.update, (ADAM, F, F, STATE), "state: its vectors need the dtype, sizes"),
        (optimizing.update, (fnn.adam(1e50), F, F, ADAM.init(F)), "optimizer: its numbers are beyond"),
        (optimizing.update, (fnn.adam(clip=1e50), F, F, ADAM.init(F)), "optimizer: its numbers are beyond"),
        (optimizing.update, (fnn.adam(clip_norm=1e-50), F, F, ADAM.init(F)), "optimizer: its numbers are beyond"),
        (optimizing.update, (fnn.adam(max_norm=1e50), F, F, ADAM.init(F)), "optimizer: its numbers are beyond"),
        (optimizing.update, (fnn.adamw(1.0, weight_decay=2.0), P, P, STATE), "or weight_decay takes more than all"),
        (optimizing.update, (fnn.adam(epsilon=1e-46), F, F, ADAM.init(F)), "or epsilon is 0 there"),
        (optimizing.train, (fnn.adadelta(epsilon=1e-46), F, np.float32(X), np.float32(Y), 1, 5), "or epsilon is 0"),
        (optimizing.update, (ADAM, P, P, fnn.OptimizerState(-1, STATE.vectors)), "state.step: must be at least 0"),
        (optimizing.update, (ADAM, P, P, fnn.OptimizerState(0, (P, OTHER))), r"state.vectors\[1\]: needs sizes"),
        (optimizing.update, (ADAM, P, P, fnn.OptimizerState(0, (P, F))), r"state.vectors\[1\]: needs float64"),
        (optimizing.train, (fnn.irprop(), P, X, Y, 1, 2), "batch_size: the optimizer needs all cases in every step"),
        (optimizing.train, (fnn.adam(1e50), F, np.float32(X), np.float32(Y), 1, 5), "optimizer: its numbers are"),
        (optimizing.train, (ADAM, P, X, Y, -1, 5), "epochs: must be at least 0"),
        (optimizing.train, (ADAM, P, X * np.nan, Y, 1, 5), "x: NaN or infinity"),
        (optimizing.train, (ADAM, P, X, Y[:4], 1, 5), "y: has another shape"),
    ],
)  # fmt: skip
def test_wrong_numbers_raise(call: Any, arguments: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call(*arguments)


def test_a_rate_that_grows_beyond_all_numbers() -> None:
    optimizer, state = fnn.gradient_descent(fnn.exponential(1.0, factor=2.0)), after(2000)
    with pytest.raises(ValueError, match="eta: must be finite and at least 0 in every step"):
        optimizing.update(optimizer, P, P, state)
    with pytest.raises(ValueError, match="eta: must be finite and at least 0 in every step"):
        optimizing.train(optimizer, P, X, P.flat[:10].reshape(5, 2), 1100, 5)


def test_divergence_raises() -> None:
    params = fnn.init((3, 4, 2), seed=0, hidden=fnn.identity, output=fnn.identity)
    with pytest.raises(ArithmeticError, match="usually eta is too large"):
        optimizing.train(fnn.momentum(1e200), params, X, Y, 5, 5)
