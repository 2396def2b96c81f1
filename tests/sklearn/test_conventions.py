"""scikit-learn's conventions: signatures, tags, clones, pickles, names of features."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import VERSION, assert_same_bits, digest, inputs, labelled, multilabelled, numbered

PAIRS = [(MLPClassifier, theirs.MLPClassifier), (MLPRegressor, theirs.MLPRegressor)]
ignores_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("ours, other", PAIRS)
def test_the_signature_begins_with_theirs(ours: type[Any], other: type[Any]) -> None:
    mine, its = (inspect.signature(cls).parameters for cls in (ours, other))
    assert {name: mine[name].default for name in its} == {name: p.default for name, p in its.items()}
    if VERSION >= (1, 7):  # the regressor's loss came first then
        positional = [name for name, p in its.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert [name for name, p in mine.items() if p.kind is p.POSITIONAL_OR_KEYWORD] == positional
    for name in ("fit", "partial_fit", "predict", "score"):
        method = list(inspect.signature(getattr(ours, name)).parameters)
        theirs_of = inspect.signature(getattr(other, name)).parameters
        assert [p for p in method if p in theirs_of] == list(theirs_of)


@pytest.mark.parametrize("cls, mixin", [(MLPClassifier, ClassifierMixin), (MLPRegressor, RegressorMixin)])
def test_the_mixin_comes_before_the_base(cls: type[Any], mixin: type[Any]) -> None:
    assert cls.__mro__.index(mixin) < cls.__mro__.index(BaseEstimator)
    assert cls().__sklearn_tags__().estimator_type == ("classifier" if mixin is ClassifierMixin else "regressor")
    assert (is_classifier(cls()), is_regressor(cls())) == (mixin is ClassifierMixin, mixin is RegressorMixin)


@pytest.mark.parametrize("ours, other", PAIRS)
def test_tags_are_theirs(ours: type[Any], other: type[Any]) -> None:
    mine, its = get_tags(ours()), get_tags(other())
    if VERSION < (1, 7):
        its.input_tags.sparse = True  # scikit-learn's own took sparse inputs without telling it
    assert mine == its


RICH: dict[str, Any] = {
    "hidden_layer_sizes": (5, 4), "activation": (fnn.gelu, "tanh"), "solver": fnn.adamw(fnn.cosine(1e-2, steps=100)),
    "dropout": 0.1, "max_iter": 3, "random_state": 0, "standardize": True, "dtype": np.float32, "threads": 2,
}  # fmt: skip
MODELS = [
    MLPClassifier(max_iter=3, random_state=0), MLPRegressor(max_iter=3, random_state=0),
    MLPClassifier(**RICH, class_weight={0: 1.0, 1: 2.0}, loss=fnn.focal(1.5)),
    MLPRegressor(**RICH, loss=fnn.quantile(0.9)),
    MLPRegressor(solver="lm", hidden_layer_sizes=4, random_state=0, interval=0.9),
    MLPRegressor(hidden_layer_sizes=4, random_state=0, interval=0.8, max_iter=20),
    MLPClassifier(solver="lbfgs", hidden_layer_sizes=4, random_state=0, max_iter=500),
]  # fmt: skip


def fitted(model: Any) -> Any:
    """A fitted clone, and the inputs."""
    return clone(model).fit(*labelled(2) if is_classifier(model) else numbered())


@ignores_convergence
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_clones_have_the_parameters_and_nothing_else(model: Any) -> None:
    fit = fitted(model)
    copy = clone(fit)
    assert copy.get_params() == model.get_params() == fit.get_params()
    assert set(vars(copy)) == set(model.get_params())
    with pytest.raises(NotFittedError, match=r"This MLP.* instance is not fitted yet"):
        copy.predict(inputs())
    assert_same_bits(fit, fitted(copy))


@ignores_convergence
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_pickles_are_as_good(model: Any, tmp_path: Path) -> None:
    fit = fitted(model)
    joblib.dump(fit, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(fit)), joblib.load(tmp_path / "model")):
        assert_same_bits(fit, copy)
        assert_array_equal(fit.predict(inputs(seed=3)), copy.predict(inputs(seed=3)), strict=True)
        assert copy.get_params() == fit.get_params()
        if hasattr(fit, "predict_interval") and fit.interval is not None:
            assert_array_equal(fit.predict_interval(inputs(9)), copy.predict_interval(inputs(9)))
        if hasattr(fit, "partial_fit") and not hasattr(fit, "predict_interval"):
            X, y = labelled(2) if is_classifier(fit) else numbered()
            assert_same_bits(copy.partial_fit(X, y), pickle.loads(pickle.dumps(fit)).partial_fit(X, y))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_shown_in_a_notebook(model: Any) -> None:
    name = type(model).__name__
    assert name in model._repr_html_()
    assert name in make_pipeline(StandardScaler(), model)._repr_html_()
    assert repr(model).startswith(f"{name}(")


def frame(count: int = 60) -> Any:
    """Cases whose features have names."""
    return pandas.DataFrame(inputs(count), columns=["age", "size", "rate", "span"])


@ignores_convergence
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_names_of_features(cls: type[Any]) -> None:
    X, y = frame(), np.arange(60) % 2
    model = cls(max_iter=2, hidden_layer_sizes=3).fit(X, y)
    assert_array_equal(model.feature_names_in_, np.array(["age", "size", "rate", "span"], object))
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match=r"(?s)feature names should match.*unseen at fit time:\n- kind.*missing.*size"):
        model.predict(X.rename(columns={"size": "kind"}))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(X[["size", "age", "rate", "span"]])
    with pytest.warns(UserWarning, match=r"X does not have valid feature names, but MLP.* was fitted with feature"):
        model.predict(X.to_numpy())
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(X.rename(columns={"size": "kind"}), y)
    model.fit(X.to_numpy(), y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.raises(ValueError, match=r"X has 3 features, but MLP.* is expecting 4 features as input"):
        model.predict(X.to_numpy()[:, :3])


@ignores_convergence
def test_frames_have_the_bits_of_arrays() -> None:
    X = frame()
    y: Any = pandas.Series(np.arange(60) % 3, index=range(100, 160), name="kind")
    a, b = (MLPClassifier(max_iter=3, random_state=0).fit(*data) for data in ((X, y), (X.to_numpy(), y.to_numpy())))
    assert_same_bits(a, b)
    assert_array_equal(a.predict_proba(X), b.predict_proba(X.to_numpy()))


@ignores_convergence
def test_outputs_of_a_pipeline_are_frames_on_the_way() -> None:
    X, y = frame(), np.arange(60) % 2
    for model in (MLPClassifier(max_iter=2), MLPRegressor(max_iter=2)):
        pipeline = make_pipeline(StandardScaler(), model).set_output(transform="pandas").fit(X, y)
        assert list(pipeline[-1].feature_names_in_) == list(X.columns)
        assert isinstance(pipeline.predict(X), np.ndarray)


@ignores_convergence
def test_columns_of_several_kinds() -> None:
    X = frame().assign(town=["Ulm", "Bonn", "Kiel"] * 20)
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "size"]), ("names", OneHotEncoder(sparse_output=False), ["town"])]
    )
    pipeline = Pipeline([("columns", columns), ("mlp", MLPClassifier(max_iter=50, random_state=0))])
    pipeline.set_output(transform="pandas").fit(X, X["town"])
    assert pipeline.score(X, X["town"]) == 1.0
    assert pipeline["mlp"].n_features_in_ == 5


@pytest.mark.parametrize("name", ["predict", "predict_proba", "predict_log_proba"])
def test_not_fitted(name: str) -> None:
    with pytest.raises(NotFittedError, match=r"This MLPClassifier instance is not fitted yet\. Call 'fit'"):
        getattr(MLPClassifier(), name)(inputs())
    with pytest.raises(NotFittedError, match="This MLPRegressor instance is not fitted yet"):
        MLPRegressor(interval=0.9).predict_interval(inputs())
    with pytest.raises(NotFittedError):
        MLPClassifier().score(*labelled(2))


@ignores_convergence
def test_a_column_of_labels_is_warned_of() -> None:
    for cls, (X, y) in [(MLPClassifier, labelled(3)), (MLPRegressor, numbered())]:
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
            a = cls(max_iter=2, random_state=0).fit(X, y[:, np.newaxis])
        assert_same_bits(a, cls(max_iter=2, random_state=0).fit(X, y))
        assert a.predict(X).shape == y.shape


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "lm", fnn.adamw(1e-3)], ids=str)
def test_iterations_that_run_out_are_warned_of(solver: Any) -> None:
    X, y = numbered()
    with pytest.warns(ConvergenceWarning, match=r"2\b.*max_iter") as warned:
        model = MLPRegressor(hidden_layer_sizes=6, solver=solver, max_iter=2, tol=0.0, random_state=0).fit(X, y)
    assert model.n_iter_ == 2
    assert [w.filename for w in warned] == [__file__]  # the caller's line, not ours


def test_no_warning_where_it_converges() -> None:
    X, y = numbered()
    for options in ({"tol": 1.0}, {"early_stopping": True, "tol": 1.0}, {"solver": "lbfgs", "tol": 0.1}):
        assert MLPRegressor(hidden_layer_sizes=6, random_state=0, **options).fit(X, y).n_iter_ < 200


LABELS: list[Any] = [
    np.array(["oak", "ash", "elm"]), np.array(["oak", "ash", "elm"], object), np.array([-5, 7, 1000]),
    np.array([2.0, -1.0, 5.0]), np.array([True, False]), np.array(["no", "yes"]), np.array([-1, 1]),
    np.array(["a" * 40, "ü", " "]), np.array([255, 3, 9], np.uint8),
]  # fmt: skip


@ignores_convergence
@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_labels_of_any_type(labels: Any) -> None:
    """As scikit-learn's own: the same classes, in the same order; of the dtype of the labels."""
    X, classes = labelled(len(labels))
    y = labels[classes]
    model = MLPClassifier(max_iter=30, random_state=0, learning_rate_init=0.02).fit(X, y)
    other = theirs.MLPClassifier(max_iter=1).fit(X, y)
    assert_array_equal(model.classes_, other.classes_)
    assert_array_equal(model.predict_proba(X).shape, (len(X), len(labels)))
    assert_array_equal(model.classes_[model.predict_proba(X).argmax(axis=1)], model.predict(X))
    assert model.classes_.dtype == model.predict(X).dtype == labels.dtype
    assert model.score(X, y) == np.mean(model.predict(X) == y) > 0.8
    stopped = MLPClassifier(max_iter=5, random_state=0, early_stopping=True).fit(X, y)
    assert stopped.validation_scores_ is not None
    assert stopped.validation_scores_[0] > 0
    assert set(stopped.predict(X)) <= set(labels)


