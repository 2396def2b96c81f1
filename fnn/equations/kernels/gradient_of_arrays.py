"""The error of a batch and its gradient for the plainest call: inputs and targets, without labels or weights."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.intrinsics import aligned, doubles, pointer
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.memory import STACK, on_stack
from fnn.data.kernels.cases import CasePointers, Reals
from fnn.data.kernels.faults import X_COLUMNS, Y_SHAPE
from fnn.equations.kernels.gradient import CHUNK, differentiate
from fnn.network.kernels import plan
from fnn.network.kernels.plan import COLUMNS, Net, entry


@kernel(
    lambda t: types.Tuple((types.float64, types.int64))(
        array(types.int64), array(t), types.int64, output(t), array(t, 2), array(t, 2), types.int64, types.boolean,
        types.int64, output(t),
    )
)  # fmt: skip
def differentiate_arrays_kernel(
    table: npt.NDArray[np.int64], flat: Reals, needed: int, space: Reals, x: Reals, y: Reals, loss: int, mean: bool,
    extent: int, into: Reals,
) -> tuple[float, int]:  # fmt: skip
    """`differentiate_kernel`, without the row of a fault; the shapes of x and y are checked, too.

    `needed` elements of workspace, if there are few of them, are on the stack, and not in `space`.
    """
    work = on_stack(pointer(flat)) if needed <= STACK else aligned(pointer(space))
    net = Net(table.size // COLUMNS - 1, pointer(table), pointer(flat), work)
    rows = x.shape[0]
    if rows == 0 or x.shape[1] != entry(net, 0, plan.UNITS):
        return 0.0, X_COLUMNS
    if y.shape[0] != rows or y.shape[1] != entry(net, net.layers, plan.UNITS):
        return 0.0, Y_SHAPE
    nothing = pointer(table)
    cases = CasePointers(rows, pointer(x), pointer(y), nothing, doubles(pointer(x)), nothing, False, False, False, 0)
    error, fault, _ = differentiate(net, min(rows, CHUNK), cases, False, loss, mean, extent, pointer(into))
    return error, fault
