"""The cases of a call as whole matrices, with targets in the place of labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.data.cases import Cases, arrays_of
from fnn.losses.loss import Loss
from fnn.network.params import Params


class DenseCases(NamedTuple):
    """Cases, all of them cast to the dtype of the params."""

    x: NDArray[Any]  # (N, n_0)
    y: NDArray[Any]  # (N, n_L)
    weights: NDArray[np.float64]  # (N,); empty if each case weighs 1
    single: bool  # the caller's x is one case, (n_0,)


def dense_cases(params: Params[Any], x: ArrayLike | Cases, y: ArrayLike | None, loss: Loss) -> DenseCases:
    """What `Cases` or x and y stand for; labels become the targets that they stand for."""
    arrays = arrays_of(params, x, y, loss, whole=True).plain
    targets = arrays.y
    if arrays.labels.size:
        low, high = loss.targets.label_values
        units = params.sizes[-1]
        is_class = arrays.labels[:, None] == (np.arange(units) if units > 1 else 1)
        targets = np.where(is_class, high, low).astype(params.dtype)

    return DenseCases(arrays.x, targets, arrays.weights, arrays.single)
