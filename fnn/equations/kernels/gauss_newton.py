"""G and ∂Aᴸ/∂(W, b) of many cases, block by block. J1 to J7 are in `fnn.equations.kernels.jacobian_rows`."""

from numba import types

from fnn.compiler.barrier import CANCELLED, cancel_if_interrupted, load_acquired, wait_for_all
from fnn.compiler.intrinsics import Floats, Integers, aligned, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import (
    CasePointers,
    Labels,
    Reals,
    Weights,
    cases_of,
    cases_type,
    first_not_finite,
)
from fnn.data.kernels.faults import FINE
from fnn.equations.kernels.backprop import transpose
from fnn.equations.kernels.derivatives import Table
from fnn.equations.kernels.gradient import fault_for, unit_case_weight
from fnn.equations.kernels.jacobian_rows import ROWS, UNIT, jacobian_rows
from fnn.equations.kernels.parts import partition
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, net_of, net_type
from fnn.numerics.microkernel import ADD, STORE
from fnn.numerics.symmetric import add_gram


@linked(
    lambda t: types.boolean(
        *[types.int64] * 2, types.CPointer(types.int64), *[net_type(t)] * 3, cases_type(t), types.float64,
        *[types.int64] * 3, types.CPointer(types.int64), types.int64, *[types.CPointer(t)] * 3, *[types.int64] * 3,
    )
)  # fmt: skip
def gauss_newton(
    thread: int, threads: int, barrier: Integers, held: Net, net: Net, wide: Net, cases: CasePointers, scale: float,
    loss: int, second_derivative: int, start: int, kept: Integers, count: int, row: Floats, x: Floats, g: Floats,
    g_row: int, first_case: int, last_case: int,
) -> bool:  # fmt: skip
    """J6: the lower triangle of G of some cases for the `count` parameters that are kept; False after an interrupt.

    Each thread has workspaces for BLOCK rows, `net` for cases and `wide` for rows, the same with a single output, and a
    `row` of `row_size` elements. They share the block X and G, whose rows are `g_row` apart. See `jacobian_rows` for
    `held`.
    """
    transpose(wide, 2, 0, 1)
    outputs = entry(net, net.layers, plan.UNITS)
    begin, end = first_case * outputs, last_case * outputs
    for first in range(begin, end, ROWS):
        rows = min(ROWS, end - first)
        top, bottom = partition(rows, thread, threads)
        cancel_if_interrupted(barrier)
        jacobian_rows(
            held, net, wide, cases, scale, loss, second_derivative, start, kept, count, first, top, bottom, row, x, True
        )
        wait_for_all(barrier, threads)
        if load_acquired(shift(barrier, CANCELLED)) != 0:
            return False
        add_gram(count, rows, x, ROWS, g, g_row, STORE if first == begin else ADD, thread, threads)
        wait_for_all(barrier, threads)
    return True


@kernel(
    lambda t: types.int64(
        array(types.int64), array(t), *[output(t)] * 3, array(t, 2), array(types.int64), array(types.float64),
        output(t, 2),
    )
)  # fmt: skip
def parameter_jacobian_kernel(
    table: Table, flat: Reals, space: Reals, wide_space: Reals, row: Reals, x: Reals, labels: Labels, weights: Weights,
    into: Reals,
) -> int:  # fmt: skip
    """J1 to J4 of all cases; returns the first case with NaN or infinity in x, or −1."""
    net, wide = net_of(table, flat, space), net_of(table, flat, wide_space)
    bad = first_not_finite(pointer(x), x.shape[0], x.shape[1])
    if bad < 0:
        cases, count = cases_of(x, x, labels, weights, labels, 0, 0), into.shape[1]
        transpose(wide, 2, 0, 1)
        jacobian_rows(
            net, net, wide, cases, 1.0, 0, 0, UNIT, pointer(labels), count, 0, 0, into.shape[0], pointer(row),
            pointer(into), False,
        )  # fmt: skip
    return bad


@kernel(
    lambda t: types.UniTuple(types.int64, 2)(
        *[types.int64] * 2, output(types.int64), array(types.int64), array(t), *[output(t)] * 3, array(t, 2),
        array(t, 2), array(types.int64), array(types.float64), types.boolean, *[types.int64] * 3, types.boolean,
        array(types.int64), output(t), output(t, 2),
    )
)  # fmt: skip
def gauss_newton_kernel(
    thread: int, threads: int, barrier: Labels, table: Table, flat: Reals, space: Reals, wide_space: Reals, row: Reals,
    x: Reals, y: Reals, labels: Labels, weights: Weights, is_checked: bool, loss: int, second_derivative: int,
    start: int, mean: bool, kept: Labels, block_x: Reals, g: Reals,
) -> tuple[int, int]:  # fmt: skip
    """J6 for the parameters whose numbers are in `kept`; returns the first fault and its row."""
    net, wide = net_of(table, flat, space), net_of(table, flat, wide_space)
    cases = cases_of(x, y, labels, weights, labels[:0], 0, 0)
    fault, bad = (FINE, -1) if is_checked else fault_for(net, cases, loss)
    if fault == FINE:
        gauss_newton(
            thread, threads, pointer(barrier), net, net, wide, cases, unit_case_weight(cases, mean), loss,
            second_derivative, start, pointer(kept), kept.size, pointer(row), aligned(pointer(block_x)), pointer(g),
            g.shape[1], 0, cases.number,
        )  # fmt: skip
    return fault, bad
