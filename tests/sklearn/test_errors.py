"""Parameters out of range, data that don't fit, runs that fail: clear errors, and an estimator as it was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.utils._param_validation import InvalidParameterError

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import assert_same_bits, counted, digest, inputs, labelled, numbered

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BOTH = [MLPClassifier, MLPRegressor]
OUT_OF_RANGE: list[tuple[str, list[Any]]] = [
    ("hidden_layer_sizes", [0, -3, 2.5, None, "a", (5, 0), (5, -1), (2.5,), [np.nan], ("a",)]),
    ("activation", [None, 3, "swishy", ("relu", "tanh", "relu"), (), ("relu", 3), fnn.squared_error]),
    ("solver", [None, "newton", 3, fnn.relu]), ("alpha", [-1e-9, np.nan, "a", None]),
    ("batch_size", [0, -1, 2.5, "all", None]), ("learning_rate", ["fast", 0.1, None, fnn.adam(1e-3)]),
    ("learning_rate_init", [0, -1, np.nan, "a", None]), ("power_t", [-1, np.nan, None]),
    ("max_iter", [0, -1, 2.5, None, "a"]), ("shuffle", ["yes", 3, None]), ("random_state", ["a", -1, 2.5]),
    ("tol", [-1e-9, np.nan, None]), ("verbose", ["no", -1, None]), ("warm_start", ["no", 3, None]),
    ("momentum", [-0.1, 1.1, np.nan, None]), ("nesterovs_momentum", ["no", 3, None]),
    ("early_stopping", ["no", 3, None]), ("validation_fraction", [-0.1, 1.0, 1.5, np.nan, None]),
    ("beta_1", [-0.1, 1, np.nan, None]), ("beta_2", [-0.1, 1, np.nan, None]), ("epsilon", [0, -1, np.nan, None]),
    ("n_iter_no_change", [0, -1, 2.5, None]), ("max_fun", [0, -1, 2.5, None]),
    ("loss", [None, 3, "hinged", "logloss", fnn.relu]),
    ("dropout", [-0.1, 1.0, 2, np.nan, None, "a", (0.1, 0.2, 0.3), (1.0,), ("a",)]), ("max_norm", [0, -1, np.nan, "a"]),
    ("clip_norm", [0, -1, np.nan, "a"]), ("standardize", ["yes", 3, None]),
    ("dtype", ["int8", "float16", np.int64, np.float16, 3, "a"]), ("threads", [0, -1, 2.5, "a"]),
    ("checkpoint", [3, 2.5, ["a"]]),
]  # fmt: skip
OF_CLASSES: list[tuple[str, list[Any]]] = [
    ("class_weight", ["balance", 3, [1, 2], {0: -1.0, 1: 1.0}, {0: np.nan, 1: 1.0}, {0: "a", 1: 1.0}]),
]
OF_NUMBERS: list[tuple[str, list[Any]]] = [
    ("interval", [0, 1, 1.5, -0.1, np.nan, "a"]), ("out_activation", [None, 3, "swishy", fnn.squared_error]),
]  # fmt: skip
CASES: list[tuple[type[Any], str, Any]] = [
    *((cls, name, value) for cls in BOTH for name, values in OUT_OF_RANGE for value in values),
    *((MLPClassifier, name, value) for name, values in OF_CLASSES for value in values),
    *((MLPRegressor, name, value) for name, values in OF_NUMBERS for value in values),
]


@pytest.mark.parametrize("cls, name, value", CASES, ids=lambda v: v.__name__ if isinstance(v, type) else str(v))
def test_a_parameter_out_of_range_is_named(cls: type[Any], name: str, value: Any) -> None:
    X, y = labelled(2, 20)
    model = cls(hidden_layer_sizes=3, max_iter=1, random_state=0).set_params(**{name: value})
    calls: list[Callable[[Any, Any], Any]] = [model.fit]
    if hasattr(model, "partial_fit"):
        calls.append(lambda X, y: model.partial_fit(X, y, **({"classes": [0, 1]} if cls is MLPClassifier else {})))
    before = digest(model)
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=rf"\b{name}\b") as caught:
            call(X, y)
        assert len(str(caught.value)) < 600
        assert digest(model) == before


def test_scikit_learns_own_error_for_its_own_parameters() -> None:
    wrong: list[dict[str, Any]] = [
        {"alpha": -1},
        {"max_iter": 0},
        {"solver": "newton"},
        {"dropout": -1},
        {"threads": 0},
    ]
    for options in wrong:
        (name,) = options
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of MLPRegressor must be .* Got"):
            MLPRegressor(**options).fit(*numbered())


@pytest.mark.parametrize(
    "model, message",
    [
        (MLPClassifier(solver="lbfgs", dropout=0.5), "dropout"), (MLPRegressor(solver="lm", dropout=0.5), "dropout"),
        (MLPClassifier(solver="lbfgs", max_norm=1.0), "max_norm"),
        (MLPRegressor(solver="lm", clip_norm=1.0), "clip_norm"),
        (MLPRegressor(solver=fnn.adamw(1e-3), max_norm=1.0), "max_norm"),
        (MLPRegressor(solver=fnn.adamw(1e-3), clip_norm=1.0), "clip_norm"),
        (MLPRegressor(solver="adam", learning_rate="adaptive", loss="gamma", out_activation="identity"), "loss|output"),
        (MLPRegressor(loss=fnn.cross_entropy), "y: |loss"), (MLPRegressor(loss="focal"), "loss: .* 'gamma'"),
        (MLPClassifier(loss=fnn.poisson), "loss"),
        (MLPClassifier(loss="gamma"), "loss"),
        (MLPClassifier(solver="bayesian"), "solver|loss|squared"),
        (MLPRegressor(solver="bayesian", loss="poisson"), "solver|loss|squared"),
    ],
    ids=str,
)  # fmt: skip
def test_parameters_that_do_not_suit_each_other(model: Any, message: str) -> None:
    before = digest(model)
    X, y = (inputs(), np.arange(120) % 2) if isinstance(model, MLPClassifier) else counted()
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y + 1)
    assert digest(model) == before


def wide(X: Any) -> Any:
    return np.hstack([X, X])


def with_(array: Any, value: Any, dtype: Any = None) -> Any:
    """A copy whose first number is another."""
    copy = np.array(array, dtype)
    copy[(0,) * copy.ndim] = value

    return copy


# What makes a fit fail: of a model, X and y.
FAILURES: dict[str, Callable[[Any, Any, Any], object]] = {
    "NaN in X": lambda m, X, y: m.fit(with_(X, np.nan), y),
    "infinity in X": lambda m, X, y: m.fit(with_(X, np.inf), y),
    "text in X": lambda m, X, y: m.fit(with_(X, "a", object), y),
    "complex X": lambda m, X, y: m.fit(X + 1j, y),
    "X of one dimension": lambda m, X, y: m.fit(X[0], y),
    "X of three dimensions": lambda m, X, y: m.fit(X[np.newaxis], y),
    "no cases": lambda m, X, y: m.fit(X[:0], y[:0]),
    "no features": lambda m, X, y: m.fit(X[:, :0], y),
    "y of another length": lambda m, X, y: m.fit(X, y[1:]),
    "no y": lambda m, X, y: m.fit(X, None),
    "NaN in y": lambda m, X, y: m.fit(X, with_(y, np.nan, float)),
    "y of three dimensions": lambda m, X, y: m.fit(X, y.reshape(-1, 1, 1)),
    "weights of another length": lambda m, X, y: m.fit(X, y, np.ones(3)),
    "weights of two dimensions": lambda m, X, y: m.fit(X, y, np.ones((len(X), 1))),
    "a negative weight": lambda m, X, y: m.fit(X, y, with_(np.ones(len(X)), -1.0)),
    "NaN in the weights": lambda m, X, y: m.fit(X, y, with_(np.ones(len(X)), np.nan)),
    "no weight at all": lambda m, X, y: m.fit(X, y, np.zeros(len(X))),
    "X_val without y_val": lambda m, X, y: m.fit(X, y, X_val=X),
    "y_val without X_val": lambda m, X, y: m.fit(X, y, y_val=y),
    "X_val with other features": lambda m, X, y: m.fit(X, y, X_val=wide(X), y_val=y),
    "NaN in X_val": lambda m, X, y: m.fit(X, y, X_val=with_(X, np.nan), y_val=y),
    "y_val of another length": lambda m, X, y: m.fit(X, y, X_val=X, y_val=y[1:]),
    "no cases to validate": lambda m, X, y: m.fit(X, y, X_val=X[:0], y_val=y[:0]),
    "frames whose names differ": lambda m, X, y: m.fit(
        pandas.DataFrame(X, columns=list("abcd")), y, X_val=pandas.DataFrame(X, columns=list("abce")), y_val=y
    ),
    "too few cases to hold out": lambda m, X, y: m.set_params(early_stopping=True).fit(X[:2], y[:2]),
    "a rate that diverges": lambda m, X, y: m.set_params(
        solver="sgd", learning_rate_init=1e300, activation="identity"
    ).fit(1e200 * X, y),
    "a parameter": lambda m, X, y: m.set_params(alpha=-1).fit(X, y),
}
AFTERWARDS: dict[str, Callable[[Any, Any, Any], object]] = {
    "partial_fit with other features": lambda m, X, y: m.partial_fit(wide(X), y),
    "partial_fit with NaN": lambda m, X, y: m.partial_fit(with_(X, np.nan), y),
    "partial_fit with other sizes": lambda m, X, y: m.set_params(hidden_layer_sizes=(4, 4)).partial_fit(X, y),
    "partial_fit with early stopping": lambda m, X, y: m.set_params(early_stopping=True).partial_fit(X, y),
    "warm start with other features": lambda m, X, y: m.set_params(warm_start=True).fit(wide(X), y),
    "warm start with other sizes": lambda m, X, y: m.set_params(warm_start=True, hidden_layer_sizes=9).fit(X, y),
    "warm start with more outputs": lambda m, X, y: m.set_params(warm_start=True).fit(X, np.stack([y, 1 - y], axis=1)),
}
OF_LABELS: dict[str, Callable[[Any, Any, Any], object]] = {
    "numbers that are no classes": lambda m, X, y: m.fit(X, y + np.linspace(0, 0.5, len(y))),
    "a label that isn't known to validate": lambda m, X, y: m.fit(X, y, X_val=X, y_val=y + 1),
    "partial_fit without the classes": lambda m, X, y: type(m)(random_state=0).partial_fit(X, y),
    "partial_fit with a new class": lambda m, X, y: m.fit(X, y).partial_fit(X, y + 1),
    "too few cases of a class to hold out": lambda m, X, y: m.set_params(early_stopping=True).fit(
        X, np.arange(len(X)) == 0
    ),
    "weight of a class that isn't there": lambda m, X, y: m.set_params(class_weight={"a": 2}).fit(X, y),
    "weight of a class that is misspelt": lambda m, X, y: m.set_params(class_weight={0: 2, "l": 3}).fit(X, y),
}


def check_as_before(model: Any, work: Callable[[Any, Any, Any], object], X: Any, y: Any) -> None:
    """Something fails, and all attributes but the parameters that it set itself are as they were."""
    names = set(model.get_params())
    before = {name: value for name, value in vars(model).items() if name not in names}
    bits = digest_of(before)
    with pytest.raises((ValueError, TypeError, MemoryError)) as caught:
        work(model, X, y)
    after = {name: value for name, value in vars(model).items() if name not in names}
    assert after.keys() == before.keys()
    assert digest_of(after) == bits
    assert len(str(caught.value)) > 10


def digest_of(attributes: dict[str, Any]) -> str:
    class Holder:
        pass

    holder = Holder()
    vars(holder).update(attributes)

    return digest(holder)


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("kind", FAILURES)
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(kind: str, cls: type[Any]) -> None:
    X, y = labelled(2, 40)
    options = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    check_as_before(cls(**options), FAILURES[kind], X, y)
    check_as_before(cls(**options).fit(X, y), FAILURES[kind], X, y)


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("kind", AFTERWARDS)
def test_going_on_that_fails_leaves_the_estimator_as_it_was(kind: str, cls: type[Any]) -> None:
    X, y = labelled(2, 40)
    check_as_before(cls(hidden_layer_sizes=4, max_iter=2, random_state=0).fit(X, y), AFTERWARDS[kind], X, y)


@pytest.mark.parametrize("kind", OF_LABELS)
def test_labels_that_fail(kind: str) -> None:
    X, y = labelled(2, 40)
    model = MLPClassifier(hidden_layer_sizes=4, max_iter=2, random_state=0)
    if "new class" in kind:
        model.fit(X, y)
    check_as_before(model, OF_LABELS[kind], X, y)


@pytest.mark.parametrize("loss, low", [("poisson", -1.0), ("gamma", 0.0), ("gamma", -1.0)])
def test_targets_that_a_loss_does_not_have(loss: str, low: float) -> None:
    X, y = counted(40)
    model = MLPRegressor(loss=loss, hidden_layer_sizes=4, max_iter=2, random_state=0).fit(X, y + 1)
    check_as_before(model, lambda m, X, y: m.fit(X, with_(y + 1, low)), X, y)


def test_a_run_that_diverges_says_so_as_scikit_learn_does() -> None:
    X, y = numbered()
    model = MLPRegressor(solver="sgd", learning_rate_init=1e10, activation="identity", max_iter=50)
    with pytest.raises(ValueError, match=r"Solver produced non-finite parameter weights\. The input data may contain"):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())


def test_a_file_of_another_run_is_refused(tmp_path: Path) -> None:
    X, y = numbered()
    path = tmp_path / "run.npz"
    model = MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=0, checkpoint=path).fit(X, y)
    check_as_before(model, lambda m, X, y: m.fit(X, y + 1), X, y)
    path.write_bytes(b"no archive")
    check_as_before(model, lambda m, X, y: m.fit(X, y), X, y)
    assert path.read_bytes() == b"no archive"


def test_a_model_goes_on_after_a_failure_as_if_nothing_had_been() -> None:
    X, y = numbered()
    one, two = (MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0).fit(X, y) for _ in range(2))
    with pytest.raises(ValueError, match="NaN"):
        one.partial_fit(with_(X, np.nan), y)
    for model in (one, two):
        model.partial_fit(X, y)
    assert_same_bits(one, two)


@pytest.mark.parametrize("level", [-0.1, 1, 1.5, np.nan, "a"], ids=str)
def test_levels_of_an_interval(level: Any) -> None:
    X, y = numbered()
    model = MLPRegressor(solver="lm", hidden_layer_sizes=3, interval=0.9, max_iter=5, random_state=0).fit(X, y)
    with pytest.raises((ValueError, TypeError), match="level"):
        model.predict_interval(X, level=level)


def test_an_interval_that_was_not_asked_for() -> None:
    X, y = numbered()
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2).fit(X, y)
    with pytest.raises((ValueError, AttributeError), match="interval"):
        model.predict_interval(X)
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2, interval=0.9).fit(X, y)
    with pytest.raises(ValueError, match="level"):
        model.predict_interval(X, level=0.5)


def test_an_estimator_in_place_of_params() -> None:
    X, y = numbered()
    model = MLPRegressor(hidden_layer_sizes=3, max_iter=2).fit(X, y)
    with pytest.raises(TypeError, match=r"params: needs fnn\.Params, got MLPRegressor; its \.params_ are"):
        fnn.forward(model, X)  # type: ignore[arg-type]
