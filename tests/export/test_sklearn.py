"""`to_sklearn` and `from_sklearn`, with scikit-learn's own models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import fnn
from tests.export.networks import DTYPES, assert_agrees, cases

NAMES = {"identity": fnn.identity, "logistic": fnn.sigmoid, "tanh": fnn.tanh, "relu": fnn.relu}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_from_fitted_regressor(name: str, dtype: type[Any]) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(50, 3)).astype(dtype), random.normal(size=(50, 2)).astype(dtype)
    model = MLPRegressor(hidden_layer_sizes=(6, 5), activation=name, max_iter=5, random_state=0).fit(x, y)
    params = fnn.from_sklearn(model)

    assert params.dtype == dtype
    assert params.activations == (NAMES[name], NAMES[name], fnn.identity)
    assert_agrees(params, model.predict(cases(params)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classes, output", [(2, fnn.sigmoid), (4, fnn.softmax)])
def test_from_fitted_classifier(classes: int, output: fnn.Activation) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 3)), np.arange(60) % classes
    model = MLPClassifier(hidden_layer_sizes=(6,), max_iter=5, random_state=0).fit(x, y)
    params = fnn.from_sklearn(model)

    assert params.activations == (fnn.relu, output)
    probabilities = model.predict_proba(cases(params))
    assert_agrees(params, probabilities if classes > 2 else probabilities[:, 1:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", NAMES.values())
@pytest.mark.parametrize("output", [*NAMES.values(), fnn.softmax])
@pytest.mark.parametrize("sizes", [(3, 4), (3, 6, 4), (3, 6, 5, 2)])
def test_to_unfitted_regressor(
    sizes: tuple[int, ...], hidden: fnn.Activation, output: fnn.Activation, dtype: type[Any]
) -> None:
    params: fnn.Params[Any] = fnn.init(sizes, seed=0, hidden=hidden, output=output, dtype=dtype)
    model = MLPRegressor()
    vars(model).update(fnn.to_sklearn(params))

    assert_agrees(params, model.predict(cases(params)))
    assert fnn.from_sklearn(model) == params


def test_to_unfitted_classifier() -> None:
    params = fnn.init((3, 6, 4), seed=0, hidden=fnn.tanh, output=fnn.softmax)
    model = MLPClassifier()
    vars(model).update(fnn.to_sklearn(params))

    assert_agrees(params, model.predict_proba(cases(params)))


def test_unsupported_networks_and_models() -> None:
    with pytest.raises(ValueError, match=r"params: layer 1 has fnn\.gelu, which scikit-learn doesn't have"):
        fnn.to_sklearn(fnn.init((3, 6, 4), seed=0, hidden=fnn.gelu))
    with pytest.raises(ValueError, match="scikit-learn has one activation for all hidden layers"):
        fnn.to_sklearn(fnn.init((3, 6, 5, 4), seed=0, hidden=(fnn.tanh, fnn.relu)))
    with pytest.raises(TypeError, match="model: needs a fitted MLP of scikit-learn, got"):
        fnn.from_sklearn(MLPRegressor())
    model = MLPRegressor()
    vars(model).update(fnn.to_sklearn(fnn.init((3, 4), seed=0)), out_activation_="swish")
    with pytest.raises(ValueError, match="model: fnn has no activation 'swish'"):
        fnn.from_sklearn(model)
