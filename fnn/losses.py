"""E1 and E2: the losses, as values. The formulas are in `fnn.kernels.losses`."""

from __future__ import annotations

from dataclasses import dataclass, field

from numba import types

from fnn.activation import Activation
from fnn.activations import sigmoid, softmax
from fnn.kernels import losses as codes

_KNOWN: dict[str, tuple[int, tuple[Activation, ...]]] = {
    "squared_error": (codes.SQUARED_ERROR, ()),
    "cross_entropy": (codes.CROSS_ENTROPY, (softmax, sigmoid)),
}


@dataclass(frozen=True, slots=True)
class Loss:
    """A measure of error, summed over the output units and (unless ``reduction="mean"``) over the cases."""

    name: str
    code: int = field(init=False, repr=False)  # what the kernels know it by
    outputs: tuple[Activation, ...] = field(init=False, repr=False)  # those that suit it; empty: any

    def __post_init__(self) -> None:
        if self.name not in _KNOWN:
            raise ValueError(f"name: there is no loss {self.name!r}, only {', '.join(_KNOWN)}")
        code, outputs = _KNOWN[self.name]
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "outputs", outputs)

    def check(self, output: Activation) -> None:
        """Raise ValueError if the network's output activation does not suit this loss."""
        if self.outputs and output not in self.outputs:
            names = " or ".join(map(repr, self.outputs))
            raise ValueError(f"loss: {self!r} needs {names} at the output, got {output!r}")

    @property
    def _numba_type_(self) -> types.Type:
        """A type of its own, so that jitted functions know the loss when they are compiled."""
        from fnn.nopython.types import LossType

        return LossType(self.name, self.code)

    def __repr__(self) -> str:
        return f"fnn.{self.name}"

    def __reduce__(self) -> str:
        return self.name


squared_error = Loss("squared_error")
"""E = ½ Σ_d (a_d − y_d)²;  ∂E/∂a_d = a_d − y_d  (E1, E2; S1)."""

cross_entropy = Loss("cross_entropy")
"""Softmax: E = −Σ_d y_d log a_d. Sigmoid: E = −Σ_d [y_d log a_d + (1 − y_d) log(1 − a_d)]. Either way δᴸ = a − y."""
