"""`MLPRegressor`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval as Within
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from fnn.activations.activation import Activation
from fnn.activations.library import identity
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedule import Schedule
from fnn.sklearn.base import BaseMLP, all_or_nothing, goes_by_epochs
from fnn.sklearn.callbacks import with_callbacks
from fnn.sklearn.data import Array, Data, Problem
from fnn.sklearn.fitting import Fit
from fnn.sklearn.intervals import Interval, interval_of
from fnn.sklearn.parameters import CONSTRAINTS, loss_named, value_output
from fnn.sklearn.scores import r2
from fnn.training.checkpoint import Checkpoint
from fnn.training.steppers.solver import Solver


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron for numbers: scikit-learn's, trained by fnn.

    To change the import line is all: the parameters of scikit-learn's ``MLPRegressor`` have their names, defaults and
    meanings. What is new follows them. Targets may be a matrix, with a column for each output.

    Parameters
    ----------
    loss
        "squared_error", "poisson", or any of fnn's: "absolute_error", "huber", "log_cosh", "quantile", "gamma", by
        name or as a value, such as ``fnn.quantile(0.9)``.
    hidden_layer_sizes
        The units of each hidden layer.
    activation
        Of the hidden units: "identity", "logistic", "tanh", "relu", or any of fnn's, by name or as a value; or one for
        each hidden layer.
    solver
        How the weights are found: "adam", "sgd" or "lbfgs", as in scikit-learn; "lm" (Levenberg and Marquardt's method,
        for up to some 2,000 parameters) or "bayesian" (the same with Bayesian regularisation, which finds alpha
        itself; squared error only); or any optimizer of fnn's, such as ``fnn.adamw(1e-3)``, with its own rate.
    alpha
        λ₂ of the penalty ½ λ₂ Σ W² / n on the weights, at least 0; n is that of the batch. If the last batch of an
        epoch is smaller, every batch takes the mean of alpha / n.
    batch_size
        Cases a step, at least 1; "auto": 200, or all if there are fewer.
    learning_rate
        For "sgd": "constant"; "invscaling", ``learning_rate_init / (t_ + 1) ** power_t``; or "adaptive", a fifth each
        time that the loss doesn't fall by `tol` for `n_iter_no_change` epochs. Or for "adam", too, a schedule such as
        ``fnn.cosine(1e-3)``.
    learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon
        Of "sgd" and "adam", as in scikit-learn. ε stands beside the root of the corrected v, as in Adam's paper.
    max_iter, max_fun
        The most epochs, or iterations, and, for "lbfgs", evaluations of the loss.
    shuffle
        Whether the cases come in another order in every epoch.
    random_state
        Of the first weights and the cases held out, which are those of scikit-learn, and of the order of the cases and
        dropout. An integer gives the same bits each time, for any number of threads and jobs.
    tol, n_iter_no_change
        A fit ends when the loss (or, with early stopping, the score) hasn't improved by more than `tol` for more than
        `n_iter_no_change` epochs in a row; by "lbfgs" when no element of the gradient is above `tol`, by "lm" and
        "bayesian" when the norm of the mean loss's gradient isn't.
    verbose
        Whether to print the loss of each epoch.
    warm_start
        Whether `fit` goes on from the weights of the last one.
    early_stopping, validation_fraction
        Whether to stop by R² on cases that are held out, those of ``fit(.., X_val=, y_val=)`` or else this
        fraction in [0, 1), and to keep the best weights. Not for "lbfgs", as in scikit-learn, unless X_val is given.
    out_activation
        Of the outputs; "auto": identity, and exp for "poisson" and "gamma".
    interval
        The level in (0, 1) of `predict_interval`; None: there is none. By "lm" and "bayesian" intervals follow from
        the covariance of the weights (see `fnn.posterior`). Otherwise two more networks are trained, for the lower and
        the upper quantile, and what they are too narrow by on cases that are held out is added to them (conformal
        quantiles; Romano, Patterson, Candès 2019); these count once each, and with early stopping they stop it, too.
        For some thousand cases and parameters "bayesian" gives the narrower ones.
    dropout
        The probability in [0, 1) with which a hidden unit is dropped from a step, or one for the inputs and each hidden
        layer (Srivastava et al. 2014).
    max_norm, clip_norm
        For "adam" and "sgd", the largest norm of the weights into a unit, and of a step's gradient; None: no limit.
    standardize
        Whether inputs, and targets of an identity output, are standardised by what is trained on. The scaling becomes
        part of `params_`, which take and give raw units; losses are those in standard units. A fit
        that goes on, by `partial_fit` or `warm_start`, keeps the scaling of the first.
    dtype
        Of the network: None for that of X (float32 stays, all else is float64), or "float32" or "float64".
    threads
        The most threads; None: as many as the work is worth, and as joblib leaves in its workers. Changes no bit.
    checkpoint
        A file, or an `fnn.Checkpoint`, in which a fit is kept; one that was killed goes on from it, to the same bits.
        It needs an integer `random_state`, and a file for each fit, so it isn't for searches.

    Attributes
    ----------
    params_
        The fitted `fnn.Params`, in raw units: for `fnn.to_c`, `fnn.to_onnx`, ``@njit`` and all else of fnn.
    coefs_, intercepts_
        W and b of each layer, read-only views of `params_`.
    loss_, loss_curve_, best_loss_
        The loss after the last epoch, of every epoch, and the least (None with early stopping).
    validation_scores_, best_validation_score_, validation_loss_curve_
        R² and the loss of the validation cases in every epoch; None without them.
    n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> from fnn.sklearn import MLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> x, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor(
    ...     hidden_layer_sizes=4, activation="tanh", solver="bayesian", standardize=True, interval=0.9, random_state=0
    ... ).fit(x, y)
    >>> low, high = model.predict_interval(x)
    >>> bool(0.88 < np.mean((low <= y) & (y <= high)) < 0.94)
    True
    """

    _parameter_constraints = CONSTRAINTS | {
        "out_activation": [str, Activation],
        "interval": [None, Within(Real, 0, 1, closed="neither")],
    }
    loss: str | Loss
    out_activation: str | Activation
    interval: float | None
    _interval: Interval

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        solver: str | Optimizer | Solver = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        out_activation: str | Activation = "auto",
        interval: float | None = None,
        dropout: float | Sequence[float] = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        standardize: bool = False,
        dtype: DTypeLike | None = None,
        threads: int | None = None,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> None:
        self._take(locals())

    @available_if(goes_by_epochs)
    @all_or_nothing
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train for an epoch: k calls with the same cases do what ``fit`` does in k epochs, to the bit.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        The estimator.

        Raises
        ------
        ValueError, TypeError
            As `fit` does; an interval, which needs a whole fit.
        """
        self._validate_params()
        if self.interval is not None:
            raise ValueError(f"interval: partial_fit can't learn intervals, so it must be None; got {self.interval}")

        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> NDArray[np.floating]:
        """The outputs, (N,), or with several targets (N, n_L).

        Raises
        ------
        NotFittedError, ValueError, TypeError
            The estimator isn't fitted; inputs that don't fit.
        """
        return _flat(self._outputs(X))

    @available_if(lambda estimator: estimator._has_interval())
    def predict_interval(self, X: Any, level: float | None = None) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """The lower and the upper ends of intervals that hold new targets with the probability `interval`.

        A ``Pipeline`` doesn't know it: ``model[-1].predict_interval(model[:-1].transform(X))``.

        Parameters
        ----------
        X
            As for `predict`.
        level
            By "lm" and "bayesian", another level, in [0, 1).

        Returns
        -------
        Two arrays like that of `predict`.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As `predict` does; another level, where the fit has learned one.
        """
        check_is_fitted(self)
        if "_interval" not in vars(self):
            raise NotFittedError(
                f"interval: was None in the last fit, so it learned none; fit again with {self.interval}"
            )
        low, high = self._interval.at(self._inputs(X), level)

        return _flat(low), _flat(high)

    def _has_interval(self) -> bool:
        if self.interval is None:
            raise AttributeError("predict_interval: needs the parameter interval, such as MLPRegressor(interval=0.9)")

        return True

    def _complete(self, fit: Fit, held_out: Data | None) -> None:
        vars(self).pop("_interval", None)
        if self.interval is not None:
            self._interval = interval_of(fit, held_out, self.interval)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=reset,
        )  # fmt: skip

        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _problem(self, y: Array, *, is_first: bool, is_whole: bool) -> Problem:
        loss, targets = loss_named(self.loss, of_classes=False), y.reshape(len(y), -1)
        output = value_output(loss, self.out_activation)

        return Problem(
            targets, targets.shape[1], output, loss, r2, averages_outputs=loss is squared_error,
            scales_targets=output is identity,
        )  # fmt: skip


def _flat(outputs: Array) -> Array:
    return outputs.ravel() if outputs.shape[1] == 1 else outputs
