"""`MLPClassifier`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from fnn.activations.activation import Activation
from fnn.losses.loss import Loss
from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedule import Schedule
from fnn.sklearn.base import BaseMLP, all_or_nothing, goes_by_epochs
from fnn.sklearn.callbacks import with_callbacks
from fnn.sklearn.data import Array, Problem
from fnn.sklearn.labels import labels_of, names_several, require_known, sample_weights
from fnn.sklearn.parameters import CONSTRAINTS, class_output, loss_named
from fnn.sklearn.scores import accuracy
from fnn.training.checkpoint import Checkpoint
from fnn.training.steppers.solver import Solver


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron for classes: scikit-learn's, trained by fnn.

    To change the import line is all: the parameters of scikit-learn's ``MLPClassifier`` have their names, defaults and
    meanings. What is new follows them. The output is softmax, or logistic for two classes and for several labels.

    Parameters
    ----------
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
        Whether to stop by the accuracy on cases that are held out, those of ``fit(.., X_val=, y_val=)`` or else this
        fraction in [0, 1), and to keep the best weights. Not for "lbfgs", as in scikit-learn, unless X_val is given.
    loss
        "log_loss", "focal", or a loss of fnn's for probabilities, such as ``fnn.cross_entropy(label_smoothing=0.1)``.
    class_weight
        What the cases of each class weigh, by label; or "balanced": the same for all classes.
    dropout
        The probability in [0, 1) with which a hidden unit is dropped from a step, or one for the inputs and each hidden
        layer (Srivastava et al. 2014).
    max_norm, clip_norm
        For "adam" and "sgd", the largest norm of the weights into a unit, and of a step's gradient; None: no limit.
    standardize
        Whether inputs are standardised by what is trained on. The scaling becomes part of `params_`,
        which take raw units; losses are those in standard units. A fit that
        goes on, by `partial_fit` or `warm_start`, keeps the scaling of the first.
    dtype
        Of the network: None for that of X (float32 stays, all else is float64), or "float32" or "float64".
    threads
        The most threads; None: as many as the work is worth, and as joblib leaves in its workers. Changes no bit.
    checkpoint
        A file, or an `fnn.Checkpoint`, in which a fit is kept; one that was killed goes on from it, to the same bits.
        It needs an integer `random_state`, and a file for each fit, so it isn't for searches.

    Attributes
    ----------
    classes_
        The labels, sorted.
    params_
        The fitted `fnn.Params`, in raw units: for `fnn.to_c`, `fnn.to_onnx`, ``@njit`` and all else of fnn.
    coefs_, intercepts_
        W and b of each layer, read-only views of `params_`.
    loss_, loss_curve_, best_loss_
        The loss after the last epoch, of every epoch, and the least (None with early stopping).
    validation_scores_, best_validation_score_, validation_loss_curve_
        The accuracy and the loss of the validation cases in every epoch; None without them.
    n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> from fnn.sklearn import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((10,), solver="lbfgs", standardize=True, random_state=0).fit(x, y)
    >>> model.predict(x[:3]), bool(model.score(x, y) > 0.97)
    (array([0, 0, 0]), True)
    """

    _parameter_constraints = CONSTRAINTS | {"class_weight": [dict, list, StrOptions({"balanced"}), None]}
    class_weight: Any
    loss: str | Loss
    classes_: NDArray[Any]
    _is_multilabel: bool

    def __init__(
        self,
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
        loss: str | Loss = "log_loss",
        class_weight: Mapping[Any, float] | str | None = None,
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
    def partial_fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> Self:
        """Train for an epoch: k calls with the same cases do what ``fit`` does in k epochs, to the bit.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes
            All labels that there will be; needed in the first call.

        Returns
        -------
        The estimator.

        Raises
        ------
        ValueError, TypeError
            As `fit` does; a label that isn't among the classes; other classes than before.
        """
        self._validate_params()
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight: 'balanced' is not supported for partial_fit, which doesn't know all cases; give a dict, "
                "such as one from sklearn.utils.class_weight.compute_class_weight"
            )
        if "_fitted" not in vars(self):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            given = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
            self._is_multilabel = names_several(given)
            self.classes_ = labels_of(given) if self._is_multilabel else unique_labels(classes)
            if self._is_multilabel and len(unique_labels(classes)) != given.shape[1]:
                raise ValueError(f"classes: needs one for each of {given.shape[1]} columns of y, got {classes!r}")
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"`classes={classes!r}` is not the same as on last call, was: {self.classes_!r}")

        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of each case, (N,); of several labels 0 or 1 for each, (N, n_L).

        Raises
        ------
        NotFittedError, ValueError, TypeError
            The estimator isn't fitted; inputs that don't fit.
        """
        decided = self._decided(self._outputs(X))

        return decided if self._is_multilabel else self.classes_[decided]

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """The probability of each class, (N, classes), in the order of `classes_`; as `predict` for errors."""
        outputs = self._outputs(X)
        if self._is_multilabel:  # rounding must not make them certain
            return np.clip(outputs, np.finfo(outputs.dtype).tiny, 1 - np.finfo(outputs.dtype).epsneg)
        if outputs.shape[1] > 1:
            return outputs
        if len(self.classes_) == 1:
            return np.ones_like(outputs)

        return np.hstack([1 - outputs, outputs])

    def predict_log_proba(self, X: Any) -> NDArray[np.floating]:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: NDArray[np.floating] = np.log(self.predict_proba(X))

        return logarithms

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True

        return tags

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=(np.float64, np.float32), reset=reset
        )
        y = y.toarray() if hasattr(y, "toarray") else y

        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _weighted(self, weights: Array | None, y: Array) -> Array | None:
        if self.class_weight is None:
            return weights
        try:
            of_classes = sample_weights(self.class_weight, y, self.classes_)
        except (TypeError, ValueError) as error:
            raise ValueError(f"class_weight: {error}") from None
        if not (np.isfinite(of_classes) & (of_classes >= 0)).all():
            raise ValueError(f"class_weight: needs finite weights, at least 0, got {self.class_weight!r}")

        return of_classes if weights is None else weights * of_classes

    def _problem(self, y: Array, *, is_first: bool, is_whole: bool) -> Problem:
        is_multilabel = names_several(y)
        if is_first:
            self._is_multilabel, self.classes_ = is_multilabel, labels_of(y)
        else:
            require_known(self.classes_, y, is_whole=is_whole, is_multilabel=self._is_multilabel)
        loss, count = loss_named(self.loss, of_classes=True), len(self.classes_)
        is_multiclass = count > 2 and not self._is_multilabel
        output = class_output(loss, is_multiclass=is_multiclass)
        outputs = count if is_multiclass or self._is_multilabel else 1
        targets = y.astype(np.float64) if self._is_multilabel else np.searchsorted(self.classes_, y)
        if not (loss.targets.labels or self._is_multilabel):
            targets = np.eye(count)[targets] if is_multiclass else targets[:, None].astype(np.float64)

        return Problem(targets, outputs, output, loss, partial(accuracy, self._decided), is_stratified=outputs == 1)

    def _decided(self, outputs: Array) -> Array:
        """The number of the class; of several labels 0 or 1."""
        if self._is_multilabel:
            return (outputs > 0.5).astype(np.int64)

        if len(self.classes_) == 1:
            return np.zeros(len(outputs), np.int64)

        return (outputs[:, 0] > 0.5).astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
