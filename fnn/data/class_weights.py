"""Class weights: the weight of each case by the class that its target names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.data.kernels.cases import SUM_TOLERANCE
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss


def weights_by_class(
    k: NDArray[Any], cases: CaseArrays[Any], outputs: int, loss: Loss, first: int
) -> NDArray[np.float64]:
    """Σ_d k_d p_d for each case, where p_d is the probability of class d by its target; k of a label's class."""
    y, labels, classes = cases.y, cases.labels, max(outputs, 2)
    if k.shape != (classes,):
        raise ValueError(f"class_weights: needs one weight a class, shape ({classes},), got {k.shape}")
    bad = np.flatnonzero(~((k >= 0) & (k < np.inf)))
    if bad.size:
        raise ValueError(f"class_weights: must be finite and at least 0, got {k[bad[0]]} for class {bad[0]}")
    k = k.astype(np.float64)
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
