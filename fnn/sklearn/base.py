"""What both estimators share: the parameters, `fit` and `partial_fit`, the network and its attributes."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any, Final, ParamSpec, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fnn.boundary.checks import prefixed
from fnn.equations.forward import forward
from fnn.export.sklearn import from_sklearn
from fnn.network.params import AnyParams
from fnn.optimizers.optimizer import Optimizer
from fnn.sklearn.callbacks import CallbackSupportMixin, FitCallbacks, with_callbacks
from fnn.sklearn.data import Array, Data, Fitted, Problem
from fnn.sklearn.fitting import Fit
from fnn.sklearn.parameters import hidden_activations, name_of, sizes_of
from fnn.sklearn.rule import Progress

P = ParamSpec("P")
R = TypeVar("R")


def all_or_nothing(method: Callable[P, R]) -> Callable[P, R]:
    """A method that leaves the estimator as it was if it raises an error."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        estimator = args[0]
        before = dict(vars(estimator))
        try:
            return method(*args, **kwargs)
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            raise

    return call


def goes_by_epochs(estimator: Any) -> bool:
    """Whether an estimator's solver takes steps on batches; else AttributeError, which is what `available_if` wants."""
    solver = estimator.solver
    if isinstance(solver, Optimizer) and not solver.needs_all_cases:
        return True
    if isinstance(solver, str) and solver in {"sgd", "adam"}:
        return True
    raise AttributeError(f"partial_fit is only available for stochastic optimizers. {solver} is not stochastic.")


