"""Quantized networks in archives: the leaves of `Quantized`, under their names."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.io.archive import little_endian, open_archive
from fnn.io.description import architecture_in
from fnn.network.quantized.layout import KINDS
from fnn.network.quantized.value import MOST_INPUTS, Quantized, leaf_types, quantized_of


def read(path: str, own: dict[str, Activation]) -> Quantized:
    """The network in a file; ValueError, which names the file, if it's invalid."""
    with open_archive(path) as archive:
        architecture = architecture_in(archive.path, archive.description, own, "quantized", "weights")
        weights = next((kind for kind in KINDS if kind == archive.description["weights"]), None)
        if weights is None:
            raise ValueError(f"{path}: weights must be {' or '.join(KINDS)}, got {archive.description['weights']!r}")
        types = leaf_types(architecture, weights)
        archive.expect((key, shape, dtype) for key, (shape, dtype) in types.items())
        leaves = {key: np.empty(shape, little_endian(dtype)) for key, (shape, dtype) in types.items()}
        archive.fill(leaves.items())
    for key, leaf in leaves.items():
        if (fault := _fault(key, leaf)) is not None:
            raise ValueError(f"{path}: {key} {fault}")

    return quantized_of(architecture, weights, {key: leaf.astype(types[key][1]) for key, leaf in leaves.items()})


def _fault(key: str, leaf: NDArray[Any]) -> str | None:
    """What is wrong with a leaf: sums could overflow, or results be NaN."""
    if leaf.dtype == np.int8:
        return f"has more than {MOST_INPUTS} rows" if len(leaf) > MOST_INPUTS else None
    is_finite = (leaf & 0x7F80 != 0x7F80) if leaf.dtype.kind == "u" else np.isfinite(leaf)
    if not is_finite.all():
        return "has a number that isn't finite"
    if key.startswith("input") and not (leaf[0] > 0 and 0 <= leaf[1] <= 255 and leaf[1] == int(leaf[1])):
        return f"needs a rate above 0 and a whole number from 0 to 255, got {leaf}"

    return None
