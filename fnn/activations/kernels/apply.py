"""F2 and B1 for whole arrays, outside a network."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.activations.kernels.dispatch import activate, multiply_by_prime
from fnn.compiler.intrinsics import pointer
from fnn.compiler.kernel import array, kernel, output

Reals = npt.NDArray[np.floating]


@kernel(lambda t: types.void(array(types.int64), array(t, 2), output(t, 2)))
def activate_kernel(descriptor: npt.NDArray[np.int64], z: Reals, a: Reals) -> None:
    """F2 for an array of rows."""
    rows, columns = z.shape
    activate(pointer(descriptor), pointer(z), pointer(a), rows, columns, columns)


@kernel(lambda t: types.void(array(types.int64), array(t, 2), array(t, 2), array(t, 2), output(t, 2)))
def prime_kernel(descriptor: npt.NDArray[np.int64], z: Reals, a: Reals, dE_da: Reals, delta: Reals) -> None:
    """B1 for an array of rows."""
    rows, columns = z.shape
    multiply_by_prime(
        pointer(descriptor), pointer(z), pointer(a), pointer(dE_da), pointer(delta), rows, columns, columns
    )
