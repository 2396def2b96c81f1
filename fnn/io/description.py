"""The description of a network in a file: its architecture and dtype."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from fnn.activations.activation import Activation
from fnn.activations.library import named
from fnn.io.archive import Description
from fnn.network.architecture import Architecture, architecture_of
from fnn.network.params import Params

T = TypeVar("T")

_FORMAT = 1
_KEYS = ["fnn", "format", "dtype", "sizes", "activations"]


def describe(params: Params[Any]) -> Description:
    """The architecture and dtype as JSON values; ValueError if two activations have the same name."""
    by_name({f for f in params.activations if named(f.name) is not f})
    values = "params", _FORMAT, params.dtype.name, list(params.sizes), [f.name for f in params.activations]

    return dict(zip(_KEYS, values, strict=True))


def architecture_in(
    path: str, description: Description, own: dict[str, Activation]
) -> tuple[Architecture, np.dtype[np.float32 | np.float64]]:
    """The architecture and dtype that a file describes; ValueError, which names the file, if it's invalid."""
    if description.get("fnn") != "params":
        other = ", but a checkpoint, from which train goes on" if description.get("fnn") == "checkpoint" else ""
        raise ValueError(f"{path}: holds no parameters of fnn{other}")
    if (version := description.get("format")) != _FORMAT:
        raise ValueError(f"{path}: has format {version!r}, but this version of fnn knows only {_FORMAT}")
    if list(description) != _KEYS:
        raise ValueError(f"{path}: its description must have {_KEYS}, it has {list(description)}")
    sizes = _list_of(path, "sizes", description["sizes"], int)
    names = _list_of(path, "activations", description["activations"], str)
    if not 1 <= len(names) == len(sizes) - 1:
        raise ValueError(f"{path}: describes {len(sizes)} sizes and {len(names)} activations")
    if max(sizes) >= 2**63:
        raise ValueError(f"{path}: has a layer of 2⁶³ units or more")
    dtypes: dict[object, type[np.float32 | np.float64]] = {"float32": np.float32, "float64": np.float64}
    dtype = dtypes.get(str(description["dtype"]))
    if dtype is None:
        raise ValueError(f"{path}: dtype must be float32 or float64, got {description['dtype']!r}")
    activations = []
    for name in names:
        if (f := named(name) or own.get(name)) is None:
            raise ValueError(
                f"{path}: has an activation {name!r}, which isn't built in; "
                "pass your own to load(path, activations=[..])"
            )
        activations.append(f)
    try:
        return architecture_of(sizes, activations[:-1], activations[-1]), np.dtype(dtype)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def by_name(activations: Iterable[Activation]) -> dict[str, Activation]:
    """Activations by name; ValueError if two of them have the same name."""
    result: dict[str, Activation] = {}
    if not isinstance(activations, Iterable):
        raise TypeError(f"activations: needs a sequence of activations, got {activations!r}")
    for f in activations:
        if not isinstance(f, Activation):
            raise TypeError(f"activations: needs activations such as fnn.Activation(..), got {f!r}")
        if result.setdefault(f.name, f) is not f:
            raise ValueError(f"activations: two of them have the name {f.name!r}, which identifies them in files")

    return result


def _list_of(path: str, key: str, value: object, kind: type[T]) -> list[T]:
    if not isinstance(value, list) or not all(type(item) is kind for item in value):
        raise ValueError(f"{path}: {key} must be a list of {kind.__name__}, got {value!r:.60}")

    return value
