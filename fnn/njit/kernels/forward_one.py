"""`forward` for one case: the same bits as for many cases, without a layout and mostly without a workspace."""

from typing import Any

from numba import types

from fnn.activations.kernels.dispatch import activate
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, cgutils
from fnn.compiler.intrinsics import Floats, Integers, aligned, like, shift
from fnn.compiler.linking import entry_point
from fnn.compiler.memory import STACK, allocate, is_null, on_stack, release
from fnn.compiler.target import LINE, panel_width, vector_width
from fnn.data.kernels import faults
from fnn.data.kernels.cases import copy, is_finite
from fnn.data.kernels.faults import FINE
from fnn.network.kernels.plan import rounded
from fnn.njit.kernels.arguments import Matrix, Network, activation_of, matrix_type, network_type, overlap, size_of
from fnn.numerics.microkernel import BIAS, STORE
from fnn.numerics.simd import Vectors
from fnn.numerics.tile import tile


@inline
def widest(spec: Integers) -> int:
    """The largest number of units of a layer, not counting the inputs."""
    most = 0
    for layer in range(1, spec[0] + 1):
        most = max(most, size_of(spec, layer))
    return most


@intrinsic
def _vector_of_z(
    typingctx: Any, inputs: Any, a: Any, w: Any, w_row: Any, b: Any, z: Any, columns: Any
) -> Any:  # fmt: skip
    """z[j] = b[j] + Σ_k a[k] W[k,j] for one vector of j, whose first `columns` elements exist.

    The chains of fma are those of a tile. But a tile stores part of a vector, and to read that again takes 20 cycles;
    this stores all of it.
    """

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> Any:
        inputs, a, w, w_row, b, z, columns = arguments
        vectors = Vectors(context, builder, signature.args[1].dtype)
        mask = vectors.first(columns)
        total = cgutils.alloca_once_value(builder, vectors.masked_load(b, mask))
        with cgutils.for_range(builder, inputs) as loop:
            x = vectors.splat(builder.load(cgutils.gep(builder, a, loop.index)))
            row = vectors.masked_load(cgutils.gep(builder, w, builder.mul(loop.index, w_row)), mask)
            builder.store(vectors.fma(x, row, builder.load(total)), total)
        vectors.store(builder.load(total), z)

        return context.get_dummy_value()

    i = types.int64
    return types.void(i, a, w, i, b, z, i), codegen


@inline
def weighted_inputs(inputs: int, units: int, a: Floats, w: Floats, z: Floats) -> None:
    """F1 for one case, with the parameters of a layer in the order of `Params`."""
    b, panel, lanes = shift(w, inputs * units), panel_width(z), vector_width(z)
    if units <= panel:
        for j in range(0, units, lanes):
            _vector_of_z(inputs, a, shift(w, j), units, shift(b, j), shift(z, j), units - j)
    else:
        for j in range(0, units, 4 * panel):
            tile(
                1, 1, inputs, a, 0, 1, shift(w, j), panel, units, shift(z, j), panel, panel, BIAS, shift(b, j), STORE,
                like(z, 0.0), min(4 * panel, units - j), w, 0,
            )  # fmt: skip


@entry_point(lambda t: types.int64(network_type(t), matrix_type(t), matrix_type(t), matrix_type(t)))
def forward_one(network: Network, x: Matrix[Floats], into: Matrix[Floats], workspace: Matrix[Floats]) -> int:
    """F1 and F2 for one case."""
    spec = network.spec
    if x.columns != size_of(spec, 0):
        return faults.X_COLUMNS
    if is_null(into.at):
        return faults.MEMORY
    if into.columns != size_of(spec, spec[0]):
        return faults.OUT_SHAPE
    if not is_finite(x.at, x.columns):
        return faults.BAD_X
    stride = rounded(widest(spec), panel_width(x.at))
    if 3 * stride <= STACK:
        through_layers(network, x, into, on_stack(x.at), stride)
    elif workspace.rows > 0:
        if overlap(into, workspace):
            return faults.OUT_OVERLAPS
        if overlap(workspace, x):
            return faults.WORKSPACE_OVERLAPS
        if workspace.columns < 3 * stride + LINE:
            return faults.WORKSPACE
        through_layers(network, x, into, aligned(workspace.at), stride)
    else:
        heap = allocate(x.at, 3 * stride + LINE)
        if is_null(heap):
            return faults.MEMORY
        through_layers(network, x, into, aligned(heap), stride)
        release(heap)
    return FINE


@inline
def through_layers(network: Network, x: Matrix[Floats], into: Matrix[Floats], space: Floats, stride: int) -> None:
    """F1 and F2 of all layers, in three rows of work memory: z, and the a of two layers."""
    a, w, columns = x.at, network.flat, x.columns
    for layer in range(1, network.spec[0] + 1):
        inputs, units = columns, size_of(network.spec, layer)
        z, result = shift(space, 2 * stride), shift(space, layer % 2 * stride)
        weighted_inputs(inputs, units, a, w, z)
        activate(activation_of(network.spec, layer), z, result, 1, units, rounded(units, panel_width(z) // 2))
        a, w, columns = result, shift(w, (inputs + 1) * units), units
    copy(a, into.at, columns)
