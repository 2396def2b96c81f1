from collections.abc import Mapping, Sequence
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

T = TypeVar("T")

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

class GridSearchCV(BaseEstimator, Generic[T]):
    best_estimator_: T
    def __init__(
        self, estimator: T, param_grid: Mapping[str, Sequence[object]], *, scoring: str, error_score: str
    ) -> None: ...
    def fit(self, X: object, y: ArrayLike) -> Self: ...
