"""Every number beside that of scikit-learn's own estimators, with the same initial weights and the same batches."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_sample_weight

from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import VERSION, Arrays, counted, labelled, multilabelled, numbered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OURS = {theirs.MLPClassifier: MLPClassifier, theirs.MLPRegressor: MLPRegressor}
PROBLEMS: dict[str, tuple[Any, Arrays]] = {
    "two classes": (theirs.MLPClassifier, labelled(2)),
    "four classes": (theirs.MLPClassifier, labelled(4)),
    "labels": (theirs.MLPClassifier, multilabelled()),
    "number": (theirs.MLPRegressor, numbered()),
    "numbers": (theirs.MLPRegressor, numbered(3)),
}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
# The same steps: no order is drawn, and all batches are of the same size.
STEPS: dict[str, Any] = {
    "solver": "sgd", "shuffle": False, "batch_size": 20, "max_iter": 8, "tol": 0.0, "random_state": 3,
    "hidden_layer_sizes": (7, 5), "learning_rate_init": 0.05, "alpha": 0.0,
}  # fmt: skip
# Our loss of an epoch is the mean over its weighted cases, scikit-learn's that over its batches, whatever they weigh.
BATCHES = 0.2
weighted = pytest.mark.skipif(VERSION < (1, 7), reason="scikit-learn's own have sample_weight from 1.7 on")


def pair(name: str, **options: Any) -> tuple[Any, Any, Arrays]:
    """An estimator of ours and one of scikit-learn's, both fitted, and the data."""
    cls, (X, y) = PROBLEMS[name]
    fits = [{"sample_weight": options.pop("sample_weight")}] if "sample_weight" in options else [{}]
    ours, other = (estimator(**{**STEPS, **options}).fit(X, y, **fits[0]) for estimator in (OURS[cls], cls))

    return ours, other, (X, y)


