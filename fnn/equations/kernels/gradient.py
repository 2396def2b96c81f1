"""The error of a batch and its gradient, in chunks as large as the workspace."""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.activations.kernels.dispatch import CODE
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, address, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.compiler.memory import STACK, on_stack
from fnn.compiler.target import itemsize, vector_width
from fnn.data.kernels.cases import (
    SUM_TOLERANCE,
    CasePointers,
    Labels,
    Reals,
    Weights,
    cases_of,
    cases_type,
    find_fault,
    load,
    total_weight,
)
from fnn.data.kernels.faults import FINE
from fnn.equations.kernels.backprop import ERROR_ONLY, EVERYTHING, backward, forward, gradient, no_prefetch, transpose
from fnn.network.kernels import plan
from fnn.network.kernels.plan import CHAIN, COLUMNS, Net, entry, errors_of, function_of, net_of, net_type
from fnn.numerics.microkernel import STORE

CHUNK: Final = CHAIN  # the most cases in the workspace of `grad`


@kernel(
    lambda t: types.Tuple((types.float64, types.int64, types.int64))(
        array(types.int64), array(t), output(t), types.int64,
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, types.boolean,
        types.int64, types.boolean, types.int64, output(t),
    )
)  # fmt: skip
def differentiate_kernel(
    table: npt.NDArray[np.int64], flat: Reals, space: Reals, capacity: int, x: Reals, y: Reals, labels: Labels,
    weights: Weights, sources: int, is_checked: bool, loss: int, mean: bool, extent: int, into: Reals,
) -> tuple[float, int, int]:  # fmt: skip
    """E of all cases, the first fault and its row; ∂E/∂(W, b) is written to `into` unless `extent` is ERROR_ONLY.

    The workspace has room for `capacity` cases; with EVERYTHING for all of them, whose quantities are left in it.
    No fault is looked for in cases that are checked.
    """
    net = net_of(table, flat, space)
    cases = cases_of(x, y, labels, weights, labels[:0], sources, 0)
    return differentiate(net, capacity, cases, is_checked, loss, mean, extent, pointer(into))


@inline
def fault_for(net: Net, cases: CasePointers, loss: int) -> tuple[int, int]:
    """`find_fault` for a network."""
    inputs, outputs = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS)
    return find_fault(cases, inputs, outputs, function_of(net, net.layers)[CODE], loss, SUM_TOLERANCE)


@linked(
    lambda t: types.Tuple((types.float64, types.int64, types.int64))(
        net_type(t), types.int64, cases_type(t), types.boolean, types.int64, types.boolean, types.int64,
        types.CPointer(t),
    )
)  # fmt: skip
def differentiate(
    net: Net, capacity: int, cases: CasePointers, is_checked: bool, loss: int, mean: bool, extent: int, into: Floats
) -> tuple[float, int, int]:
    """`differentiate_kernel` for a network and cases."""
    if not is_checked:
        fault, row = fault_for(net, cases, loss)
        if fault != FINE:
            return 0.0, fault, row
    net.space[plan.ONE] = like(into, 1.0)
    if extent != ERROR_ONLY:
        transpose(net, 1 if extent == EVERYTHING else 2, 0, 1)
    scale = unit_case_weight(cases, mean)
    is_in_place = extent != EVERYTHING and can_stay(net, cases)
    if is_in_place:
        net = Net(net.layers, copied(net, on_stack(net.table)), net.weights, net.space)
    total = 0.0
    for first in range(0, cases.number, capacity):
        rows = min(capacity, cases.number - first)
        if is_in_place:
            leave_inputs(net, cases, first)
        forward_backward(net, cases, first, scale, loss, extent, 0, rows, True)
        total = sum_in_order(errors_of(net, 0), rows, total)
        if extent != ERROR_ONLY:
            is_last = first + rows == cases.number
            gradient(net, first, rows, is_last, into, STORE, like(into, 0.0), 0, 1, no_prefetch(net))
    return total, FINE, -1


@inline
def can_stay(net: Net, cases: CasePointers) -> bool:
    """Whether x can be A⁰ where it lies: to copy it takes 0.5 of 6 µs for 200 cases of 24-8-2, and room in the cache.

    Its rows have no padding, of which a layer of less than a vector of units may read what fills 32 bytes.
    """
    is_plain = cases.sources == 0 and not cases.has_order and address(cases.x) % itemsize(net.space) == 0
    inputs, units = entry(net, 0, plan.UNITS), entry(net, 1, plan.UNITS)
    is_whole = inputs * itemsize(net.space) % 32 == 0 or units >= vector_width(net.space)
    return is_plain and is_whole and COLUMNS * (net.layers + 1) <= STACK


@inline
def copied(net: Net, table: Integers) -> Integers:
    """A copy of the network's table, which other calls may read meanwhile."""
    for i in range(COLUMNS * (net.layers + 1)):
        table[i] = net.table[i]
    return table


@inline
def leave_inputs(net: Net, cases: CasePointers, first: int) -> None:
    """Let the A⁰ of the workspace be x, from the case `first` on."""
    inputs = entry(net, 0, plan.UNITS)
    net.table[plan.STRIDE] = inputs
    net.table[plan.A] = (address(shift(cases.x, first * inputs)) - address(net.space)) // itemsize(net.space)


@inline
def unit_case_weight(cases: CasePointers, mean: bool) -> float:
    """The weight in E of a case of weight 1."""
    if not mean:
        return 1.0
    return 1.0 / (total_weight(cases, 0, cases.number) if cases.has_weights else float(cases.number))


@inline
def forward_backward(
    net: Net, cases: CasePointers, first: int, scale: float, loss: int, extent: int, top: int, bottom: int,
    loading: bool,
) -> None:  # fmt: skip
    """Forward and back, CHUNK by CHUNK, for the rows top .. bottom of the workspace.

    By 64 cases at a time 256 of 24-8-2 take 10 % longer, of 784-512-512-10 3 %; no network takes less.
    """
    for start in range(top, bottom, CHUNK):
        rows = min(CHUNK, bottom - start)
        if loading:
            load(net, cases, first, scale, loss, start, start + rows)
        forward(net, start, rows)
        backward(net, loss, extent, start, rows)


@inline
def sum_in_order(values: Floats, count: int, total: float) -> float:
    """total + E_0 + E_1 + .., from left to right."""
    for i in range(count):
        total += values[i]
    return total
