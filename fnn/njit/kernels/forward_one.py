"""`forward` for one case, for jitted functions."""

from numba import types

from fnn.compiler.intrinsics import Floats, aligned, like_pointer
from fnn.compiler.linking import entry_point
from fnn.compiler.memory import STACK, allocate, is_null, on_stack, release
from fnn.compiler.target import LINE
from fnn.data.kernels import faults
from fnn.data.kernels.faults import FINE
from fnn.data.kernels.finite import is_finite
from fnn.equations.kernels.forward_one import row_stride, through_layers
from fnn.network.kernels.spec import Network, network_type, size_of
from fnn.njit.kernels.arguments import Matrix, matrix_type, overlap


@entry_point(lambda t: types.int64(network_type(t), matrix_type(t), matrix_type(t), matrix_type(t)))
def forward_one(network: Network, x: Matrix[Floats], into: Matrix[Floats], workspace: Matrix[Floats]) -> int:
    """F1 and F2 for one case.

    4-8-2 takes 57 ns if each call waits for the last one's result: 25 for two sigmoids one after the other, 12 for the
    chains of fma, 15 for what is stored and read again in between, and 5 for the memory of the result, whose release
    waits for all stores (`python -m tests.benchmarks --only calls`).
    """
    spec = network.spec
    if x.columns != size_of(spec, 0):
        return faults.X_COLUMNS
    if is_null(into.at):
        return faults.MEMORY
    if into.columns != size_of(spec, spec[0]):
        return faults.OUT_SHAPE
    if not is_finite(x.at, x.columns):
        return faults.BAD_X
    stride, space, heap = row_stride(network), on_stack(x.at), like_pointer(x.at, 0)
    if 3 * stride > STACK:
        if workspace.rows > 0:
            if overlap(into, workspace):
                return faults.OUT_OVERLAPS
            if overlap(workspace, x):
                return faults.WORKSPACE_OVERLAPS
            if workspace.columns < 3 * stride + LINE:
                return faults.WORKSPACE
            space = aligned(workspace.at)
        else:
            heap = allocate(x.at, 3 * stride + LINE)
            if is_null(heap):
                return faults.MEMORY
            space = aligned(heap)
    through_layers(network, x.at, into.at, space, stride)
    release(heap)
    return FINE
