"""The error of a batch and its gradient for the plainest call: inputs and targets, without labels or weights."""

from typing import Final

from numba import types

from fnn.compiler.intrinsics import Floats, Integers, aligned, doubles, like_pointer, shift
from fnn.compiler.kernel import kernel
from fnn.compiler.memory import STACK, is_null, on_stack, release, reserve
from fnn.compiler.plain_arrays import PlainArray, given, result, written
from fnn.data.kernels.cases import CasePointers
from fnn.data.kernels.faults import FINE
from fnn.equations.kernels.backprop import ERROR_ONLY
from fnn.equations.kernels.gradient import CHUNK, differentiate
from fnn.network.kernels import plan
from fnn.network.kernels.plan import COLUMNS, Net, entry

NEEDED, LOSS, TABLE = range(3)  # of the words
# More elements than the workspace needs. glibc gives free memory back to the system, which maps it anew page by page at
# the next call, once there is twice the largest piece: the gradient and the workspace, of like size, and 128 KB more.
# The gradient of 4 cases of 784-200-10, float64, takes 38 µs, without the spare 490 (timeit of `fnn.grad`).
_SPARE: Final = 1 << 16


@kernel(
    lambda t: types.Optional(types.float64)(
        given(types.int64), given(t), written(t), given(t), given(t), types.boolean, types.int64, result(t)
    )
)
def differentiate_arrays_kernel(
    words: PlainArray[Integers], flat: PlainArray[Floats], space: PlainArray[Floats], x: PlainArray[Floats],
    y: PlainArray[Floats], mean: bool, extent: int, into: PlainArray[Floats],
) -> float | None:  # fmt: skip
    """`differentiate_kernel`; None if it can't take the arguments as they are, or for a fault.

    The words are the elements of workspace that a table asks for, the address of a loss, and the table. Few elements
    are taken from the stack, others from `space` or, without it, from the heap.
    """
    table, layers, needed = shift(words.at, TABLE), (words.columns - TABLE) // COLUMNS - 1, words.at[NEEDED]
    net, rows = Net(layers, table, flat.at, flat.at), x.rows
    is_plain = flat.dimensions == 1 and x.dimensions > 0 and x.dimensions == y.dimensions and y.rows == rows
    if not is_plain or into.dimensions != (0 if extent == ERROR_ONLY else 1):
        return None
    if rows == 0 or min(rows, CHUNK) > entry(net, 0, plan.CASES):
        return None
    if x.columns != entry(net, 0, plan.UNITS) or y.columns != entry(net, layers, plan.UNITS):
        return None
    if space.dimensions != 0 and (space.dimensions != 1 or space.columns < needed):
        return None
    work, heap = on_stack(flat.at), like_pointer(flat.at, 0)
    if needed > STACK:
        if space.dimensions == 0:
            heap = reserve(flat.at, needed + _SPARE)
            if is_null(heap):
                return None
        work = aligned(heap if space.dimensions == 0 else space.at)
    net = Net(layers, table, flat.at, work)
    cases = CasePointers(rows, x.at, y.at, table, doubles(x.at), table, False, False, False, 0)
    error, fault, _ = differentiate(net, min(rows, CHUNK), cases, False, words.at[LOSS], mean, extent, into.at)
    release(heap)
    return error if fault == FINE else None
