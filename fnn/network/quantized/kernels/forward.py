"""The outputs of quantized networks (F1, F2), for any number of cases.

Everything between two activations is exact or rounded once, in one stated way: so are the results the same bits on
every processor, for any number of threads and cases.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.activations.kernels.dispatch import DESCRIPTOR_SIZE, activate
from fnn.compiler.inline import expression, inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, ir
from fnn.compiler.intrinsics import Floats, Integers, aligned, fma, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.network.quantized.kernels.tile import BYTES, bfloat16_tile, int8_tile
from fnn.network.quantized.kernels.tiles import LANES

BLOCK: Final = 128  # cases that go through the network together
PANEL: Final = 256  # bytes of the weights that a step of a whole panel has

# The table begins with the limits of the tiles, in `Shape`.
ROWS, VECTORS, SINGLE, LAYERS, WIDEST, HEAD = range(6)
# Then, for each layer:
INPUTS: Final = 0
STEPS: Final = 1  # of four bytes of the inputs
INPUT_ROW: Final = 2  # bytes from one case to the next in the inputs
UNITS: Final = 3
WIDTH: Final = 4  # units, rounded up to whole vectors
STRIDE: Final = 5  # floats from one case to the next in Z and A
W: Final = 6  # the byte at which its weights begin
COLUMN: Final = 7  # the number of its first unit among all columns
FUNCTION: Final = 8  # the activation's descriptor
FIELDS: Final = FUNCTION + DESCRIPTOR_SIZE

# A float32 from ROUNDER to 2 · ROUNDER has no fraction, so that a sum in this range is rounded to an integer, and the
# last byte of ROUNDER + n is n.
ROUNDER: Final = 1.5 * 2.0**23
GREATEST: Final = 255

Reals = npt.NDArray[np.floating]


class Bytes(Protocol):
    """A pointer to uint8, as mypy sees it."""

    def __setitem__(self, index: int, value: int) -> None: ...


@intrinsic
def _last_byte(typingctx: Any, x: NumbaType) -> Any:
    """The last byte of a float32."""

    def write(builder: IRBuilder, x: IRValue) -> IRValue:
        return builder.trunc(builder.bitcast(x, ir.IntType(32)), ir.IntType(8))

    return expression(types.uint8(types.float32), write)


@intrinsic
def _floats(typingctx: Any, p: NumbaType, like: types.CPointer) -> Any:
    """A pointer to bytes as one like another."""
    return expression(like(p, like), lambda builder, p, like: builder.bitcast(p, like.type))


@intrinsic
def _bytes(typingctx: Any, p: types.CPointer) -> Any:
    """A pointer to floats as one to bytes."""
    return expression(BYTES(p), lambda builder, p: builder.bitcast(p, ir.IntType(8).as_pointer()))


@inline
def _word(table: Integers, layer: int, field: int) -> int:
    return table[HEAD + FIELDS * layer + field]


@inline
def _is_finite(a: Floats, count: int) -> bool:
    bad = 0
    for i in range(count):
        bad |= not abs(a[i]) < np.inf
    return bad == 0


@inline
def _has_nan(a: Floats, count: int) -> bool:
    bad = 0
    for i in range(count):
        bad |= a[i] != a[i]
    return bad != 0


@inline
def _quantize(a: Floats, count: int, rate: float, offset: float, u: Bytes) -> None:
    """u = min(max(round(rate · a + zero), 0), 255), rounded once, halves to even; offset = ROUNDER + zero."""
    low, high = like(a, ROUNDER), like(a, ROUNDER + GREATEST)
    for i in range(count):
        t = fma(a[i], rate, offset)
        t = t if t > low else low
        u[i] = _last_byte(t if t < high else high)


def _layer_of(tile: Callable[..., None], step: int) -> Callable[..., None]:
    """F1 of a layer by tiles, which read `step` bytes of weights for a column and a step."""

    @inline
    def layer(
        table: Integers, layer: int, rows: int, a: Bytes, a_row: int, weights: Bytes, less: Any, by: Floats,
        bias: Floats, z: Floats,
    ) -> None:  # fmt: skip
        steps, width, stride = _word(table, layer, STEPS), _word(table, layer, WIDTH), _word(table, layer, STRIDE)
        column, panel = _word(table, layer, COLUMN), PANEL // step
        blocks = (rows + table[ROWS] - 1) // table[ROWS]
        for first in range(0, width, panel):
            columns = min(panel, width - first)
            w = shift(weights, _word(table, layer, W) + first * step * steps)
            row = 0
            for block in range(blocks):
                height = (rows - row + blocks - block - 1) // (blocks - block)
                most = LANES * (table[SINGLE] if height == 1 else table[VECTORS])
                for j in range(0, columns, most):
                    at = column + first + j
                    tile(
                        height, min(most, columns - j) // LANES, steps, shift(a, row * a_row), a_row,
                        shift(w, j * step), columns * step, shift(z, row * stride + first + j), 4 * stride,
                        shift(less, at), shift(by, at), shift(bias, at),
                    )  # fmt: skip
                row += height

    return layer


int8_layer = _layer_of(int8_tile, 4)
bfloat16_layer = _layer_of(bfloat16_tile, 2)


@inline
def _write(table: Integers, a: Floats, rows: int, into: Floats) -> None:
    """The outputs of the last layer, without the padding of the rows."""
    last = table[LAYERS] - 1
    units, stride = _word(table, last, UNITS), _word(table, last, STRIDE)
    for row in range(rows):
        for j in range(units):
            into[row * units + j] = a[row * stride + j]


@inline
def _activate(table: Integers, layer: int, z: Floats, a: Floats, rows: int) -> None:
    """F2."""
    descriptor = shift(table, HEAD + FIELDS * layer + FUNCTION)
    activate(descriptor, z, a, rows, _word(table, layer, UNITS), _word(table, layer, STRIDE))


def _kernel_type(t: NumbaType) -> Any:
    """The signature: the table, packed weights, what is subtracted, scales, biases, workspace, cases, outputs."""
    columns = array(types.int32), array(t), array(t), array(t, 2)

    return types.int64(array(types.int64), array(types.uint8), *columns, output(types.uint8), array(t, 2), output(t, 2))


@kernel(_kernel_type)
def int8_kernel(
    table: npt.NDArray[np.int64], weights: npt.NDArray[np.uint8], less: npt.NDArray[np.int32], by: Reals, bias: Reals,
    steps: Reals, space: npt.NDArray[np.uint8], x: Reals, into: Reals,
) -> int:  # fmt: skip
    """The outputs of all cases; returns the first case with NaN or infinity in x, or −1.

    steps[l] are the rate and the offset with which the inputs of layer l are quantized. Where NaN meets an integer, all
    outputs of the case become NaN.
    """
    t, count, block = pointer(table), x.shape[0], min(BLOCK, x.shape[0])
    z = _floats(aligned(pointer(space)), pointer(into))
    a = shift(z, block * t[WIDEST])
    u = _bytes(shift(a, block * t[WIDEST]))
    lost = shift(u, 4 * block * t[WIDEST])
    for first in range(0, count, block):
        rows = min(block, count - first)
        for row in range(rows):
            lost[row] = 0
        for layer in range(t[LAYERS]):
            inputs, input_row = _word(t, layer, INPUTS), _word(t, layer, INPUT_ROW)
            for row in range(rows):
                if layer == 0:
                    source = shift(pointer(x), (first + row) * inputs)
                    if not _is_finite(source, inputs):
                        return first + row
                else:
                    source = shift(a, row * _word(t, layer - 1, STRIDE))
                    lost[row] |= _has_nan(source, inputs)
                _quantize(source, inputs, steps[layer, 0], steps[layer, 1], shift(u, row * input_row))
            int8_layer(t, layer, rows, u, input_row, pointer(weights), pointer(less), pointer(by), pointer(bias), z)
            _activate(t, layer, z, a, rows)
        _write(t, a, rows, shift(pointer(into), first * into.shape[1]))
        for row in range(rows):
            if lost[row]:
                into[first + row] = np.nan
    return -1


@kernel(_kernel_type)
def bfloat16_kernel(
    table: npt.NDArray[np.int64], weights: npt.NDArray[np.uint8], less: npt.NDArray[np.int32], by: Reals, bias: Reals,
    steps: Reals, space: npt.NDArray[np.uint8], x: Reals, into: Reals,
) -> int:  # fmt: skip
    """The same for weights of bfloat16."""
    t, count, block = pointer(table), x.shape[0], min(BLOCK, x.shape[0])
    z = _floats(aligned(pointer(space)), pointer(into))
    a = shift(z, block * t[WIDEST])
    for first in range(0, count, block):
        rows = min(block, count - first)
        source = shift(pointer(x), first * x.shape[1])
        for row in range(rows):
            if not _is_finite(shift(source, row * x.shape[1]), x.shape[1]):
                return first + row
        for layer in range(t[LAYERS]):
            inputs = _bytes(source if layer == 0 else a)
            input_row = _word(t, layer, INPUT_ROW)
            bfloat16_layer(
                t, layer, rows, inputs, input_row, pointer(weights), pointer(less), pointer(by), pointer(bias), z
            )
            _activate(t, layer, z, a, rows)
        _write(t, a, rows, shift(pointer(into), first * into.shape[1]))
    return -1
