"""Parameters to and from the attributes of scikit-learn's MLPClassifier and MLPRegressor; doesn't need scikit-learn."""

from __future__ import annotations

from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from fnn.activations.library import identity, relu, sigmoid, softmax, tanh
from fnn.network.params import DT, AnyParams, Params, params_of, require_params

_NAMES: Final = {identity: "identity", sigmoid: "logistic", tanh: "tanh", relu: "relu", softmax: "softmax"}
_ACTIVATIONS: Final = {name: f for f, name in _NAMES.items()}


class SklearnAttributes(TypedDict):
    """The attributes that an MLP of scikit-learn predicts with."""

    hidden_layer_sizes: tuple[int, ...]
    activation: str
    out_activation_: str
    coefs_: list[NDArray[Any]]
    intercepts_: list[NDArray[Any]]
    n_features_in_: int
    n_layers_: int
    n_outputs_: int


def to_sklearn(params: Params[DT]) -> SklearnAttributes:
    """The parameters as attributes of an ``MLPRegressor``: ``vars(model).update(fnn.to_sklearn(params))``.

    Then ``model.predict(x)`` returns what `fnn.forward` returns (for one output, as a vector), and so does
    ``predict_proba(x)`` of an ``MLPClassifier``, whose ``predict`` needs the classes, too.

    Raises
    ------
    ValueError, TypeError
        Activations that scikit-learn doesn't have, or hidden layers with different ones; anything but `Params`.

    Examples
    --------
    >>> import fnn
    >>> attributes = fnn.to_sklearn(fnn.init((2, 3, 1), seed=0, hidden=fnn.tanh, output=fnn.identity))
    >>> [W.shape for W in attributes["coefs_"]], attributes["activation"]
    ([(2, 3), (3, 1)], 'tanh')
    """
    require_params("params", params)
    for layer, f in enumerate(params.activations, start=1):
        if f not in _NAMES:
            raise ValueError(f"params: layer {layer} has {f!r}, which scikit-learn doesn't have")
    *hidden, output = params.activations
    if len(set(hidden)) > 1:
        raise ValueError(f"params: scikit-learn has one activation for all hidden layers, got {hidden}")
    layers = range(1, len(params.sizes))

    return {
        "hidden_layer_sizes": params.sizes[1:-1],
        "activation": _NAMES[hidden[0] if hidden else identity],
        "out_activation_": _NAMES[output],
        "coefs_": [np.array(params[f"W{layer}"]) for layer in layers],
        "intercepts_": [np.array(params[f"b{layer}"]) for layer in layers],
        "n_features_in_": params.sizes[0],
        "n_layers_": len(params.sizes),
        "n_outputs_": params.sizes[-1],
    }


def from_sklearn(model: object) -> AnyParams:
    """Parameters from a fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn, with its activations.

    The model is any object with ``coefs_``, ``intercepts_``, ``activation`` and ``out_activation_``.

    Raises
    ------
    ValueError, TypeError
        An activation that fnn doesn't have; a model of another type, or not fitted.
    """
    try:
        coefs, intercepts, hidden, output = (
            getattr(model, name) for name in ("coefs_", "intercepts_", "activation", "out_activation_")
        )
    except AttributeError as error:
        raise TypeError(f"model: needs a fitted MLP of scikit-learn, got {model!r}: {error}") from None
    for name in (hidden, output):
        if name not in _ACTIVATIONS:
            raise ValueError(f"model: fnn has no activation {name!r}")
    leaves = {f"W{layer}": W for layer, W in enumerate(coefs, start=1)}
    leaves |= {f"b{layer}": b for layer, b in enumerate(intercepts, start=1)}

    return params_of(leaves, [_ACTIVATIONS[hidden]] * (len(coefs) - 1), _ACTIVATIONS[output])
