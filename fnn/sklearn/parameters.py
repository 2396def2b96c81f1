"""What the estimators' parameters may be, and what they mean in fnn."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Final

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fnn.activations.activation import BUILT_IN, Activation
from fnn.activations.library import elu, exp, identity, leaky_relu, named, sigmoid, softmax
from fnn.losses.library import cross_entropy
from fnn.losses.loss import BUILT_IN as LOSSES
from fnn.losses.loss import Loss
from fnn.optimizers.library import adam, momentum, nesterov
from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedule import OfStep, Schedule
from fnn.training.checkpoint import Checkpoint
from fnn.training.steppers.lbfgs import lbfgs
from fnn.training.steppers.levenberg_marquardt import levenberg_marquardt
from fnn.training.steppers.solver import Solver

LEAST_SQUARES: Final = {"lm", "bayesian"}
CONSTRAINTS: Final[dict[str, list[Any]]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [str, Activation, "array-like"],
    "solver": [StrOptions({"lbfgs", "sgd", "adam", *LEAST_SQUARES}), Optimizer, Solver],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "loss": [str, Loss],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "max_norm": [None, Interval(Real, 0, None, closed="neither")],
    "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
    "standardize": ["boolean"],
    "dtype": [None, StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
    "threads": [None, Interval(Integral, 1, None, closed="left")],
    "checkpoint": [None, str, os.PathLike, Checkpoint],
}
_SKLEARN_NAMES: Final = {"logistic": "sigmoid"}
_FAMILIES: Final[dict[object, Callable[[], Activation]]] = {"elu": elu, "leaky_relu": leaky_relu}  # by their defaults
_OWN_NAMES: Final = {own: name for name, own in _SKLEARN_NAMES.items()}


def sizes_of(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """The units of each hidden layer; ValueError unless all are whole and above 0."""
    given = hidden_layer_sizes if np.ndim(hidden_layer_sizes) else [hidden_layer_sizes]
    if any(not isinstance(size, Integral) or size <= 0 for size in given):
        raise ValueError(f"hidden_layer_sizes must be > 0, and whole numbers, got {list(given)}.")

    return tuple(int(size) for size in given)


def activation_named(parameter: str, value: object) -> Activation:
    """An activation of fnn, or the one of a name, scikit-learn's or fnn's; ValueError if there is none."""
    if isinstance(value, Activation):
        return value
    found = named(_SKLEARN_NAMES.get(value, value)) if isinstance(value, str) else None
    if found is None and value in _FAMILIES:
        found = _FAMILIES[value]()
    if found is None:
        raise ValueError(
            f"{parameter}: needs an fnn.Activation, 'logistic', or one of {', '.join(map(repr, sorted(BUILT_IN)))}; "
            f"got {value!r}"
        )

    return found


def hidden_activations(value: object, layers: int) -> list[Activation]:
    """One for each hidden layer."""
    if isinstance(value, str | Activation):
        value = [value] * layers
    assert isinstance(value, Sequence | np.ndarray)
    if len(value) != layers:
        raise ValueError(f"activation: needs one, or one for each of {layers} hidden layers, got {len(value)}")

    activations = [activation_named("activation", item) for item in value]
    for f in activations:
        if f.is_rowwise:
            raise ValueError(f"activation: {f!r} is for outputs alone, got it for a hidden layer")

    return activations


def name_of(activation: Activation) -> str:
    """An activation's name as scikit-learn has it."""
    return _OWN_NAMES.get(activation.name, activation.name)


def loss_named(value: str | Loss, *, of_classes: bool) -> Loss:
    """A loss of fnn, or the one of a name, of classes or of numbers; ValueError if there is none."""
    if isinstance(value, Loss):
        return value
    known = {name: loss for name, loss in LOSSES.items() if (softmax in loss.outputs) == of_classes}
    if of_classes:
        known["log_loss"] = cross_entropy
    if value not in known:
        raise ValueError(f"loss: needs an fnn.Loss or one of {', '.join(map(repr, sorted(known)))}; got {value!r}")

    return known[value]


def class_output(loss: Loss, *, is_multiclass: bool) -> Activation:
    """The output of a classifier; ValueError unless it can have the loss."""
    output = softmax if is_multiclass else sigmoid
    if loss.outputs and output not in loss.outputs:
        raise ValueError(f"loss: {loss!r} doesn't suit {output!r}, this classifier's output, which has probabilities")

    return output


def value_output(loss: Loss, given: object) -> Activation:
    """The output of a regressor: that which is given or, for "auto", the first that the loss suits."""
    if given != "auto":
        return activation_named("out_activation", given)
    if not loss.outputs:
        return identity

    return exp if exp in loss.outputs else loss.outputs[0]


def optimizer_of(estimator: Any, rate: OfStep, weight: float) -> Optimizer | Solver:
    """The optimizer of a fit: its rate is that of "adam" and "sgd", `weight` that of all its cases."""
    solver, own = estimator.solver, dict(clip_norm=estimator.clip_norm, max_norm=estimator.max_norm)
    if not isinstance(solver, str) or solver not in {"adam", "sgd"}:
        rate_of_own = estimator.learning_rate if isinstance(estimator.learning_rate, Schedule) else None
        for name, value in {**own, "learning_rate": rate_of_own}.items():
            if value is not None:
                raise ValueError(
                    f"{name}: is for solver 'adam' or 'sgd', or a field of your own optimizer; got {value}"
                )
    if isinstance(solver, Optimizer | Solver):
        return solver
    if solver == "adam":
        return adam(rate, estimator.beta_1, estimator.beta_2, estimator.epsilon, **own)
    if solver == "sgd":
        alpha = min(float(estimator.momentum), 1 - 2.0**-53)
        return nesterov(rate, alpha, **own) if estimator.nesterovs_momentum else momentum(rate, alpha, **own)
    if solver == "lbfgs":
        return lbfgs(min_gradient=0.0)  # `FitRule` ends it

    return levenberg_marquardt(bayesian=solver == "bayesian", min_gradient=estimator.tol * weight)
