from collections.abc import Iterator, Mapping
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
    best_params_: dict[str, Any]
    best_score_: float
    cv_results_: dict[str, Any]
    def __init__(
        self, estimator: _T, param_grid: Mapping[str, Any], *, scoring: str | None = None,
        n_jobs: int | None = None, refit: bool = True, cv: int | None = None, error_score: str | float = ...,
    ) -> None: ...  # fmt: skip
    def fit(self, X: object, y: ArrayLike, **params: Any) -> Self: ...

class KFold:
    def __init__(self, n_splits: int) -> None: ...
    def split(self, X: ArrayLike) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]: ...

def cross_validate(
    estimator: object, X: object, y: ArrayLike, *, cv: int | KFold, n_jobs: int | None = None,
    params: Mapping[str, object] | None = None, return_estimator: bool = False,
) -> dict[str, Any]: ...  # fmt: skip
def cross_val_score(estimator: object, X: object, y: ArrayLike, *, cv: int) -> NDArray[np.float64]: ...
