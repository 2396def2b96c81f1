"""First weights as scikit-learn draws them: the same numbers for the same `random_state`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.activations.library import sigmoid
from fnn.network.params import AnyParams, params_of


def first_params(
    sizes: Sequence[int], activations: Sequence[Activation], random: np.random.RandomState, dtype: np.dtype[Any]
) -> AnyParams:
    """W and b of a layer uniform in ±√(6 / (n_in + n_out)), or ±√(2 / ..) with sigmoid units (Glorot, Bengio 2010).

    The output layer is drawn like the last hidden one.
    """
    leaves: dict[str, NDArray[Any]] = {}
    for layer, (m, n) in enumerate(pairwise(sizes), start=1):
        hidden = activations[min(layer, len(activations) - 1) - 1] if len(activations) > 1 else None
        bound = np.sqrt((2.0 if hidden is sigmoid else 6.0) / (m + n))
        leaves[f"W{layer}"] = random.uniform(-bound, bound, (m, n)).astype(dtype, copy=False)
        leaves[f"b{layer}"] = random.uniform(-bound, bound, n).astype(dtype, copy=False)

    return params_of(leaves, activations[:-1], activations[-1])
