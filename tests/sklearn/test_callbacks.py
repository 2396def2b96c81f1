"""scikit-learn's callbacks, for real: its progress bar and score monitor, and callbacks that record, stop and fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import assert_same_bits, labelled, numbered

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OPTIONS: dict[str, Any] = {"hidden_layer_sizes": 5, "max_iter": 6, "random_state": 0, "learning_rate_init": 0.02}
PROBLEMS = [(MLPClassifier, labelled(3)), (MLPRegressor, numbered())]


class Hooks:
    """Writes down which hooks are called; stops at an epoch, or fails in a hook."""

    def __init__(self, *, stop: int | None = None, fail: str | None = None) -> None:
        self.stop, self.fail = stop, fail
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self.fitted: list[Any] = []
        self.data: list[Any] = []

    def _note(self, hook: str, context: Any) -> None:
        path = []
        while context is not None:
            path.append(context.task_id)
            context = context.parent
        self.calls.append((hook, tuple(reversed(path))))
        if hook == self.fail:
            raise RuntimeError(f"failed in {hook}")

    def setup(self, estimator: Any, context: Any) -> None:
        self._note("setup", context)

    def teardown(self, estimator: Any, context: Any) -> None:
        self._note("teardown", context)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self._note("begin", context)

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None, metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> bool:  # fmt: skip
        self._note("end", context)
        self.fitted.append(fitted_estimator)
        self.data.append((X, y, metadata))

        return context.parent is not None and context.task_id == self.stop


@pytest.mark.parametrize("cls, data", PROBLEMS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "lm", fnn.adamw(1e-2)], ids=str)
def test_hooks_of_a_fit(solver: Any, cls: type[Any], data: Any) -> None:
    """A task of the fit, and one of each epoch within it; callbacks change no bit."""
    hooks = Hooks()
    model = cls(**OPTIONS, solver=solver).set_callbacks(hooks).fit(*data)
    assert_same_bits(model, cls(**OPTIONS, solver=solver).fit(*data))
    epochs = [(hook, (0, i)) for i in range(model.n_iter_) for hook in ("begin", "end")]
    assert hooks.calls == [("setup", (0,)), ("begin", (0,)), *epochs, ("end", (0,)), ("teardown", (0,))]
    assert [name for name in vars(model) if "callback" in name] == ["_skl_callbacks"]


@pytest.mark.parametrize("cls, data", PROBLEMS)
@pytest.mark.parametrize("more", [{}, {"standardize": True}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_the_fitted_estimator_of_each_epoch(more: dict[str, Any], cls: type[Any], data: Any) -> None:
    X, y = data
    hooks, weights = Hooks(), np.linspace(0.5, 2, len(X))
    cls(**OPTIONS, **more).set_callbacks(hooks).fit(X, y, sample_weight=weights)
    for epoch, (one, seen) in enumerate(zip(hooks.fitted[:-1], hooks.data, strict=False), start=1):
        options = {**OPTIONS, **more, "max_iter": epoch}
        if "early_stopping" not in more:  # where the best epoch would be restored
            alone = cls(**options).fit(X, y, sample_weight=weights)
            assert_array_equal(one.predict(X), alone.predict(X))
            assert_allclose(one.score(X, y), alone.score(X, y))
        assert one.n_iter_ == epoch
        assert_array_equal(seen[0], X)
        assert_array_equal(seen[1], y)
        assert_array_equal(seen[2]["sample_weight"], weights)
    assert len({one.params_.flat.tobytes() for one in hooks.fitted[:-1]}) > 1


@pytest.mark.parametrize("cls, data", PROBLEMS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_a_callback_stops_a_fit(solver: str, cls: type[Any], data: Any, recwarn: pytest.WarningsRecorder) -> None:
    hooks = Hooks(stop=2)
    model = cls(**{**OPTIONS, "max_iter": 50, "tol": 0.0}, solver=solver).set_callbacks(hooks).fit(*data)
    assert model.n_iter_ == 3
    assert not recwarn.list  # it didn't run out of iterations
    assert hooks.calls[-2:] == [("end", (0,)), ("teardown", (0,))]
    alone = cls(**{**OPTIONS, "max_iter": 3, "tol": 0.0}, solver=solver).fit(*data)
    assert model.params_ == alone.params_


@pytest.mark.parametrize("fail", ["setup", "begin", "end", "teardown"])
def test_hooks_that_fail(fail: str) -> None:
    """The error comes through, every callback is torn down, and the estimator is as it was."""
    X, y = numbered()
    first, second = Hooks(), Hooks(fail=fail)
    model = MLPRegressor(**OPTIONS).fit(X, y).set_callbacks(first, second)
    before = {name: value for name, value in vars(model).items() if name != "_skl_callbacks"}
    with pytest.raises(RuntimeError, match=f"failed in {fail}"):
        model.fit(X * 2, y)
    assert {name: value for name, value in vars(model).items() if name != "_skl_callbacks"} == before
    for hooks in (first, second):
        assert [hook for hook, _ in hooks.calls].count("teardown") == 1
    assert_same_bits(model.set_callbacks().fit(X, y), MLPRegressor(**OPTIONS).fit(X, y))


@pytest.mark.parametrize(
    "work",
    [
        lambda model, X, y: model.fit(np.full_like(X, np.nan), y), lambda model, X, y: model.fit(X, y[1:]),
        lambda model, X, y: model.set_params(alpha=-1).fit(X, y),
        lambda model, X, y: model.set_params(solver="sgd", activation="identity", learning_rate_init=1e10).fit(X, y),
    ],
)  # fmt: skip
def test_a_fit_that_fails_tears_down_what_it_set_up(work: Any) -> None:
    X, y = numbered()
    hooks = Hooks()
    model = MLPRegressor(**OPTIONS).set_callbacks(hooks)
    with pytest.raises(ValueError, match=r"."):
        work(model, X, y)
    names = [hook for hook, _ in hooks.calls]
    assert names.count("setup") == names.count("teardown")
    assert "_callback_fit_ctx" not in vars(model)
    hooks.calls.clear()
    model.set_params(**OPTIONS, solver="adam", activation="relu", alpha=0.0).fit(X, y)
    assert hooks.calls[-1] == ("teardown", (0,))


def test_what_is_no_callback_is_refused() -> None:
    for wrong in (None, 3, Hooks, print):
        with pytest.raises(TypeError, match="callbacks must be instances following the FitCallback protocol"):
            MLPClassifier().set_callbacks(wrong)


@pytest.mark.parametrize("cls, data", PROBLEMS)
def test_the_scoring_monitor(cls: type[Any], data: Any) -> None:
    X, y = data
    name = "accuracy" if cls is MLPClassifier else "r2"
    monitor = callback.ScoringMonitor(scoring=name)
    model = cls(**OPTIONS).set_callbacks(monitor).fit(X, y)
    rows = [row for row in monitor.get_logs().data if len(row["task_id_path"]) == 2]
    alone = [cls(**{**OPTIONS, "max_iter": epoch}).fit(X, y).score(X, y) for epoch in range(1, model.n_iter_ + 1)]
    assert [row["task_id"] for row in rows] == list(range(6))
    assert_allclose([row[name] for row in rows], alone, rtol=1e-9)


def test_several_scores_of_a_classifier() -> None:
    X, y = labelled(2)
    monitor = callback.ScoringMonitor(scoring=["accuracy", "neg_log_loss", "roc_auc"])
    model = MLPClassifier(**OPTIONS).set_callbacks(monitor).fit(X, np.array(["no", "yes"])[y])
    rows = [row for row in monitor.get_logs().data if len(row["task_id_path"]) == 2]
    assert rows[-1]["accuracy"] == model.score(X, np.array(["no", "yes"])[y])
    log_loss = -np.log(model.predict_proba(X)[np.arange(len(X)), y]).mean()
    assert_allclose(rows[-1]["neg_log_loss"], -log_loss, rtol=1e-9)
    assert rows[-1]["neg_log_loss"] > rows[0]["neg_log_loss"]


@pytest.mark.parametrize("cls, data", PROBLEMS)
def test_the_progress_bar(cls: type[Any], data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich", reason="scikit-learn's progress bar is made by rich")
    cls(**OPTIONS).set_callbacks(callback.ProgressBar()).fit(*data)
    shown = capsys.readouterr().out
    assert f"{cls.__name__} - fit" in shown
    assert "100%" in shown


def test_the_progress_bar_of_a_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    """The bars of the pipeline and of the network within it, and scores of the latter."""
    pytest.importorskip("rich", reason="scikit-learn's progress bar is made by rich")
    hooks = Hooks()
    pipeline: Any = make_pipeline(StandardScaler(), MLPClassifier(**OPTIONS).set_callbacks(hooks))
    pipeline.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(*labelled(3))
    shown = capsys.readouterr().out
    assert "Pipeline - fit" in shown
    assert "MLPClassifier - fit" in shown
    assert hooks.calls[-1][0] == "teardown"
    assert max(len(path) for _, path in hooks.calls) == 3


def test_callbacks_of_a_fit_that_stops_early() -> None:
    hooks = Hooks()
    options = {**OPTIONS, "max_iter": 300, "tol": 0.1, "n_iter_no_change": 2}
    model = MLPRegressor(**options).set_callbacks(hooks).fit(*numbered())
    assert [path for hook, path in hooks.calls if hook == "end"] == [*((0, i) for i in range(model.n_iter_)), (0,)]
    assert model.n_iter_ < 300


def test_partial_fit_goes_by_itself() -> None:
    """Callbacks are of `fit`, as in scikit-learn."""
    X, y = numbered()
    hooks = Hooks()
    model = MLPRegressor(**OPTIONS).fit(X, y).set_callbacks(hooks).partial_fit(X, y)
    names = [hook for hook, _ in hooks.calls]
    assert names.count("setup") == names.count("teardown") <= 1
    assert "_callback_fit_ctx" not in vars(model)


def test_in_threads_of_joblib() -> None:
    X, y = labelled(2)
    hooks = Hooks()
    model = MLPClassifier(**OPTIONS).set_callbacks(hooks)
    alone = cross_val_score(clone(model).set_callbacks(), X, y, cv=3)
    assert_array_equal(cross_val_score(model, X, y, cv=3), alone)
    assert [hook for hook, _ in hooks.calls].count("teardown") == 3
