"""The plan of a network in memory: a table of integers for one architecture and one number of cases.

Kernels see two flat buffers, of parameters and of workspace, and the table, whose rows are the layers 0 .. L. All of
these are values at run time, so one compiled kernel serves every architecture.

Rows of cases in the workspace are padded (see `stride_of`), and elementwise kernels run over the padding, too.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import register_jitable

from fnn.activations.kernels.dispatch import DESCRIPTOR_SIZE
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, doubles, pointer, shift
from fnn.numerics.blocked import DEEP, WIDE

# The columns of the table.
UNITS: Final = 0  # n_l
STRIDE: Final = 1  # from one case to the next in A, Z, ∂E/∂A and Δ
FUNCTION: Final = 2  # the activation's descriptor, see `fnn.activations.kernels.dispatch`
W: Final = 6  # W_l among the weights, in panels of columns:
W_PANEL: Final = 7  # from one panel to the next,
W_ROW: Final = 8  # from one row to the next in a panel
B: Final = 9  # b_l among the weights
COMPACT: Final = 10  # W_l in the flat buffer of `Params`, followed by b_l
A: Final = 11  # A_l, Z_l, ∂E/∂A_l, Δ_l in the workspace
Z: Final = 12
DE_DA: Final = 13
DELTA: Final = 14
TRANSPOSED: Final = 15  # W_lᵀ in the workspace, packed
WIDTH: Final = 16  # columns of Z_l and of W_l to compute: with the padding, where the weights have it, too
WORK: Final = 17  # room for (∂E/∂W_l)ᵀ in the workspace, if a vector holds all units of the layer
COLUMNS: Final = 18
# Layer 0 has no Z, Δ, W and b. Its row has the offsets of the cases' targets, weights and errors in their place, and
# where a group's sums lie in the workspace, as the weights lie among theirs:
TARGETS: Final = Z
CASE_WEIGHTS: Final = DELTA
ERRORS: Final = TRANSPOSED
GROUP_SUMS: Final = B
MULTIPLICATIONS: Final = W  # a case, in the forward pass
CASES: Final = COMPACT  # for which there is room
BY_BLOCKS: Final = FUNCTION  # the address of `matmul_by_blocks` if rows of a W lie far apart, else 0
PANELS: Final = W_PANEL  # room in the workspace for one of its blocks

ONE: Final = 0  # the workspace starts with the number one

# ∂E/∂W is summed in three levels, or rounding errors would grow with the number of cases: chains of fma over CHAIN
# cases, the sums of the chains of a GROUP, and the sums of groups.
CHAIN: Final = 256
GROUP: Final = 64 * CHAIN

Words = Sequence[int] | Integers  # lists in Python, pointers in compiled code


class Net(NamedTuple):
    """A network, as kernels see it: the table, and the two buffers that its offsets are for."""

    layers: int  # L
    table: Integers
    weights: Floats
    space: Floats


def net_type(dtype: types.Float) -> types.Type:
    floats = types.CPointer(dtype)

    return types.NamedTuple([types.int64, types.CPointer(types.int64), floats, floats], Net)


@inline
def net_of(table: npt.NDArray[np.int64], flat: npt.NDArray[np.floating], space: npt.NDArray[np.floating]) -> Net:
    """The network of a kernel's arguments, with its parameters as in `Params`."""
    return Net(table.size // COLUMNS - 1, pointer(table), pointer(flat), aligned(pointer(space)))


@inline
def entry(net: Net, layer: int, column: int) -> int:
    return net.table[layer * COLUMNS + column]


@inline
def function_of(net: Net, layer: int) -> Integers:
    """The descriptor of the layer's activation."""
    return shift(net.table, layer * COLUMNS + FUNCTION)


@inline
def block(net: Net, layer: int, column: int, first: int) -> Floats:
    """A pointer to an array of the layer, from the case `first` on."""
    return shift(net.space, entry(net, layer, column) + first * entry(net, layer, STRIDE))


@inline
def errors_of(net: Net, first: int) -> Floats:
    """A pointer to the cases' errors, float64, from the case `first` on."""
    return shift(doubles(shift(net.space, entry(net, 0, ERRORS))), first)


class Sizes(NamedTuple):
    """The elements that the buffers of a layout need."""

    forward: int  # of the workspace, for the forward pass alone
    whole: int  # of the workspace
    weights: int


def fill(
    layers: int, sizes: Words, descriptors: Words, rows: int, lanes: int, packed: bool, by_blocks: int,
    table: list[int] | Integers,
) -> Sizes:  # fmt: skip
    """Fill the table for `rows` cases; `descriptors` has those of the layers' activations, one after the other.

    Packed weights lie in panels of 2 · `lanes` columns, one after the other, which the matrix kernel reads in order;
    others lie as in `Params`, and may be multiplied `by_blocks`, an address.
    """
    panel = 2 * lanes
    at = lanes  # the offset in the workspace, after ONE; in whole vectors, so that every array is aligned
    weights = compact = multiplications = 0
    for layer in range(layers + 1):
        row, units = layer * COLUMNS, sizes[layer]
        stride = stride_of(units, lanes)
        table[row + UNITS], table[row + STRIDE], table[row + A] = units, stride, at
        at += rounded(rows * stride, lanes)
        if layer > 0:
            inputs = sizes[layer - 1]
            for i in range(DESCRIPTOR_SIZE):
                table[row + FUNCTION + i] = descriptors[(layer - 1) * DESCRIPTOR_SIZE + i]
            table[row + Z] = at
            at += rounded(rows * stride, lanes)
            place_weights(row, inputs, units, lanes, packed, weights, compact, table)
            weights += rounded(units, panel) * (inputs + 1)
            compact += (inputs + 1) * units
            multiplications += inputs * units
    table[CASES], table[BY_BLOCKS], table[PANELS] = rows, by_blocks, at
    at += DEEP * WIDE * panel if by_blocks != 0 else 0
    forward = at
    table[MULTIPLICATIONS] = multiplications
    table[TARGETS] = at
    table[CASE_WEIGHTS] = at = at + rounded(rows * stride, lanes)
    table[ERRORS] = at = at + rounded(rows, lanes)
    at += 2 * rounded(rows, lanes)  # errors are float64, twice as wide as float32
    for layer in range(layers + 1):
        table[layer * COLUMNS + DE_DA] = at
        at += rounded(rows * table[layer * COLUMNS + STRIDE], lanes)
    # What a product of small matrices prefetches beyond its last panel is then what the next one reads: in phase 2 of
    # a training step Δ of the next layer, in B4 Wᵀ of the layer before.
    for layer in range(1, layers + 1):
        table[layer * COLUMNS + DELTA] = at
        at += rounded(rows * table[layer * COLUMNS + STRIDE], lanes)
    for layer in range(layers, 0, -1):
        table[layer * COLUMNS + TRANSPOSED] = at
        at += rounded(sizes[layer - 1], panel) * sizes[layer]
    for layer in range(1, layers + 1):
        table[layer * COLUMNS + WORK] = at
        at += rounded(table[(layer - 1) * COLUMNS + STRIDE] * sizes[layer], lanes) if sizes[layer] < lanes else 0
    table[GROUP_SUMS] = at
    weights = weights if packed else compact
    if rows >= CHAIN:  # a call with more cases than the workspace holds may have more than a group of them
        at += rounded(weights, lanes)

    return Sizes(forward, at, weights)


@register_jitable
def place_weights(
    row: int, inputs: int, units: int, lanes: int, packed: bool, weights: int, compact: int,
    table: list[int] | Integers,
) -> None:  # fmt: skip
    """Where a layer's weights and biases lie: after `weights` elements if they are packed, else after `compact`."""
    panel = 2 * lanes
    table[row + WIDTH] = min(rounded(units, lanes), stride_of(units, lanes)) if packed else units
    table[row + COMPACT], table[row + W] = compact, weights if packed else compact
    table[row + W_PANEL] = inputs * panel if packed else panel
    table[row + W_ROW] = panel if packed else units
    table[row + B] = weights + rounded(units, panel) * inputs if packed else compact + inputs * units


@register_jitable
def stride_of(units: int, lanes: int) -> int:
    """From one case to the next: `padded`, or the next power of two where a vector has room for two cases or more."""
    if 2 * units > lanes:
        return padded(units, lanes)
    stride = 1
    while stride < units:
        stride *= 2

    return stride


@register_jitable
def padded(units: int, lanes: int) -> int:
    """The stride of rows of `units` elements: whole vectors, an odd number of them from 8 on.

    Rows a multiple of 4 KB apart would share a few sets of the first-level cache.
    """
    vectors = (units + lanes - 1) // lanes

    return lanes * (vectors if vectors < 8 else vectors | 1)


@register_jitable
def rounded(count: int, unit: int) -> int:
    """The next multiple of unit, from count on."""
    return (count + unit - 1) // unit * unit
