"""Parameters to and from PyTorch's names and layout; doesn't need PyTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.network.architecture import Hidden
from fnn.network.params import DT, AnyParams, Params, params_of, require_params


def to_torch(params: Params[DT]) -> dict[str, NDArray[DT]]:
    """The parameters as a ``state_dict`` for ``Sequential(Linear, activation, Linear, activation, ..)``.

    ``0.weight, 0.bias, 2.weight, ..``: copies of W_lᵀ, (n_l, n_{l−1}), and b_l, (n_l,). TypeError unless from `Params`.

    Examples
    --------
    >>> import fnn
    >>> state = fnn.to_torch(fnn.init((2, 3, 1), seed=0))
    >>> {key: array.shape for key, array in state.items()}
    {'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}

    To load them: ``model.load_state_dict({key: torch.from_numpy(array) for key, array in state.items()})``.
    """
    require_params("params", params)
    state = {}
    for layer in range(1, len(params.sizes)):
        state[f"{2 * layer - 2}.weight"] = np.array(params[f"W{layer}"].T, order="C")
        state[f"{2 * layer - 2}.bias"] = np.array(params[f"b{layer}"])

    return state


def from_torch(state: Mapping[str, Any], *, hidden: Hidden, output: Activation) -> AnyParams:
    """Parameters from the ``state_dict`` of a stack of ``Linear`` layers, which lacks the activations.

    The state has ``*.weight`` and ``*.bias`` of each layer, with any prefix, in the order of the layers: tensors or
    arrays. The activations are as for `Params`.

    Raises
    ------
    ValueError, TypeError
        Entries other than weights and biases, a layer without one of them, shapes that don't fit together, an argument
        of another type.

    Examples
    --------
    >>> import fnn
    >>> params = fnn.init((2, 3, 1), seed=0, hidden=fnn.tanh)
    >>> fnn.from_torch(fnn.to_torch(params), hidden=fnn.tanh, output=fnn.sigmoid) == params
    True
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state: needs a mapping such as model.state_dict(), got {type(state).__name__}")
    layers: dict[str, dict[str, Any]] = {}
    for key, value in state.items():
        match = re.fullmatch(r"(?:(.*)\.)?(weight|bias)", str(key))
        if match is None:
            raise ValueError(f"state: {key!r} is neither the weight nor the bias of a linear layer")
        layers.setdefault(match[1] or "", {})[match[2]] = value
    leaves: dict[str, NDArray[Any]] = {}
    for layer, (name, pair) in enumerate(layers.items(), start=1):
        if len(pair) < 2:
            raise ValueError(f"state: layer {name!r} needs a weight and a bias, it has only a {min(pair)}")
        leaves |= {f"W{layer}": _array(pair["weight"]).T, f"b{layer}": _array(pair["bias"])}

    return params_of(leaves, hidden, output)


def _array(value: Any) -> NDArray[Any]:
    """A tensor, on any device, or an array, as an array."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
