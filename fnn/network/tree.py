"""`tree_map`, and checks of whole trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.network.leaves import leaf_of
from fnn.network.params import DT, Params, require_params


def require_same_structure(name: str, tree: Params[Any], other: Params[Any]) -> None:
    """Raise ValueError if two trees differ in sizes or activations."""
    for what, mine, its in (("sizes", tree.sizes, other.sizes), ("activations", tree.activations, other.activations)):
        if mine != its:
            raise ValueError(f"{name}: needs {what} {mine}, got {its}")


def require_finite(name: str, params: Params[Any]) -> None:
    """Raise TypeError or ValueError unless these are Params of finite numbers, which all files and languages have."""
    require_params(name, params)
    for key, leaf in params.items():
        if not np.isfinite(leaf).all():
            raise ValueError(f"{name}: {key} has a number that isn't finite")


def tree_map(f: Callable[..., NDArray[DT]], tree: Params[Any], *trees: Params[Any]) -> Params[DT]:
    """A tree of the same architecture whose leaves are f of the trees' leaves.

    The trees are Params of one architecture; their dtypes may differ. ``f(leaf, *leaves)`` gets arrays of one shape and
    must return an array of that shape. The result is float32 if f returned only float32, else float64.

    Raises
    ------
    ValueError, TypeError
        The trees differ in structure or aren't `Params`; f changed a shape, or returned anything but real numbers.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0]], "b1": [2.0]}, hidden=(), output=fnn.sigmoid)
    >>> dict(fnn.tree_map(lambda a, b: a + 10 * b, p, p))
    {'W1': array([[11.]]), 'b1': array([22.])}
    """
    for i, other in enumerate((tree, *trees)):
        require_params(f"trees[{i}]", other)
        require_same_structure(f"trees[{i}]", tree, other)
    leaves = {}
    for key, leaf in tree.items():
        leaves[key] = result = leaf_of(f"f at {key}", f(leaf, *(other[key] for other in trees)))
        if result.shape != leaf.shape:
            raise ValueError(f"f at {key}: must keep the shape {leaf.shape}, returned {result.shape}")
    mapped: Params[Any] = Params(leaves, hidden=tree.activations[:-1], output=tree.activations[-1])

    return mapped
