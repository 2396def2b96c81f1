"""Intervals of a regressor, and networks that leave fnn.sklearn: to and from scikit-learn, and to C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from sklearn.base import clone

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.export.test_c import compiled, needs_c
from tests.sklearn.data import Arrays, assert_same_bits, digest, inputs, labelled, multilabelled, numbered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def noisy(count: int, seed: int, *, spread: float = 0.0) -> Arrays:
    """A sine with noise of deviation 0.2, which grows by `spread` times the input."""
    r = np.random.default_rng(seed)
    X = r.uniform(0, 3, size=(count, 1))

    return X, np.sin(2 * X[:, 0]) + r.normal(size=count) * (0.2 + spread * X[:, 0])


def coverage(interval: tuple[NDArray[Any], NDArray[Any]], y: NDArray[Any]) -> float:
    low, high = interval
    assert low.shape == high.shape == y.shape
    assert (low <= high).all()

    return float(np.mean((low <= y) & (y <= high)))


@pytest.mark.parametrize("level, spread", [(0.5, 0.0), (0.9, 0.3)])
@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"early_stopping": True}, {"standardize": True}], ids=str)
def test_coverage_by_quantiles(options: dict[str, Any], level: float, spread: float) -> None:
    """The fraction within, over five draws of 600 cases: conformal, so near the level whatever the networks do."""
    found = []
    for seed in range(5):
        X, y = noisy(600, seed, spread=spread)
        model = MLPRegressor(
            hidden_layer_sizes=20, interval=level, max_iter=60, learning_rate_init=0.01, random_state=seed, **options
        )
        found.append(
            coverage(model.fit(X, y).predict_interval(noisy(2000, 100)[0]), noisy(2000, 100, spread=spread)[1])
        )
    assert abs(np.mean(found) - level) < 0.05


def test_quantiles_are_wider_where_the_noise_is() -> None:
    X, y = noisy(2000, 0, spread=0.3)
    model = MLPRegressor(hidden_layer_sizes=20, interval=0.9, solver="lbfgs", random_state=0)
    low, high = model.fit(X, y).predict_interval(np.array([[0.3], [2.7]]))
    wanted = 2 * 1.645 * (0.2 + 0.3 * np.array([0.3, 2.7]))
    assert_allclose(high - low, wanted, rtol=0.3)


@pytest.mark.parametrize("solver", ["lm", "bayesian"])
def test_coverage_by_the_posterior(solver: str) -> None:
    levels, found = (0.5, 0.8, 0.9, 0.99), []
    for seed in range(4):
        X, y = noisy(150, seed)
        model = MLPRegressor(solver=solver, activation="tanh", hidden_layer_sizes=5, interval=0.9, random_state=seed)
        model.fit(X, y)
        test = noisy(3000, 100)
        found.append([coverage(model.predict_interval(test[0], level=level), test[1]) for level in levels])
        assert_array_equal(model.predict_interval(test[0]), model.predict_interval(test[0], level=0.9))
    assert_allclose(np.mean(found, axis=0), levels, atol=0.05)


@pytest.mark.parametrize("solver", ["lm", "bayesian"])
@pytest.mark.parametrize("standardize", [False, True])
def test_an_interval_is_around_the_prediction(solver: str, standardize: bool) -> None:
    X, y = noisy(150, 0)
    model = MLPRegressor(solver=solver, activation="tanh", hidden_layer_sizes=5, interval=0.9, random_state=0)
    model.set_params(standardize=standardize)
    for shift in (0.0, 1000.0):  # of the targets, which the network must be able to have
        if shift and not standardize:
            continue
        low, high = model.fit(X, y + shift).predict_interval(X)
        assert_allclose((low + high) / 2, model.predict(X), rtol=1e-6)
        assert np.median(high - low) == pytest.approx(2 * 1.645 * 0.2, rel=0.25)


def test_an_interval_changes_no_bit_of_the_network() -> None:
    X, y = numbered()
    for options in ({}, {"solver": "lm", "hidden_layer_sizes": 4}, {"standardize": True}):
        model = MLPRegressor(max_iter=10, random_state=0, **options)
        assert_same_bits(clone(model).set_params(interval=0.9).fit(X, y), clone(model).fit(X, y))


def test_intervals_of_several_outputs() -> None:
    X, y = numbered(3)
    for options in ({"max_iter": 20}, {"solver": "lm", "hidden_layer_sizes": 4}):
        low, high = MLPRegressor(interval=0.9, random_state=0, **options).fit(X, y).predict_interval(X)
        assert low.shape == high.shape == y.shape
        assert 0.7 < np.mean((low <= y) & (y <= high)) <= 1


THEIRS: list[tuple[Any, Any, Arrays]] = [
    (MLPClassifier, theirs.MLPClassifier(activation="tanh"), labelled(3)),
    (MLPClassifier, theirs.MLPClassifier(hidden_layer_sizes=(5, 4)), labelled(2)),
    (MLPClassifier, theirs.MLPClassifier(early_stopping=True), labelled(2)),
    (MLPClassifier, theirs.MLPClassifier(alpha=0.1), (inputs(), np.array(["no", "yes"])[labelled(2)[1]])),
    (MLPClassifier, theirs.MLPClassifier(activation="logistic"), multilabelled()),
    (MLPRegressor, theirs.MLPRegressor(activation="identity"), numbered()),
    (MLPRegressor, theirs.MLPRegressor(solver="lbfgs"), numbered(2)),
    (MLPRegressor, theirs.MLPRegressor(solver="sgd"), (numbered()[0].astype("f4"), numbered()[1].astype("f4"))),
]  # fmt: skip


@pytest.mark.parametrize("cls, other, data", THEIRS, ids=lambda v: str(v) if hasattr(v, "fit") else "")
def test_fitted_models_of_scikit_learn(cls: Any, other: Any, data: Arrays) -> None:
    X, y = data
    other.set_params(max_iter=5, random_state=0).fit(X, y)
    model = cls.from_sklearn(other)
    before = digest(model)
    X = inputs(50, seed=8).astype(X.dtype)
    rtol = 1e-5 if X.dtype == np.float32 else 1e-10
    if cls is MLPClassifier:
        assert_allclose(model.predict_proba(X), other.predict_proba(X), rtol=rtol)
        assert_array_equal(model.predict(X), other.predict(X), strict=True)
    else:
        assert_allclose(model.predict(X), other.predict(X), rtol=rtol, atol=rtol)
        assert model.predict(X).shape == other.predict(X).shape
    assert model.score(*data) == pytest.approx(other.score(*data), rel=rtol)
    assert {**model.get_params(), **other.get_params()} == model.get_params()
    for name in ("loss_", "n_iter_", "t_", "n_features_in_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(model, name) == getattr(other, name), name
    assert digest(model) == before
    if hasattr(model, "partial_fit") and not other.early_stopping:
        assert np.isfinite(model.partial_fit(*data).loss_)
        assert model.params_ != cls.from_sklearn(other).params_


def test_other_models_are_refused() -> None:
    X, y = labelled(2)
    with pytest.raises((TypeError, ValueError), match="fitted"):
        MLPClassifier.from_sklearn(theirs.MLPClassifier())
    with pytest.raises((TypeError, ValueError), match=r"MLPRegressor"):
        MLPClassifier.from_sklearn(theirs.MLPRegressor(max_iter=2).fit(X, y))
    with pytest.raises((TypeError, ValueError), match=r"MLPClassifier"):
        MLPRegressor.from_sklearn(theirs.MLPClassifier(max_iter=2).fit(X, y))
    with pytest.raises((TypeError, ValueError), match="model"):
        MLPRegressor.from_sklearn(3)


@pytest.mark.parametrize("standardize", [False, True])
def test_params_are_the_network(standardize: bool) -> None:
    X, y = labelled(3)
    model = MLPClassifier(activation=("gelu", "tanh"), hidden_layer_sizes=(6, 5), max_iter=10, standardize=standardize)
    model.fit(X, y)
    assert_array_equal(fnn.forward(model.params_, X), model.predict_proba(X))
    assert fnn.from_sklearn(model) == model.params_
    assert model.params_.activations == (fnn.gelu, fnn.tanh, fnn.softmax)
    assert model.params_.sizes == (4, 6, 5, 3)
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1):
        assert_array_equal(W, model.params_[f"W{layer}"])
        assert_array_equal(b, model.params_[f"b{layer}"])
        assert np.shares_memory(W, model.params_.flat)


@needs_c
@pytest.mark.parametrize("standardize", [False, True])
def test_from_c(standardize: bool, tmp_path: Path) -> None:
    X, y = numbered(2)
    X, y = X * 10 + 3, y * 100
    model = MLPRegressor(hidden_layer_sizes=(6, 5), activation="tanh", max_iter=30, standardize=standardize).fit(X, y)
    assert_allclose(compiled(tmp_path, [model.params_], "-O2")(0, X), model.predict(X), rtol=1e-9)
