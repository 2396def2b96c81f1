"""Labels of classes: of one kind a case, or, as a matrix of 0 and 1, of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

Array = NDArray[Any]


def names_several(y: Array) -> bool:
    """Whether each case may have several labels; ValueError unless these are labels."""
    kind = type_of_target(y, input_name="y")
    if kind not in {"binary", "multiclass", "multilabel-indicator"}:
        raise ValueError(
            f"Unknown label type: {kind}. A classifier needs a vector of labels or, of several a case, a matrix of 0 "
            "and 1; numbers that aren't classes are for MLPRegressor."
        )

    return kind == "multilabel-indicator"


def labels_of(y: Array) -> Array:
    """The labels that there are, sorted; those of a matrix are its columns' numbers."""
    return np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])


def require_known(known: Array, y: Array, *, is_whole: bool) -> None:
    """Raise ValueError unless these are labels of the classes and, of all cases, all of them."""
    classes = labels_of(y)
    if is_whole and set(classes) != set(known):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
            f"got {known}, `y` has {classes}"
        )
    if not set(classes) <= set(known):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {classes}.")
