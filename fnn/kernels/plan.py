"""Where everything lies: a table of integers for one network and one number of rows.

In the kernels a network is an *architecture* (``[L, n_0 .. n_L, code_1 .. code_L]``, int64), one flat buffer of
parameters (``W1, b1, .., WL, bL``) and one flat workspace. The table has a row a layer, l = 0..L, with the number of
units, the activation's code and the offsets of the layer's arrays. All are values at run time, so that one compiled
kernel serves every architecture.

Rows of cases in the workspace are padded to whole vectors, and from 512 bytes on to an odd number of cache lines: rows a
multiple of 4 KB apart share a few sets of the first-level cache. The padding is zero at the start, and whatever the
elementwise kernels make of it is finite and read by nobody.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from numba import types

from fnn.kernels.intrinsics import Floats, Integers, pointer
from fnn.kernels.kernel import array, kernel
from fnn.kernels.options import inline
from fnn.kernels.tile import panel_width

# The columns of the table.
UNITS = 0  # n_l
STRIDE = 1  # from one case to the next in A, Z, Δ and ∂E/∂A
CODE = 2  # the activation's
W = 3  # W_l and b_l among the weights
W_PANEL = 4  # from one panel of W's columns to the next
W_ROW = 5  # from one row of W to the next
B = 6
A = 7  # A_l, Z_l, Δ_l, ∂E/∂A_l in the workspace
Z = 8
DELTA = 9
DE_DA = 10
TRANSPOSED = 11  # W_lᵀ, packed, in the workspace
FLAT = 12  # W_l in a compact buffer; b_l follows it
COLUMNS = 13
# Layer 0 has no Z and no Δ: its row holds the places of the targets and of the cases' shares in the error instead.
TARGETS = Z
SHARES = DELTA
ONE = 0  # the workspace starts with the number one
LINE = 64  # bytes


class Net(NamedTuple):
    """What a kernel must know of a network: the table, and the two buffers that it points into."""

    layers: int  # L
    table: Integers
    weights: Floats
    space: Floats


@inline
def entry(net: Net, layer: int, column: int) -> int:
    return net.table[layer * COLUMNS + column]


@inline
def lay_out(
    architecture: npt.NDArray[np.int64],
    rows: int,
    panel: int,
    packed: bool,
    table: npt.NDArray[np.int64],
) -> int:
    """Fill the table for `rows` cases and return the elements that the workspace needs.

    `packed` keeps the weights in the workspace as well, in panels of columns that the matrix kernel reads in order;
    otherwise they stay where they are, compact.
    """
    layers = architecture[0]
    lanes = panel // 2
    at = lanes  # in the workspace, after ONE; in whole vectors, so that every array in it is aligned
    flat = 0
    for layer in range(layers + 1):
        row = layer * COLUMNS
        units = architecture[1 + layer]
        table[row + UNITS] = units
        table[row + STRIDE] = stride = padded(units, lanes)
        table[row + A] = at
        table[row + DE_DA] = at + rows * stride
        at += 2 * rows * stride
        if layer == 0:
            table[TARGETS] = at
            at += rows * padded(architecture[1 + layers], lanes)
            table[SHARES] = at
            at += (rows + lanes - 1) // lanes * lanes
            continue
        table[row + Z] = at
        table[row + DELTA] = at + rows * stride
        at += 2 * rows * stride
        inputs = architecture[layer]
        table[row + CODE] = architecture[1 + layers + layer]
        table[row + FLAT] = flat
        table[row + TRANSPOSED] = at
        at += (inputs + panel - 1) // panel * panel * units
        if packed:
            table[row + W] = at
            table[row + W_PANEL] = inputs * panel
            table[row + W_ROW] = panel
            at += (units + panel - 1) // panel * panel * inputs
            table[row + B] = at
            at += stride
        else:
            table[row + W] = flat
            table[row + W_PANEL] = panel
            table[row + W_ROW] = units
            table[row + B] = flat + inputs * units
        flat += (inputs + 1) * units
    return at


@inline
def padded(units: int, lanes: int) -> int:
    """The stride of rows of `units` elements."""
    vectors = (units + lanes - 1) // lanes
    return lanes * (vectors if vectors < 8 else vectors | 1)


@kernel(lambda t: types.Tuple((types.int64[::1], types.int64))(array(types.int64), types.int64, types.boolean, array(t)))
def table_kernel(
    architecture: npt.NDArray[np.int64], rows: int, packed: bool, like: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], int]:
    """The table, and the length of an array that the workspace fits into wherever it starts."""
    table = np.empty((architecture[0] + 1) * COLUMNS, np.int64)
    needed = lay_out(architecture, rows, panel_width(pointer(like)), packed, table)
    return table, needed + LINE // like.itemsize


def first_aligned(space: npt.NDArray[np.floating]) -> int:
    """The element at which the workspace starts in an array that was made for it (see `aligned`)."""
    return -space.ctypes.data % LINE // space.itemsize
