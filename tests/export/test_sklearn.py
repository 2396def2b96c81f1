"""`to_sklearn` and `from_sklearn`, with scikit-learn's own models."""

from __future__ import annotations

import pickle
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


@pytest.mark.parametrize(
    "output, units, classes",
    [
        (fnn.softmax, 4, None), (fnn.softmax, 3, ["oak", "ash", "elm"]), (fnn.softmax, 2, [True, False]),
        (fnn.softmax, 3, np.array([2.0, 1.0, 7.0])), (fnn.sigmoid, 4, range(10, 14)), (fnn.sigmoid, 1, None),
        (fnn.sigmoid, 1, ["no", "yes"]), (fnn.sigmoid, 1, (5, -5)),
    ],
)  # fmt: skip
def test_to_unfitted_classifier(output: fnn.Activation, units: int, classes: Any) -> None:
    params = fnn.init((3, 6, units), seed=0, hidden=fnn.tanh, output=output)
    model = MLPClassifier()
    vars(model).update(fnn.to_sklearn(params, classes=classes))
    x, a = cases(params), fnn.forward(params, cases(params))
    labels = np.asarray(range(max(units, 2)) if classes is None else classes)
    expected = labels[(a[:, 0] > 0.5).astype(int) if units == 1 else a.argmax(axis=1)]

    assert_agrees(params, model.predict_proba(x)[:, -units:])
    np.testing.assert_array_equal(model.predict_proba(x).shape, (len(x), max(units, 2)))
    np.testing.assert_array_equal(model.classes_, labels)
    np.testing.assert_array_equal(model.predict(x), expected, strict=True)
    wrong = expected.copy()
    wrong[:10] = np.where(expected[:10] == labels[0], labels[1], labels[0])
    assert model.score(x, wrong) == 30 / 40
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), expected)
    assert fnn.from_sklearn(model) == params


@pytest.mark.parametrize(
    "output, units, classes, message",
    [
        (fnn.softmax, 3, ["a", "b"], r"classes: must be 3 different labels, got \['a', 'b'\]"),
        (fnn.softmax, 2, [1, 1], r"classes: must be 2 different labels, got \[1, 1\]"),
        (fnn.sigmoid, 1, ["a"], r"classes: must be 2 different labels, got \['a'\]"),
        (fnn.identity, 2, ["a", "b"], r"classes: need fnn\.softmax or fnn\.sigmoid at the output, got fnn\.identity"),
    ],
)  # fmt: skip
def test_bad_classes(output: fnn.Activation, units: int, classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fnn.to_sklearn(fnn.init((3, units), seed=0, output=output), classes=classes)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("units", [1, 2])
def test_poisson_regressor(units: int, dtype: type[Any]) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(50, 3)).astype(dtype), random.poisson(3, size=(50, units)).astype(dtype)
    model = MLPRegressor(loss="poisson", hidden_layer_sizes=(6,), activation="tanh", max_iter=5, random_state=0)
    model.fit(x, y.squeeze())
    params = fnn.from_sklearn(model)
    assert params.activations == (fnn.tanh, fnn.exp)
    assert_agrees(params, model.predict(cases(params)).reshape(-1, units))

    other = MLPRegressor()
    vars(other).update(fnn.to_sklearn(params))
    np.testing.assert_array_equal(other.predict(cases(params)), model.predict(cases(params)))
    assert other.score(x, y) == model.score(x, y)
    assert other.get_params()["loss"] == "poisson"


def test_unsupported_networks_and_models() -> None:
    with pytest.raises(ValueError, match=r"params: layer 1 has fnn\.gelu, which scikit-learn doesn't have"):
        fnn.to_sklearn(fnn.init((3, 6, 4), seed=0, hidden=fnn.gelu))
    with pytest.raises(ValueError, match=r"params: layer 1 has fnn\.exp, .* doesn't have in a hidden layer"):
        fnn.to_sklearn(fnn.init((3, 6, 4), seed=0, hidden=fnn.exp))
    with pytest.raises(ValueError, match="scikit-learn has one activation for all hidden layers"):
        fnn.to_sklearn(fnn.init((3, 6, 5, 4), seed=0, hidden=(fnn.tanh, fnn.relu)))
    with pytest.raises(TypeError, match="model: needs a fitted MLP of scikit-learn, got"):
        fnn.from_sklearn(MLPRegressor())
    model = MLPRegressor()
    vars(model).update(fnn.to_sklearn(fnn.init((3, 4), seed=0)), out_activation_="swish")
    with pytest.raises(ValueError, match="model: fnn has no activation 'swish'"):
        fnn.from_sklearn(model)
