"""Scores of a validation set: those of scikit-learn, without its checks, which take longer than a small network.

Each is a function of the outputs, made for targets and weights; NaN where an output isn't finite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fnn.activations.library import identity
from fnn.data.cases import Cases
from fnn.equations.gradients import error
from fnn.losses.loss import Loss
from fnn.network.params import params_of

Array: TypeAlias = NDArray[Any]
Score: TypeAlias = Callable[[Array], float]


def accuracy(decided: Callable[[Array], Array], targets: Array, weights: Array | None) -> Score:
    """The fraction of weighted cases that are right in all labels."""
    wanted = targets if targets.dtype.kind == "i" else decided(targets)

    def score(outputs: Array) -> float:
        right = decided(outputs) == wanted

        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weights))

    return _of_finite(score)


def r2(targets: Array, weights: Array | None) -> Score:
    """R²: the mean of that of the outputs; 1 or 0 for an output whose targets don't vary."""
    y = targets.astype(np.float64)
    weights = np.ones(len(y)) if weights is None else weights
    total = weights @ (y - np.average(y, axis=0, weights=weights)) ** 2
    divisor = np.where(total > 0, total, 1.0)

    def score(outputs: Array) -> float:
        rest = weights @ (y - outputs) ** 2

        return float(np.where(total > 0, 1 - rest / divisor, rest == 0).mean())

    return _of_finite(score)


def minus_loss(loss: Loss, targets: Array, weights: Array | None) -> Score:
    """Minus the mean loss."""
    units = targets.shape[1]
    same = params_of({"W1": np.eye(units), "b1": np.zeros(units)}, (), identity)

    return _of_finite(
        lambda outputs: -error(same, Cases(outputs, targets, weights=weights), loss=loss, reduction="mean")
    )


def _of_finite(score: Score) -> Score:
    return lambda outputs: score(outputs) if np.isfinite(outputs).all() else np.nan