@ignores_convergence
def test_labels_of_pandas() -> None:
    X, classes = labelled(3)
    names = ["oak", "ash", "elm"]
    kinds: list[Any] = [
        pandas.Series(np.array(names)[classes]), pandas.Series(classes, dtype="Int64"),
        pandas.Series(pandas.Categorical.from_codes(classes, names)),
    ]  # fmt: skip
    for y in kinds:
        model = MLPClassifier(max_iter=3).fit(X, y)
        assert set(model.classes_) == set(y)
        assert set(model.predict(X)) <= set(y)


@ignores_convergence
def test_several_labels_for_a_case() -> None:
    X, y = multilabelled()
    model = MLPClassifier(max_iter=200, learning_rate_init=0.02, random_state=0).fit(X, y)
    assert model.out_activation_ == "logistic"
    assert model.predict_proba(X).shape == model.predict(X).shape == y.shape
    assert_array_equal(model.predict(X), model.predict_proba(X) > 0.5)
    assert model.score(X, y) == np.mean((model.predict(X) == y).all(axis=1)) > 0.8
    assert_array_equal(model.predict(X[:5]), model.fit(X, scipy.sparse.csr_matrix(y)).predict(X[:5]))


@ignores_convergence
def test_several_outputs() -> None:
    X, y = numbered(3)
    model = MLPRegressor(max_iter=200, learning_rate_init=0.02, random_state=0).fit(X, y)
    assert model.predict(X).shape == y.shape
    squares = ((y - model.predict(X)) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    assert_allclose(model.score(X, y), np.mean(1 - squares))
    assert model.score(X, y) > 0.5


@ignores_convergence
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil"])
@pytest.mark.parametrize("of", ["matrix", "array"])
def test_sparse_inputs(kind: str, of: str) -> None:
    X, y = labelled(3)
    X[np.abs(X) < 0.7] = 0
    sparse = getattr(scipy.sparse, f"{kind}_{of}")(X)
    for model in (MLPClassifier(max_iter=3, random_state=0), MLPRegressor(max_iter=3, random_state=0)):
        dense, thin = clone(model).fit(X, y), clone(model).fit(sparse, y)
        assert_same_bits(dense, thin)
        assert_array_equal(dense.predict(X), thin.predict(sparse))
        assert_same_bits(dense.partial_fit(X, y), thin.partial_fit(sparse, y))


@ignores_convergence
def test_an_estimator_is_left_alone_by_what_only_reads_it() -> None:
    X, y = labelled(3)
    model = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    before = digest(model)
    model.predict(X), model.predict_proba(X), model.score(X, y), repr(model), model._repr_html_(), clone(model)
    assert digest(model) == before
    with pytest.raises(ValueError, match="read-only"):
        model.coefs_[0][0, 0] = 1.0
