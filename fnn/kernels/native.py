"""What jitted functions of others call: each call is one of these, which checks everything that is known only now.

They are `linked`, so that a caller compiles nothing but the call, and take what an array is as a pointer, its rows and
its columns; a vector is one row. They raise nothing: an exception from a called function leaks what its caller holds,
so they return a status, and the caller raises in its own frame (see `fnn.nopython`). Work buffers are from the C
library.

The network is described by `spec`: L, n_0 .. n_L, and the activations of the layers 1 .. L, as in the table.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fnn.kernels import cases, plan
from fnn.kernels.barrier import SIZE
from fnn.kernels.cases import Cases, copy, find_fault, is_finite
from fnn.kernels.descend import HANDS, ROOM, STOPPED, descend, relay_weights
from fnn.kernels.differentiate import PIECE, differentiate
from fnn.kernels.equations import transpose
from fnn.kernels.evaluate import BLOCK, descend_flat, outputs
from fnn.kernels.functions import CODE, CODE_OF_SIGMOID, CODE_OF_SOFTMAX, NUMBERS, activate
from fnn.kernels.intrinsics import Floats, Integers, aligned, like, shift
from fnn.kernels.linking import entry_point
from fnn.kernels.losses import CROSS_ENTROPY
from fnn.kernels.options import inline
from fnn.kernels.plan import COLUMNS, LINE, Net, Sizes, fill, rounded
from fnn.kernels.tile import BIAS, STORE, machine, panel_width, tile

# Statuses: those of `fnn.kernels.cases`, and
X_COLUMNS, NO_CASES, Y_SHAPE, WEIGHTS_SHAPE, OUT_SHAPE, UNSUITED, STRUCTURE = range(20, 27)
ETA, EPOCHS, BATCH, SEED, DIVERGED, MEMORY = range(30, 36)
FINE: Final = cases.FINE

STACK: Final = 1024  # units of a layer up to which the work of one case is on the stack


def _type(p: Any) -> Any:
    return types.CPointer(p.dtype if isinstance(p, types.CPointer) else p)


@intrinsic
def _stack(typingctx: Any, p: Any) -> Any:
    """Three rows of STACK elements of what p points to, until the function returns."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        space: Any = cgutils.alloca_once(builder, arguments[0].type.pointee, 3 * STACK)
        space.align = LINE
        return space

    return p(p), codegen


@intrinsic
def _allocate(typingctx: Any, p: Any, count: Any) -> Any:
    """So many zeros of what p points to, or null."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
        calloc = cgutils.get_or_insert_function(builder.module, ir.FunctionType(byte, [word, word]), "calloc")
        itemsize = context.get_abi_sizeof(arguments[0].type.pointee)
        return builder.bitcast(builder.call(calloc, [arguments[1], ir.Constant(word, itemsize)]), arguments[0].type)

    return p(p, types.int64), codegen


@intrinsic
def _release(typingctx: Any, p: Any) -> Any:
    """Give back what `_allocate` gave; null is nothing."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        free = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [byte]), "free")
        builder.call(free, [builder.bitcast(arguments[0], byte)])
        return context.get_dummy_value()

    return types.void(p), codegen


