"""`forward` for any number of cases, and `step`: G1 for whole vectors of parameters."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.kernels import plan
from fnn.kernels.activations import activate, multiply_by_prime
from fnn.kernels.cases import Reals, first_not_finite
from fnn.kernels.equations import block, forward
from fnn.kernels.intrinsics import Floats, aligned, fma, like, pointer, shift
from fnn.kernels.kernel import array, kernel, output
from fnn.kernels.options import inline
from fnn.kernels.plan import COLUMNS, Net, lay_out
from fnn.kernels.tile import panel_width

BLOCK = 64  # cases that go through the network together: their rows stay in the second-level cache


@inline
def outputs(architecture: npt.NDArray[np.int64], flat: Reals, x: Reals, into: Reals) -> int:
    """A^L of all cases into `into`; returns the first case with NaN or infinity in x, or −1."""
    layers, count = architecture[0], x.shape[0]
    block_rows = min(count, BLOCK)
    table = np.empty((layers + 1) * COLUMNS, np.int64)
    space = np.zeros(lay_out(architecture, block_rows, panel_width(pointer(flat)), False, table) + 16, flat.dtype)
    return _outputs(layers, table, flat, space, pointer(x), count, block_rows, pointer(into))


@inline
def _outputs(
    layers: int, table: npt.NDArray[np.int64], flat: Reals, space: Reals, x: Floats, count: int, block_rows: int, into: Floats
) -> int:
    net = Net(layers, pointer(table), pointer(flat), aligned(pointer(space)))
    inputs, units = table[plan.UNITS], table[layers * COLUMNS + plan.UNITS]
    for first in range(0, count, block_rows):
        rows = min(block_rows, count - first)
        source = shift(x, first * inputs)
        row = first_not_finite(source, rows, inputs)
        if row >= 0:
            return first + row
        copy_rows(source, inputs, block(net, 0, plan.A, 0), table[plan.STRIDE], rows, inputs)
        forward(net, 0, rows)
        copy_rows(
            block(net, layers, plan.A, 0), table[layers * COLUMNS + plan.STRIDE],
            shift(into, first * units), units, rows, units,
        )  # fmt: skip
    return -1


@inline
def copy_rows(source: Floats, source_stride: int, into: Floats, into_stride: int, rows: int, columns: int) -> None:
    for row in range(rows):
        from_, to = shift(source, row * source_stride), shift(into, row * into_stride)
        for i in range(columns):
            to[i] = from_[i]


@kernel(lambda t: types.int64(array(types.int64), array(t), array(t, 2), output(t, 2)))
def forward_kernel(architecture: npt.NDArray[np.int64], flat: Reals, x: Reals, into: Reals) -> int:
    """The outputs of all cases; returns the first case with NaN or infinity in x, or −1."""
    return outputs(architecture, flat, x, into)


@kernel(lambda t: types.void(array(t), array(t), t, output(t)))
def update_kernel(w: Reals, dE_dw: Reals, eta: float, into: Reals) -> None:
    """G1: w(t+1) = w(t) − η ∂E/∂w(t), with one rounding."""
    descend_flat(pointer(w), pointer(dE_dw), eta, pointer(into), w.size)


@inline
def descend_flat(w: Floats, dE_dw: Floats, eta: float, into: Floats, count: int) -> None:
    for i in range(count):
        into[i] = fma(-eta, dE_dw[i], w[i])


@kernel(lambda t: types.void(types.int64, array(t, 2), output(t, 2)))
def activate_kernel(code: int, z: Reals, into: Reals) -> None:
    """F2 for an array of rows."""
    activate(code, pointer(z), pointer(into), z.shape[0], z.shape[1], z.shape[1])


@kernel(lambda t: types.void(types.int64, array(t, 2), output(t, 2)))
def prime_kernel(code: int, z: Reals, into: Reals) -> None:
    """F3 for an array of rows: B1 with ∂E/∂a = 1."""
    a, one = np.empty_like(z), np.ones_like(z)
    prime_of(code, z, a, one, into)


@inline
def prime_of(code: int, z: Reals, a: Reals, one: Reals, into: Reals) -> None:
    rows, columns = z.shape
    activate(code, pointer(z), pointer(a), rows, columns, columns)
    multiply_by_prime(code, pointer(z), pointer(a), pointer(one), pointer(into), rows, columns, columns)
