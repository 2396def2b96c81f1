"""Fits that go on from earlier ones: `warm_start` and `partial_fit`."""

import os
import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = X[:, 0] - X[:, 1] ** 2
LABELS = np.array(["low", "middle", "high"])[np.digitize(Y, [-1.0, 0.0])]


def quietly(estimator: Any, *data: Any, **named: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data, **named)


def test_a_converged_fit_goes_on_and_ends() -> None:
    model: Any = MLPRegressor(
        hidden_layer_sizes=5, random_state=0, max_iter=500, tol=0.1, n_iter_no_change=3, warm_start=True
    ).fit(X, Y)
    count = model._no_improvement_count
    assert count == 4
    model.fit(X, Y)
    assert model.n_iter_ == 1
    assert model._no_improvement_count == count + 1
    model.set_params(n_iter_no_change=1).fit(X, Y)
    assert model.n_iter_ == 1


def test_partial_fit_goes_on_without_improvements() -> None:
    model: Any = MLPRegressor(hidden_layer_sizes=5, random_state=0, tol=1e9, n_iter_no_change=2)
    for _ in range(6):
        model.partial_fit(X, Y)

    assert model.t_ == 6 * len(X)
    assert len(model.loss_curve_) == 6


def test_class_weights_of_labels_that_a_part_lacks() -> None:
    weights = {"low": 1.0, "high": 5.0}  # "middle" weighs 1
    model: Any = MLPClassifier(5, random_state=0, class_weight=weights)
    other: Any = MLPClassifier(5, random_state=0)
    part = LABELS != "high"
    for chosen in (np.ones(len(X), np.bool_), part):
        of_cases = np.where(LABELS[chosen] == "high", 5.0, 1.0)
        model.partial_fit(X[chosen], LABELS[chosen], classes=np.unique(LABELS))
        other.partial_fit(X[chosen], LABELS[chosen], of_cases, classes=np.unique(LABELS))

    assert model.params_ == other.params_


@pytest.mark.parametrize("first, later", [(False, True), (True, False)])
def test_a_later_fit_keeps_the_units_of_the_first(first: bool, later: bool) -> None:
    model = MLPRegressor(
        hidden_layer_sizes=5, random_state=0, max_iter=30, warm_start=True, standardize=first, learning_rate_init=1e-9
    )
    before = quietly(model, 100 * X + 5, Y).predict(100 * X + 5)
    after = quietly(model.set_params(standardize=later), 100 * X + 5, Y).predict(100 * X + 5)

    np.testing.assert_allclose(after, before, rtol=1e-4)


def test_one_class() -> None:
    for seed in range(4):  # with either sign of z
        model = quietly(MLPClassifier(5, random_state=seed, max_iter=1), X[:9], ["only"] * 9)
        assert set(model.predict(X)) == {"only"}
        assert (model.predict_proba(X) == 1).all()


def test_a_schedule_of_a_whole_run_is_for_fit() -> None:
    with pytest.raises(ValueError, match=r"^learning_rate: partial_fit .* fnn.cosine"):
        MLPRegressor(hidden_layer_sizes=5, learning_rate=fnn.cosine(1e-2)).partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"^learning_rate: partial_fit .* fnn.plateau"):
        MLPRegressor(hidden_layer_sizes=5, solver=fnn.adamw(fnn.plateau(1e-2))).partial_fit(X, Y)
    MLPRegressor(hidden_layer_sizes=5, learning_rate=fnn.cosine(1e-2, steps=10)).partial_fit(X, Y)


def test_labels_of_another_kind_are_refused() -> None:
    several = np.stack([Y > 0, Y < 0, Y > 1], axis=1).astype(int)
    model: Any = MLPClassifier(5, random_state=0).partial_fit(X, LABELS, classes=np.unique(LABELS))
    with pytest.raises(ValueError, match=r"^y: needs a vector of labels"):
        model.partial_fit(X, several)
    model = MLPClassifier(5, random_state=0).partial_fit(X, several, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"^y: needs a matrix of 3 columns"):
        model.partial_fit(X, several[:, :2])
    with pytest.raises(ValueError, match=r"^classes: needs one for each of 3 columns"):
        MLPClassifier(5).partial_fit(X, several, classes=[0, 1])


