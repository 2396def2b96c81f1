"""Small data sets for the estimators, and what their tests share."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
import sklearn
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

VERSION = tuple(int(number) for number in sklearn.__version__.split(".")[:2])
Arrays = tuple[NDArray[Any], NDArray[Any]]


def inputs(count: int = 120, seed: int = 0) -> NDArray[np.float64]:
    """Cases with four features of order 1."""
    return np.random.default_rng(seed).normal(size=(count, 4))


def labelled(classes: int, count: int = 120) -> Arrays:
    """Classes that overlap somewhat: the largest of linear functions of the inputs, with noise."""
    r, X = np.random.default_rng(classes), inputs(count)

    return X, (X @ r.normal(size=(4, classes)) + 0.3 * r.normal(size=(count, classes))).argmax(axis=1)


def multilabelled(labels: int = 3, count: int = 120) -> Arrays:
    """An indicator matrix of labels that overlap."""
    r, X = np.random.default_rng(labels), inputs(count)

    return X, (X @ r.normal(size=(4, labels)) + 0.3 * r.normal(size=(count, labels)) > 0).astype(int)


def numbered(outputs: int = 1, count: int = 120) -> Arrays:
    """Targets of order 1, as a vector for one output."""
    r, X = np.random.default_rng(outputs), inputs(count)
    y = np.sin(X @ r.normal(size=(4, outputs))) + 0.1 * r.normal(size=(count, outputs))

    return X, y.squeeze()


def counted(count: int = 120) -> Arrays:
    """Numbers of events whose logarithm of the mean is linear."""
    r, X = np.random.default_rng(5), inputs(count)

    return X, r.poisson(np.exp(0.4 * X @ r.normal(size=4) + 0.5)).astype(float)


def digest(model: Any) -> str:
    """A hash of all attributes of an estimator, parameters and fitted ones."""
    return str(joblib.hash(vars(model)))


def assert_same_bits(a: Any, b: Any) -> None:
    """Two fitted estimators are the same network, and went the same way there."""
    assert a.params_ == b.params_
    assert a.n_iter_ == b.n_iter_
    for name in ("loss_curve_", "validation_scores_", "validation_loss_curve_"):
        assert_array_equal(getattr(a, name), getattr(b, name))
