"""`forward` for any number of cases, and G1 for whole vectors of parameters."""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, address, fma, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.memory import STACK, on_stack
from fnn.compiler.plain_arrays import PlainArray, given, result
from fnn.compiler.target import itemsize, vector_width
from fnn.data.kernels.cases import Reals, first_not_finite
from fnn.equations.kernels.backprop import forward
from fnn.network.kernels import plan
from fnn.network.kernels.plan import COLUMNS, Net, block, entry, net_of, net_type
from fnn.numerics.outer import copy_padded

BLOCK: Final = 64  # cases that go through the network together: their rows stay in the second-level cache
LARGE_BLOCK: Final = 256  # the same where W is copied for each block, see `fnn.numerics.blocked`


@kernel(lambda t: types.int64(array(types.int64), array(t), output(t), array(t, 2), output(t, 2)))
def forward_kernel(table: npt.NDArray[np.int64], flat: Reals, space: Reals, x: Reals, into: Reals) -> int:
    """The outputs of all cases; returns the first case with NaN or infinity in x, or −1."""
    net = net_of(table, flat, space)
    return outputs(net, pointer(x), x.shape[0], pointer(into))


@linked(lambda t: types.int64(net_type(t), types.CPointer(t), types.int64, types.CPointer(t)))
def outputs(net: Net, x: Floats, number: int, into: Floats) -> int:
    """Write Aᴸ of all cases to `into`, as many at once as there is room for; returns what `forward_kernel` does."""
    inputs, units, together = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS), entry(net, 0, plan.CASES)
    is_in_place = can_stay(net, x)
    if is_in_place:
        net = with_table(net, on_stack(net.table))
    for first in range(0, number, together):
        rows = min(together, number - first)
        source = shift(x, first * inputs)
        bad = first_not_finite(source, rows, inputs)
        if bad >= 0:
            return first + bad
        if is_in_place:
            leave(net, source)
        else:
            copy_rows(rows, inputs, source, inputs, block(net, 0, plan.A, 0), entry(net, 0, plan.STRIDE))
        forward(net, 0, rows)
        stride = entry(net, net.layers, plan.STRIDE)
        copy_rows(rows, units, block(net, net.layers, plan.A, 0), stride, shift(into, first * units), units)
    return -1


@inline
def copy_rows(rows: int, columns: int, source: Floats, source_row: int, into: Floats, into_row: int) -> None:
    """Copy rows that are source_row and into_row elements apart; all as one if nothing lies between them."""
    if source_row == columns == into_row:
        rows, columns = 1, rows * columns
    for row in range(rows):
        copy_padded(shift(source, row * source_row), columns, shift(into, row * into_row), columns)


@inline
def can_stay(net: Net, x: Floats) -> bool:
    """Whether x can be A⁰ where it lies: to copy it takes 0.5 of 6 µs for 200 cases of 24-8-2, and room in the cache.

    Its rows have no padding, of which a layer of less than a vector of units may read what fills 32 bytes.
    """
    size, inputs, units = itemsize(x), entry(net, 0, plan.UNITS), entry(net, 1, plan.UNITS)
    is_whole = inputs * size % 32 == 0 or units >= vector_width(x)
    return is_whole and address(x) % size == 0 and COLUMNS * (net.layers + 1) <= STACK


@inline
def with_table(net: Net, table: Integers) -> Net:
    """The network with a copy of its table, which other calls may read meanwhile."""
    for i in range(COLUMNS * (net.layers + 1)):
        table[i] = net.table[i]
    return Net(net.layers, table, net.weights, net.space)


@inline
def leave(net: Net, x: Floats) -> None:
    """Let A⁰ be x."""
    net.table[plan.STRIDE] = entry(net, 0, plan.UNITS)
    net.table[plan.A] = (address(x) - address(net.space)) // itemsize(x)


@kernel(lambda t: types.boolean(given(t), given(t), t, result(t)))
def update_kernel(w: PlainArray[Floats], dE_dw: PlainArray[Floats], eta: float, into: PlainArray[Floats]) -> bool:
    """G1: w(t+1) = w(t) − η ∂E/∂w(t), with one rounding; whether it could take the arrays as they are."""
    if not w.dimensions == dE_dw.dimensions == into.dimensions == 1:
        return False
    descend_flat(w.at, dE_dw.at, eta, into.at, w.columns)
    return True


@inline
def descend_flat(w: Floats, dE_dw: Floats, eta: float, into: Floats, count: int) -> None:
    """G1: w − η ∂E/∂w into `into`, which may be w."""
    for i in range(count):
        into[i] = fma(-eta, dE_dw[i], w[i])
