"""Labels of classes: of one kind a case, or, as a matrix of 0 and 1, of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight
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


def sample_weights(class_weight: Any, y: Array, known: Array) -> Array:
    """What each case weighs by its label; one that a mapping doesn't have weighs 1.

    ValueError where, of the known classes, some have no weight and a weight has no class: a label is misspelt.
    """
    if not isinstance(class_weight, Mapping) or y.ndim > 1:
        return compute_sample_weight(class_weight, y).astype(np.float64)
    classes = known.tolist()
    missing = [label for label in classes if label not in class_weight]
    unknown = [label for label in class_weight if label not in classes]
    if missing and unknown:
        raise ValueError(f"has weights for {unknown}, which aren't classes, and none for the classes {missing}")
    labels, numbers = np.unique(y, return_inverse=True)

    return np.array([float(class_weight.get(label, 1.0)) for label in labels])[numbers]


def require_known(known: Array, y: Array, *, is_whole: bool, is_multilabel: bool) -> None:
    """Raise ValueError unless these are labels of the classes, of the same kind and, of all cases, all of them."""
    if is_multilabel != (y.ndim == 2) or (is_multilabel and y.shape[1] != len(known)):
        wanted = f"a matrix of {len(known)} columns" if is_multilabel else "a vector"
        raise ValueError(f"y: needs {wanted} of labels, as in the fit before; got shape {y.shape}")
    classes = labels_of(y)
    if is_whole and set(classes) != set(known):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
            f"got {known}, `y` has {classes}"
        )
    if not set(classes) <= set(known):
        raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {classes}.")
