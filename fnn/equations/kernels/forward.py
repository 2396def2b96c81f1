"""`forward` for any number of cases, and G1 for whole vectors of parameters."""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, fma, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.plain_arrays import PlainArray, given, result
from fnn.data.kernels.cases import Reals, copy, first_not_finite
from fnn.equations.kernels.backprop import forward
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry, net_of, net_type

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
    for first in range(0, number, together):
        rows = min(together, number - first)
        source = shift(x, first * inputs)
        bad = first_not_finite(source, rows, inputs)
        if bad >= 0:
            return first + bad
        for row in range(rows):
            copy(shift(source, row * inputs), block(net, 0, plan.A, row), inputs)
        forward(net, 0, rows)
        for row in range(rows):
            copy(block(net, net.layers, plan.A, row), shift(into, (first + row) * units), units)
    return -1


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