def assert_same(ours: Any, other: Any, rtol: float = 1e-9, loss_rtol: float | None = None) -> None:
    """All fitted attributes that scikit-learn's has are ours too.

    With a penalty, ours has its mean before and after an epoch in the loss, scikit-learn's that before each step.
    """
    loss_rtol = loss_rtol or (rtol if ours.alpha == 0 else 1e-2 * ours.alpha)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(other, name), name
    for mine, its in zip([*ours.coefs_, *ours.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        assert_allclose(mine, its, rtol=rtol, atol=rtol)
    for name in ("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"):
        mine, its = getattr(ours, name), getattr(other, name, None)
        if its is None:
            assert mine is None, name
        else:
            assert isinstance(mine, list if isinstance(its, list) else float), name
            assert_allclose(mine, its, rtol=max(rtol, loss_rtol), atol=rtol, err_msg=name)
    if hasattr(other, "classes_"):
        assert_array_equal(ours.classes_, other.classes_, strict=True)


@pytest.mark.parametrize("random_state", [0, 41])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_initial_weights_have_the_same_bits(name: str, activation: str, random_state: int) -> None:
    ours, other, _ = pair(
        name, activation=activation, random_state=random_state, max_iter=1, learning_rate_init=1e-300, momentum=0.0
    )
    for mine, its in zip([*ours.coefs_, *ours.intercepts_], [*other.coefs_, *other.intercepts_], strict=True):
        assert_array_equal(mine, its, strict=True)


def test_a_generator_is_drawn_from_as_by_scikit_learn() -> None:
    X, y = numbered()
    options = {**STEPS, "max_iter": 1}
    ours, other = (
        cls(**{**options, "random_state": np.random.RandomState(7)}).fit(X, y)
        for cls in (MLPRegressor, theirs.MLPRegressor)
    )
    assert_same(ours, other)
    assert_same(ours, MLPRegressor(**{**options, "random_state": 7}).fit(X, y))
    assert not np.allclose(ours.coefs_[0], ours.fit(X, y).coefs_[0])  # the generator has gone on


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradient_descent_step_by_step(name: str, activation: str) -> None:
    ours, other, (X, y) = pair(name, activation=activation)
    assert_same(ours, other)
    X = np.random.default_rng(9).normal(size=(30, 4))
    if name.startswith("number"):
        assert_allclose(ours.predict(X), other.predict(X), rtol=1e-8, atol=1e-9)
    else:
        assert_array_equal(ours.predict(X), other.predict(X), strict=True)
        assert_allclose(ours.predict_proba(X), other.predict_proba(X), rtol=1e-8)
        assert_allclose(ours.predict_log_proba(X), other.predict_log_proba(X), rtol=1e-8, atol=1e-9)
    X, y = PROBLEMS[name][1]
    weights = np.arange(len(X)) % 3
    assert_allclose(ours.score(X, y), other.score(X, y), rtol=1e-9)
    assert_allclose(ours.score(X, y, sample_weight=weights), other.score(X, y, sample_weight=weights), rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 0.0}, {"momentum": 0.5}, {"nesterovs_momentum": False}, {"momentum": 1.0, "max_iter": 3},
        {"alpha": 1e-4}, {"alpha": 0.1}, {"alpha": 3.0}, {"alpha": 0.5, "batch_size": "auto"},
        {"batch_size": 1, "max_iter": 2},
        {"learning_rate": "invscaling"}, {"learning_rate": "invscaling", "power_t": 0.1, "momentum": 0.0},
        {"learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2, "max_iter": 60},
        {"learning_rate": "adaptive", "tol": 0.3, "n_iter_no_change": 1, "max_iter": 500},
        {"tol": 0.01, "n_iter_no_change": 3, "max_iter": 200}, {"n_iter_no_change": np.inf, "tol": 10.0},
        {"hidden_layer_sizes": 9}, {"hidden_layer_sizes": [6]}, {"hidden_layer_sizes": np.array([4, 3, 2])},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", ["two classes", "four classes", "number"])
def test_options_of_gradient_descent(name: str, options: dict[str, Any]) -> None:
    ours, other, _ = pair(name, **{"learning_rate_init": 0.02, **options})
    assert_same(ours, other, rtol=1e-8)


@pytest.mark.skipif(VERSION < (1, 7), reason="scikit-learn's own has the loss from 1.7 on")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_poisson(solver: str) -> None:
    X, y = counted()
    options = {**STEPS, "loss": "poisson", "solver": solver, "epsilon": 1e-16, "learning_rate_init": 0.01}
    ours, other = (cls(**options).fit(X, y) for cls in (MLPRegressor, theirs.MLPRegressor))
    assert_same(ours, other)
    assert_allclose(ours.predict(X), other.predict(X), rtol=1e-9)


@weighted
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("name", PROBLEMS)
def test_weights_of_the_cases(name: str, alpha: float) -> None:
    weights = np.tile([1.0, 0.5, 2.0, 0.1], 30)  # of the same sum in each batch
    ours, other, _ = pair(name, sample_weight=weights, alpha=alpha)
    assert_same(ours, other)


@weighted
@pytest.mark.parametrize("name", PROBLEMS)
def test_weights_whose_sum_differs_from_batch_to_batch(name: str) -> None:
    weights = np.random.default_rng(2).uniform(0, 2, 120)
    ours, other, _ = pair(name, sample_weight=weights, alpha=0.0)
    assert_same(ours, other, loss_rtol=BATCHES)


@weighted
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}, {0: 3.0}], ids=str)
def test_weights_of_the_classes_are_those_of_their_cases(class_weight: Any) -> None:
    X, y = labelled(2)
    y[:40] = 0
    for more in (None, np.linspace(0.5, 2, len(X))):
        weights = compute_sample_weight(class_weight, y) * (1.0 if more is None else more)
        options = STEPS
        ours = MLPClassifier(**options, class_weight=class_weight).fit(X, y, sample_weight=more)
        assert_same(ours, theirs.MLPClassifier(**options).fit(X, y, sample_weight=weights), 1e-8, BATCHES)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("more", [{}, {"tol": 0.02, "n_iter_no_change": 2}], ids=str)
