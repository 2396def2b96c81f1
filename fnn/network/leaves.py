"""Leaves of a network as arrays, and the sizes that their shapes imply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.checks import real_array

DT = TypeVar("DT", bound=np.float32 | np.float64)


def mapping_of(leaves: object) -> Mapping[str, Any]:
    """The leaves; TypeError unless they are a mapping."""
    if not isinstance(leaves, Mapping):
        raise TypeError(f"leaves: needs a mapping from W1, b1, .. to arrays, got {type(leaves).__name__}")

    return leaves


def leaf_of(key: str, value: ArrayLike) -> NDArray[np.floating]:
    """The value as a float32 array if its dtype is float32, else as float64."""
    array = real_array(key, value)
    is_single = array.dtype.kind == "f" and array.dtype.itemsize == 4

    with np.errstate(under="ignore"):
        return array.astype(np.float32 if is_single else np.float64, copy=False)


def cast_leaf(key: str, array: NDArray[Any], dtype: np.dtype[DT]) -> NDArray[DT]:
    """A copy in the dtype; ValueError if a finite number overflows."""
    with np.errstate(over="ignore", under="ignore"):
        leaf = array.astype(dtype)
    if np.isfinite(array).all() and not np.isfinite(leaf).all():
        raise ValueError(f"{key}: has a value beyond {dtype}")

    return leaf


def sizes_of(arrays: Mapping[str, NDArray[np.floating]]) -> tuple[int, ...]:
    """n_0 .. n_L from the leaves' shapes; ValueError where they don't fit together."""
    if others := [key for key in arrays if not isinstance(key, str)]:
        raise TypeError(f"leaves: needs keys W1, b1, .., got the key {others[0]!r}")
    layers = sum(key.startswith("W") for key in arrays)
    expected = {f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "Wb"}
    missing = sorted(expected - set(arrays)) or ([] if layers else ["W1"])
    if unknown := sorted(set(arrays) - expected):
        lacks = f", and {missing[0]!r} is missing" if missing else ""
        raise ValueError(f"leaves: unknown key {unknown[0]!r}{lacks}; the keys are W1, b1, W2, b2, .. without a gap")
    if missing:
        raise ValueError(f"leaves: {missing[0]!r} is missing")
    sizes: list[int] = []
    for layer in range(1, layers + 1):
        W, b = arrays[f"W{layer}"], arrays[f"b{layer}"]
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(f"W{layer}: needs shape (n_in, n_out), got {W.shape}")
        if sizes and W.shape[0] != sizes[-1]:
            raise ValueError(f"W{layer}: needs {sizes[-1]} rows, as W{layer - 1} has columns; got shape {W.shape}")
        if b.shape != W.shape[1:]:
            raise ValueError(f"b{layer}: needs shape {W.shape[1:]}, as W{layer} has shape {W.shape}; got {b.shape}")
        sizes += [W.shape[0]] * (layer == 1) + [W.shape[1]]

    return tuple(sizes)
