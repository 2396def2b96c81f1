"""Masks: connections that a network keeps, and those that are removed (F4; S1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.checks import real_array, whole
from fnn.network.params import Params

Mask: TypeAlias = Mapping[str, ArrayLike]


def mask_arrays(mask: Mask) -> dict[str, NDArray[Any]]:
    """The arrays of a mask by key; TypeError unless it is a mapping to real numbers."""
    if not isinstance(mask, Mapping):
        raise TypeError(f"mask: needs a mapping from W1, b1, .. to arrays of 0 and 1, got {type(mask).__name__}")

    return {key: real_array(f"mask[{key!r}]", value) for key, value in mask.items()}


def flat_mask(params: Params[Any], mask: Mask) -> NDArray[np.bool_]:
    """A mask of all parameters as one vector, True where a parameter is kept."""
    flat = np.ones(params.flat.size, np.bool_)
    arrays = mask_arrays(mask)
    for key, part, shape in params.architecture.slices_of("mask", arrays):
        array = arrays[key]
        if array.shape != shape:
            raise ValueError(f"mask[{key!r}]: needs shape {shape}, got {array.shape}")
        if (others := array[(array != 0) & (array != 1)]).size:
            raise ValueError(f"mask[{key!r}]: must be 0 and 1, got {others[0]}")
        flat[part] = array.ravel() == 1

    return flat


def connections(
    inputs: SupportsIndex, units: SupportsIndex, *blocks: tuple[Iterable[SupportsIndex], Iterable[SupportsIndex]]
) -> NDArray[np.bool_]:
    """A mask (inputs, units) of one layer, True where there is a connection (F4; S1).

    For ``fnn.Regularization(mask={"W1": ..})``. Blocks are pairs of inputs and units, counted from 0: every input of a
    pair is connected to every unit of it.

    Raises
    ------
    ValueError, TypeError
        A number out of range or that isn't an integer, a block that isn't a pair.

    Examples
    --------
    >>> import fnn
    >>> fnn.connections(3, 3, (range(2), [0]), ([2], [1, 2])).astype(int)
    array([[1, 0, 0],
           [1, 0, 0],
           [0, 1, 1]])
    """
    mask = np.zeros((whole("inputs", inputs, at_least=1), whole("units", units, at_least=1)), np.bool_)
    for i, block in enumerate(blocks):
        if not isinstance(block, tuple) or len(block) != 2 or not all(isinstance(end, Iterable) for end in block):
            raise TypeError(f"blocks[{i}]: needs a pair of inputs and units, got {block!r}")
        ends = [
            [whole(f"blocks[{i}][{side}]", n, at_least=0, at_most=size - 1) for n in numbers]
            for side, (numbers, size) in enumerate(zip(block, mask.shape, strict=True))
        ]
        mask[np.ix_(*ends)] = True

    return mask