def test_early_stopping(name: str, more: dict[str, Any]) -> None:
    """The split is the same: 20 cases of 120, so that five batches of 20 are left."""
    options = {"early_stopping": True, "validation_fraction": 1 / 6, "max_iter": 30, **more}
    ours, other, _ = pair(name, **options)
    assert_same(ours, other)
    assert len(ours.validation_scores_) == ours.n_iter_


@weighted
def test_early_stopping_with_weights() -> None:
    weights = np.random.default_rng(2).uniform(0.5, 2, 120)
    options = {"early_stopping": True, "validation_fraction": 1 / 6, "max_iter": 12, "alpha": 0.0}
    for name in ("two classes", "number"):
        ours, other, _ = pair(name, sample_weight=weights, **options)
        assert_same(ours, other, loss_rtol=BATCHES)


@pytest.mark.parametrize("epsilon, rtol", [(1e-18, 1e-8), (1e-8, 1e-5)])
@pytest.mark.parametrize("name", PROBLEMS)
def test_adam(name: str, epsilon: float, rtol: float) -> None:
    """Its ε stands beside another root of v on purpose: the smaller, the less is to see of that."""
    ours, other, _ = pair(name, solver="adam", epsilon=epsilon, beta_1=0.8, beta_2=0.99, learning_rate_init=0.003)
    assert_same(ours, other, rtol=rtol)


@pytest.mark.parametrize("name", ["two classes", "number"])
def test_a_warm_start_goes_on_from_the_weights_with_a_new_state(name: str) -> None:
    ours, other, (X, y) = pair(name, warm_start=True)
    for model in (ours, other):
        model.set_params(max_iter=3).fit(X, y)
    assert_same(ours, other)


@pytest.mark.parametrize("name", ["two classes", "four classes", "number"])
def test_partial_fit(name: str) -> None:
    cls, (X, y) = PROBLEMS[name]
    first = {"classes": np.unique(y)} if name.endswith("classes") else {}
    ours, other = (estimator(**STEPS).partial_fit(X[:40], y[:40], **first) for estimator in (OURS[cls], cls))
    for part in (slice(40, 80), slice(80, 120), slice(0, 120)):
        for model in (ours, other):
            model.partial_fit(X[part], y[part])
    assert_same(ours, other)


@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-4), (np.float64, 1e-9)])
@pytest.mark.parametrize("name", ["four classes", "number"])
def test_float32_stays_float32(name: str, dtype: type[Any], rtol: float) -> None:
    cls, (X, y) = PROBLEMS[name]
    X, y = X.astype(dtype), y.astype(dtype) if name == "number" else y
    ours, other = (estimator(**STEPS).fit(X, y) for estimator in (OURS[cls], cls))
    assert_same(ours, other, rtol)
    assert ours.coefs_[0].dtype == other.coefs_[0].dtype == dtype
    assert ours.predict(X).dtype == other.predict(X).dtype


@pytest.mark.parametrize("name", PROBLEMS)
def test_lbfgs_comes_to_the_same_optimum(name: str) -> None:
    """So strongly regularized that there is one."""
    options: dict[str, Any] = {"solver": "lbfgs", "alpha": 20.0, "tol": 1e-7, "max_iter": 2000, "activation": "tanh"}
    options["hidden_layer_sizes"] = (4,)
    cls, (X, y) = PROBLEMS[name]
    other = cls(**{**STEPS, **options}).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        ours = OURS[cls](**{**STEPS, **options}).fit(X, y)
    assert ours.loss_ < other.loss_ * (1 + 1e-6)
    assert_allclose(ours.loss_, other.loss_, rtol=1e-4)  # scikit-learn's may end in a line search that failed
    f = "predict" if name.startswith("number") else "predict_proba"
    assert_allclose(getattr(ours, f)(X), getattr(other, f)(X), atol=0.02)
