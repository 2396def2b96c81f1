"""The description of a network in a file: its architecture, and its dtype or the kind of its quantized weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from fnn.activations.activation import Activation
from fnn.activations.library import named
from fnn.io.archive import Description
from fnn.network.architecture import Architecture, architecture_of

T = TypeVar("T")

_FORMAT = 1
_OTHERS = {
    "checkpoint": ", but a checkpoint, from which train goes on",
    "quantized": ", but a quantized network: fnn.load(path, quantized=True)",
    "params": ", but parameters: fnn.load(path)",
}


def describe(what: str, architecture: Architecture, key: str, value: str) -> Description:
    """An architecture and one more value as JSON values; ValueError if two activations have the same name.

    `what` are ``"params"`` with a dtype, or a ``"quantized"`` network with the kind of its weights.
    """
    by_name({f for f in architecture.activations if named(f.name) is not f})
    names = [f.name for f in architecture.activations]

    return {"fnn": what, "format": _FORMAT, key: value, "sizes": list(architecture.sizes), "activations": names}


def dtype_in(
    path: str, description: Description, own: dict[str, Activation]
) -> tuple[Architecture, np.dtype[np.float32 | np.float64]]:
    """The architecture and dtype of parameters in a file; ValueError, which names the file, if it's invalid."""
    architecture = architecture_in(path, description, own, "params", "dtype")
    dtypes: dict[object, type[np.float32 | np.float64]] = {"float32": np.float32, "float64": np.float64}
    dtype = dtypes.get(str(description["dtype"]))
    if dtype is None:
        raise ValueError(f"{path}: dtype must be float32 or float64, got {description['dtype']!r}")

    return architecture, np.dtype(dtype)


def architecture_in(
    path: str, description: Description, own: dict[str, Activation], what: str, key: str
) -> Architecture:
    """The architecture that a file describes, if it is of `what` and has one more value, `key`; else ValueError."""
    if (its := description.get("fnn")) != what:
        nothing = {"params": "parameters of fnn", "quantized": "quantized network of fnn"}[what]
        raise ValueError(f"{path}: holds no {nothing}{_OTHERS.get(str(its), '')}")
    if (version := description.get("format")) != _FORMAT:
        raise ValueError(f"{path}: has format {version!r}, but this version of fnn knows only {_FORMAT}")
    if list(description) != (keys := ["fnn", "format", key, "sizes", "activations"]):
        raise ValueError(f"{path}: its description must have {keys}, it has {list(description)}")
    sizes = _list_of(path, "sizes", description["sizes"], int)
    names = _list_of(path, "activations", description["activations"], str)
    if not 1 <= len(names) == len(sizes) - 1:
        raise ValueError(f"{path}: describes {len(sizes)} sizes and {len(names)} activations")
    if max(sizes) >= 2**63:
        raise ValueError(f"{path}: has a layer of 2⁶³ units or more")
    activations = []
    for name in names:
        if (f := named(name) or own.get(name)) is None:
            raise ValueError(
                f"{path}: has an activation {name!r}, which isn't built in; "
                "pass your own to load(path, activations=[..])"
            )
        activations.append(f)
    try:
        return architecture_of(sizes, activations[:-1], activations[-1])
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
