"""The plan of a narrow network in training (see `fnn.training.kernels.narrow.equations`).

The table has the columns of `fnn.network.kernels.plan`, some replaced by those below. In the workspace a row of A, Z
and so on is a unit, and an element of it a case. Outputs of an equation lie before its inputs: LLVM's vectorised loops
run only if nothing that they write lies within 64 elements behind what they read.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from fnn.activations.kernels.dispatch import CODE, CODE_OF_SIGMOID, DESCRIPTOR_SIZE
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, shift
from fnn.network.kernels import plan
from fnn.network.kernels.plan import COLUMNS, Net, entry, rounded

PRIME: Final = plan.DE_DA  # f′(Z_l)
BY_CASES: Final = plan.TRANSPOSED  # a copy of A_l with a row for each case and a 1 at its end
KIND: Final = plan.W_PANEL  # how F2 and F3 are computed:
IN_PLACE, BY_CALL, WITH_LOSS = range(3)  # inlined, for the sigmoid; by calls; or with E and ∂E/∂A, at the output
# In the row of layer 0:
ERRORS: Final = PRIME  # of the cases, float64
ONES: Final = plan.W  # for the elements of the widest layer
OUTPUTS_CODE: Final = plan.FUNCTION  # address of the output's code (see `outputs_by_cases`), or 0
OUTPUTS: Final = plan.COMPACT  # blocks of the output for that code, with a row for each case,
OUTPUT_STRIDE: Final = plan.W_ROW  # from one row to the next,
OUTPUT_BLOCK: Final = plan.B  # and from one block to the next
Z_OF_CASES, A_OF_CASES, Y_OF_CASES, DE_DA_OF_CASES, DELTA_OF_CASES, BLOCKS = range(6)


def is_narrow(sizes: Sequence[int], batch: int, lanes: int) -> bool:
    """Whether the equations of `fnn.training.kernels.narrow.equations` are faster for a network than the general ones.

    Relative to the general ones, a step takes 1/3 of the time for 2-2-1 units and 4 cases, 1/2 for 4-8-2 and 10, 3/4
    for 13-30-3 and 10; beyond these bounds up to twice as long.
    """
    widest = 2 * lanes if 2 * batch >= lanes else lanes  # each unit takes at least a vector of cases
    weights = sum(m * n for m, n in pairwise(sizes))

    return max(sizes) <= widest and weights <= 32 * lanes and batch <= 4 * lanes


def lay_out_narrow(
    sizes: Sequence[int], descriptors: Sequence[int], outputs_code: int, batch: int, lanes: int
) -> tuple[list[int], int]:
    """The table for batches of `batch` cases, and the elements of workspace that it needs.

    `descriptors` has those of the activations, one after the other. `outputs_code` is 0 if the output activation is
    elementwise and the loss the squared error.
    """
    table, stride, at, compact = [0] * (COLUMNS * len(sizes)), rounded(batch, lanes), 0, 0

    def place(layer: int, column: int, count: int) -> None:
        nonlocal at
        table[layer * COLUMNS + column] = at
        at += rounded(count, lanes)

    for layer, units in enumerate(sizes):
        row = layer * COLUMNS
        table[row + plan.UNITS], table[row + plan.STRIDE] = units, stride
        if layer > 0:
            inputs = sizes[layer - 1]
            descriptor = descriptors[(layer - 1) * DESCRIPTOR_SIZE : layer * DESCRIPTOR_SIZE]
            table[row + plan.FUNCTION : row + plan.FUNCTION + DESCRIPTOR_SIZE] = descriptor
            table[row + KIND] = IN_PLACE if descriptor[CODE] == CODE_OF_SIGMOID else BY_CALL
            table[row + plan.COMPACT] = compact
            compact += (inputs + 1) * units
            table[row + plan.W_ROW] = rounded(inputs + 1, lanes)
            place(layer, plan.W, table[row + plan.W_ROW] * units)
            place(layer, plan.DELTA, stride * units)
            place(layer, PRIME, stride * units)
        if layer < len(sizes) - 1:
            place(layer, BY_CASES, rounded(units + 1, lanes) * stride)
        place(layer, plan.A, stride * rounded(units + 1, lanes))
        if layer > 0:
            place(layer, plan.Z, stride * units)
    place(0, plan.TARGETS, stride * sizes[-1])
    place(0, plan.CASE_WEIGHTS, stride)
    place(0, ERRORS, 2 * stride)
    place(0, ONES, stride * max(sizes))
    if outputs_code != 0:
        table[(len(sizes) - 1) * COLUMNS + KIND], table[OUTPUTS_CODE] = WITH_LOSS, outputs_code
        table[OUTPUT_STRIDE] = rounded(sizes[-1], lanes)
        table[OUTPUT_BLOCK] = table[OUTPUT_STRIDE] * batch
        place(0, OUTPUTS, BLOCKS * table[OUTPUT_BLOCK])

    return table, at


@inline
def part(net: Net, layer: int, column: int) -> Floats:
    """A pointer to an array of the layer."""
    return shift(net.space, entry(net, layer, column))


@inline
def block_of_cases(net: Net, number: int) -> Floats:
    """A pointer to one of the output's blocks."""
    return shift(part(net, 0, OUTPUTS), number * entry(net, 0, OUTPUT_BLOCK))
