"""How the estimators train: going on exactly, the same bits everywhere, and what reaches `fnn.train`."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import assert_same_bits, counted, labelled, multilabelled, numbered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
GOES_ON: dict[str, dict[str, Any]] = {
    "adam": {}, "dropout": {"dropout": 0.3}, "sgd": {"solver": "sgd", "learning_rate_init": 0.02},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    "plain": {"solver": "sgd", "momentum": 0.0}, "no shuffle": {"shuffle": False},
    "adamw": {"solver": fnn.adamw(1e-2)}, "schedule": {"learning_rate": fnn.inverse_time(1e-2, steps=10)},
    "norms": {"max_norm": 0.8, "clip_norm": 0.3}, "standardize": {"standardize": True},
    "activations": {"activation": ("gelu", fnn.mish)}, "float32": {"dtype": "float32"},
    "amsgrad": {"solver": fnn.amsgrad(1e-2)}, "full batch": {"batch_size": "auto"}, "one case": {"batch_size": 1},
    "penalty": {"alpha": 3.0},
}  # fmt: skip
PROBLEMS = [(MLPClassifier, labelled(3)), (MLPRegressor, numbered(2))]


def model_of(cls: type[Any], **options: Any) -> Any:
    """A small network, with batches of which the last is smaller, that doesn't stop by itself."""
    defaults = {"hidden_layer_sizes": (6, 5), "batch_size": 25, "max_iter": 5, "random_state": 3, "tol": 0.0}

    return cls(**{**defaults, "n_iter_no_change": np.inf, **options})


@pytest.mark.parametrize("cls, data", PROBLEMS)
@pytest.mark.parametrize("name", GOES_ON)
def test_partial_fit_goes_on_as_one_fit_would(name: str, cls: type[Any], data: Any) -> None:
    X, y = data
    weights = np.linspace(0, 2, len(X))
    first = {"classes": np.unique(y)} if cls is MLPClassifier else {}
    for fits in ({}, {"sample_weight": weights}):
        whole = model_of(cls, **GOES_ON[name]).fit(X, y, **fits)
        epochs = model_of(cls, **GOES_ON[name]).partial_fit(X, y, **fits, **first)
        for _ in range(4):
            epochs.partial_fit(X, y, **fits)
        assert epochs.params_ == whole.params_
        assert_array_equal(epochs.loss_curve_, whole.loss_curve_)
        assert (epochs.t_, epochs.loss_, epochs.best_loss_) == (whole.t_, whole.loss_, whole.best_loss_)
        after = model_of(cls, **{**GOES_ON[name], "max_iter": 2}).fit(X, y, **fits)
        for _ in range(3):
            after = pickle.loads(pickle.dumps(after)).partial_fit(X, y, **fits)
        assert after.params_ == whole.params_
        assert_array_equal(after.loss_curve_, whole.loss_curve_)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 6), st.integers(0, 6), st.integers(1, 130), st.integers(2, 60),
    st.sampled_from(["adam", "sgd", fnn.nadam(1e-2)]), st.integers(0, 2**31), st.sampled_from([0.0, 0.4]),
)  # fmt: skip
def test_any_split_into_fit_and_epochs(
    before: int, after: int, batch: int, count: int, solver: Any, seed: int, dropout: float
) -> None:
    X, y = numbered(count=count)
    options = {"solver": solver, "random_state": seed, "batch_size": min(batch, count), "dropout": dropout}
    model = model_of(MLPRegressor, **options, max_iter=before).fit(X, y)
    for _ in range(after):
        model.partial_fit(X, y)
    assert model.params_ == model_of(MLPRegressor, **options, max_iter=before + after).fit(X, y).params_


def test_partial_fit_takes_other_cases_each_time() -> None:
    """Without an order and a state of the optimizer, it is a step by each part."""
    X, y = numbered()
    options = {"solver": "sgd", "momentum": 0.0, "shuffle": False, "alpha": 0.0, "batch_size": 30}
    parts = model_of(MLPRegressor, **options)
    for start in range(0, 120, 30):
        parts.partial_fit(X[start : start + 30], y[start : start + 30])
    assert parts.params_ == model_of(MLPRegressor, **options, max_iter=1).fit(X, y).params_


def test_partial_fit_is_not_there_for_solvers() -> None:
    for solver in ("lbfgs", "lm", fnn.lbfgs()):
        assert not hasattr(MLPRegressor(solver=solver), "partial_fit")
    assert hasattr(MLPRegressor(solver=fnn.lion(1e-3)), "partial_fit")


@pytest.mark.parametrize("cls, data", PROBLEMS)
def test_a_warm_start_begins_with_the_weights(cls: type[Any], data: Any) -> None:
    X, y = data
    model = model_of(cls, warm_start=True).fit(X, y)
    before = model.params_
    model.set_params(learning_rate_init=1e-300).fit(X, y)
    assert model.params_ == before
    assert model_of(cls, warm_start=False, learning_rate_init=1e-300).fit(X, y).params_ != before


