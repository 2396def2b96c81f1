"""Scores of a validation set: those of scikit-learn, without its checks, which take longer than a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activations.library import identity
from fnn.data.cases import Cases
from fnn.equations.gradients import error
from fnn.losses.loss import Loss
from fnn.network.params import params_of

Array = NDArray[Any]


def accuracy(decided: Callable[[Array], Array], outputs: Array, targets: Array, weights: Array | None) -> float:
    """The fraction of weighted cases that are right in all labels; NaN where an output isn't finite."""
    if not np.isfinite(outputs).all():
        return np.nan
    right = decided(outputs) == (targets if targets.dtype.kind == "i" else decided(targets))

    return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weights))


def r2(outputs: Array, targets: Array, weights: Array | None) -> float:
    """R² as in scikit-learn: the mean of the outputs'; 1 or 0 where targets don't vary; NaN if it isn't finite."""
    if not np.isfinite(outputs).all():
        return np.nan
    y = targets.astype(np.float64)
    weights = np.ones(len(y)) if weights is None else weights
    rest = weights @ (y - outputs) ** 2
    total = weights @ (y - np.average(y, axis=0, weights=weights)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(np.where(total > 0, 1 - rest / total, np.where(rest > 0, 0.0, 1.0))))


def minus_loss(loss: Loss, outputs: Array, targets: Array, weights: Array | None) -> float:
    """Minus the mean loss of outputs; NaN where one isn't finite."""
    if not np.isfinite(outputs).all():
        return np.nan
    units = outputs.shape[1]
    same = params_of({"W1": np.eye(units, dtype=outputs.dtype), "b1": np.zeros(units, outputs.dtype)}, (), identity)

    return -error(same, Cases(outputs, targets, weights=weights), loss=loss, reduction="mean")
