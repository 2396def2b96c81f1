"""Parameters to and from PyTorch's names and layout; only tensors need PyTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fnn.activations.activation import Activation
from fnn.boundary.calls import by_name
from fnn.boundary.checks import flag, real_array
from fnn.boundary.extras import extra
from fnn.network.architecture import Hidden
from fnn.network.params import DT, AnyParams, Params, params_of, require_params

if TYPE_CHECKING:
    import torch


@overload
def to_torch(params: Params[DT], *, as_tensors: Literal[False] = ...) -> dict[str, NDArray[DT]]: ...
@overload
def to_torch(params: Params[DT], *, as_tensors: Literal[True]) -> dict[str, torch.Tensor]: ...
def to_torch(params: Params[Any], *, as_tensors: bool = False) -> dict[str, Any]:
    """The parameters as a ``state_dict`` for ``Sequential(Linear, activation, Linear, activation, ..)``.

    ``0.weight, 0.bias, 2.weight, ..``: copies of W_lᵀ, (n_l, n_{l−1}), and b_l, (n_l,), as arrays or, `as_tensors`, as
    tensors, so that ``model.load_state_dict(fnn.to_torch(params, as_tensors=True))`` does the rest.

    Raises
    ------
    TypeError
        Anything but `Params`.
    ModuleNotFoundError
        The package torch is missing, which tensors need.

    Examples
    --------
    >>> import fnn
    >>> state = fnn.to_torch(fnn.init((2, 3, 1), seed=0))
    >>> {key: array.shape for key, array in state.items()}
    {'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
    """
    require_params("params", params)
    state = {}
    for layer in range(1, len(params.sizes)):
        state[f"{2 * layer - 2}.weight"] = np.array(params[f"W{layer}"].T, order="C")
        state[f"{2 * layer - 2}.bias"] = np.array(params[f"b{layer}"])
    if not flag("as_tensors", as_tensors):
        return state
    from_numpy = extra("torch", "as_tensors").from_numpy

    return {key: from_numpy(array) for key, array in state.items()}


@by_name
def from_torch(state: Mapping[str, Any], *, hidden: Hidden, output: Activation) -> AnyParams:
    """Parameters from the ``state_dict`` of a stack of ``Linear`` layers, which lacks the activations.

    The state has ``*.weight`` and ``*.bias`` of each layer, with any prefix: tensors or arrays. The order of the keys
    doesn't matter, which files may lose: names that differ in numbers alone, such as ``net.0`` and ``net.10``, follow
    one another by number, other names as the shapes of the layers tell. The activations are as for `Params`.

    Raises
    ------
    ValueError, TypeError
        Entries other than weights and biases, a layer without one of them, names and shapes that fit in no order or
        in several, an argument of another type.

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
    for name, pair in layers.items():
        if len(pair) < 2:
            raise ValueError(f"state: layer {name!r} needs a weight and a bias, it has only a {min(pair)}")
    arrays = {
        name: {part: _array(f"state: {f'{name}.{part}'.lstrip('.')}", value) for part, value in pair.items()}
        for name, pair in layers.items()
    }
    names = _in_order({name: pair["weight"].shape for name, pair in arrays.items()})
    for layer, name in enumerate(names, start=1):
        leaves |= {f"W{layer}": arrays[name]["weight"].T, f"b{layer}": arrays[name]["bias"]}

    return params_of(leaves, hidden, output)


def _in_order(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The layers' names, given the shapes (n_out, n_in), in the only order that suits names and shapes."""
    series: dict[str, list[str]] = {}  # names that differ in numbers alone
    for name in sorted(shapes, key=lambda name: [int(number) for number in re.findall(r"[0-9]+", name)]):
        series.setdefault(re.sub(r"[0-9]+", "#", name), []).append(name)
    if len(series) == 1:
        return list(*series.values())

    @cache
    def orders(rest: tuple[tuple[str, ...], ...], inputs: tuple[int, ...] | None) -> list[tuple[str, ...]]:
        """Up to two orders of the rest, each series in its own, after a layer with these outputs."""
        found: list[tuple[str, ...]] = [] if any(rest) else [()]
        for i, names in enumerate(rest):
            if names and inputs in (None, shapes[names[0]][-1:]) and len(found) < 2:
                others = (*rest[:i], names[1:], *rest[i + 1 :])
                found += [(names[0], *order) for order in orders(others, shapes[names[0]][:1])]

        return found[:2]

    found = orders(tuple(map(tuple, series.values())), None)
    if len(found) != 1:
        raise ValueError(
            f"state: the layers {', '.join(map(repr, shapes))} fit together in {'several orders' if found else 'none'}"
            "; rename their keys to 0.weight, 0.bias, 1.weight, .., by which they are ordered"
        )

    return list(found[0])


def _array(name: str, value: Any) -> NDArray[Any]:
    """A tensor, on any device, or an array, as an array."""
    return real_array(name, value.detach().cpu() if hasattr(value, "detach") else value)