class BaseMLP(CallbackSupportMixin, BaseEstimator):
    """The base of `MLPClassifier` and `MLPRegressor`."""

    _fitted: Fitted
    params_: AnyParams
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_loss_curve_: list[float] | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    # The parameters that are read here; `fitting` and `parameters` read the others.
    hidden_layer_sizes: Any
    activation: Any
    random_state: Any
    early_stopping: bool
    warm_start: bool
    max_iter: int
    dtype: Any

    def _take(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of `__init__` as they are: scikit-learn checks them in `fit`."""
        vars(self).update({name: value for name, value in arguments.items() if name not in {"self", "__class__"}})

    @abstractmethod
    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        """X and y, checked by scikit-learn."""

    @abstractmethod
    def _problem(self, y: Array, *, is_first: bool, is_whole: bool) -> Problem:
        """What checked targets are to the network: of a first fit; of later ones, of all cases or of some."""

    def _weighted(self, weights: Array | None, y: Array) -> Array | None:
        """The weights of cases, those of their classes included."""
        return weights

    def _complete(self, fit: Fit, held_out: Data | None) -> None:
        """What is to be done after the network is trained."""

    @all_or_nothing
    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None, X_val: Any = None, y_val: Any = None) -> Self:
        """Fit the network.

        Parameters
        ----------
        X
            Inputs, (N, n_0): an array, a frame of numbers, whose columns' names are then compared by every method, or
            a sparse matrix, which is made dense.
        y
            Targets: (N,), or (N, n_L).
        sample_weight
            What each case weighs, (N,), at least 0; one that weighs 2 counts as two, one that weighs 0 as none.
        X_val, y_val
            What to measure `validation_loss_curve_` on, and with ``early_stopping=True`` also when to stop, instead of
            a part of the cases.

        Returns
        -------
        The estimator.

        Raises
        ------
        ValueError, TypeError
            A parameter out of range; inputs or targets that don't fit, or have NaN or infinity; a fit that diverges.
            The estimator is then as it was before.

        Warns
        -----
        ConvergenceWarning
            The iterations ran out before the loss stopped falling.
        DataConversionWarning
            y is a column.
        """
        self._validate_params()

        return self._fit(X, y, sample_weight, X_val, y_val)

    def _fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, X_val: Any = None, y_val: Any = None, *,
        incremental: bool = False,
    ) -> Self:  # fmt: skip
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        known = vars(self)
        before: Fitted | None = known.get("_fitted") if incremental or self.warm_start else None
        x, checked = self._checked(X, y, reset=before is None)
        problem = self._problem(
            checked, is_first=before is None and not (incremental and "classes_" in known), is_whole=not incremental
        )
        data = Data(self._dense(x), problem.targets, self._weights(sample_weight, x, checked)).without_weightless()
        hidden = hidden_activations(self.activation, len(sizes_of(self.hidden_layer_sizes)))
        self.n_outputs_, self.n_layers_ = problem.outputs, len(hidden) + 2
        self.out_activation_ = name_of(problem.output)
        validation = self._validation(X_val, y_val)
        random = check_random_state(self.random_state)
        fit = Fit(self, data, problem, [*hidden, problem.output], random, before, incremental=incremental)
        held_out = None if validation is None else validation.scaled(fit.scaling)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        callbacks = FitCallbacks(self, 1 if incremental else self.max_iter, X, y, metadata, fit.attributes)
        self._fitted = fitted = fit.run(held_out, callbacks.of_epochs())
        self.params_ = fitted.params
        known.update(fitted.attributes())
        self._complete(fit, held_out)
        callbacks.end()

        return self

    def _weights(self, sample_weight: ArrayLike | None, x: Any, y: Array) -> Array | None:
        given = None
        if sample_weight is not None:
            given = _check_sample_weight(sample_weight, x, ensure_non_negative=True)

        weights = self._weighted(given, y)
        if weights is not None and not weights.any():
            raise ValueError("sample_weight, class_weight: all cases weigh 0")

        return weights

    def _validation(self, X: Any, y: Any) -> Data | None:
        """The validation set that was given."""
        if (X is None) != (y is None):
            raise ValueError(f"X_val, y_val: need both or neither, but {'X_val' if X is None else 'y_val'} is missing")
        if X is None:
            return None
        with prefixed("X_val, y_val: "):
            x, checked = self._checked(X, y, reset=False)
            targets = self._problem(checked, is_first=False, is_whole=False).targets
            if targets.shape[1:] not in ((), (self.n_outputs_,)):
                raise ValueError(f"needs {self.n_outputs_} targets a case, got {targets.shape[1]}")

        return Data(self._dense(x), targets, None)

    def _dense(self, x: Any) -> Array:
        """The inputs as an array of the dtype of the network."""
        array: Array = x.toarray() if hasattr(x, "toarray") else x

        return array.astype(array.dtype if self.dtype is None else np.dtype(self.dtype), copy=False)

    def _inputs(self, X: Any) -> Array:
        """Inputs, checked; scikit-learn's checks take most of the time of one case, so what has passed is spared."""
        is_plain = (
            type(X) is np.ndarray and X.ndim == 2 and X.dtype in (np.float64, np.float32) and len(X) > 0
            and X.shape[1] == self.n_features_in_ and "feature_names_in_" not in vars(self) and np.isfinite(X).all()
        )  # fmt: skip
        if not is_plain:
            X = validate_data(self, X, reset=False, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32))
        array: Array = X.toarray() if hasattr(X, "toarray") else X

        return array

    def _outputs(self, X: Any) -> Array:
        """The outputs for inputs, (N, n_L)."""
        if "params_" not in vars(self):
            check_is_fitted(self)
        outputs: Array = forward(self.params_, self._inputs(X))

        return outputs

    @property
    def coefs_(self) -> list[Array]:
        """Wˡ of each layer, (n_l−1, n_l), read-only."""
        return self._leaves("W")

    @property
    def intercepts_(self) -> list[Array]:
        """bˡ of each layer, (n_l,), read-only."""
        return self._leaves("b")

    def _leaves(self, kind: str) -> list[Array]:
        if "params_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} isn't fitted yet, so it has no weights")

        return [leaf for key, leaf in self.params_.items() if key.startswith(kind)]

    def __sklearn_is_fitted__(self) -> bool:
        return "params_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True

        return tags

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """The same model as a fitted one of scikit-learn: its parameters, weights and curves.

        `partial_fit` goes on from its weights, with an optimizer that begins anew.

        Parameters
        ----------
        model
            A fitted MLP of ``sklearn.neural_network``, of the same kind.

        Raises
        ------
        ValueError, TypeError
            It isn't fitted, or no such model.
        """
        if isinstance(model, cls):  # ours already
            return copy(model)
        params, made = from_sklearn(model), cls()
        if is_classifier(model) != is_classifier(made):
            raise TypeError(f"model: {cls.__name__} needs a model of the same kind, got {model!r}")
        made.set_params(**{name: value for name, value in model.get_params().items() if name in made.get_params()})
        known, own = vars(made), vars(model)
        curve = tuple(own.get("loss_curve_", ()))
        best = own.get("best_loss_"), own.get("best_validation_score_")
        progress = Progress(
            own.get("_no_improvement_count", 0), np.inf if best[0] is None else best[0],
            -np.inf if best[1] is None else best[1],
        )  # fmt: skip
        made._fitted = Fitted(
            params, params, cases_seen=own.get("t_", 0), progress=progress, loss_curve=curve, iterations=model.n_iter_,
            validation_scores=tuple(own.get("validation_scores_") or ()), stops_early=best[1] is not None,
        )  # fmt: skip
        known["validation_loss_curve_"] = None
        known.update({name: value for name, value in own.items() if name in _SAME})
        known["_is_multilabel"] = "classes_" in own and params.sizes[-1] > 1 and model.out_activation_ == "logistic"
        made.params_ = params

        return made


_SAME: Final = {
    "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "n_iter_", "t_", "n_layers_",
    "n_outputs_", "out_activation_", "n_features_in_", "feature_names_in_", "classes_",
}  # fmt: skip
