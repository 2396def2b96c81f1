"""The built-in activations, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from fnn.activations.activation import BUILT_IN, Activation, intern
from fnn.activations.kernels.dispatch import ActivationKernels

_families: Final[dict[str, Callable[[float], Activation]]] = {}


def built_in(kernels: ActivationKernels, *, code: int | None = None) -> Activation:
    """Register a built-in activation."""
    BUILT_IN[kernels.name] = kernels

    return intern(kernels, code=code)


def family(kernels: ActivationKernels) -> Callable[[float], Activation]:
    """Register built-in activations that differ in a parameter, which is finite and above 0."""

    def member(parameter: float) -> Activation:
        return intern(kernels, parameter=parameter)

    BUILT_IN[kernels.name] = kernels
    _families[kernels.name] = member

    return member


def named(name: str) -> Activation | None:
    """The built-in activation with a name such as ``tanh`` or ``elu(1.0)``; None if there is none."""
    if name in BUILT_IN and name not in _families:
        return intern(BUILT_IN[name])
    kind, _, rest = name.partition("(")
    try:
        parameter = float(rest.removesuffix(")"))
    except ValueError:
        return None
    is_member = kind in _families and 0 < parameter < np.inf and name == f"{kind}({parameter!r})"

    return _families[kind](parameter) if is_member else None