THREADED: list[dict[str, Any]] = [
    {"batch_size": 100, "dropout": 0.1}, {"solver": "sgd", "early_stopping": True, "validation_fraction": 0.3},
    {"solver": "lbfgs"}, {"solver": "lm", "hidden_layer_sizes": (8,)},
]  # fmt: skip


@pytest.mark.parametrize("options", THREADED, ids=str)
@pytest.mark.usefixtures("exact_threads")
def test_any_number_of_threads(options: dict[str, Any]) -> None:
    X, y = labelled(3, 400)
    runs = [model_of(MLPClassifier, **options, max_iter=4, threads=n).fit(X, y) for n in (None, 1, 2, 3, 4)]
    for run in runs[1:]:
        assert_same_bits(runs[0], run)
        assert_array_equal(run.predict_proba(X), runs[0].predict_proba(X))


def test_any_number_of_jobs() -> None:
    """Processes of joblib, each of which has as many threads as joblib leaves."""
    X, y = labelled(3)
    model = model_of(MLPClassifier)
    one, two = (cross_validate(model, X, y, cv=2, n_jobs=n, return_estimator=True) for n in (1, 2))
    for a, b in zip(one["estimator"], two["estimator"], strict=True):
        assert_same_bits(a, b)
    assert_array_equal(one["test_score"], two["test_score"])
    grid = {"alpha": [1e-4, 1.0]}
    searches = [GridSearchCV(model, grid, cv=2, n_jobs=n).fit(X, y) for n in (1, 2)]
    assert_array_equal(*(s.cv_results_["mean_test_score"] for s in searches))
    assert_same_bits(*(s.best_estimator_ for s in searches))


@pytest.mark.parametrize("more", [{}, {"solver": "lbfgs", "tol": 1e-3}, {"solver": "sgd", "alpha": 1.0}], ids=str)
def test_standardizing_is_that_of_a_pipeline(more: dict[str, Any]) -> None:
    X, y = numbered(2)
    X, y = X * [1, 1e-3, 100, 0] + [0, 5, -1000, 7], y * [10, 0.01] + [1000, 1]
    model = model_of(MLPRegressor, standardize=True, **more).fit(X, y)
    pipeline = make_pipeline(StandardScaler(), model_of(MLPRegressor, **more))
    by_hand = TransformedTargetRegressor(pipeline, transformer=StandardScaler()).fit(X, y)
    assert_allclose(model.predict(X), by_hand.predict(X), rtol=1e-7)
    assert_allclose(fnn.forward(model.params_, X), model.predict(X), rtol=1e-12)
    assert_allclose(X @ model.coefs_[0], X @ model.params_["W1"])
    assert_allclose(model.loss_curve_, by_hand.regressor_[-1].loss_curve_, rtol=1e-7)

    X, y = X[:, :3], labelled(3)[1]
    one = model_of(MLPClassifier, standardize=True, **more).fit(X, y)
    other = make_pipeline(StandardScaler(), model_of(MLPClassifier, **more)).fit(X, y)
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-7)


def test_standardizing_looks_only_at_what_is_trained_on() -> None:
    X, y = numbered()
    model = model_of(MLPRegressor, standardize=True, early_stopping=True)
    far = model.fit(X[:80], y[:80], X_val=X[80:] + 1e6, y_val=y[80:]).params_
    near = model.fit(X[:80], y[:80], X_val=X[80:] - 1e6, y_val=y[80:]).params_
    assert_allclose(far["W1"], near["W1"], rtol=10)  # another epoch may be the best, of the same scale
    weights = np.r_[np.ones(80), np.zeros(40)]
    ignoring = model_of(MLPRegressor, standardize=True).fit(np.r_[X[:80], X[80:] + 1e6], y, sample_weight=weights)
    assert_same_bits(ignoring, model_of(MLPRegressor, standardize=True).fit(X[:80], y[:80], np.ones(80)))


@pytest.mark.parametrize(
    "dtype, given, wanted",
    [(None, "f4", "f4"), (None, "f8", "f8"), (None, "i8", "f8"), ("float32", "f8", "f4"), ("float64", "f4", "f8"),
     (np.float32, "i4", "f4"), (np.float64, "f4", "f8")],
)  # fmt: skip
def test_dtypes(dtype: Any, given: str, wanted: str) -> None:
    for cls, (X, y) in PROBLEMS:
        model = model_of(cls, dtype=dtype).fit((X * 3).astype(given), y)
        assert model.params_.dtype == wanted
        assert {leaf.dtype for leaf in [*model.coefs_, *model.intercepts_]} == {np.dtype(wanted)}
        out = model.predict_proba if cls is MLPClassifier else model.predict
        assert out(X).dtype == wanted


def start_of(model: Any, X: Any, y: Any) -> fnn.Params[Any]:
    """The weights that a fit begins with."""
    alone = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1e-300, "learning_rate": "constant", "alpha": 0.0}
    rules = {"dropout": 0.0, "max_norm": None, "clip_norm": None, "max_iter": 1}
    started: fnn.Params[Any] = type(model)(**{**model.get_params(), **alone, **rules}).fit(X, y).params_

    return started


