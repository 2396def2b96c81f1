"""Class weights: the weight of each case by the class that its target names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import real_array
from fnn.data.kernels.cases import SUM_TOLERANCE
from fnn.losses.loss import Loss


def weights_by_class(
    class_weights: ArrayLike, y: NDArray[Any], labels: NDArray[np.int64], outputs: int, loss: Loss, first: int = 0
) -> NDArray[np.float64]:
    """Σ_d k_d p_d for each case, where p_d is the probability of class d by its target; k of a label's class."""
    k = class_weights_of(class_weights, max(outputs, 2))
    if labels.size:
        return k[np.clip(labels, 0, len(k) - 1)]  # the kernels refuse labels out of range
    low, high = loss.targets.label_values
    p = (y.astype(np.float64) - low) / (high - low)
    if outputs == 1:
        p = np.concatenate([1 - p, p], axis=1)
    names_class = (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) <= SUM_TOLERANCE)
    bad = np.flatnonzero(~names_class & np.isfinite(y).all(axis=1))  # the kernels refuse NaN
    if bad.size:
        raise ValueError(
            f"class_weights: need targets that name a class, by a label, one-hot or by probabilities; "
            f"got {y[bad[0]]} in row {first + bad[0]} of y"
        )

    return np.asarray(p @ k)


def class_weights_of(class_weights: ArrayLike, classes: int) -> NDArray[np.float64]:
    """The weights of the classes as (classes,) float64."""
    array = real_array("class_weights", class_weights)
    if array.shape != (classes,):
        raise ValueError(f"class_weights: needs one weight a class, shape ({classes},), got {array.shape}")
    bad = np.flatnonzero(~((array >= 0) & (array < np.inf)))
    if bad.size:
        raise ValueError(f"class_weights: must be finite and at least 0, got {array[bad[0]]} for class {bad[0]}")

    return array.astype(np.float64)
