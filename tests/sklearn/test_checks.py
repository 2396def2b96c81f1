"""scikit-learn's own checks of estimators: all of them for the main solvers, those that suit for other variants."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from fnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks(
    [
        MLPClassifier(max_iter=60), MLPRegressor(max_iter=60),
        MLPClassifier(solver="lbfgs", hidden_layer_sizes=10, max_iter=50),
        MLPRegressor(solver="lbfgs", hidden_layer_sizes=10, max_iter=50),
        MLPClassifier(solver="lm", hidden_layer_sizes=10, max_iter=20),
        MLPRegressor(solver="lm", hidden_layer_sizes=10, max_iter=20),
    ]
)  # fmt: skip
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


# Those of scikit-learn's checks that bear on what an estimator makes of the numbers, for more ways to do it.
OF_NUMBERS = re.compile(
    r"check_(sample_weight_equivalence|\w+_train$|fit_idempotent|\w+_invariance|estimators_pickle|fit2d_1)"
)
VARIANTS = [
    MLPRegressor(solver="bayesian", hidden_layer_sizes=10, max_iter=20), MLPRegressor(standardize=True, max_iter=60),
    MLPClassifier(standardize=True, max_iter=60),
]  # fmt: skip


@pytest.mark.parametrize(
    "estimator, check",
    [
        pair
        for model in VARIANTS
        for pair in estimator_checks_generator(model)
        if OF_NUMBERS.match(pair[1].func.__name__)
    ],
    ids=lambda value: value.func.__name__ if hasattr(value, "func") else str(value),
)
def test_checks_of_numbers(estimator: Any, check: Any) -> None:
    check(estimator)