def test_faults_of_the_validation_set_are_named() -> None:
    with pytest.raises(ValueError, match=r"^X_val, y_val: Input X contains NaN"):
        MLPRegressor(hidden_layer_sizes=5).fit(X, Y, X_val=np.full((9, 4), np.nan), y_val=Y[:9])
    with pytest.raises(ValueError, match=r"^X_val, y_val: needs 1 targets a case, got 2"):
        MLPRegressor(hidden_layer_sizes=5).fit(X, Y, X_val=X, y_val=np.stack([Y, Y], axis=1))
    with pytest.raises(ValueError, match=r"^standardize: the values of column 0 are too large"):
        MLPRegressor(hidden_layer_sizes=5, standardize=True).fit(X * [1e300, 1, 1, 1], Y)


@pytest.mark.parametrize("given", [{"random_state": None}, {"random_state": np.random.RandomState(0)}])
def test_a_checkpoint_needs_an_integer_random_state(given: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^checkpoint: needs an integer random_state"):
        MLPRegressor(hidden_layer_sizes=5, checkpoint=tmp_path / "fit", **given).fit(X, Y)


def test_a_checkpoint_is_for_fits_from_the_beginning(tmp_path: Path) -> None:
    model = MLPRegressor(hidden_layer_sizes=5, random_state=0, max_iter=3, checkpoint=tmp_path / "fit")
    with pytest.raises(ValueError, match=r"^checkpoint: is for a fit from the beginning"):
        model.partial_fit(X, Y)
    quietly(model.set_params(warm_start=True), X, Y)
    with pytest.raises(ValueError, match=r"^checkpoint: is for a fit from the beginning"):
        quietly(model, X, Y)


def test_an_interrupted_fit_tells_all_its_epochs() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
    try:
        check_an_interrupted_fit()
    finally:
        signal.signal(signal.SIGINT, before)


def check_an_interrupted_fit() -> None:
    model: Any = MLPRegressor(hidden_layer_sizes=20, n_iter_no_change=np.inf, tol=0.0, max_iter=10**6, random_state=0)
    quietly(model.set_params(max_iter=2), X, Y)  # compiled
    model.set_params(max_iter=10**6)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.warns(UserWarning, match=r"^Training interrupted by user"):
        model.fit(X, Y)
    timer.join()

    epochs = model.n_iter_
    assert 0 < epochs == len(model.loss_curve_) < 10**6
    assert model.t_ == epochs * len(X)
    whole: Any = quietly(
        MLPRegressor(hidden_layer_sizes=20, tol=0.0, n_iter_no_change=np.inf, max_iter=epochs, random_state=0), X, Y
    )
    assert model.params_ == whole.params_
    assert model.loss_curve_ == whole.loss_curve_
    assert model.best_loss_ == whole.best_loss_


def test_a_model_of_scikit_learn_keeps_its_progress() -> None:
    theirs: Any = neural_network.MLPRegressor(
        hidden_layer_sizes=(5,), random_state=0, max_iter=20, early_stopping=True, warm_start=True
    )
    quietly(theirs, X, Y)
    ours: Any = MLPRegressor.from_sklearn(theirs)
    assert ours.validation_scores_ == theirs.validation_scores_
    quietly(ours, X, Y)

    assert len(ours.validation_scores_) == len(theirs.validation_scores_) + ours.n_iter_
    assert ours.best_validation_score_ >= theirs.best_validation_score_


def test_a_copy_of_ours_keeps_all() -> None:
    model: Any = MLPRegressor(hidden_layer_sizes=5, random_state=0, standardize=True, interval=0.5, max_iter=5)
    copied = MLPRegressor.from_sklearn(quietly(model, X, Y))
    np.testing.assert_array_equal(copied.predict_interval(X), model.predict_interval(X))
