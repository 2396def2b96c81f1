# Of scikit-learn, what the examples use.
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

class CalibratedClassifierCV(BaseEstimator):
    classes_: NDArray[Any]
    def __init__(self, estimator: object, *, ensemble: bool) -> None: ...
    def fit(self, X: object, y: ArrayLike) -> Self: ...
    def predict(self, X: object) -> NDArray[Any]: ...
    def predict_proba(self, X: object) -> NDArray[np.float64]: ...

class CalibrationDisplay:
    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_prob: ArrayLike,
        *,
        n_bins: int,
        strategy: str,
        pos_label: str,
        name: str,
        ax: Axes,
        color: str,
    ) -> Self: ...
