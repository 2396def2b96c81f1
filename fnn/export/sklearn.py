"""Parameters to and from the attributes of scikit-learn's MLPClassifier and MLPRegressor."""

from __future__ import annotations

from typing import Any, Final, NotRequired, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.library import exp, identity, relu, sigmoid, softmax, tanh
from fnn.boundary.calls import by_name
from fnn.boundary.extras import extra
from fnn.network.params import DT, AnyParams, Params, params_of, require_params

_HIDDEN: Final = {identity: "identity", sigmoid: "logistic", tanh: "tanh", relu: "relu"}
_OUTPUT: Final = {**_HIDDEN, softmax: "softmax", exp: "exp"}
_ACTIVATIONS: Final = {name: f for f, name in _OUTPUT.items()}


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
    loss: NotRequired[str]  # of an exp output
    classes_: NotRequired[NDArray[Any]]  # of a softmax or sigmoid output, as the next
    _label_binarizer: NotRequired[object]


@by_name
def to_sklearn(params: Params[DT], *, classes: ArrayLike | None = None) -> SklearnAttributes:
    """The parameters as attributes of a model of scikit-learn, which is then as if it had been fitted.

    After ``vars(model).update(fnn.to_sklearn(params))`` an ``MLPRegressor`` predicts what `fnn.forward` returns (for
    one output, as a vector). Where the output is softmax or sigmoid, which needs scikit-learn, an ``MLPClassifier``
    has that as ``predict_proba``, and predicts the class of the greatest output, or by a single sigmoid the second of
    two classes where it is above 0.5. An exp output is that of ``MLPRegressor(loss="poisson")``, from 1.7 on.

    Parameters
    ----------
    params
        The network, with one activation in all hidden layers: identity, sigmoid, tanh or relu.
    classes
        The label of each class, of any type: one for each output, in their order, or two for a single sigmoid. If
        None, 0, 1, ..

    Raises
    ------
    ValueError, TypeError
        Activations that scikit-learn doesn't have, or hidden layers with different ones; classes of another number, or
        equal ones, or of another output than softmax or sigmoid; anything but `Params`.

    Examples
    --------
    >>> import fnn
    >>> from sklearn.neural_network import MLPClassifier
    >>> params = fnn.Params({"W1": [[1.0, -1.0]], "b1": [0.0, 0.0]}, hidden=(), output=fnn.softmax)
    >>> model = MLPClassifier()
    >>> vars(model).update(fnn.to_sklearn(params, classes=["cat", "dog"]))
    >>> model.predict([[3.0], [-3.0]]).tolist()
    ['cat', 'dog']
    """
    require_params("params", params)
    *hidden, output = params.activations
    for layer, f in enumerate(params.activations, start=1):
        if f not in (_HIDDEN if layer <= len(hidden) else _OUTPUT):
            where = " in a hidden layer" if f in _OUTPUT else ""
            raise ValueError(f"params: layer {layer} has {f!r}, which scikit-learn doesn't have{where}")
    if len(set(hidden)) > 1:
        raise ValueError(f"params: scikit-learn has one activation for all hidden layers, got {hidden}")
    layers = range(1, len(params.sizes))
    attributes: SklearnAttributes = {
        "hidden_layer_sizes": params.sizes[1:-1],
        "activation": _HIDDEN[hidden[0] if hidden else identity],
        "out_activation_": _OUTPUT[output],
        "coefs_": [np.array(params[f"W{layer}"]) for layer in layers],
        "intercepts_": [np.array(params[f"b{layer}"]) for layer in layers],
        "n_features_in_": params.sizes[0],
        "n_layers_": len(params.sizes),
        "n_outputs_": params.sizes[-1],
    }
    if output is exp:
        attributes["loss"] = "poisson"
    if output in (softmax, sigmoid):
        attributes["classes_"] = labels = _labels(classes, max(params.sizes[-1], 2))
        attributes["_label_binarizer"] = binarizer = extra(
            "sklearn.preprocessing", "to_sklearn", "examples"
        ).LabelBinarizer()
        kind = "binary" if params.sizes[-1] == 1 else "multiclass"
        vars(binarizer).update(classes_=labels, y_type_=kind, sparse_input_=False)
    elif classes is not None:
        raise ValueError(f"classes: need fnn.softmax or fnn.sigmoid at the output, got {output!r}")

    return attributes


def _labels(classes: ArrayLike | None, count: int) -> NDArray[Any]:
    """The labels of the classes, checked."""
    labels = np.arange(count) if classes is None else np.array(classes)
    if labels.shape != (count,) or len(np.unique(labels)) < count:
        raise ValueError(f"classes: must be {count} different labels, got {classes!r}")

    return labels


def from_sklearn(model: object) -> AnyParams:
    """Parameters from a fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn, with its activations.

    The model is any object with ``coefs_``, ``intercepts_``, ``activation`` and ``out_activation_``, or one of
    `fnn.sklearn`, whose ``params_`` they are.

    Raises
    ------
    ValueError, TypeError
        An activation that fnn doesn't have; a model of another type, or not fitted.
    """
    own = vars(model).get("params_") if hasattr(model, "__dict__") else None
    if isinstance(own, Params):
        return own
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
