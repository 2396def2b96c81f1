"""A learning rate that follows the errors of a run, against PyTorch's ReduceLROnPlateau by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnn
from fnn.training.steppers.plateau import PlateauState, RateObserver
from tests.problems import problem


def plateau_by_hand(errors: list[float], factor: float, patience: int, threshold: float, least: float) -> list[float]:
    """The scale after each epoch, as PyTorch's ReduceLROnPlateau would have it."""
    best, bad, scale, scales = math.inf, 0, 1.0, []
    for error in errors:
        if error < best * (1 - threshold):
            best, bad = error, 0
        else:
            bad += 1
        if bad > patience:
            scale, bad = max(scale * factor, least), 0
        scales.append(scale)

    return scales


@given(
    st.lists(st.floats(0, 2), max_size=60), st.floats(0, 0.99), st.integers(0, 4), st.floats(0, 0.5), st.floats(0, 0.5)
)
def test_plateau(errors: list[float], factor: float, patience: int, threshold: float, least: float) -> None:
    schedule = fnn.plateau(1.0, factor=factor, patience=patience, threshold=threshold, least=least)
    state, scales = PlateauState(), []
    for error in errors:
        state = schedule.after(state, error)
        scales.append(state.scale)

    assert scales == plateau_by_hand(errors, factor, patience, threshold, least)


def test_plateau_of_errors_below_0() -> None:
    schedule, state, scales = fnn.plateau(1.0, factor=0.5, patience=0, threshold=0.1), PlateauState(), []
    for error in (-1.0, -1.05, -1.2, -1.3, -1.35):  # a user's loss may have them; −1.05 and −1.3 are too little
        state = schedule.after(state, error)
        scales.append(state.scale)

    assert scales == [1, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("inner", [0.9, fnn.inverse_time(0.9, steps=20)], ids=repr)
def test_plateau_in_training(inner: Any, validated: bool) -> None:
    p = problem(1, (2, 3, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 12)
    q = problem(2, (2, 3, 1), (fnn.tanh,), fnn.sigmoid, fnn.squared_error, 5)
    options: dict[str, Any] = {"batch_size": 5, "validation": (q.x, q.y) if validated else None}
    rate = fnn.plateau(inner, factor=0.5, patience=1, threshold=0.02)
    run = fnn.train(p.params, p.x, p.y, optimizer=fnn.momentum(rate), epochs=40, **options)
    errors = run.history.validation_error if validated else run.history.error
    assert errors is not None
    scales = [1.0, *plateau_by_hand(errors.tolist(), 0.5, 1, 0.02, 0.0)]
    assert len(set(scales)) > 2

    def eta(step: int) -> float:  # three steps an epoch
        return scales[step // 3] * float(inner(step) if callable(inner) else inner)

    same = fnn.train(p.params, p.x, p.y, optimizer=fnn.momentum(eta), epochs=40, **options)
    assert same.params == run.params


def test_plateau_when_training_diverges() -> None:
    # Step 20 overflows; the epochs that are then repeated have all had other rates.
    params = fnn.Params({"W1": [[0.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    rate = fnn.plateau(lambda step: 0.01 if step < 20 else 1e308, factor=0.9, patience=0, threshold=0.5)
    with pytest.raises(fnn.TrainingDiverged) as info:
        fnn.train(params, [[0.0]], [[1000.0]], eta=rate, epochs=100)
    good = len(info.value.history)

    assert (info.value.epoch, good) == (21, 20)
    assert info.value.params == fnn.train(params, [[0.0]], [[1000.0]], eta=rate, epochs=good).params
    assert np.isfinite(info.value.history.error).all()


def test_other_rates_do_not_follow_the_errors() -> None:
    for rate in (0.5, fnn.cosine(0.5, steps=8), None):
        optimizer = fnn.irprop() if rate is None else fnn.momentum(rate)
        observer = RateObserver(optimizer)
        observer.observe(1.0)
        etas = observer.etas(3, lambda epochs: 2 * np.arange(epochs))

        assert not observer.observes_errors
        assert observer.optimizer(0) is observer.optimizer(2) is optimizer
        wanted = None if rate is None else [rate(2 * epoch) if callable(rate) else rate for epoch in range(3)]
        assert (None if etas is None else etas.tolist()) == wanted


@pytest.mark.parametrize(
    "arrays", [{}, {"epochs": 1}, {"epochs": [[1, 5]]}, {"epochs": [[0, 5], [0, 6]]}, {"epochs": [[0, 5], [9, 6]]}]
)
def test_the_epochs_of_a_damaged_checkpoint(arrays: dict[str, Any]) -> None:
    observer = RateObserver(fnn.adam(fnn.cosine(0.5)), 0, 4, 6)
    with pytest.raises(ValueError, match="epochs"):
        observer.resume({name: np.array(value, np.int64) for name, value in arrays.items()}, 8)
