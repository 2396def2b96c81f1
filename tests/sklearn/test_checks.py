"""scikit-learn's own checks of estimators: all of them for the main solvers, those that suit for other variants."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from fnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MAIN = [
    MLPClassifier(max_iter=60), MLPRegressor(max_iter=60),
    MLPClassifier(solver="lbfgs", hidden_layer_sizes=10, max_iter=50),
    MLPRegressor(solver="lbfgs", hidden_layer_sizes=10, max_iter=50),
    MLPClassifier(solver="lm", hidden_layer_sizes=10, max_iter=20),
    MLPRegressor(solver="lm", hidden_layer_sizes=10, max_iter=20),
]  # fmt: skip
VARIANTS = [
    MLPClassifier(standardize=True, max_iter=60), MLPRegressor(standardize=True, max_iter=60),
    MLPRegressor(solver="bayesian", hidden_layer_sizes=10, max_iter=20),
]  # fmt: skip
OF_NUMBERS = re.compile(  # the checks that bear on what an estimator makes of the data
    r"check_(sample_weight_equivalence|\w+_train$|fit_idempotent|\w+_invariance|estimators_pickle|fit2d_1)"
)
CASES = [
    *(pair for model in MAIN for pair in estimator_checks_generator(model)),
    *(
        pair
        for model in VARIANTS
        for pair in estimator_checks_generator(model)
        if OF_NUMBERS.match(pair[1].func.__name__)
    ),
]


@pytest.mark.parametrize("estimator, check", CASES, ids=lambda v: v.func.__name__ if hasattr(v, "func") else str(v))
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)
