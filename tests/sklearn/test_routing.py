"""Metadata that scikit-learn routes to `fit`, `partial_fit` and `score`: weights, and a validation set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import assert_same_bits, labelled, numbered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PROBLEMS = [(MLPClassifier, labelled(3)), (MLPRegressor, numbered())]
OPTIONS: dict[str, Any] = {"hidden_layer_sizes": 6, "max_iter": 12, "random_state": 0, "early_stopping": True}


@pytest.fixture(autouse=True)
def routing() -> Iterator[None]:
    """Metadata are routed only where that is switched on."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("cls, data", PROBLEMS)
def test_through_a_pipeline(cls: type[Any], data: Any) -> None:
    X, y = data[0] * 3 + 1, data[1]
    weights = np.linspace(0.5, 2, 80)
    model = cls(**OPTIONS).set_fit_request(sample_weight=True, X_val=True, y_val=True)
    scaler: Any = StandardScaler()
    steps = [("scale", scaler.set_fit_request(sample_weight=False)), ("mlp", model)]
    pipeline = Pipeline(steps, transform_input=["X_val"])
    pipeline.fit(X[:80], y[:80], sample_weight=weights, X_val=X[80:], y_val=y[80:])

    scaled = StandardScaler().fit(X[:80])
    by_hand = cls(**OPTIONS).fit(
        scaled.transform(X[:80]), y[:80], sample_weight=weights, X_val=scaled.transform(X[80:]), y_val=y[80:]
    )
    assert_same_bits(pipeline["mlp"], by_hand)
    plain = cls(**OPTIONS).fit(scaled.transform(X[:80]), y[:80], X_val=scaled.transform(X[80:]), y_val=y[80:])
    assert plain.params_ != by_hand.params_


@pytest.mark.parametrize("cls, data", PROBLEMS)
def test_through_cross_validation(cls: type[Any], data: Any) -> None:
    X, y = data
    weights = np.linspace(0.1, 2, len(X))
    model = cls(**OPTIONS).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    cv = KFold(3)
    scores = cross_validate(model, X, y, cv=cv, params={"sample_weight": weights}, return_estimator=True)
    for i, (train, test) in enumerate(cv.split(X)):
        by_hand = cls(**OPTIONS).fit(X[train], y[train], sample_weight=weights[train])
        assert_same_bits(scores["estimator"][i], by_hand)
        assert_allclose(scores["test_score"][i], by_hand.score(X[test], y[test], sample_weight=weights[test]))


def test_a_search_has_one_validation_set_for_all() -> None:
    """A fixed set for early stopping, beside the folds that the search scores by."""
    X, y = labelled(3)
    model: Any = MLPClassifier(**OPTIONS)
    model.set_fit_request(X_val=True, y_val=True)
    search = GridSearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2)
    # an array as long as X would be cut like X: these are shorter
    search.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    best = MLPClassifier(**OPTIONS, alpha=search.best_params_["alpha"])
    assert_same_bits(search.best_estimator_, best.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:]))


def test_what_is_not_requested_is_refused() -> None:
    X, y = labelled(3)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", MLPClassifier(max_iter=2))])
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match=r"\[sample_weight\] are passed"):
        pipeline.fit(X, y, sample_weight=np.ones(len(X)))


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_requests(cls: type[Any]) -> None:
    requests = cls().get_metadata_routing()
    assert set(requests.fit.requests) == {"sample_weight", "X_val", "y_val"}
    assert set(requests.score.requests) == {"sample_weight"}
    assert set(requests.partial_fit.requests) == {"sample_weight", *(["classes"] if cls is MLPClassifier else [])}
    assert set(requests.predict.requests) == set()


@pytest.mark.parametrize("cls, data", PROBLEMS)
def test_a_validation_set_of_ones_own(cls: type[Any], data: Any) -> None:
    """Its scores are those of the networks after so many epochs; its weights come from nowhere."""
    X, y = data
    model = cls(**OPTIONS).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    assert len(model.validation_scores_) == model.n_iter_ == 12
    scores = []
    for count in range(1, 13):
        one = cls(**{**OPTIONS, "early_stopping": False, "max_iter": count}).fit(X[:80], y[:80])
        scores.append(one.score(X[80:], y[80:]))
    assert_allclose(model.validation_scores_, scores, rtol=1e-9)
    assert model.best_validation_score_ == max(model.validation_scores_)
    best = cls(**{**OPTIONS, "early_stopping": False, "max_iter": 1 + int(np.argmax(scores))}).fit(X[:80], y[:80])
    assert model.params_ == best.params_
    assert_array_equal(model.score(X[80:], y[80:]), best.score(X[80:], y[80:]))
