# Of scikit-learn, what the examples, the tests and the benchmarks use.
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

class OneHotEncoder(BaseEstimator):
    def __init__(self, *, drop: str) -> None: ...

class StandardScaler(BaseEstimator):
    def fit_transform(self, X: ArrayLike) -> NDArray[Any]: ...

def scale(X: NDArray[np.float64]) -> NDArray[np.float64]: ...
