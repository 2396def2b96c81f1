"""F2 and F3: the activations, as values.

An `Activation` is called with weighted inputs z and returns a = f(z); its `prime` is f′. The formulas themselves are in
`fnn.kernels.activations`, which the trainer and these calls share.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.kernels import activations as codes
from fnn.kernels.evaluate import activate_kernel, prime_kernel

_CODES = {
    "identity": codes.IDENTITY,
    "sigmoid": codes.SIGMOID,
    "tanh": codes.TANH,
    "relu": codes.RELU,
    "softmax": codes.SOFTMAX,
}


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation function f and its derivative f′.

    Examples
    --------
    >>> import fnn
    >>> fnn.sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    >>> fnn.sigmoid.prime(0.0)
    array(0.25)
    >>> fnn.sigmoid
    fnn.sigmoid
    """

    name: str
    code: int = field(init=False, repr=False)  # what the kernels know it by

    def __post_init__(self) -> None:
        if self.name not in _CODES:
            raise ValueError(f"name: there is no activation {self.name!r}, only {', '.join(_CODES)}")
        object.__setattr__(self, "code", _CODES[self.name])

    def __call__(self, z: ArrayLike) -> NDArray[np.floating]:
        """a = f(z) (F2), elementwise; softmax along the last axis.

        Parameters
        ----------
        z
            Weighted inputs of any shape; float32 stays float32, any other real dtype becomes float64.

        Returns
        -------
        Array of the shape of z.
        """
        rows = _rows(z)
        a = np.empty_like(rows)
        activate_kernel[rows.dtype](self.code, rows, a)

        return a.reshape(np.shape(z))

    def prime(self, z: ArrayLike) -> NDArray[np.floating]:
        """f′(z) (F3), elementwise; for softmax the Jacobian ∂a_j/∂z_i, with one more axis of the same length.

        Parameters
        ----------
        z
            Weighted inputs of any shape; float32 stays float32, any other real dtype becomes float64.
        """
        rows = _rows(z)
        if self.code == codes.SOFTMAX:
            a: NDArray[np.floating] = np.atleast_1d(self(z))
            identity: NDArray[np.floating] = np.eye(a.shape[-1], dtype=a.dtype)  # 𝟙[i=j]
            return a[..., :, None] * (identity - a[..., None, :])
        a, prime = np.empty_like(rows), np.empty_like(rows)
        activate_kernel[rows.dtype](self.code, rows, a)
        prime_kernel[rows.dtype](self.code, rows, a, np.ones_like(rows), prime)

        return prime.reshape(np.shape(z))

    def __repr__(self) -> str:
        return f"fnn.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # pickled by name, so that a copy is the same object


def _rows(z: ArrayLike) -> NDArray[np.floating]:
    """Z as a contiguous matrix of floats."""
    array = np.asarray(z)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"z: needs real numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"z: needs at least one number, got shape {array.shape}")
    rows: NDArray[np.floating] = np.ascontiguousarray(array, np.float32 if array.dtype.str[1:] == "f4" else np.float64)

    return rows.reshape(-1, array.shape[-1] if array.ndim else 1)


sigmoid = Activation("sigmoid")
"""σ(z) = 1 / (1 + e^−z);  σ′ = σ(1 − σ)  (F2, F3; S1)."""

tanh = Activation("tanh")
"""tanh z;  tanh′ = 1 − tanh²."""

relu = Activation("relu")
"""max(0, z);  0 for z ≤ 0, else 1 (Nair and Hinton 2010)."""

identity = Activation("identity")
"""z;  1."""

softmax = Activation("softmax")
"""e^z_j / Σ_k e^z_k, at the output only;  ∂a_j/∂z_i = a_j(𝟙[i=j] − a_i)  (Bridle 1990)."""
