from collections.abc import Mapping, Sequence
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

_T = TypeVar("_T")

@overload
def train_test_split(
    *arrays: NDArray[Any],
    test_size: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    stratify: ArrayLike | None = None,
) -> list[NDArray[Any]]: ...
@overload
def train_test_split(
    *arrays: object,
    test_size: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    stratify: ArrayLike | None = None,
) -> list[Any]: ...

class GridSearchCV(BaseEstimator, Generic[_T]):
    best_estimator_: _T
    best_score_: float
    def __init__(
        self, estimator: _T, param_grid: Mapping[str, Sequence[object]], *, scoring: str | None = None,
        n_jobs: int | None = None, refit: bool = True, cv: int | None = None, error_score: str | float = ...,
    ) -> None: ...  # fmt: skip
    def fit(self, X: object, y: ArrayLike) -> Self: ...
