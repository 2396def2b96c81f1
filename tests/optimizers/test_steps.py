"""`train` takes the steps of an optimizer's `update` on `grad`, to the bit."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fnn
from tests import reference
from tests.optimizers.examples import FOR_BATCHES, OPTIMIZERS, optimizers
from tests.paces import train_by_exactly, tune_by
from tests.problems import Problem, problem, problems, trained


def taken(
    p: Problem, optimizer: fnn.Optimizer, *, epochs: int, batch_size: int | None = None, seed: int = 0
) -> tuple[fnn.Params[Any], fnn.OptimizerState[Any]]:
    """Training by `grad` and the optimizer's `update`, in the oracle's order of cases."""
    params, state = p.params, optimizer.init(p.params)
    for epoch in range(epochs):
        for rows in reference.batches(len(p.x), batch_size, seed, epoch):
            q = p.rows(rows)
            params, state = optimizer.update(params, fnn.grad(params, q.cases, **q.options), state)

    return params, state


@given(problems(counts=(1, 2, 7, 65, 600, 1100), widest=70), optimizers())
@settings(deadline=None, max_examples=150)
def test_full_batches_are_such_updates_to_the_bit(p: Problem, optimizer: fnn.Optimizer) -> None:
    run = trained(p, optimizer=optimizer, epochs=3, **p.options)
    params, state = taken(p, optimizer, epochs=3)

    assert run.params == params
    assert run.state == state


@given(
    problems(counts=(1, 2, 7, 65, 600), widest=35), optimizers(for_batches=True),
    st.sampled_from([1, 5, 64, 255, 513]), st.integers(0, 2**63 - 1),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_batches_are_such_updates_to_the_bit(p: Problem, optimizer: fnn.Optimizer, batch_size: int, seed: int) -> None:
    options: dict[str, Any] = {"epochs": 1 if batch_size == 1 else 2, "batch_size": batch_size, "seed": seed}
    run = trained(p, optimizer=optimizer, **options, **p.options)
    params, state = taken(p, optimizer, **options)

    assert run.params == params
    assert run.state == state


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("sizes", [(1, 1), (3, 1, 2), (5, 33, 16, 8)])
def test_such_updates_of_layers_beside_the_width_of_a_panel(
    optimizer: fnn.Optimizer, sizes: tuple[int, ...], dtype: type[Any]
) -> None:
    hidden = (fnn.tanh,) * (len(sizes) - 2)
    p = problem(2, sizes, hidden, fnn.sigmoid, fnn.squared_error, 9, reduction="mean", dtype=dtype)
    run = fnn.train(p.params, p.cases, optimizer=optimizer, epochs=4, **p.options)

    assert (run.params, run.state) == taken(p, optimizer, epochs=4)


def test_gradient_descent_is_what_eta_stands_for() -> None:
    for count in (20, 600):  # more than the workspace has room for, too
        p = problem(1, (5, 40, 3), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, count)
        run = fnn.train(p.params, p.x, p.y, eta=0.01, epochs=9)
        same = fnn.train(p.params, p.x, p.y, optimizer=fnn.gradient_descent(0.01), epochs=9)
        changing = fnn.train(p.params, p.x, p.y, eta=lambda step: 0.01, epochs=9)
        unlimited = fnn.gradient_descent(0.01, clip=1e9, clip_norm=1e9, max_norm=1e9)

        assert run.params == same.params == changing.params
        assert run.state == same.state == fnn.OptimizerState(9, ())
        assert run.params == fnn.train(p.params, p.x, p.y, optimizer=unlimited, epochs=9).params


@given(
    problems(counts=(7, 65, 600), widest=90), optimizers(for_batches=True), st.sampled_from([None, 16, 64, 513]),
    st.integers(0, 99),
)  # fmt: skip
@settings(deadline=None, max_examples=20)
def test_the_bits_do_not_depend_on_threads_nor_on_how_the_run_is_cut(
    p: Problem, optimizer: fnn.Optimizer, batch_size: int | None, seed: int
) -> None:
    if optimizer.rate is not None:
        optimizer = optimizer.with_rate(fnn.warm_up(fnn.cosine(0.01 / len(p.x), steps=9), steps=3))
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 3, "batch_size": batch_size, **p.options}
    expected = trained(p, threads=1, **options)
    random = np.random.default_rng(seed)

    class AnyTuner:
        def __init__(self, *arguments: object) -> None: ...

        def suggest(self) -> tuple[int, int]:
            return int(random.choice([1, 2, 3, 5, 50, 300])), int(random.integers(1, 5))

        def seconds(self, steps: int) -> float:
            return 0.0

        def observe(self, *arguments: object) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        train_by_exactly(patch)
        runs = [trained(p, threads=threads, **options) for threads in (2, 3, 4)]
        tune_by(patch, AnyTuner)
        runs += [trained(p, **options) for _ in range(2)]
    for run in runs:
        assert run.params == expected.params
        assert run.state == expected.state
        assert run.history.error.tobytes() == expected.history.error.tobytes()


@pytest.mark.usefixtures("exact_threads")
@pytest.mark.parametrize("optimizer", FOR_BATCHES, ids=repr)
def test_large_layers_by_four_threads(optimizer: fnn.Optimizer) -> None:
    # Wide enough that threads steal chunks from each other.
    p = problem(3, (300, 220, 7), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 200, dtype=np.float32)
    options: dict[str, Any] = {"optimizer": optimizer, "epochs": 2, "batch_size": 90, "reduction": "mean"}
    expected = fnn.train(p.params, p.x, p.y, threads=1, **options)
    run = fnn.train(p.params, p.x, p.y, threads=4, **options)

    assert run.params == expected.params
    assert run.state == expected.state


@pytest.mark.parametrize("clip", [None, 0.01])
def test_a_run_may_be_longer_than_the_coefficients_that_are_computed_ahead(
    clip: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fnn.training.steppers.batches.MAX_STEPS", 100)
    p = problem(4, (2, 2, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 3)
    optimizer = fnn.adam(fnn.cosine(1e-3, steps=220), clip=clip)
    run = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=250)

    assert (run.params, run.state) == taken(p, optimizer, epochs=250)


def test_update_goes_on_where_a_run_ended() -> None:
    p = problem(5, (3, 5, 2), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 20)
    optimizer = fnn.nadam(0.01, clip_norm=0.1)
    run = fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=3)
    params, state = run.params, pickle.loads(pickle.dumps(run.state))
    for _ in range(4):
        params, state = optimizer.update(params, fnn.grad(params, p.x, p.y), state)

    assert params == fnn.train(p.params, p.x, p.y, optimizer=optimizer, epochs=7).params


@pytest.mark.parametrize("optimizer", [fnn.momentum(3.0), fnn.nesterov(3.0), fnn.adagrad(1e200)], ids=repr)
@pytest.mark.parametrize("watching", [False, True])
def test_diverged(optimizer: fnn.Optimizer, watching: bool) -> None:
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    x, y = [[0.0], [1.0]], [[1.0], [2.0]]
    callbacks: list[Any] = [fnn.each_epoch(lambda *_: None)] if watching else []
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, x, y, optimizer=optimizer, epochs=100_000, batch_size=1, callbacks=callbacks)
    error = info.value
    good = len(error.history)

    assert error.epoch - good in (1, 2)
    assert np.isfinite(fnn.error(error.params, x, y))
    run = fnn.train(params, x, y, optimizer=optimizer, epochs=good, batch_size=1)
    assert run.params == error.params
    assert run.history.error.tobytes() == error.history.error.tobytes()
    with pytest.raises(fnn.TrainingDiverged):
        fnn.train(params, x, y, optimizer=optimizer, epochs=good + 2, batch_size=1)
