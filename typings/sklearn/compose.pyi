# Of scikit-learn, what the examples and the tests use.
from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

class ColumnTransformer(BaseEstimator):
    def __init__(
        self, transformers: Sequence[tuple[str, object, Sequence[str]]], *, remainder: object = "drop"
    ) -> None: ...

class TransformedTargetRegressor(BaseEstimator):
    regressor_: Any
    def __init__(self, regressor: object, *, transformer: object) -> None: ...
    def fit(self, X: object, y: ArrayLike) -> Self: ...
    def predict(self, X: object) -> NDArray[Any]: ...