@intrinsic
def _is_null(typingctx: Any, p: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.is_null(builder, arguments[0])

    return types.boolean(p), codegen


@inline
def size_of(spec: Integers, layer: int) -> int:
    """n_l."""
    return spec[1 + layer]


@inline
def activation_of(spec: Integers, layer: int) -> Integers:
    """The activation of a layer, l ≥ 1."""
    return shift(spec, 2 + spec[0] + (layer - 1) * NUMBERS)


@inline
def parameters(spec: Integers) -> int:
    """How many there are."""
    count = 0
    for layer in range(1, spec[0] + 1):
        count += (size_of(spec, layer - 1) + 1) * size_of(spec, layer)
    return count


@inline
def widest(spec: Integers) -> int:
    """The most units of a layer, inputs not counted."""
    most = 0
    for layer in range(1, spec[0] + 1):
        most = max(most, size_of(spec, layer))
    return most


_fill = inline(fill)


@inline
def laid_out(spec: Integers, weights: Floats, rows: int, packed: bool, table: Integers) -> Sizes:
    """The layout of a network for so many cases."""
    layers = spec[0]
    lanes = panel_width(weights) // 2
    return _fill(layers, shift(spec, 1), activation_of(spec, 1), rows, lanes, packed, table)


@intrinsic
def _lanes(typingctx: Any, p: Any) -> Any:
    """Elements of a vector of what p points to. A constant when compiled."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(ir.IntType(64), machine(context, p.dtype).lanes)

    return types.int64(p), codegen


@intrinsic
def _vector_of_z(
    typingctx: Any, inputs: Any, a: Any, w: Any, w_row: Any, b: Any, z: Any, columns: Any
) -> Any:  # fmt: skip
    """z[j] = b[j] + Σ_k a[k] W[k,j] for one vector of j, the first `columns` of which there are.

    The same chains as in a tile, which stores no more than it must; a store of part of a vector, though, takes some
    20 cycles to be read again.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        inputs, a, w, w_row, b, z, columns = arguments
        _, itemsize, lanes, _, _ = machine(context, signature.args[1].dtype)
        vector, bits = ir.VectorType(a.type.pointee, lanes), ir.VectorType(ir.IntType(1), lanes)
        numbers = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
        first_lane = ir.Constant(numbers.type, [0] * lanes)

        def splat(x: Any) -> Any:
            undefined = ir.Constant(ir.VectorType(x.type, lanes), ir.Undefined)
            filled = builder.insert_element(undefined, x, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(filled, undefined, first_lane)

        def named(name: str, kinds: list[Any]) -> Any:
            kind = ir.FunctionType(vector, kinds)
            return cgutils.get_or_insert_function(builder.module, kind, name.format(f"v{lanes}f{8 * itemsize}"))

        masked_load = named("llvm.masked.load.{}.p0", [vector.as_pointer(), ir.IntType(32), bits, vector])
        fma = named("llvm.fma.{}", [vector] * 3)
        mask = builder.icmp_signed("<", numbers, splat(builder.trunc(columns, ir.IntType(32))))

        def load(p: Any) -> Any:
            zeros = ir.Constant(vector, [0.0] * lanes)
            address = builder.bitcast(p, vector.as_pointer())
            return builder.call(masked_load, [address, ir.Constant(ir.IntType(32), itemsize), mask, zeros])

        total = cgutils.alloca_once_value(builder, load(b))
        with cgutils.for_range(builder, inputs) as loop:
            x = builder.load(cgutils.gep(builder, a, loop.index))
            row = load(cgutils.gep(builder, w, builder.mul(loop.index, w_row)))
            builder.store(builder.call(fma, [splat(x), row, builder.load(total)]), total)
        builder.store(builder.load(total), builder.bitcast(z, vector.as_pointer()), align=itemsize)

        return context.get_dummy_value()

    i = types.int64
    return types.void(i, a, w, i, b, z, i), codegen


@inline
def weighted_inputs(inputs: int, units: int, a: Floats, w: Floats, z: Floats) -> None:
    """F1 for one case, with the parameters of a layer as they lie in `Params`."""
    b, panel, lanes = shift(w, inputs * units), panel_width(z), _lanes(z)
    if units <= panel:
        for j in range(0, units, lanes):
            _vector_of_z(inputs, a, shift(w, j), units, shift(b, j), shift(z, j), units - j)
    else:
        for j in range(0, units, 4 * panel):
            tile(
                1, inputs, a, 0, 1, shift(w, j), panel, units, shift(z, j), panel, panel, BIAS, shift(b, j), STORE,
                like(z, 0.0), min(4 * panel, units - j), w,
            )  # fmt: skip


@entry_point(
    lambda t: types.int64(
        types.CPointer(types.int64), types.CPointer(t),
        types.CPointer(t), types.int64, types.int64, types.CPointer(t), types.int64, types.int64,
    )
)  # fmt: skip
def forward_one(
    spec: Integers, weights: Floats,
    x: Floats, rows: int, columns: int, into: Floats, into_rows: int, into_columns: int,
) -> int:  # fmt: skip
    """F1 and F2 for a case: the same chains of operations as for many, without a layout and a workspace."""
    if columns != size_of(spec, 0):
        return X_COLUMNS
    if _is_null(into):
        return MEMORY
    if into_columns != size_of(spec, spec[0]):
        return OUT_SHAPE
    if not is_finite(x, columns):
        return cases.BAD_X
    stride = rounded(widest(spec), panel_width(x))
    space = heap = _stack(x)
    if stride > STACK:
        heap = _allocate(x, 3 * stride + LINE)
        if _is_null(heap):
            return MEMORY
        space = aligned(heap)
    a, w = x, weights
    for layer in range(1, spec[0] + 1):
        inputs, units = columns, size_of(spec, layer)
        z, result = shift(space, 2 * stride), shift(space, layer % 2 * stride)
        weighted_inputs(inputs, units, a, w, z)
        activate(activation_of(spec, layer), z, result, 1, units, rounded(units, panel_width(x) // 2))
        a = result
        w, columns = shift(w, (inputs + 1) * units), units
    copy(a, into, columns)
    if stride > STACK:
        _release(heap)
    return FINE


@entry_point(
    lambda t: types.int64(
        types.CPointer(types.int64), types.CPointer(t),
        types.CPointer(t), types.int64, types.int64, types.CPointer(t), types.int64, types.int64,
    )
)  # fmt: skip
def forward_many(
    spec: Integers, weights: Floats,
    x: Floats, rows: int, columns: int, into: Floats, into_rows: int, into_columns: int,
) -> int:  # fmt: skip
    """F1 and F2 for all cases."""
    if columns != size_of(spec, 0):
        return X_COLUMNS
    if rows == 0:
        return NO_CASES
    if into_rows != rows or into_columns != size_of(spec, spec[0]):
        return OUT_SHAPE
    table = _allocate(spec, COLUMNS * (spec[0] + 1))
    if _is_null(table):
        return MEMORY
    space = _allocate(x, laid_out(spec, weights, min(rows, BLOCK), False, table).forward + LINE)
    status = MEMORY
    if not _is_null(space):
        net = Net(spec[0], table, weights, aligned(space))
        status = FINE if outputs(net, x, rows, into) < 0 else cases.BAD_X
    _release(space)
    _release(table)
    return status


@inline
def unfit(
    spec: Integers, rows: int, columns: int, labels: bool, y_rows: int, y_columns: int, weighted: bool, weights: int,
    loss: int,
) -> int:  # fmt: skip
    """What of the shapes doesn't fit together, or FINE."""
    if columns != size_of(spec, 0):
        return X_COLUMNS
    if rows == 0:
        return NO_CASES
    outputs = 1 if labels else size_of(spec, spec[0])
    if y_rows * y_columns != rows * outputs or (not labels and y_columns != outputs):
        return Y_SHAPE
    if weighted and weights != rows:
        return WEIGHTS_SHAPE
    code = activation_of(spec, spec[0])[CODE]
    if loss == CROSS_ENTROPY and code != CODE_OF_SOFTMAX and code != CODE_OF_SIGMOID:
        return UNSUITED
    return FINE


def _matrix(t: types.Type) -> list[types.Type]:
    return [types.CPointer(t), types.int64, types.int64]


def _problem(t: types.Float) -> list[types.Type]:
    """A network, its cases, and how they are measured."""
    return [
        types.CPointer(types.int64), types.CPointer(t), *_matrix(t), *_matrix(t), *_matrix(types.int64),
        *_matrix(types.float64), types.boolean, types.boolean, types.int64, types.boolean,
    ]  # fmt: skip


@entry_point(lambda t: types.Tuple((types.float64, types.int64))(*_problem(t), types.int64, *_matrix(t)))
def differentiate_all(
    spec: Integers, weights: Floats, x: Floats, rows: int, columns: int, y: Floats, y_rows: int, y_columns: int,
    labels: Integers, label_rows: int, label_columns: int, case_weights: Floats, weight_rows: int, weight_columns: int,
    labelled: bool, weighted: bool, loss: int, mean: bool, wanted: int, into: Floats, into_rows: int, into_columns: int,
) -> tuple[float, int]:  # fmt: skip
    """E of all cases, and ∂E/∂(W, b) into `into` unless only the error is wanted."""
    if labelled:
        y_rows, y_columns = label_rows, label_columns
    status = unfit(spec, rows, columns, labelled, y_rows, y_columns, weighted, weight_rows * weight_columns, loss)
    if status != FINE:
        return 0.0, status
    table = _allocate(spec, COLUMNS * (spec[0] + 1))
    if _is_null(table):
        return 0.0, MEMORY
    room = min(rows, PIECE)
    space = _allocate(x, laid_out(spec, weights, room, False, table).whole + LINE)
    error, status = 0.0, MEMORY
    if not _is_null(space):
        net = Net(spec[0], table, weights, aligned(space))
        # Without an order the place of a case is its number.
        all_cases = Cases(rows, x, y, labels, case_weights, labels, labelled, weighted, False)
        error, status, _ = differentiate(net, room, all_cases, loss, mean, wanted, into)
    _release(space)
    _release(table)
    return error, status


@entry_point(
    lambda t: types.int64(
        types.CPointer(types.int64), types.CPointer(t), types.CPointer(types.int64), types.CPointer(t), types.float64,
        types.CPointer(t), types.int64, types.int64,
    )
)  # fmt: skip
def update_all(
    spec: Integers, w: Floats, other: Integers, dE_dw: Floats, eta: float,
    into: Floats, into_rows: int, into_columns: int,
) -> int:  # fmt: skip
    """G1 for whole networks of one architecture."""
    for i in range(2 + (1 + NUMBERS) * spec[0]):
        if spec[i] != other[i]:
            return STRUCTURE
    if not (eta > 0 and eta < np.inf):
        return ETA
    descend_flat(w, dE_dw, like(w, eta), into, into_columns)
    return FINE


@entry_point(
    lambda t: types.int64(
        *_problem(t), types.float64, types.int64, types.int64, types.int64, *_matrix(types.float64), *_matrix(t)
    )
)
def train_all(
    spec: Integers, weights: Floats, x: Floats, rows: int, columns: int, y: Floats, y_rows: int, y_columns: int,
    labels: Integers, label_rows: int, label_columns: int, case_weights: Floats, weight_rows: int, weight_columns: int,
    labelled: bool, weighted: bool, loss: int, mean: bool, eta: float, batch: int, seed: int, epochs: int,
    history: Floats, history_rows: int, history_columns: int, into: Floats, into_rows: int, into_columns: int,
) -> int:  # fmt: skip
    """The whole of a training run, by one thread."""
    if labelled:
        y_rows, y_columns = label_rows, label_columns
    status = unfit(spec, rows, columns, labelled, y_rows, y_columns, weighted, weight_rows * weight_columns, loss)
    if status != FINE:
        return status
    if not (eta > 0 and eta < np.inf):
        return ETA
    if epochs < 0:
        return EPOCHS
    if batch < 1:
        return BATCH
    if seed < 0:
        return SEED
    order = _allocate(spec, rows)
    table = _allocate(spec, COLUMNS * (spec[0] + 1))
    status = MEMORY
    if not (_is_null(order) or _is_null(table)):
        for row in range(rows):
            order[row] = row
        every = Cases(rows, x, y, labels, case_weights, order, labelled, weighted, True)
        status, _ = find_fault(every, columns, size_of(spec, spec[0]), activation_of(spec, spec[0])[CODE], loss)
        if status == FINE:
            status = run(
                spec, weights, every, table, loss, mean, eta, min(batch, rows), seed, epochs,
                history, into, into_columns,
            )  # fmt: skip
    _release(order)
    _release(table)
    return status


@inline
def run(
    spec: Integers, flat: Floats, every: Cases, table: Integers, loss: int, mean: bool, eta: float, batch: int,
    seed: int, epochs: int, history: Floats, into: Floats, count: int,
) -> int:  # fmt: skip
    """Pack, descend, unpack."""
    room = min(batch, ROOM)
    sizes = laid_out(spec, flat, room, True, table)
    weights, space = _allocate(flat, sizes.weights + LINE), _allocate(flat, sizes.whole + LINE)
    large = _allocate(flat, (sizes.weights if batch > ROOM else 0) + LINE)
    clock, sums = _allocate(spec, HANDS + SIZE), _allocate(history, 2)
    status = MEMORY
    if not (_is_null(weights) or _is_null(space) or _is_null(large) or _is_null(clock) or _is_null(sums)):
        net = Net(spec[0], table, aligned(weights), aligned(space))
        relay_weights(net, flat, True)
        net.space[plan.ONE] = like(flat, 1.0)
        transpose(net, 2, 0, 1)
        steps = (every.number + batch - 1) // batch * epochs
        descend(
            0, 1, shift(clock, HANDS), net, room, aligned(large), every, loss, mean, like(flat, eta), batch, seed,
            steps, clock, sums, history,
        )  # fmt: skip
        relay_weights(net, into, False)
        status = DIVERGED if clock[STOPPED] != 0 or not is_finite(into, count) else FINE
    _release(weights)
    _release(space)
    _release(large)
    _release(clock)
    _release(sums)
    return status