@pytest.mark.parametrize(
    "options, optimizer",
    [
        ({"max_norm": 0.7}, fnn.adam(1e-3, max_norm=0.7)), ({"clip_norm": 0.01}, fnn.adam(1e-3, clip_norm=0.01)),
        ({"solver": "sgd", "clip_norm": 0.01}, fnn.nesterov(1e-3, 0.9, clip_norm=0.01)),
        ({"solver": "sgd", "max_norm": 0.7, "nesterovs_momentum": False}, fnn.momentum(1e-3, 0.9, max_norm=0.7)),
        ({"learning_rate": fnn.cosine(1e-2)}, fnn.adam(fnn.cosine(1e-2))),
        ({"solver": "sgd", "momentum": 0.0, "learning_rate": fnn.warm_up(fnn.cosine(1e-1), steps=4)},
         fnn.gradient_descent(fnn.warm_up(fnn.cosine(1e-1), steps=4))),
        ({"solver": fnn.adagrad(1e-2)}, fnn.adagrad(1e-2)), ({"solver": fnn.lion(1e-2)}, fnn.lion(1e-2)),
    ],
    ids=str,
)  # fmt: skip
def test_options_reach_train(options: dict[str, Any], optimizer: fnn.Optimizer) -> None:
    X, y = numbered(2)
    model = model_of(MLPRegressor, **options, shuffle=False, alpha=0.0, batch_size=20)
    run = fnn.train(
        start_of(model, X, y), X, y, optimizer=optimizer, epochs=5, batch_size=20, reduction="mean", shuffle=False
    )
    assert_allclose(model.fit(X, y).params_.flat, run.params.flat, rtol=1e-12, atol=1e-13)
    assert_allclose(model.loss_curve_, run.history.error / 2, rtol=1e-12)  # scikit-learn's is the mean of the outputs


def test_dropout_reaches_train() -> None:
    """It adds half the variance of the output to the loss: r / (1 - r) Σ (aᵢ Wᵢ)² for units that are left out by r."""
    X, y = numbered()
    rate, alone = 0.3, {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1e-300, "batch_size": 120}
    found, wanted = [], []
    for seed in range(10):
        model = model_of(MLPRegressor, hidden_layer_sizes=200, alpha=0.0, max_iter=1, random_state=seed, **alone)
        found.append(model.set_params(dropout=rate).fit(X, y).loss_)
        (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
        a = np.maximum(X @ W1 + b1, 0)
        variance = rate / (1 - rate) * (a**2 @ W2**2)[:, 0]
        wanted.append(np.mean(((a @ W2 + b2)[:, 0] - y) ** 2 + variance) / 2)
    assert_allclose(np.mean(found), np.mean(wanted), rtol=0.02)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "model, data, loss",
    [
        (MLPClassifier(), labelled(3), fnn.cross_entropy), (MLPClassifier(), labelled(2), fnn.cross_entropy),
        (MLPClassifier(), multilabelled(), fnn.cross_entropy),
        (MLPClassifier(loss=fnn.focal(1.5)), labelled(3), fnn.focal(1.5)),
        (MLPRegressor(), numbered(), fnn.squared_error), (MLPRegressor(loss="poisson"), counted(), fnn.poisson),
        (MLPRegressor(loss=fnn.quantile(0.8)), numbered(), fnn.quantile(0.8)),
        (MLPRegressor(loss="huber"), numbered(), fnn.huber(1.0)), (MLPRegressor(loss="gamma"), counted(), fnn.gamma),
        (MLPRegressor(loss="log_cosh", standardize=False), numbered(), fnn.log_cosh),
    ],
    ids=lambda v: str(v) if not isinstance(v, tuple) else "",
)  # fmt: skip
def test_the_curve_of_the_validation_set(model: Any, data: Any, loss: fnn.Loss) -> None:
    """That of `fnn.error` of the networks after so many epochs, per case."""
    X, y = data[0], data[1] + (loss is fnn.gamma)
    model.set_params(hidden_layer_sizes=6, max_iter=6, random_state=1)
    model.fit(X[:80], y[:80])
    assert model.validation_loss_curve_ is None
    curve = model.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:]).validation_loss_curve_
    assert len(curve) == model.n_iter_ == 6
    targets = y[80:]
    for epoch in (1, 3, 6):
        params = model.set_params(max_iter=epoch).fit(X[:80], y[:80]).params_
        assert_allclose(curve[epoch - 1], fnn.error(params, X[80:], targets, loss=loss, reduction="mean"), rtol=1e-9)


def test_the_curve_of_a_part_that_is_held_out() -> None:
    X, y = numbered()
    model = MLPRegressor(early_stopping=True, max_iter=6, random_state=1).fit(X, y)
    losses, scores = model.validation_loss_curve_, model.validation_scores_
    assert losses is not None
    assert scores is not None
    assert len(losses) == len(scores) == 6
    assert np.argmin(losses) == np.argmax(scores)  # R² falls with the squares
